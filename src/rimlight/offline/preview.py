"""A few frames of a run as one picture, to look at before hours of work."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing
from itertools import islice
from pathlib import Path
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from rimlight.core.config import ComponentConfig, RunConfig
from rimlight.core.frame import Frame
from rimlight.factory.pipeline import open_effect, open_refiner, open_source
from rimlight.factory.segmenter import open_segmenter
from rimlight.factory.validation import validate_config
from rimlight.system.atomic_io import sign_png, write_bytes

Image = NDArray[np.uint8]

_WIDTH_PX = 480
_SQUARE_PX = 16
_LIGHT, _DARK = 204, 153


def preview_path(config: RunConfig) -> Path:
    """Return the place for a preview: beside the run's first result, or here where that is none."""
    place = Path(str(config.sinks[0].options.get("path", "rimlight")))
    if place.name in {"", ".."}:
        place = Path("rimlight")
    return place.with_suffix(".preview.png")


def write_preview(config: RunConfig, count: int, path: Path) -> None:
    """Write `count` frames, spread over the source, before and after, one pair below the other.

    Transparent parts are shown as a chessboard. A preview of a live source shows its first frames.

    Raises:
        SinkError: the picture cannot be written.
        RimlightError: a part of the run does not open.
    """
    validate_config(config)
    pairs = [_pair(frame.bgr, shown) for frame, shown in _results(config, count)]
    width = max(pair.shape[1] for pair in pairs)
    padding = [(0, 0, 0, width - pair.shape[1]) for pair in pairs]
    rows = [
        cv2.copyMakeBorder(pair, *border, cv2.BORDER_CONSTANT)
        for pair, border in zip(pairs, padding, strict=True)
    ]
    _, data = cv2.imencode(path.suffix, cv2.vconcat(rows))
    write_bytes(path, sign_png(data.tobytes()))


def _results(config: RunConfig, count: int) -> Iterator[tuple[Frame, Frame]]:
    with ExitStack() as stack:
        frames = list(spread_frames(config.source, count))
        segmenter = stack.enter_context(closing(open_segmenter(config.segmenter, frames[0].size)))
        effects = [stack.enter_context(closing(open_effect(part))) for part in config.effects]
        for frame in (each.blank_transparent() for each in frames):
            mask = segmenter.segment(frame)
            for part in config.refiners:  # anew each time: these frames do not follow one another
                with closing(open_refiner(part)) as refiner:
                    mask = refiner.refine(mask, frame)
            shown = frame
            for effect in effects:
                shown = effect.apply(shown, mask)
            yield frame, shown.blank_transparent()


def spread_frames(part: ComponentConfig, count: int) -> Iterator[Frame]:
    """Yield `count` frames spread over a source; the first ones where it cannot be sought in."""
    with closing(open_source(part)) as source:
        info = source.info
        if part.kind != "video" or info.is_live or not info.duration_s:
            yield from islice(source, count)
            return
        length_s, begin_s = info.duration_s, float(info.start_offset)
    for number in range(count):
        at = begin_s + length_s * (number + 0.5) / count
        there = part.model_copy(update={"start_s": at, "end_s": None, "every": 1})
        with closing(open_source(there)) as source:
            yield from islice(source, 1)


def _pair(before: Image, after: Frame) -> Image:
    shown = after.bgr if after.alpha is None else _on_chessboard(after.bgr, after.alpha)
    sides = []
    for picture in (before, shown):
        height = max(1, round(picture.shape[0] * _WIDTH_PX / picture.shape[1]))
        sides.append(cv2.resize(picture, (_WIDTH_PX, height), interpolation=cv2.INTER_AREA))
    height = min(side.shape[0] for side in sides)
    return cast(Image, cv2.hconcat([side[:height] for side in sides]))


def _on_chessboard(bgr: Image, alpha: Image) -> Image:
    rows, columns = (np.arange(side) // _SQUARE_PX for side in alpha.shape)
    dark = (rows[:, None] + columns) % 2
    board = np.where(dark, _DARK, _LIGHT)[..., None]
    share = alpha[..., None] / 255
    return np.rint(bgr * share + board * (1 - share)).astype(np.uint8)
