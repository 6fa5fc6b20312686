"""Compiled inner loops (the extra `fast`): whether they are available and enabled.

The choice belongs to a context (`contextvars`), not to the process: a pipeline applies its own on
each of its threads, so that two of them in one process do not influence each other.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

import numpy as np

_enabled = ContextVar("rimlight_jit", default=os.environ.get("RIMLIGHT_FAST", "1") != "0")


def get_kernels() -> ModuleType | None:
    """Return the compiled loops; None where they are disabled or cannot be loaded.

    They are disabled by `use_jit` and by `RIMLIGHT_FAST=0`, and need numba.
    """
    return _load() if _enabled.get() else None


def is_enabled() -> bool:
    """Return True if compiled loops are used in this context where they are available."""
    return _enabled.get()


@contextmanager
def use_jit(*, enabled: bool) -> Iterator[None]:
    """Enable or disable the compiled loops for what this thread does within the block."""
    token = _enabled.set(enabled)
    try:
        yield
    finally:
        _enabled.reset(token)


def find_missing_reason() -> str | None:
    """Return why the compiled loops cannot be used; None where they can be or are disabled."""
    if not _enabled.get() or _load() is not None:
        return None
    if not find_spec("numba"):
        return "numba is not installed: pip install 'rimlight[fast]'"
    return "there is no folder to keep them in: set NUMBA_CACHE_DIR to one that can be written"


def warm_up() -> None:
    """Run every compiled loop on a few pixels, so that none is compiled or loaded later.

    The first time on a machine this takes seconds.
    """
    kernels = get_kernels()
    if kernels is None:
        return
    from rimlight.imaging.compositing.i420 import composite_i420, make_grid

    picture, small = np.zeros((12, 8), np.uint8), np.zeros((6, 4), np.uint8)
    mask = np.full((2, 2), 128, np.uint8)
    for back in (picture.copy(), small):
        composite_i420(picture, back, mask, (0.0, 1.0), np.empty_like(picture))
    grids = make_grid((4, 4), (8, 8)), make_grid((4, 4), (4, 4))
    kernels.fetch(picture)
    kernels.resample(picture, 8, *grids, *np.zeros((3, 4, 4), np.uint8))
    plane, line = np.zeros((1, 1), np.uint8), np.zeros(3, np.float32)
    matrix, tensor = np.zeros((3, 4), np.float32), np.zeros((1, 1, 3), np.float32)
    kernels.fill_tensor(plane, plane, plane, matrix, line, line, tensor, 0, 0)
    scores = np.zeros((1, 1, 1), np.float32)
    levels = np.zeros((1, 1, 1), np.uint8)
    kernels.clip(scores, scores.copy())
    kernels.smooth(scores, scores, (np.float32(0),) * 7, scores.copy(), levels)


@cache
def _load() -> ModuleType | None:
    if not find_spec("numba"):
        return None
    try:
        return import_module("rimlight.imaging.compositing.kernels")
    except RuntimeError as exc:  # the package and the user's home are read-only
        if "cannot cache function" not in str(exc):
            raise
        return None
