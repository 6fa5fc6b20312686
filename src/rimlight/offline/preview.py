"""Writes a preview of a run: a few frames before and after, as one image."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing
from itertools import islice
from pathlib import Path
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from rimlight.core.config import RunConfig, SourceConfig
from rimlight.core.frame import Frame
from rimlight.factory.pipeline import open_source
from rimlight.factory.segmenter import open_segmenter, separate_parts
from rimlight.factory.validation import validate_config
from rimlight.pipeline.effects import apply_effects
from rimlight.system.atomic_io import sign_png, write_bytes

Image = NDArray[np.uint8]

_WIDTH_PX = 480
_SQUARE_PX = 16
_LIGHT, _DARK = 204, 153


def get_preview_path(config: RunConfig) -> Path:
    """Return the path of the preview: next to the first output, or in the current folder."""
    path = config.sinks[0].path or Path("rimlight")
    if path.name in {"", ".."}:
        path = Path("rimlight")
    return path.with_suffix(".preview.png")


def write_preview(config: RunConfig, count: int, path: Path) -> None:
    """Write an image of `count` frames, spread over the source, before and after processing.

    Transparent areas are shown as a checkerboard. The preview of a live source shows its first
    frames.

    Raises:
        SinkError: the image cannot be written.
        RimlightError: a component of the run does not open.
    """
    validate_config(config)
    pairs = [_draw_pair(frame.bgr, shown) for frame, shown in _process_frames(config, count)]
    width = max(pair.shape[1] for pair in pairs)
    padding = [(0, 0, 0, width - pair.shape[1]) for pair in pairs]
    rows = [
        cv2.copyMakeBorder(pair, *border, cv2.BORDER_CONSTANT)
        for pair, border in zip(pairs, padding, strict=True)
    ]
    _, data = cv2.imencode(path.suffix, cv2.vconcat(rows))
    write_bytes(path, sign_png(data.tobytes()))


def _process_frames(config: RunConfig, count: int) -> Iterator[tuple[Frame, Frame]]:
    with ExitStack() as stack:
        frames = list(sample_frames(config.source, count))
        model = separate_parts(config).segmenter
        segmenter = stack.enter_context(closing(open_segmenter(model, frames[0].size)))
        effects = [stack.enter_context(closing(part.open())) for part in config.effects]
        for frame in (frame.blank_transparent() for frame in frames):
            mask = segmenter.segment(frame)
            for part in config.refiners:  # opened for each frame: they are not consecutive
                with closing(part.open()) as refiner:
                    mask = refiner.refine(mask, frame)
            shown = apply_effects(effects, frame, mask)
            yield frame, shown.blank_transparent()


def sample_frames(part: SourceConfig, count: int) -> Iterator[Frame]:
    """Yield `count` frames spread over a source, or its first ones if it cannot seek."""
    with closing(open_source(part)) as source:
        info = source.info
        if part.kind != "video" or info.is_live or not info.duration_s:
            yield from islice(source, count)
            return
        length_s, begin_s = info.duration_s, float(info.start_offset)
    for index in range(count):
        at = begin_s + length_s * (index + 0.5) / count
        single = part.model_copy(update={"start_s": at, "end_s": None, "stride": 1})
        with closing(open_source(single)) as source:
            yield from islice(source, 1)


def _draw_pair(before: Image, after: Frame) -> Image:
    shown = after.bgr if after.alpha is None else _blend_over_checkerboard(after.bgr, after.alpha)
    sides = []
    for picture in (before, shown):
        height = max(1, round(picture.shape[0] * _WIDTH_PX / picture.shape[1]))
        sides.append(cv2.resize(picture, (_WIDTH_PX, height), interpolation=cv2.INTER_AREA))
    height = min(side.shape[0] for side in sides)
    return cast(Image, cv2.hconcat([side[:height] for side in sides]))


def _blend_over_checkerboard(bgr: Image, alpha: Image) -> Image:
    rows, columns = (np.arange(side) // _SQUARE_PX for side in alpha.shape)
    dark = (rows[:, None] + columns) % 2
    board = np.where(dark, _DARK, _LIGHT)[..., None]
    share = alpha[..., None] / 255
    return np.rint(bgr * share + board * (1 - share)).astype(np.uint8)
