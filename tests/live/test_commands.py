"""Controls on a real run: the pattern source, a threshold as its model, effects as users have."""

import cv2
import numpy as np
import pytest

from rimlight.core.config import parse_run
from rimlight.core.errors import ConfigError, ModelNotFoundError
from rimlight.factory.pipeline import open_pipeline
from rimlight.live.commands import LiveCommands
from rimlight.live.session import execute
from rimlight.segmenters.roi import RoiSegmenter
from rimlight.segmenters.tflite import TfliteSegmenter

DONE = 40
EVERY_FRAME = {"fallback": "last", "overflow": "block", "mask_sync": "exact"}


def config(**more):
    data = {
        "source": {"kind": "test-pattern", "size": "64x48", "count": DONE, "rate": 1000},
        "segmenter": {"kind": "threshold"},
        "effects": [{"kind": "replace", "background": "#00ff00"}],
        "sinks": [{"kind": "null"}],
        "pipeline": EVERY_FRAME,
    }
    return parse_run(data | more, where="test")


@pytest.fixture
def play():
    """Run; do `action(controls)` after frame 10; return (answer, the frames that were shown)."""

    def play(action, **more):
        shown, answers = [], []

        def on_frame(frame):
            shown.append(frame.bgr.copy())
            if len(shown) == 10:
                answers.append(action(controls))

        run_config = config(**more)
        with open_pipeline(run_config, on_frame=on_frame) as run:
            controls = LiveCommands(run, run_config)
            run.pipeline.run()
            controls.close()
        return answers[0], shown

    return play


def corner(picture):
    return tuple(int(v) for v in picture[0, 0])


def is_near(color, other):
    return max(abs(a - b) for a, b in zip(color, other, strict=True)) < 16


def test_another_background_from_the_next_frame_on(play, tmp_path):
    path = tmp_path / "red.png"
    cv2.imwrite(str(path), np.full((48, 64, 3), (0, 0, 255), np.uint8))
    text, shown = play(lambda controls: controls.execute(["background", str(path)]))
    assert text == f"background {path}"
    assert is_near(corner(shown[9]), (0, 255, 0))
    assert all(is_near(corner(picture), (0, 0, 255)) for picture in shown[10:])


def test_a_background_that_cannot_be_read_changes_nothing(play):
    def fail(controls):
        with pytest.raises(ConfigError, match="no background"):
            controls.execute(["background", "/no/such.jpg"])

    _, shown = play(fail)
    assert all(is_near(corner(picture), (0, 255, 0)) for picture in shown)
    assert len(shown) == DONE


def test_the_next_background_passes_over_what_cannot_be_read_and_says_so(play, tmp_path):
    for name, color in (("a.png", (0, 255, 0)), ("c.png", (0, 0, 255))):
        cv2.imwrite(str(tmp_path / name), np.full((48, 64, 3), color, np.uint8))
    (tmp_path / "b.png").write_bytes((tmp_path / "a.png").read_bytes()[:60])
    effects = [{"kind": "replace", "background": str(tmp_path / "a.png")}]
    text, shown = play(lambda controls: controls.execute(["next"]), effects=effects)
    assert text.startswith(f"background {tmp_path}/c.png; ") and "b.png cannot be read" in text
    assert is_near(corner(shown[-1]), (0, 0, 255))


def test_panic_covers_the_next_frame_and_status_says_so(play):
    def panic(controls):
        controls.execute(["panic"])
        return controls.get_status()

    status, shown = play(panic)
    assert status.panic
    assert all(is_near(shown[10].reshape(-1, 3)[i], (0, 255, 0)) for i in (0, 1500, 3000))
    assert (shown[11] == shown[-1]).all()


def test_the_status_tells_how_late_the_picture_is_and_what_was_left_out(play):
    status, _ = play(lambda controls: controls.get_status())
    assert status.delay_ms == pytest.approx(status.stages["latency"], abs=0.1)
    assert status.dropped == {}


def test_words_after_status_are_ignored(play):
    told, _ = play(lambda controls: execute(controls, ("status", "now")))
    assert told["ok"] and told["status"]["panic"] is False


