"""What an option is: type, bounds, choices, default and description, read from its schema.

The schema is that of the `Options` class, the only place where an option is written. Its
description is that of the field, or the entry of the field in the section "Attributes:" of the
docstring. This module imports nothing heavy: the command line builds its flags from fields that
were described before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any

_UNBOUNDED = 10**6  # bounds from here on keep numbers finite; they mean nothing to a user
_TYPES = {"integer": "integer", "number": "number", "string": "text", "boolean": "boolean"}
_KEYWORDS = {
    "ge": ("minimum", "ge"),
    "gt": ("exclusiveMinimum", "gt"),
    "le": ("maximum", "le"),
    "lt": ("exclusiveMaximum", "lt"),
}


@dataclass(frozen=True)
class OptionField:
    """One option of a component.

    Attributes:
        type: what a value is, in a word or two.
        description: what the option does, as its `Options` class says.
        default: the default as text; None where there is none.
        is_required: there is no default.
        choices: the values that it may have; none for any.
        ge, gt, le, lt: bounds of a number; None where there is none.
    """

    type: str
    description: str = ""
    default: str | None = None
    is_required: bool = False
    choices: tuple[str, ...] = ()
    ge: float | None = None
    gt: float | None = None
    le: float | None = None
    lt: float | None = None

    @property
    def range(self) -> str:
        """The bounds as text, such as "0<=x<=63"; "" where there are none."""
        low = f"{self.ge:g}<=x" if self.ge is not None else ""
        low = f"{self.gt:g}<x" if self.gt is not None else low
        high = f"<={self.le:g}" if self.le is not None else ""
        high = f"<{self.lt:g}" if self.lt is not None else high
        if low and not high:
            return f"x>={self.ge:g}" if self.ge is not None else f"x>{self.gt:g}"
        return (low or "x") + high if low or high else ""

    def is_within(self, value: float) -> bool:
        """Return True if a number lies within the bounds."""
        return (
            (self.ge is None or value >= self.ge)
            and (self.gt is None or value > self.gt)
            and (self.le is None or value <= self.le)
            and (self.lt is None or value < self.lt)
        )

    def to_dict(self) -> dict[str, Any]:
        """Return what is set, as plain data."""
        unset = asdict(OptionField(""))
        given = {key: value for key, value in asdict(self).items() if value != unset[key]}
        return given | {"choices": list(self.choices)} if self.choices else given

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> OptionField:
        """Return the field that `to_dict` described."""
        return cls(**{**data, "choices": tuple(data.get("choices", ()))})


def describe_fields(schema: Mapping[str, Any]) -> dict[str, OptionField]:
    """Describe the options in a JSON schema, those of nested models under dotted names.

    Args:
        schema: what `model_json_schema` of an `Options` class returns.
    """
    return dict(_fields(schema, schema.get("$defs", {}), ""))


def _fields(
    schema: Mapping[str, Any], models: Mapping[str, Any], prefix: str
) -> Iterator[tuple[str, OptionField]]:
    required = schema.get("required", ())
    documented = parse_attributes(schema.get("description", ""))
    for name, field in schema.get("properties", {}).items():
        model, suffix = _nested(field, models)
        if model is not None:
            yield from _fields(model, models, f"{prefix}{name}{suffix}.")
        else:
            text = field.get("description", documented.get(name, ""))
            described = {**field, "description": text}
            yield f"{prefix}{name}", _field(described, models, is_required=name in required)


def parse_attributes(docstring: str) -> dict[str, str]:
    """Return name -> text of the section "Attributes:" of a docstring."""
    _, _, section = docstring.partition("Attributes:\n")
    found: dict[str, str] = {}
    name = ""
    for line in section.split("\n\n")[0].splitlines():
        indent = len(line) - len(line.lstrip())
        if indent == 4:  # the entries; what continues one lies deeper
            name, _, text = line.strip().partition(": ")
            found[name] = text
        elif name:
            found[name] += f" {line.strip()}"
    return {name: text.rstrip(".") for name, text in found.items()}


def _nested(
    field: Mapping[str, Any], models: Mapping[str, Any]
) -> tuple[Mapping[str, Any] | None, str]:
    """Return the model that a field holds, and "[]" for a list of them."""
    for form in _forms(field):
        inner, suffix = (form["items"], "[]") if "$ref" in form.get("items", {}) else (form, "")
        if "$ref" in inner:
            model = models[inner["$ref"].rpartition("/")[2]]
            return (None, "") if _is_component(model) else (model, suffix)
    return None, ""


def _is_component(model: Mapping[str, Any]) -> bool:
    return bool(model.get("additionalProperties"))


def _forms(field: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the alternatives of a field but for null, those within them included."""
    forms = field.get("anyOf", field.get("allOf"))
    if forms is None or any(form.get("format") == "fraction" for form in forms):
        return [field]
    return [inner for form in forms if form.get("type") != "null" for inner in _forms(form)]


def _field(
    field: Mapping[str, Any], models: Mapping[str, Any], *, is_required: bool
) -> OptionField:
    forms = _forms(field)
    return OptionField(
        type=" or ".join(dict.fromkeys(_type(form, models) for form in forms)),
        description=field.get("description", ""),
        default=_text(field.get("default")),
        is_required=is_required,
        choices=tuple(str(value) for form in forms for value in _values(form)),
        **{key: _bound(forms, words) for key, words in _KEYWORDS.items()},
    )


def _values(form: Mapping[str, Any]) -> tuple[Any, ...]:
    values = form.get("enum", (form["const"],) if "const" in form else ())
    items = form.get("items", {})
    return tuple(values) or tuple(items.get("enum", ()) if isinstance(items, Mapping) else ())


def _type(form: Mapping[str, Any], models: Mapping[str, Any]) -> str:  # noqa: PLR0911
    if "$ref" in form:
        return "component"
    if "enum" in form or "const" in form:
        return "choice"
    if any(inner.get("format") == "fraction" for inner in form.get("anyOf", ())):
        return "time" if _bound([form], ("le",), limit=None) == 10**9 else "number"
    if "prefixItems" in form:
        inner = [_type(item, models) for item in form["prefixItems"]]
        return "WIDTHxHEIGHT" if inner == ["integer"] * 2 else f"{len(inner)} values"
    if form.get("type") == "array":
        return f"list of {_plural(_type(form.get('items', {}), models))}"
    if form.get("type") == "object":
        return "mapping"
    if form.get("format") == "path":
        return "path"
    return _TYPES.get(form.get("type", ""), "any")


def _plural(name: str) -> str:
    return name if name == "text" or name.endswith("s") else f"{name}s"


def _bound(
    forms: list[Mapping[str, Any]], words: tuple[str, ...], *, limit: float | None = _UNBOUNDED
) -> float | None:
    for form in forms:
        for word in words:
            if word in form:
                value = float(Fraction(str(form[word])))
                is_real = limit is None or 1 / limit < abs(value) < limit or value == 0
                return value if is_real else None
    return None


def _text(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list):
        is_size = len(value) == 2 and all(isinstance(side, int) for side in value)
        return ("x" if is_size else ", ").join(str(_text(item)) for item in value) or "none"
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {_text(item)}" for key, item in value.items()) or "none"
    return str(value)
