"""JSON and CSV as other programs read them: no NaN, no cell that is a formula."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def to_json(data: Any, *, indent: int | None = None, ensure_ascii: bool = True) -> str:
    """Return `data` as JSON; numbers that are not finite become null.

    Raises:
        TypeError: something in it has no form in JSON.
    """
    return json.dumps(_finite(data), indent=indent, ensure_ascii=ensure_ascii, allow_nan=False)


def escape_csv_cell(text: str) -> str:
    """Return `text` so that no spreadsheet takes it for a formula: "=1+1" becomes "'=1+1"."""
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) else text


def _finite(data: Any) -> Any:
    if isinstance(data, float):
        return data if math.isfinite(data) else None
    if isinstance(data, Mapping):
        return {name: _finite(value) for name, value in data.items()}
    if isinstance(data, list | tuple):
        return [_finite(value) for value in data]
    return data
