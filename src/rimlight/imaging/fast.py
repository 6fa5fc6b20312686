"""Whether the compiled inner loops (the extra `fast`) are there, and the switch for them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

_switch = {"on": os.environ.get("RIMLIGHT_FAST", "1") != "0"}


def kernels() -> ModuleType | None:
    """Return `compositing.kernels`, or None without numba or with `RIMLIGHT_FAST=0`."""
    return _load() if _switch["on"] else None


def is_on() -> bool:
    """Say whether compiled loops are used where they are there."""
    return _switch["on"]


@contextmanager
def switched(*, on: bool) -> Iterator[None]:
    """Use, or leave out, the compiled loops within the block: to compare and to test."""
    before = _switch["on"]
    _switch["on"] = on
    try:
        yield
    finally:
        _switch["on"] = before


def missing_reason() -> str | None:
    """Return why the compiled loops cannot be used, None where they can be or are switched off."""
    if not _switch["on"] or _load() is not None:
        return None
    if not find_spec("numba"):
        return "numba is not installed: pip install 'rimlight[fast]'"
    return "there is no folder to keep them in: set NUMBA_CACHE_DIR to one that can be written"


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
