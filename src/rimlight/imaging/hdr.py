"""HDR (PQ, HLG) to SDR and back: formulas on arrays, and the lookup tables made of them.

Sources: ITU-R BT.2100-2 (PQ, HLG and its OOTF at 1000 nits), BT.2390-10 section 5.4 (EETF, the tone
curve), BT.2408-5 (SDR white at 203 nits in HDR), BT.2087 and BT.2407 (primaries of BT.709 and
BT.2020), BT.1886 (an SDR display has gamma 2.4). All light is that of the display, in nits.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Transfer = Literal["pq", "hlg"]
HdrMapping = Literal["clip", "tone-map", "expand"]
"""clip: SDR of what lies below SDR white; tone-map: SDR of all; expand: SDR to HDR."""

SDR_WHITE_NITS = 203.0
DEFAULT_PEAK_NITS = 1000.0
PQ_PEAK_NITS = 10_000.0

_M1, _M2 = 2610 / 16384, 2523 / 4096 * 128
_C1, _C2, _C3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
_HLG_A, _HLG_B, _HLG_C = 0.17883277, 0.28466892, 0.55991073
_HLG_GAMMA = 1.2
_LUMA = np.array([0.2627, 0.6780, 0.0593])
_SDR_GAMMA = 2.4
_TO_BT709 = np.array(
    [
        [1.6604910, -0.5876411, -0.0728499],
        [-0.1245505, 1.1328999, -0.0083494],
        [-0.0181508, -0.1005789, 1.1187297],
    ]
)
_TO_BT2020 = np.linalg.inv(_TO_BT709)
LUT_SIZE = 65


@dataclass(frozen=True, slots=True)
class HdrFormat:
    """What the samples of an HDR video mean.

    Attributes:
        transfer: "pq" or "hlg".
        peak_nits: brightest light in the video, for the tone curve.
        full_range: 10-bit samples use 0..1023; else luma 64..940.
    """

    transfer: Transfer
    peak_nits: float = DEFAULT_PEAK_NITS
    full_range: bool = False


def decode_light(signal: Floats, transfer: Transfer) -> Floats:
    """Return light in nits, (..., 3), of a signal R'G'B' in 0..1."""
    if transfer == "pq":
        power = np.clip(signal, 0, 1) ** (1 / _M2)
        base = np.maximum(power - _C1, 0) / (_C2 - _C3 * power)
        return np.asarray(PQ_PEAK_NITS * base ** (1 / _M1))
    clipped = np.clip(signal, 0, 1)
    scene = np.where(
        clipped <= 0.5, clipped**2 / 3, (np.exp((clipped - _HLG_C) / _HLG_A) + _HLG_B) / 12
    )
    luma = np.maximum(scene @ _LUMA, 1e-12)[..., None]
    return np.asarray(DEFAULT_PEAK_NITS * luma ** (_HLG_GAMMA - 1) * scene)


def encode_light(nits: Floats, transfer: Transfer) -> Floats:
    """Return the signal R'G'B' in 0..1 of light in nits, (..., 3)."""
    if transfer == "pq":
        return _encode_pq(nits)
    display = np.clip(nits / DEFAULT_PEAK_NITS, 0, 1)
    luma = np.maximum(display @ _LUMA, 1e-12)[..., None]
    scene = np.clip(luma ** ((1 - _HLG_GAMMA) / _HLG_GAMMA) * display, 0, 1)
    high = _HLG_A * np.log(np.maximum(12 * scene - _HLG_B, 1e-12)) + _HLG_C
    return np.asarray(np.where(scene <= 1 / 12, np.sqrt(3 * scene), high))


def tone_map_light(nits: Floats, peak_nits: float) -> Floats:
    """Compress light to SDR white: the EETF of BT.2390 on the brightest of R, G and B.

    Args:
        nits: light, (..., 3).
        peak_nits: the light that becomes SDR white.
    """
    top = np.maximum(nits.max(axis=-1, keepdims=True), 1e-6)
    source = float(_encode_pq(np.array(max(peak_nits, SDR_WHITE_NITS))))
    target = float(_encode_pq(np.array(SDR_WHITE_NITS))) / source
    level = np.clip(_encode_pq(top) / source, 0, 1)
    knee = 1.5 * target - 0.5
    at = np.clip((level - knee) / max(1 - knee, 1e-9), 0, 1)
    spline = (
        (2 * at**3 - 3 * at**2 + 1) * knee
        + (at**3 - 2 * at**2 + at) * (1 - knee)
        + (3 * at**2 - 2 * at**3) * target
    )
    mapped = decode_light(np.where(level < knee, level, spline) * source, "pq")
    return np.asarray(nits * (mapped / top))


def map_to_sdr(signal: Floats, form: HdrFormat, *, tone_map: bool) -> Floats:
    """Return the SDR signal R'G'B' of BT.709, in 0..1, of an HDR one of BT.2020, (..., 3).

    Args:
        signal: R'G'B' in 0..1.
        form: what it means.
        tone_map: compress light above SDR white; else it is cut off.
    """
    nits = decode_light(signal, form.transfer)
    if tone_map:
        nits = tone_map_light(nits, form.peak_nits)
    linear = np.clip(nits @ _TO_BT709.T / SDR_WHITE_NITS, 0, 1)
    return np.asarray(linear ** (1 / _SDR_GAMMA))


def map_to_hdr(signal: Floats, form: HdrFormat) -> Floats:
    """Return the HDR signal R'G'B' of BT.2020, in 0..1, of an SDR one of BT.709, (..., 3)."""
    nits = np.clip(signal, 0, 1) ** _SDR_GAMMA * SDR_WHITE_NITS @ _TO_BT2020.T
    return np.clip(encode_light(np.maximum(nits, 0), form.transfer), 0, 1)


@lru_cache(maxsize=4)
def make_cube(form: HdrFormat, mapping: HdrMapping) -> str:
    """Return a mapping as the text of a .cube file: red changes fastest."""
    axis = np.linspace(0, 1, LUT_SIZE)
    blue, green, red = np.meshgrid(axis, axis, axis, indexing="ij")
    grid = np.stack([red, green, blue], axis=-1).reshape(-1, 3)
    if mapping == "expand":
        values = map_to_hdr(grid, form)
    else:
        values = map_to_sdr(grid, form, tone_map=mapping == "tone-map")
    lines = "\n".join("%.6f %.6f %.6f" % tuple(row) for row in values.tolist())  # noqa: UP031
    return f"LUT_3D_SIZE {LUT_SIZE}\n{lines}\n"


def _encode_pq(nits: Floats) -> Floats:
    power = (np.clip(nits, 0, PQ_PEAK_NITS) / PQ_PEAK_NITS) ** _M1
    return np.asarray(((_C1 + _C2 * power) / (1 + _C3 * power)) ** _M2)
