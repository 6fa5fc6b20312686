import json
from html.parser import HTMLParser

import numpy as np
import pytest

from rimlight.core.errors import SinkError
from rimlight.lab.evaluation.report import find_best, to_html, write_html, write_json
from rimlight.lab.evaluation.results import METRICS, Evaluation, Result, Score, WorstExample

IOU = next(m for m in METRICS if m.key == "iou")


def result(setup, iou, **more):
    scores = (Score("a", {"iou": iou, "flicker": None}), Score("b", {"iou": iou / 2}))
    return Result(setup, "set", {"iou": iou, "lag_ms": None}, {"segment": 2.0}, scores, **more)


@pytest.fixture
def evaluation():
    strip = np.full((20, 60, 3), 120, np.uint8)
    classes = {
        "classes": ("road", "car"),
        "class_ious": (0.5, None),
        "confusion": ((3, 1, 0), (0, 0, 0)),
    }
    good = result("<good> & new", 0.9)
    poor = result("poor", 0.4, worst=(WorstExample("b", 0.2, strip),), **classes)
    return Evaluation((good, poor), {"threshold": 0.5})


class Reader(HTMLParser):
    """Checks that tags close in order, and collects what the page would load."""

    VOID = frozenset({"meta", "img", "br"})

    def __init__(self):
        super().__init__()
        self.open, self.loads, self.text = [], [], []

    def handle_starttag(self, tag, attrs):
        if tag not in self.VOID:
            self.open.append(tag)
        self.loads += [value for name, value in attrs if name in {"src", "href"}]

    def handle_startendtag(self, tag, attrs): ...

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def test_the_page_is_whole_and_loads_nothing(evaluation):
    page = Reader()
    page.feed(to_html(evaluation))
    assert page.open == []
    assert page.loads and all(load.startswith("data:image/jpeg;base64,") for load in page.loads)


def test_names_are_shown_as_they_are(evaluation):
    page = Reader()
    page.feed(to_html(evaluation))
    assert "<good> & new" in page.text


def test_the_page_has_colors_for_light_and_dark(evaluation):
    page = to_html(evaluation)
    assert "color-scheme: light dark" in page and "prefers-color-scheme: dark" in page


def test_the_best_value_depends_on_the_measure(evaluation):
    assert find_best(IOU, evaluation.results) == 0.9
    error = next(m for m in METRICS if m.key == "alpha_error")
    pair = [Result(n, "set", {"alpha_error": v}, {}, ()) for n, v in (("a", 0.2), ("b", 0.1))]
    assert find_best(error, pair) == 0.1
    assert find_best(IOU, evaluation.results[:1]) is None


def test_only_measures_with_a_value_are_shown(evaluation):
    assert [measure.key for measure in evaluation.measured] == ["iou"]


def test_json_holds_every_figure(evaluation, tmp_path):
    write_json(evaluation, tmp_path / "out.json")
    data = json.loads((tmp_path / "out.json").read_text())
    good, poor = data["results"]
    assert data["conditions"] == {"threshold": 0.5}
    assert good["figures"] == {"iou": 0.9, "lag_ms": None}
    assert good["scores"][1] == {"name": "b", "iou": 0.45}
    assert poor["class_iou"] == {"road": 0.5, "car": None}
    assert poor["confusion"] == [[3, 1, 0], [0, 0, 0]]


def test_a_report_that_cannot_be_written_says_where(evaluation, tmp_path):
    with pytest.raises(SinkError, match=r"no/out.html"):
        write_html(evaluation, tmp_path / "no" / "out.html")
