from xml.etree import ElementTree

import pytest

from rimlight.reporting.plots import bars, heatmap, lines


@pytest.mark.parametrize(
    "svg",
    [
        bars("a < b", {"x & y": 0.5, "none": None}),
        lines("l", {"x": [0.1, None, 0.4], "empty": []}, across="frames"),
        heatmap("h", ("a",), ("a", "none"), [[0.25, 0.75]]),
    ],
    ids=["bars", "lines", "heatmap"],
)
def test_plots_are_well_formed(svg):
    assert ElementTree.fromstring(svg).tag == "svg"


def test_names_are_shown_as_they_are():
    drawn = ElementTree.fromstring(bars("a < b", {"x & y": 0.5, "none": None}))
    assert [text.text for text in drawn.iter("text")] == ["a < b", "x & y", "0.500", "none", "-"]


def test_a_bar_is_as_long_as_its_value():
    drawn = ElementTree.fromstring(bars("t", {"a": 0.4, "b": 0.8}))
    short, long = (float(rect.get("width")) for rect in drawn.iter("rect"))
    assert short == pytest.approx(long / 2, abs=0.1)


def test_a_line_breaks_where_a_value_is_missing():
    drawn = ElementTree.fromstring(lines("t", {"a": [1, 2, None, 3, 1]}, across="frames"))
    runs = [line.get("points").split() for line in drawn.iter("polyline")]
    assert [len(run) for run in runs] == [2, 2]
