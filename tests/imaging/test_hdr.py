"""The formulas of HDR, against the figures of the standards that they come from."""

import numpy as np
import pytest

from rimlight.imaging.hdr import (
    HdrFormat,
    decode_light,
    encode_light,
    make_cube,
    map_to_hdr,
    map_to_sdr,
    tone_map_light,
)

GRAYS = np.repeat(np.linspace(0, 1, 101)[:, None], 3, axis=1)


@pytest.mark.parametrize(("transfer", "level"), [("pq", 0.58), ("hlg", 0.75)])
def test_sdr_white_has_the_level_of_bt_2408(transfer, level):
    white = map_to_hdr(np.ones((1, 3)), HdrFormat(transfer))
    assert white == pytest.approx(np.full((1, 3), level), abs=0.004)


def test_pq_has_the_levels_of_bt_2100():
    signal = encode_light(np.array([[0.0] * 3, [100.0] * 3, [1000.0] * 3, [10_000.0] * 3]), "pq")
    assert signal[:, 0] == pytest.approx([0, 0.508, 0.7518, 1], abs=0.001)


@pytest.mark.parametrize("transfer", ["pq", "hlg"])
def test_light_comes_back_as_the_same_signal(transfer):
    again = encode_light(decode_light(GRAYS, transfer), transfer)
    assert again == pytest.approx(GRAYS, abs=1e-6)


@pytest.mark.parametrize("transfer", ["pq", "hlg"])
def test_sdr_comes_back_from_hdr(transfer):
    rng = np.random.default_rng(0)
    colors = rng.uniform(0.05, 1, (200, 3))
    again = map_to_sdr(map_to_hdr(colors, HdrFormat(transfer)), HdrFormat(transfer), tone_map=False)
    assert again == pytest.approx(colors, abs=2e-3)


def test_the_tone_curve_leaves_the_dark_alone_rises_and_ends_at_sdr_white():
    nits = np.repeat(np.linspace(0, 1000, 201)[:, None], 3, axis=1)
    mapped = tone_map_light(nits, 1000)[:, 0]
    assert mapped[:10] == pytest.approx(nits[:10, 0], rel=1e-3)
    assert np.all(np.diff(mapped) > 0)
    assert mapped[-1] == pytest.approx(203, rel=1e-3)


def test_a_cube_counts_red_fastest():
    lines = make_cube(HdrFormat("pq"), "expand").splitlines()
    assert lines[0] == "LUT_3D_SIZE 65" and len(lines) == 1 + 65**3
    red = [float(value) for value in lines[65].split()]
    assert red[0] > 0.5 > red[2]
