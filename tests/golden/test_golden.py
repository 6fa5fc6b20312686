"""What the program says and makes is what was reviewed: see golden/make.py."""

import importlib.util
import os
from pathlib import Path

import numpy as np
import pytest

_spec = importlib.util.spec_from_file_location("golden_make", Path(__file__).with_name("make.py"))
golden = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(golden)

AGAIN = "run `python tests/golden/make.py` and read the diff"


@pytest.mark.parametrize("name", ["help", "api"])
def test_help_and_options_are_the_reviewed_ones(name):
    assert golden.MAKERS[name]() == golden.read(name), AGAIN


@pytest.mark.slow
def test_runs_are_the_reviewed_ones():
    expected = golden.read("runs")
    for line, found in golden.make_runs().items():
        assert found == expected[line], f"{line}: {AGAIN}"


@pytest.mark.slow
def test_frames_are_the_reviewed_ones():
    """Exact where RIMLIGHT_GOLDEN=exact says that this is the processor they were made on."""
    expected = golden.read("frames")
    for name, found in golden.make_frames().items():
        wanted = expected[name]
        assert (found["frames"], found["times"]) == (wanted["frames"], wanted["times"]), name
        levels = (golden.read_levels(one["levels"]) for one in (found, wanted))
        apart = np.abs(np.subtract(*levels)).max()
        assert apart <= golden.TOLERANCE, f"{name}: {apart} levels apart; {AGAIN}"
        if os.environ.get("RIMLIGHT_GOLDEN") == "exact":
            assert found["sha256"] == wanted["sha256"], f"{name}: {AGAIN}"
