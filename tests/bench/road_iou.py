"""Prints how well a road model finds the road: IoU on CamVid's validation set and on comma10k.

    python tests/bench/road_iou.py MODEL.yaml [DATA]

MODEL.yaml is a card with the classes road and mark, its model file beside it; DATA is the folder
that holds camvid/val and comma10k, by default data/ of the shared folder.
"""

from __future__ import annotations

import sys
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from rimlight.core.frame import Frame
from rimlight.core.model_card import load_card
from rimlight.imaging.image_files.read import read_image
from rimlight.lab.evaluation.files import find_pairs, read_mask
from rimlight.lab.evaluation.labels import CAMVID, COMMA10K, COMMA10K_OUTSIDE, VOID, Scheme
from rimlight.segmenters.tflite import TfliteSegmenter
from rimlight.system import app_paths

# What counts as found, and as there: (classes of the model, classes of the data set).
ROAD_CAMVID = (("road", "mark"), ("road",))
ROAD_COMMA = (("road", "mark"), ("road", "lane"))
LANE_COMMA = (("mark",), ("lane",))


class Tally:
    """Pixels of one question, summed over all pictures."""

    def __init__(self, question, scheme: Scheme) -> None:
        self.given, self.wanted = question
        self._labels = [scheme.classes.index(name) for name in self.wanted]
        self._both = self._either = self._either_known = 0

    def add(self, found, truth) -> None:
        """Count a picture: `found` bool (h, w); `truth` labels (h, w)."""
        there = np.isin(truth, self._labels)
        self._both += int((found & there).sum())
        self._either += int((found | there).sum())
        self._either_known += int(((found | there) & (truth != VOID)).sum())

    def __str__(self) -> str:
        void_left_out = self._both / self._either_known
        void_is_rest = self._both / self._either
        return f"{void_left_out:.4f} (void counted as the rest: {void_is_rest:.4f})"


def winners(segmenter, picture, size):
    """The model's classes at the truth's (width, height): scores enlarged, then compared."""
    frame = Frame.from_bgr(picture, index=0, pts=Fraction(0), captured_at=0.0)
    scores = segmenter.segment(frame).scores
    return cv2.resize(scores, size, interpolation=cv2.INTER_LINEAR).argmax(axis=2)


def measure(segmenter, folder, scheme, questions):
    classes = segmenter.card.classes
    tallies = [Tally(question, scheme) for question in questions]
    pairs = find_pairs(folder)
    for pair in pairs:
        truth = scheme.decode(read_mask(pair.mask))
        found = winners(segmenter, read_image(pair.image)[0], truth.shape[::-1])
        for tally in tallies:
            wanted = [classes.index(name) for name in tally.given]
            tally.add(np.isin(found, wanted), truth)
    for tally in tallies:
        name = f"{folder.parent.name}/{folder.name}"
        line = f"{name} ({scheme.name}): {len(pairs)}, {'+'.join(tally.wanted)} IoU {tally}"
        sys.stdout.write(line + "\n")


def main() -> None:
    card_path = Path(sys.argv[1])
    shared = app_paths.find_shared_folder()
    data = Path(sys.argv[2]) if len(sys.argv) > 2 else (shared or Path()) / "data"
    card = load_card(card_path)
    file = card_path.with_name(card.files[0].file)
    segmenter = TfliteSegmenter(card, file, TfliteSegmenter.Options(threads=2))
    sys.stdout.write(f"{card.name} {card.input.size}\n")
    measure(segmenter, data / "camvid" / "val", CAMVID, [ROAD_CAMVID])
    for scheme in (COMMA10K, COMMA10K_OUTSIDE):
        measure(segmenter, data / "comma10k", scheme, [ROAD_COMMA, LANE_COMMA])
    segmenter.close()


if __name__ == "__main__":
    main()
