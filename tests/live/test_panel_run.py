"""The panel on a real run: buttons change what goes out, and the room is never seen."""

import threading

import cv2
import numpy as np
import pytest
from web.http_client import Browser

from rimlight.core.config import parse_run
from rimlight.factory.pipeline import open_pipeline
from rimlight.live.session import LiveOptions, LiveSession

GREEN, RED = [0, 255, 0], [0, 0, 255]


@pytest.fixture
def use_panel(tmp_path):
    """Run until `visit(browser, run)` returns on another thread; return what it returns."""

    def use(visit, **more):
        data = {
            "source": {"kind": "test-pattern", "size": "64x48"},
            "segmenter": {"kind": "threshold"},
            "effects": [{"kind": "replace", "background": "#00ff00"}],
            "sinks": [{"kind": "panel", "port": 0, "backgrounds": str(tmp_path)}],
            "pipeline": {"fallback": "last"},
        }
        config = parse_run(data | more, where="test")
        session = LiveSession(LiveOptions(tmp_path / "ctl.sock"), notify=lambda _: None)
        results = []
        with open_pipeline(
            config,
            on_frame_tick=session.on_frame_tick,
            on_control_tick=session.on_control_tick,
        ) as run:
            browser = Browser(run.sinks[0].port, run.sinks[0].url.rpartition("/")[2])

            def visit_and_stop():
                try:
                    results.append(visit(browser, run))
                finally:
                    run.pipeline.stop()

            with session.attach(run, config):
                thread = threading.Thread(target=visit_and_stop)
                thread.start()
                run.pipeline.run()
                thread.join()
        return results[0]

    return use


def look(browser, is_wanted):
    """Look at pictures until one is as wanted; return its number and pixels."""
    number = 0
    for _ in range(150):
        answer = browser.ask(f"/picture?after={number}")
        number = int(answer.headers["X-Number"])
        picture = cv2.imdecode(np.frombuffer(answer.body, np.uint8), cv2.IMREAD_COLOR)
        if is_wanted(picture):
            return number, picture
    raise AssertionError("not in 10 s")


def is_color(picture, color):
    return np.abs(picture[:4, :4].astype(int) - color).max() < 30


def test_a_color_of_the_page_is_behind_the_person_in_the_next_pictures(use_panel):
    def visit(browser, _):
        look(browser, lambda picture: is_color(picture, GREEN))
        said = browser.command("background", "#ff0000").json
        look(browser, lambda picture: is_color(picture, RED))
        return said

    assert use_panel(visit) == {"ok": True, "text": "background #ff0000"}


def test_panic_covers_the_picture_of_the_page_too(use_panel):
    def visit(browser, run):
        _, before = look(browser, lambda picture: is_color(picture, GREEN))
        assert browser.command("panic", "on").json["text"] == "covered"
        look(browser, lambda picture: np.abs(picture.astype(int) - GREEN).max() < 60)
        return before, run.pipeline.is_blanked, browser.ask("/status").json["status"]["panic"]

    before, is_blanked, is_said = use_panel(visit)
    assert np.abs(before.astype(int) - GREEN).max() > 60  # the figure was there
    assert is_blanked and is_said


def test_quality_and_the_limit_of_cpu_use_change_while_it_runs(use_panel):
    def visit(browser, _):
        answers = [
            browser.command(*words).json["text"]
            for words in (("quality", "balanced"), ("max-cpu", "60%"), ("quality", "fast"))
        ]
        status = browser.ask("/status").json["status"]
        off = browser.command("max-cpu", "off").json["text"]
        return answers, status["quality"], status["max_cpu"], off

    answers, quality, limit, off = use_panel(visit)
    assert answers == ["quality balanced", "at most 60% of one core", "quality fast"]
    assert (quality, limit, off) == ("fast", 0.6, "no limit of CPU use")


@pytest.mark.parametrize(
    "words",
    [
        ("blur", "0.1"),
        ("quality", "superb"),
        ("max-cpu", "lots"),
        ("model", "nosuch"),
        ("panic", "?"),
    ],
    ids=" ".join,
)
def test_what_the_run_refuses_comes_back_as_a_sentence_and_changes_nothing(use_panel, words):
    def visit(browser, _):
        before = browser.ask("/status").json["status"]
        answer = browser.command(*words).json
        after = browser.ask("/status").json["status"]
        keys = ("effects", "blur_px", "quality", "model", "max_cpu", "panic")
        return answer, [(before[key], after[key]) for key in keys]

    answer, states = use_panel(visit)
    assert answer["ok"] is False and answer["text"]
    assert all(before == after for before, after in states)


def test_the_page_lists_profiles_and_applies_one(use_panel, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    folder = tmp_path / "rimlight" / "profiles"
    folder.mkdir(parents=True)
    (folder / "red.yaml").write_text("effects: [{kind: replace, background: '#ff0000'}]")

    def visit(browser, _):
        choices = browser.ask("/choices").json
        browser.command("profile", "red")
        look(browser, lambda picture: is_color(picture, RED))
        return choices

    choices = use_panel(visit)
    assert choices["profiles"] == ["red"]
    assert choices["qualities"] == ["fast", "balanced", "best"]
    assert "selfie-landscape" in choices["models"]


def test_a_picture_of_the_gallery_is_marked_while_it_is_behind_the_person(use_panel, tmp_path):
    cv2.imwrite(str(tmp_path / "red.png"), np.full((48, 64, 3), RED, np.uint8))

    def visit(browser, _):
        items = {each["name"]: each["id"] for each in browser.ask("/choices").json["backgrounds"]}
        browser.command("background", f"id:{items['red']}")
        look(browser, lambda picture: is_color(picture, RED))
        return items["red"], browser.ask("/status").json["status"]

    wanted, status = use_panel(visit)
    assert status["background_id"] == wanted
    assert status["background"] == "red.png"  # no folder: the page names no files
