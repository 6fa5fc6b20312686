"""Prints what comes after the model costs for 10 objects in a 720p frame, on one thread.

    python tests/bench/instance_post.py

The tensors are those of a real model on ten people side by side, made from one photograph.
From tensors to a numbered choice among objects at the mask's own size; and with that, to the alpha
of the whole frame. CPU time, the median of 101 frames.
"""

from __future__ import annotations

import time
from fractions import Fraction

import cv2
import numpy as np

from rimlight.core.frame import Frame, Mask
from rimlight.effects.alpha import compute_frame_alpha
from rimlight.imaging.geometry import letterbox
from rimlight.models.catalog import Catalog
from rimlight.refiners.select import SelectRefiner
from rimlight.refiners.track import TrackRefiner
from rimlight.segmenters.preprocess import Preprocessor
from rimlight.segmenters.tflite import TfliteRuntime
from rimlight.segmenters.yolo import DetectionLimits, decode
from rimlight.system import app_paths

LIMITS = DetectionLimits(0.25, 0.5, 10)


def crowd():
    """A 720p picture with two rows of the same five people."""
    shared = app_paths.find_shared_folder()
    assert shared is not None, "this needs the shared folder"
    one = cv2.imread(str(sorted((shared / "data" / "people" / "images").glob("*.jpg"))[0]))
    tile = cv2.resize(one, (256, 360))
    return np.tile(tile, (2, 5, 1))


def main() -> None:
    cv2.setNumThreads(1)
    card, file = Catalog().resolve("yolov8n-seg")
    engine = TfliteRuntime(file, size=card.input.size, threads=1)
    frames = [
        Frame.from_bgr(crowd(), index=n, pts=Fraction(n, 30), captured_at=0.0) for n in range(101)
    ]
    candidates = engine.run(Preprocessor(card.input, engine.input).to_tensor(frames[0]), 0)[
        0
    ].copy()
    prototypes = engine.read_output(1)[0].copy()
    track = TrackRefiner(TrackRefiner.Options())
    select = SelectRefiner(SelectRefiner.Options(keep=("person",)))
    place = letterbox(frames[0].size, card.input.size)
    steps: dict[str, list[float]] = {
        "decode": [],
        "mask": [],
        "track": [],
        "select": [],
        "alpha": [],
    }
    for frame in frames:
        at = [time.process_time()]
        found = decode(candidates, prototypes, card=card, place=place, limits=LIMITS)
        at.append(time.process_time())
        mask = Mask.from_instances(found, foreground=card.foreground, alpha_range=card.alpha_range)
        at.append(time.process_time())
        mask = track.refine(mask, frame)
        at.append(time.process_time())
        mask = select.refine(mask, frame)
        at.append(time.process_time())
        compute_frame_alpha(frame, mask, None)
        at.append(time.process_time())
        for name, spent in zip(steps, np.diff(at), strict=True):
            steps[name].append(spent * 1e3)
    print(f"{len(found)} objects, {frames[0].size[0]}x{frames[0].size[1]}")
    for name, each in steps.items():
        print(f"  {name:8} {np.median(each):6.2f} ms")
    print(f"  all      {np.median(np.sum(list(steps.values()), axis=0)):6.2f} ms")


if __name__ == "__main__":
    main()