def test_a_model_that_is_not_there_changes_nothing(play):
    def fail(controls):
        with pytest.raises(ModelNotFoundError):
            controls.execute(["model", "nosuch"])
        return controls.get_status().model

    name, shown = play(fail)
    assert name == "threshold"
    assert len(shown) == DONE


def test_a_profile_changes_effects_and_model_together(play, tmp_path):
    path = tmp_path / "meeting.yaml"
    path.write_text("effects: [{kind: replace, background: white}]\nsegmenter: {kind: threshold}\n")
    text, shown = play(lambda controls: controls.execute(["profile", str(path)]))
    assert text == f"profile {path}"
    assert is_near(corner(shown[-1]), (255, 255, 255))


def test_a_profile_that_would_show_the_room_is_refused(play, tmp_path):
    path = tmp_path / "bare.yaml"
    path.write_text("effects: [{kind: hud}]\n")

    def fail(controls):
        with pytest.raises(ConfigError, match="covers"):
            controls.execute(["profile", str(path)])

    _, shown = play(fail)
    assert all(is_near(corner(picture), (0, 255, 0)) for picture in shown)


@pytest.mark.parametrize("effects", ["{kind: hud}", "{kind: replace, background: /no/such.jpg}"])
def test_a_profile_that_cannot_be_worn_leaves_the_model_too(play, tmp_path, effects):
    path = tmp_path / "half.yaml"
    path.write_text(f"effects: [{effects}]\nsegmenter: {{kind: model, model: selfie}}\n")

    def fail(controls):
        with pytest.raises(ConfigError):
            controls.execute(["profile", str(path)])
        return controls.get_status().model

    name, _ = play(fail)
    assert name == "threshold"


def test_transparency_that_no_output_of_the_run_was_opened_for_is_refused(play, tmp_path):
    path = tmp_path / "cut.yaml"
    path.write_text("effects: [{kind: cutout}]\n")

    def fail(controls):
        for words in (["effect", "cutout"], ["profile", str(path)]):
            with pytest.raises(ConfigError, match="transparency"):
                controls.execute(words)

    _, shown = play(fail, sinks=[{"kind": "video", "path": str(tmp_path / "rec.mkv")}])
    assert len(shown) == DONE
    assert all(is_near(corner(picture), (0, 255, 0)) for picture in shown)


def test_a_run_that_began_transparent_can_be_so_again(play, tmp_path):
    def turn(controls):
        controls.execute(["background", "white"])
        return controls.execute(["effect", "cutout"])

    cutout = [{"kind": "cutout"}]
    text, shown = play(turn, effects=cutout, sinks=[{"kind": "null"}])
    assert text == "cutout on"
    assert len(shown) == DONE


def test_a_profile_whose_model_is_not_there_leaves_the_effects(play, tmp_path):
    path = tmp_path / "half.yaml"
    path.write_text("effects: [{kind: blur}]\nsegmenter: {kind: model, model: nosuch}\n")

    def fail(controls):
        with pytest.raises(ModelNotFoundError):
            controls.execute(["profile", str(path)])
        return controls.get_status().effects

    assert play(fail)[0] == ["replace"]


def test_the_mirror_keeps_the_background_that_is_open(play):
    def mirror(controls):
        before = controls._open_effects[0]
        controls.execute(["mirror"])
        return controls._open_effects[0] is before, controls.get_status().effects

    (same, effects), _ = play(mirror)
    assert same
    assert effects == ["replace", "flip"]


def test_stop_ends_the_run(play):
    def stop(controls):
        return controls.execute(["stop"])

    endless = {"kind": "test-pattern", "size": "64x48"}
    text, shown = play(stop, source=endless)
    assert text == "stopping"
    assert len(shown) < 30


@pytest.mark.parametrize(
    "words", [[], ["explode"], ["blur"], ["blur", "x"], ["panic", "maybe"], ["panic", "on", "off"]]
)
def test_what_makes_no_sense_is_refused(play, words):
    def fail(controls):
        with pytest.raises(ConfigError):
            controls.execute(words)

    _, shown = play(fail)
    assert len(shown) == DONE


