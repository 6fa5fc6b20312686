"""The base of every part's options: frozen, strict about names, errors that suggest."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, ClassVar, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    PositiveInt,
    ValidationError,
    WithJsonSchema,
)

from rimlight.core.errors import ConfigError

_SHOWN = 80  # characters of a wrong value in a message


class Options(BaseModel):
    """Options of one part. Subclasses add fields; unknown names are refused.

    `main` names the field that a short spec such as "video:out.mp4" sets.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    positional: ClassVar[str | None] = None


def _size(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    sides = re.fullmatch(r"(\d+)[xX×](\d+)", value.strip())
    if sides is None:
        raise ValueError("must be WIDTHxHEIGHT, such as 1280x720")
    return int(sides[1]), int(sides[2])


def _rate(value: Any) -> Any:
    return str(value) if isinstance(value, float) else value  # 29.97 means 2997/100


def _seconds(value: Any) -> Any:
    if isinstance(value, str) and re.fullmatch(r"(\d+:){1,2}\d+(\.\d+)?", value.strip()):
        *larger, last = value.strip().split(":")
        minutes = sum(int(part) * 60**place for place, part in enumerate(reversed(larger)))
        return minutes * 60 + Fraction(last)
    return _rate(value)


def _file_name(value: Any) -> str:
    if not isinstance(value, str | os.PathLike):
        raise ValueError("must be a name or an address")  # noqa: TRY004 - pydantic wants it
    text = os.fspath(value)
    if "\0" in text:
        raise ValueError("must not hold a zero byte")
    return text


def _path(value: Any) -> Path:
    return Path(_file_name(value))


_AS_TEXT = WithJsonSchema({"type": "string"})

FileName = Annotated[str, PlainValidator(_file_name), _AS_TEXT]
"""A path or an address as text; its bytes need not be text (pydantic's own str wants UTF-8)."""

FilePath = Annotated[Path, PlainValidator(_path), PlainSerializer(str), _AS_TEXT]
"""A path; its bytes need not be text."""


def is_number(text: str) -> bool:
    """Return True for a whole number, not negative, of at most nine digits."""
    return text.isdecimal() and len(text) <= 9


_MAX_SECONDS = 10**9  # thirty years; FFmpeg counts in 64 bits

Seconds = Annotated[Fraction, BeforeValidator(_seconds), Field(ge=-_MAX_SECONDS, le=_MAX_SECONDS)]
"""A moment or a length: 90, 12.5, "1:30" or "1:02:03.5"."""

Size = Annotated[tuple[PositiveInt, PositiveInt], BeforeValidator(_size)]
"""(width, height) in pixels, given as "1280x720" or as two numbers."""

Rate = Annotated[Fraction, BeforeValidator(_rate), Field(ge=Fraction(1, 10**6), le=10**6)]
"""Frames a second, given as 25, 29.97 or "30000/1001"."""

Model = TypeVar("Model", bound=BaseModel)


def validate(model: type[Model], data: Mapping[str, Any], *, where: str) -> Model:
    """Build `model` from `data`.

    Args:
        model: a pydantic model.
        data: the values as they came from YAML or the command line.
        where: what the user knows the data as, for example a file name or "sink 'video'".

    Raises:
        ConfigError: a name is unknown (with the nearest known one) or a value has a wrong type.
    """
    try:
        return model.model_validate(dict(data))
    except ValidationError as exc:
        raise _config_error(model, exc, where) from exc


def _config_error(model: type[BaseModel], exc: ValidationError, where: str) -> ConfigError:
    problems = exc.errors()
    lines = [f"{_key(e['loc'])}: {_message(e)}" for e in problems]
    hints = [_suggestion(model, e["loc"]) for e in problems if e["type"] == "extra_forbidden"]
    text = f"{where}: " + "; ".join(lines)
    fallback = "correct the value; --dry-run prints the whole run as it stands"
    return ConfigError(text, hint="; ".join(h for h in hints if h) or fallback)


def _key(loc: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in loc) or "value"


def _message(error: Any) -> str:
    if error["type"] == "extra_forbidden":
        return "unknown key"
    message = str(error["msg"])
    message = message.removeprefix("Value error, ")
    given = error.get("input")
    shown = "" if error["type"] == "missing" else f", got {shorten(given)}"
    return message[:1].lower() + message[1:] + shown


def shorten(value: Any) -> str:
    """Return `value` as a message shows it: its repr, cut to one readable line."""
    try:
        text = repr(value)
    except ValueError:  # a number of thousands of digits
        return f"a {type(value).__name__} too long to print"
    except RecursionError:
        return f"a {type(value).__name__} nested too deeply to print"
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."


def _suggestion(model: type[BaseModel], loc: tuple[int | str, ...]) -> str:
    """Name the known key nearest to the unknown one at `loc`, following nested models."""
    fields: type[BaseModel] | None = model
    for part in loc[:-1]:
        if isinstance(part, int) or fields is None:
            continue
        field = fields.model_fields.get(part)
        kind = field.annotation if field else None
        fields = kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None
    if fields is None:
        return ""
    known = sorted(fields.model_fields)
    near = difflib.get_close_matches(str(loc[-1]), known, n=1)
    guess = f"did you mean {near[0]!r}? " if near else ""
    return f"{guess}known: {', '.join(known)}" if known else "this part takes no options"
