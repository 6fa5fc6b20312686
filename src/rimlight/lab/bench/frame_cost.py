"""What one frame costs, I420 in and I420 out, against the bare model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

import cv2

from rimlight.core.frame import Frame
from rimlight.effects import LIVE_REFRESH_HZ
from rimlight.factory.api import open_effect, open_refiner, open_segmenter
from rimlight.imaging import jit
from rimlight.lab.bench.interleaved_timing import Cost, measure_in_turns
from rimlight.models.catalog import Catalog
from rimlight.segmenters.tflite import TfliteRuntime
from rimlight.system import app_paths

MODEL = "selfie-landscape"
EFFECTS: dict[str, tuple[str, dict[str, Any]]] = {
    "picture": (
        "replace", {"background": str(app_paths.find_data_folder("samples") / "background.jpg")}
    ),
    "blur": ("blur", {"radius_px": 20, "refresh_hz": LIVE_REFRESH_HZ}),
}  # fmt: skip


def measure_frames(
    frames: Sequence[Frame], rounds: int, on_round: Callable[[], None] | None = None
) -> dict[str, Cost]:
    """Measure, in turns and on one thread: the bare model, then whole frames in several ways.

    Returns:
        "invoke": the model alone; "picture" and "blur": model, smoothing and effect;
        "picture, plain": the same without compiled loops, where there are any.
    """
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    with ExitStack() as stack:
        stack.callback(cv2.setNumThreads, threads)
        candidates: dict[str, Callable[[int], object]] = {"invoke": _open_invoke(frames[0], stack)}
        for name in EFFECTS:
            candidates[name] = open_whole_frame(name, frames, stack)
        if jit.get_kernels():
            candidates["picture, plain"] = _disable_jit(open_whole_frame("picture", frames, stack))
        return measure_in_turns(candidates, rounds, on_round=on_round)


def measure_stages(frames: Sequence[Frame], rounds: int) -> dict[str, Cost]:
    """Measure the stages of a frame one by one, each on the same frame in turn."""
    with ExitStack() as stack:
        segmenter, refiner = _open_segmenter_and_refiner(stack)
        effects = {name: open_effect(*EFFECTS[name]) for name in EFFECTS}
        for effect in effects.values():
            stack.callback(effect.close)
        masks = [segmenter.segment(frame) for frame in frames]
        count = len(frames)
        candidates: dict[str, Callable[[int], object]] = {
            "segment": lambda i: segmenter.segment(frames[i % count]),
            "smooth": lambda i: refiner.refine(masks[i % count], frames[i % count]),
        }
        for name, effect in effects.items():
            candidates[name] = _make_effect_call(effect, frames, masks)
        return measure_in_turns(candidates, rounds)


def _make_effect_call(
    effect: Any, frames: Sequence[Frame], masks: Sequence[Any]
) -> Callable[[int], object]:
    return lambda i: effect.apply(frames[i % len(frames)], masks[i % len(frames)])


def _open_invoke(frame: Frame, stack: ExitStack) -> Callable[[int], object]:
    """The model without anything around it, on an engine of its own."""
    from rimlight.segmenters.preprocess import Preprocessor

    card, file = Catalog().resolve(MODEL)
    engine = TfliteRuntime(file, threads=1)
    stack.callback(engine.close)
    engine.set_input(Preprocessor(card.input, engine.input).to_tensor(frame))
    return lambda _: engine.invoke()


def open_whole_frame(
    name: str, frames: Sequence[Frame], stack: ExitStack
) -> Callable[[int], object]:
    """Return a call that processes frame number i: model, smoothing and effect `name`."""
    segmenter, refiner = _open_segmenter_and_refiner(stack)
    effect = open_effect(*EFFECTS[name])
    stack.callback(effect.close)

    def call(number: int) -> object:
        frame = frames[number % len(frames)]
        return effect.apply(frame, refiner.refine(segmenter.segment(frame), frame))

    return call


def _open_segmenter_and_refiner(stack: ExitStack) -> tuple[Any, Any]:
    segmenter = open_segmenter(MODEL, {"threads": 1})
    stack.callback(segmenter.close)
    return segmenter, open_refiner("smooth")


def _disable_jit(call: Callable[[int], object]) -> Callable[[int], object]:
    def plain(number: int) -> object:
        with jit.use_jit(enabled=False):
            return call(number)

    return plain