def test_a_run_that_shows_the_room_has_to_be_asked_for():
    bare = [{"kind": "hud"}]
    with (
        pytest.raises(ConfigError, match="room would be seen"),
        open_pipeline(config(effects=bare)),
    ):
        pass
    asked = {**EVERY_FRAME, "allow_passthrough": True}
    with open_pipeline(config(effects=bare, pipeline=asked)) as run:
        assert run.pipeline.run().frames == DONE


def test_no_sink_of_a_live_run_shows_the_room_beside_the_others():
    bare = {"kind": "null", "effects": [{"kind": "hud"}]}
    with (
        pytest.raises(ConfigError, match="show the same"),
        open_pipeline(config(sinks=[{"kind": "null"}, bare])),
    ):
        pass


def test_the_governor_leaves_out_no_refiner_that_says_who_is_seen():
    refiners = [{"kind": "smooth"}, {"kind": "select", "exclude": ["cat"]}]
    run_config = config(refiners=refiners)
    with open_pipeline(run_config) as run:
        controls = LiveCommands(run, run_config)
        chooser, _ = run.pipeline.components.refiners
        step(controls, "refinement").degrade()
        assert list(run.pipeline.components.refiners) == [chooser]


def step(controls, name):
    governor = controls.make_governor(0.1, None)
    return next(step for step in governor._steps if step.name == name)


CLOSE_UP = {"kind": "model", "roi": "track"}


def test_the_lighter_model_does_not_look_closer():
    run_config = config(segmenter=CLOSE_UP)
    with open_pipeline(run_config) as run:
        controls = LiveCommands(run, run_config)
        lighter = step(controls, "the larger model")
        assert lighter.can_degrade()
        lighter.degrade()
        run.pipeline.run()
        assert isinstance(run.pipeline.components._segmenter, TfliteSegmenter)
        lighter.restore()
        assert isinstance(run.pipeline.components._pending, RoiSegmenter)
        controls.close()


@pytest.mark.parametrize(
    "more",
    [
        {"segmenter": {"kind": "threshold"}},
        {"segmenter": {"kind": "model", "model": "selfie-landscape"}},
        {"segmenter": CLOSE_UP, "effects": [{"kind": "blur", "keep": ["dog"]}]},
        {"segmenter": CLOSE_UP, "refiners": [{"kind": "select", "exclude": ["cat"]}]},
    ],
)
def test_no_lighter_model_stands_in_where_it_would_show_less(more):
    run_config = config(**more)
    with open_pipeline(run_config) as run:
        assert not step(LiveCommands(run, run_config), "the larger model").can_degrade()


def test_keep_and_all_change_what_stays_while_the_run_goes_on(play):
    def keep(controls):
        with pytest.raises(ConfigError, match="no class 'dog'"):
            controls.execute(["keep", "dog"])
        return controls.execute(["exclude", "person"])

    text, shown = play(keep)
    assert text == "exclude person"
    assert not all(is_near(pixel, (0, 255, 0)) for pixel in shown[5].reshape(-1, 3).tolist())
    assert all(is_near(pixel, (0, 255, 0)) for pixel in shown[-1].reshape(-1, 3).tolist())


def test_a_choice_that_an_effect_makes_is_left_to_it(play):
    def keep(controls):
        with pytest.raises(ConfigError, match="selection of its own"):
            controls.execute(["keep", "all"])

    own = [{"kind": "replace", "background": "#00ff00", "keep": ["person"]}]
    assert len(play(keep, effects=own)[1]) == DONE


def test_objects_are_listed_for_models_that_know_them(play):
    text, _ = play(lambda controls: controls.execute(["objects"]))
    assert text == "this model finds no single objects"


def test_a_run_without_a_panel_says_how_to_get_one(play):
    def ask(controls):
        with pytest.raises(ConfigError, match="no panel") as caught:
            controls.execute(["panel"])
        return caught.value.hint

    hint, _ = play(ask)
    assert "rimlight live --panel" in hint


def test_a_run_without_a_camera_has_none_to_change(play):
    def change(controls):
        with pytest.raises(ConfigError, match="no camera"):
            controls.execute(["camera", "/dev/video0"])
        return controls.get_status().camera

    name, shown = play(change)
    assert name == "" and len(shown) == DONE
