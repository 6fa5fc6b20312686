"""The promises of a live run in every order of events, not in samples of them."""

import logging
import os
import time

import pytest
from explorer import LeakError, explore

from rimlight.pipeline import fallback
from rimlight.pipeline.fanout import Fanout

DEPTH = int(os.environ.get("RIMLIGHT_DEPTH", "5"))
BUDGET_S = float(os.environ.get("RIMLIGHT_DEPTH_S", "9"))
RUNS = [(masks, how) for masks in ("exact", "latest") for how in ("last", "blur", "background")]


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    monkeypatch.setattr("rimlight.pipeline.live.TICK_S", 0)
    monkeypatch.setattr("rimlight.pipeline.live.FIRST_MASK_S", 0)
    monkeypatch.setattr("rimlight.sources.reconnect.FIRST_PAUSE_S", 0)
    monkeypatch.setattr("rimlight.sources.reconnect.LONGEST_PAUSE_S", 0)
    before = logging.root.manager.disable
    logging.disable()  # each loss would be a line
    yield
    logging.disable(before)


@pytest.mark.parametrize(("masks", "how"), [RUNS[0], RUNS[4]])
def test_two_events_in_any_order_show_nothing_of_the_room(masks, how):
    states, tried, _ = explore(masks, how, 2)
    assert states > 20
    assert tried > 100


@pytest.mark.slow
@pytest.mark.parametrize(("masks", "how"), RUNS)
def test_no_order_of_events_shows_the_room_or_somebody_while_covered(masks, how):
    end = time.monotonic() + BUDGET_S
    states, tried, reached = explore(masks, how, DEPTH, out_of_time=lambda: time.monotonic() > end)
    print(f"\n{masks}, {how}: {tried} orders of up to {reached} events, {states} states")  # noqa: T201
    assert states > 100


def test_a_run_that_believes_any_mask_is_found_out(monkeypatch):
    monkeypatch.setattr(fallback, "is_mask_valid_for", lambda *_, **__: True)
    with pytest.raises(LeakError, match="shows the room"):
        explore("latest", "last", 3)


@pytest.mark.parametrize("masks", ["exact", "latest"])
def test_a_run_that_looks_for_panic_only_between_frames_is_found_out(monkeypatch, masks):
    monkeypatch.setattr(Fanout, "_write", lambda _, sink, shown, **__: sink.write(shown))
    with pytest.raises(LeakError, match="prompt shows somebody while everything is covered"):
        explore(masks, "last", 3)
