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
    """Return `rimlight.imaging.kernels`, or None without numba or with `RIMLIGHT_FAST=0`."""
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


@cache
def _load() -> ModuleType | None:
    return import_module("rimlight.imaging.kernels") if find_spec("numba") else None
