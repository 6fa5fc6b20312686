"""Sinks that may be left out when they do not open."""

from contextlib import ExitStack

import pytest
from fakes import make_info

from rimlight.core.config import parse_run
from rimlight.core.errors import SinkError
from rimlight.factory.sinks import open_sinks


def test_a_run_none_of_whose_optional_sinks_opens_names_each_cause_and_a_sink_that_needs_nothing(
    tmp_path,
):
    sinks = [
        {"kind": "video", "path": str(tmp_path / name / "out.mkv"), "optional": True}
        for name in ("a", "b")
    ]
    parts = {"source": {"kind": "test-pattern"}, "segmenter": {"kind": "threshold"}}
    run = parse_run(parts | {"sinks": sinks}, where="test")
    with ExitStack() as stack, pytest.raises(SinkError) as caught:
        open_sinks(run, make_info(), stack)
    assert all(str(tmp_path / name) in caught.value.message for name in ("a", "b"))
    assert "--sink http" in caught.value.hint
