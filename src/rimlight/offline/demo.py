"""The demo: two videos of the shipped sample, and a contact sheet of their stages."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack, closing
from itertools import islice
from pathlib import Path
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from rimlight.core.config import RunConfig
from rimlight.core.frame import Frame, Mask
from rimlight.factory.pipeline import open_source
from rimlight.factory.presets import background_effects, build_config, make_overwrite_options
from rimlight.factory.segmenter import open_segmenter
from rimlight.pipeline.effects import apply_effects
from rimlight.system import app_paths
from rimlight.system.atomic_io import sign_png, write_bytes

FRAME_INDEX = 45
BLUR_PX = 20.0
Image = NDArray[np.uint8]


def get_sample_path() -> Path:
    """Return the path of the shipped clip of a person."""
    return app_paths.find_data_folder("samples") / "portrait.mp4"


def make_demo_runs(folder: Path, *, overwrite: bool = False) -> tuple[RunConfig, RunConfig]:
    """Return the two runs: background replaced, and blurred; both write into `folder`."""
    background = str(app_paths.find_data_folder("samples") / "background.jpg")
    choices = (("replaced.mp4", background, None), ("blurred.mp4", None, BLUR_PX))
    replaced, blurred = (
        build_config(
            "process",
            source=str(get_sample_path()),
            sinks=[str(folder / name)],
            effects=background_effects(background=picture, blur=blur),
            options=make_overwrite_options(overwrite=overwrite),
        )
        for name, picture, blur in choices
    )
    return replaced, blurred


def write_contact_sheet(runs: Sequence[RunConfig], path: Path) -> None:
    """Write an image of a frame of the sample, its mask, and the output of each run.

    Raises:
        SinkError: it cannot be written.
    """
    with ExitStack() as stack:
        frame, mask = _process_frame(runs[0], stack)
        pictures = {"input": frame.bgr, "mask": _draw_mask(mask, frame.size)}
        for run in runs:
            effects = [stack.enter_context(closing(part.open())) for part in run.effects]
            shown = apply_effects(effects, frame, mask)
            pictures[run.sinks[0].options.path.stem] = shown.bgr
    labeled = [_draw_label(picture, text) for text, picture in pictures.items()]
    rows = [cv2.hconcat(labeled[i : i + 2]) for i in range(0, len(labeled), 2)]
    _, data = cv2.imencode(".png", cv2.vconcat(rows))
    write_bytes(path, sign_png(data.tobytes()))


def _process_frame(run: RunConfig, stack: ExitStack) -> tuple[Frame, Mask]:
    source = open_source(run.source)
    stack.callback(source.close)
    segmenter = open_segmenter(run.segmenter, source.info.size)
    stack.callback(segmenter.close)
    refiners = [refiner.open() for refiner in run.refiners]
    for frame in islice(source, FRAME_INDEX + 1):
        mask = segmenter.segment(frame)
        for refiner in refiners:
            mask = refiner.refine(mask, frame)
    return frame, mask


def _draw_mask(mask: Mask, size: tuple[int, int]) -> Image:
    alpha = cv2.resize((mask.alpha() * 255).astype(np.uint8), size)
    return cast(Image, cv2.cvtColor(alpha, cv2.COLOR_GRAY2BGR))


def _draw_label(picture: Image, text: str) -> Image:
    out = picture.copy()
    scale = picture.shape[0] / 540
    for color, thickness in (((0, 0, 0), 5), ((255, 255, 255), 2)):
        cv2.putText(
            out,
            text,
            (int(16 * scale), int(36 * scale)),
            cv2.FONT_HERSHEY_SIMPLEX,
            scale,
            color,
            max(1, round(thickness * scale)),
            cv2.LINE_AA,
        )
    return out
