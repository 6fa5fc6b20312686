"""What is compared: a model, its refiners, and how the mask becomes the picture's alpha."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from rimlight.core.config import RefinerConfig, SegmenterConfig, apply_settings, read_yaml
from rimlight.core.errors import ConfigError
from rimlight.core.frame import Frame, Mask
from rimlight.core.options import Options, validate
from rimlight.core.protocols import Refiner, Segmenter
from rimlight.core.registry import suggest
from rimlight.factory.segmenter import open_segmenter
from rimlight.imaging.compositing import i420
from rimlight.lab.evaluation.metrics import Alpha
from rimlight.refiners import REFINERS
from rimlight.refiners.lookahead import MAX_FRAMES, MaskLookahead

Finish = Callable[[Mask, Frame], Alpha]
"""Returns the foreground as float32 (height, width) in [0, 1] at the size of the frame."""


def upscale_raw(mask: Mask, frame: Frame) -> Alpha:
    """Enlarge the mask's foreground bilinearly, and nothing else."""
    return enlarge(mask.alpha(), frame.size)


def upscale_as_composited(mask: Mask, frame: Frame) -> Alpha:
    """Enlarge through the smooth step of the mask's `edges`, exactly as effects do."""
    levels = i420.upscale_mask(i420.quantize(mask.alpha()), frame.size, mask.alpha_range)
    return cast(Alpha, levels * np.float32(1 / 255))


@dataclass(frozen=True)
class Setup:
    """An open set-up. Whoever opened its parts closes them.

    Attributes:
        name: what reports call it.
        segmenter: makes the mask.
        refiners: (name, refiner) in the order they run.
        finish: makes the alpha that is measured.
        ahead: lets masks know of frames after theirs; None where each stands on its own.
    """

    name: str
    segmenter: Segmenter
    refiners: tuple[tuple[str, Refiner], ...] = ()
    finish: Finish = upscale_raw
    lookahead: MaskLookahead | None = None

    def forget(self) -> None:
        """Make the refiners forget what they saw: the next frame begins another stream."""
        for _, refiner in self.refiners:
            refiner.close()
        if self.lookahead:
            self.lookahead.close()


class SetupConfig(Options):
    """A set-up as data.

    Attributes:
        name: the name in tables and reports.
        segmenter: what computes the masks.
        refiners: what improves them, in this order.
        finish: what is measured: the masks or the composited frames.
        look_ahead: number of future frames used to stabilize each mask.
    """

    name: str
    segmenter: SegmenterConfig
    refiners: tuple[RefinerConfig, ...] = ()
    finish: str = "raw"
    look_ahead: Annotated[int, Field(ge=0, le=MAX_FRAMES)] = 0


class SetupsFile(Options):
    """A file of set-ups."""

    setups: Annotated[tuple[SetupConfig, ...], Field(min_length=1)]


DEFAULT_LOOKAHEAD = 8
"""Frames that a bare "ahead" looks at."""

FINISHES: Mapping[str, Finish] = MappingProxyType(
    {"raw": upscale_raw, "composited": upscale_as_composited}
)


def enlarge(values: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    """Return float32 (h, w) or (h, w, channels) at (width, height) `size`, bilinearly."""
    return cast(NDArray[np.float32], cv2.resize(values, size, interpolation=cv2.INTER_LINEAR))


def upscale_labels(mask: Mask, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Return the winning classes uint8 (height, width) at `size`.

    Scores are enlarged before the winner is chosen, so that borders between classes are smooth;
    a mask that holds only labels takes the nearest one.
    """
    if mask.data.dtype == np.uint8:
        nearest = cv2.resize(mask.labels, size, interpolation=cv2.INTER_NEAREST)
        return cast(NDArray[np.uint8], nearest)
    scores = enlarge(mask.scores, size)
    return Mask(scores.reshape(size[1], size[0], -1), mask.classes).labels


def parse_setup(text: str) -> SetupConfig:
    """Read "NAME=MODEL+REFINER+...+FINISH"; all but the model may be left out.

    A model or refiner may have options: "smooth:previous_weight=0.5". A finish is one of
    `FINISHES`; "ahead:frames=8" looks at 8 frames after each.

    Raises:
        ConfigError: a refiner or finish is unknown, or an option has no value.
    """
    named = re.fullmatch(r"([^=:+]*)=(.*)", text)
    name, rest = named.groups() if named else (text, text)
    model, *stages = rest.split("+")
    if not (name and model):
        raise ConfigError(f"a set-up must be NAME=MODEL, got {text!r}", hint="raw=selfie+smooth")
    finishes = [stage for stage in stages if stage in FINISHES]
    ahead = [stage for stage in stages if stage.partition(":")[0] == "ahead"]
    file, options = _split_options(model)
    return SetupConfig(
        name=name,
        segmenter=SegmenterConfig.model_validate({**options, "kind": "model", "model": file}),
        refiners=tuple(
            _parse_refiner(stage) for stage in stages if stage not in {*FINISHES, *ahead}
        ),
        finish=finishes[-1] if finishes else "raw",
        look_ahead=_split_options(ahead[-1])[1].get("frames", DEFAULT_LOOKAHEAD) if ahead else 0,
    )


def read_setups(path: Path) -> tuple[SetupConfig, ...]:
    """Read a YAML file with a list `setups`.

    Raises:
        ConfigError: it cannot be read or a key is wrong.
    """
    return validate(SetupsFile, read_yaml(path), where=str(path)).setups


@contextmanager
def open_setups(
    configs: Sequence[SetupConfig], size: tuple[int, int]
) -> Iterator[tuple[Setup, ...]]:
    """Open set-ups; close them when the block ends.

    Args:
        configs: what to open; the names must differ.
        size: (width, height) of the pictures: the model "auto" is chosen by their shape.

    Raises:
        RimlightError: a part does not open, or two set-ups have one name.
    """
    names = [config.name for config in configs]
    if len(set(names)) < len(names):
        raise ConfigError(f"set-ups need different names, got {', '.join(names)}")
    with ExitStack() as stack:
        yield tuple(_open(config, size, stack) for config in configs)


def _open(config: SetupConfig, size: tuple[int, int], stack: ExitStack) -> Setup:
    if config.finish not in FINISHES:
        raise ConfigError(
            f"unknown finish {config.finish!r}", hint=suggest(config.finish, tuple(FINISHES))
        )
    segmenter = open_segmenter(config.segmenter, size)
    stack.callback(segmenter.close)
    refiners: list[tuple[str, Refiner]] = []
    for part in config.refiners:
        refiner = part.open()
        stack.callback(refiner.close)
        refiners.append((part.kind, refiner))
    ahead = (
        MaskLookahead(MaskLookahead.Options(frames=config.look_ahead))
        if config.look_ahead
        else None
    )
    return Setup(config.name, segmenter, tuple(refiners), FINISHES[config.finish], ahead)


def _parse_refiner(text: str) -> RefinerConfig:
    kind, options = _split_options(text)
    if kind not in REFINERS.names():
        known = (*REFINERS.names(), *FINISHES)
        raise ConfigError(f"unknown refiner {kind!r}", hint=suggest(kind, known))
    return RefinerConfig.model_validate({**options, "kind": kind})


def _split_options(text: str) -> tuple[str, dict[str, Any]]:
    """Split "smooth:previous_weight=0.5,speed=2" into the name and its options.

    A colon counts only before an option: "http://..." and "C:..." are names.
    """
    found = re.fullmatch(r"(.*?):(\w+=.*)", text)
    if found is None:
        return text, {}
    name, listed = found.groups()
    return name, apply_settings({}, listed.split(","))
