import pytest

from rimlight.core.errors import ConfigError
from rimlight.core.options import validate
from rimlight.road.rules import Rule, RuleMonitor


def events(rule, values, rate=10):
    """The events of a measure "m" given `rate` times a second."""
    watch, found = RuleMonitor(rule), []
    for index, value in enumerate(values):
        over, _ = watch.update(index / rate, {"m": value})
        found += [over] if over else []
    return found + [event for event in [watch.finish()] if event]


def test_an_event_has_a_start_an_end_and_a_peak():
    rule = Rule(name="person", metric="m", above=0.01, for_s=0.5)
    (event,) = events(rule, [0] * 10 + [0.02] * 4 + [0.08] + [0.02] * 5 + [0] * 10)
    assert (event.start_s, event.end_s, event.peak_s, event.peak) == (1.0, 1.9, 1.4, 0.08)


def test_what_is_too_short_is_no_event():
    rule = Rule(name="person", metric="m", above=0.01, for_s=0.5)
    assert events(rule, [0] * 5 + [0.5] * 4 + [0] * 10) == []


def test_one_stray_frame_does_not_cut_an_event_in_two():
    rule = Rule(name="no marks", metric="m", below=0.1, for_s=1)
    assert len(events(rule, [0] * 10 + [0.5] + [0] * 10)) == 1


def test_an_event_that_lasts_to_the_end_counts():
    assert len(events(Rule(name="x", metric="m", above=1, for_s=1), [2] * 20)) == 1


def test_a_fall_is_measured_against_the_moments_before():
    rule = Rule(name="fall", metric="m", falls_to=0.5, within_s=1)
    assert len(events(rule, [0.4] * 10 + [0.1] * 10)) == 1
    assert events(rule, [0.4 - n * 0.005 for n in range(40)]) == []


def test_a_rule_for_a_measure_that_is_not_there_is_never_seen():
    watch = RuleMonitor(Rule(name="x", metric="path.cow", above=0))
    watch.update(0, {"m": 1.0})
    assert not watch.has_data


def test_a_class_of_which_none_is_there_counts_as_none():
    watch = RuleMonitor(Rule(name="empty", metric="count.person", below=1))
    assert watch.update(0, {"count.all": 2.0, "count.car": 2.0}) == (None, True)


@pytest.mark.parametrize("limits", [{}, {"above": 1, "below": 0}])
def test_a_rule_needs_exactly_one_limit(limits):
    with pytest.raises(ConfigError, match="one of above, below"):
        validate(Rule, {"name": "x", "metric": "m", **limits}, where="rules")
