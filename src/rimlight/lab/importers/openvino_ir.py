"""Reads OpenVINO's intermediate representation: an XML graph beside a file of raw weights.

Format: the "OpenVINO IR format" pages of the OpenVINO documentation (IR versions 10 and 11).
Needs NumPy only; OpenVINO itself is not asked.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from rimlight.core.errors import ModelFormatError, ModelNotFoundError

_DTYPES = {"f32": "<f4", "f16": "<f2", "i64": "<i8", "i32": "<i4", "u8": "u1", "i8": "i1"}


@dataclass(frozen=True, slots=True)
class Layer:
    """One node of the graph as the file states it.

    `inputs` are the names of the layers it reads, in port order; `shape` is that of its first
    output, () for one without outputs; `attributes` are the raw texts of its <data> element.
    """

    name: str
    type: str
    inputs: tuple[str, ...]
    shape: tuple[int, ...]
    attributes: Mapping[str, str]

    def ints(self, attribute: str) -> tuple[int, ...]:
        """Return an attribute such as "2, 2" as numbers; () when the layer has none of that name.

        Raises:
            ModelFormatError: the attribute holds something else than whole numbers.
        """
        text = self.attributes.get(attribute, "")
        try:
            return tuple(int(part) for part in text.split(",") if part.strip())
        except ValueError as exc:
            raise ModelFormatError(f"layer {self.name!r}: {attribute} is {text!r}") from exc


class IrGraph:
    """A network as read from a pair of IR files: its layers by name, in file order."""

    def __init__(self, name: str, layers: Mapping[str, Layer], weights: bytes) -> None:
        self.name = name
        self.layers = MappingProxyType(dict(layers))
        self._weights = weights

    def constant(self, name: str) -> NDArray[Any]:
        """Return the values of the Const layer `name`, read-only, in the file's own dtype.

        Raises:
            ModelFormatError: there is no such constant, its type is unknown, or the weights file
                is too short for it.
        """
        layer = self.layers.get(name)
        if layer is None or layer.type != "Const":
            raise ModelFormatError(f"{self.name}: there is no constant {name!r}")
        kind = layer.attributes.get("element_type", "")
        if kind not in _DTYPES:
            raise ModelFormatError(
                f"constant {name!r} is {kind!r}", hint=f"known element types: {', '.join(_DTYPES)}"
            )
        dtype = np.dtype(_DTYPES[kind])
        return np.frombuffer(self._slice(layer, dtype.itemsize), dtype).reshape(layer.shape)

    def _slice(self, layer: Layer, itemsize: int) -> bytes:
        offset, size = (layer.ints(key) for key in ("offset", "size"))
        expected = math.prod(layer.shape) * itemsize
        if size != (expected,):
            raise ModelFormatError(
                f"constant {layer.name!r} of shape {layer.shape} must hold {expected} bytes, "
                f"its size is {layer.attributes.get('size')}"
            )
        if len(offset) != 1 or offset[0] < 0 or offset[0] + expected > len(self._weights):
            raise ModelFormatError(
                f"constant {layer.name!r} lies outside the {len(self._weights)} bytes of weights",
                hint="the .bin file is cut short, or belongs to another .xml",
            )
        return self._weights[offset[0] : offset[0] + expected]


def read_ir(xml: Path, bin: Path) -> IrGraph:
    """Read the graph `xml` and its weights `bin`.

    Raises:
        ModelNotFoundError: one of the files is missing or cannot be read.
        ModelFormatError: `xml` is not an OpenVINO IR.
    """
    text, weights = _read(xml), _read(bin)
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as exc:
        raise ModelFormatError(f"{xml} is not XML: {exc}", hint=_HINT) from exc
    found, edges = root.find("layers"), root.find("edges")
    if root.tag != "net" or found is None or edges is None:
        raise ModelFormatError(f"{xml} is not an OpenVINO IR: no <net> with layers", hint=_HINT)
    try:
        layers = _parse_layers(found, edges)
    except (KeyError, ValueError) as exc:
        raise ModelFormatError(f"{xml} is a broken OpenVINO IR: {exc}", hint=_HINT) from exc
    return IrGraph(root.get("name", xml.stem), layers, weights)


_HINT = "give the .xml and the .bin file that belong together, as OpenVINO distributes them"


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as exc:
        raise ModelNotFoundError(f"cannot read {path}: {exc.strerror}", hint=_HINT) from exc


def _parse_layers(found: ElementTree.Element, edges: ElementTree.Element) -> dict[str, Layer]:
    names = {layer.attrib["id"]: layer.attrib["name"] for layer in found}
    if len(set(names.values())) != len(names):
        raise ValueError("two layers have the same name")
    sources = {
        (edge.attrib["to-layer"], edge.attrib["to-port"]): names[edge.attrib["from-layer"]]
        for edge in edges
    }
    return {layer.attrib["name"]: _parse_layer(layer, sources) for layer in found}


def _parse_layer(element: ElementTree.Element, sources: Mapping[tuple[str, str], str]) -> Layer:
    number = element.attrib["id"]
    data, output = element.find("data"), element.find("output/port")
    return Layer(
        name=element.attrib["name"],
        type=element.attrib["type"],
        inputs=tuple(sources[number, p.attrib["id"]] for p in element.iterfind("input/port")),
        shape=() if output is None else tuple(int(d.text or "") for d in output.iterfind("dim")),
        attributes=MappingProxyType({} if data is None else dict(data.attrib)),
    )
