import re
from html.parser import HTMLParser

import numpy as np
import pytest
from jinja2 import UndefinedError

from rimlight.reporting.pages import file_href, jpeg_uri, render_page

HOSTILE = "</script><img src=x onerror=alert(1)>\"'&{{ 7 * 7 }}"
BODY = """{% extends "layout.html" %}{% from "macros.html" import figure, table, thumbnail %}
{% block content %}{{ table([name], [[name, 1]], best=[(0, 1)]) }}{{ figure(image, name) }}
{{ thumbnail("") }}<p title="{{ name }}">{{ name }}</p>
<script id="data" type="application/json">{{ {"name": name, "nan": nan}|tojson }}</script>
{% endblock %}"""


class Reader(HTMLParser):
    """Checks that tags close in order; collects texts and what the page would load."""

    VOID = frozenset({"meta", "img", "br"})

    def __init__(self):
        super().__init__()
        self.open, self.loads, self.text, self.tags = [], [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag not in self.VOID:
            self.open.append(tag)
        self.loads += [value for name, value in attrs if name in {"src", "href"}]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


@pytest.fixture
def page(tmp_path):
    (tmp_path / "page.html").write_text(BODY)
    image = jpeg_uri(np.full((4, 6, 3), 120, np.uint8))
    values = {"name": HOSTILE, "image": image, "nan": float("nan")}
    return render_page(tmp_path / "page.html", title=HOSTILE, **values)


def test_a_hostile_name_is_a_text_wherever_it_stands(page):
    reader = Reader()
    reader.feed(page)
    assert reader.open == [] and reader.tags.count("img") == 1
    assert reader.text.count(HOSTILE) == 6  # title, heading, two cells, caption, paragraph


def test_a_page_loads_nothing_but_what_it_holds(page):
    reader = Reader()
    reader.feed(page)
    assert reader.loads and all(load.startswith("data:image/jpeg;base64,") for load in reader.loads)


def test_data_cannot_end_its_script_and_holds_no_nan(page):
    data = re.search(r'application/json">(.*?)</script>', page)[1]
    assert data.startswith('{"name": "\\u003c/script') and data.endswith('"nan": null}')


def test_the_colors_are_for_light_and_dark(page):
    assert "color-scheme: light dark" in page and "prefers-color-scheme: dark" in page


def test_a_page_without_one_of_its_values_is_an_error(tmp_path):
    (tmp_path / "page.html").write_text(BODY)
    with pytest.raises(UndefinedError, match="name"):
        render_page(tmp_path / "page.html", title="t")


@pytest.mark.parametrize(
    ("path", "href"),
    [
        ("a b.mp4", "./a%20b.mp4"),
        ("javascript:x.mp4", "./javascript%3Ax.mp4"),
        ("../up.mp4", "../up.mp4"),
        ("/root.mp4", "/root.mp4"),
        ("s3://bucket/a b.mp4", "s3://bucket/a%20b.mp4"),
        ("caf\udce9.mp4", "./caf%E9.mp4"),
    ],
)
def test_a_link_leads_to_a_file_whatever_its_name(path, href):
    assert file_href(path) == href
