"""The last set-up is remembered as it was changed, and only if it may be started again."""

import pytest

from rimlight.core.config import parse_run
from rimlight.core.errors import ConfigError
from rimlight.factory.pipeline import open_pipeline
from rimlight.live.commands import LiveCommands
from rimlight.live.last_setup import get_setup_path, load_setup, save_setup
from rimlight.live.session import LiveOptions


@pytest.fixture(autouse=True)
def state(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def make_config(**more):
    data = {
        "source": {"kind": "test-pattern", "size": "64x48"},
        "segmenter": {"kind": "threshold"},
        "refiners": [{"kind": "smooth"}],
        "effects": [{"kind": "blur", "radius_px": 20}],
        "sinks": [{"kind": "null"}],
        "pipeline": {"fallback": "last"},
    }
    return parse_run(data | more, where="test")


def test_nothing_is_remembered_before_the_first_run():
    assert load_setup() is None


def test_a_run_is_remembered_with_its_limits_and_its_folder(state):
    save_setup(make_config(), LiveOptions(on_demand=True, max_cpu=0.4, min_fps=25))
    setup = load_setup()
    assert setup.config == make_config()
    assert setup.options == LiveOptions(None, True, 0.4, 25)
    assert setup.folder == state


def test_a_recording_that_one_run_may_replace_is_not_replaced_by_the_next(state):
    record = {"kind": "video", "path": "rec.mkv"}
    save_setup(make_config(sinks=[record | {"overwrite": True}]), LiveOptions())
    assert load_setup().config == make_config(sinks=[record])


def test_what_was_changed_while_it_ran_is_remembered():
    config = make_config()
    with open_pipeline(config) as run:
        commands = LiveCommands(run, config)
        for words in (["background", "#ff0000"], ["mirror", "on"], ["quality", "balanced"]):
            commands.execute(words)
        save_setup(commands.get_config(), LiveOptions())
        commands.close()
    config = load_setup().config
    assert [effect.kind for effect in config.effects] == ["replace", "flip"]
    assert [refiner.kind for refiner in config.refiners] == ["flow-smooth", "match-sharpness"]


def test_a_run_that_shows_the_room_is_not_remembered():
    save_setup(make_config(), LiveOptions())
    save_setup(
        make_config(effects=[], pipeline={"fallback": "last", "allow_passthrough": True}),
        LiveOptions(),
    )
    assert load_setup().config == make_config()


def test_passwords_are_not_remembered():
    source = {"kind": "video", "path": "rtsp://me:secret@camera.local/stream"}
    save_setup(make_config(source=source), LiveOptions())
    assert load_setup() is None


def test_a_state_folder_that_cannot_be_made_ends_no_run(state, monkeypatch):
    (state / "file").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(state / "file"))
    save_setup(make_config(), LiveOptions())
    assert load_setup() is None


@pytest.mark.parametrize("text", ["run: {", "folder: 3", "folder: x\nrun: {sinks: 3}", "- a"])
def test_a_damaged_file_is_named_with_a_way_out(text):
    get_setup_path().parent.mkdir(parents=True)
    get_setup_path().write_text(text)
    with pytest.raises(ConfigError, match="last set-up cannot be used") as caught:
        load_setup()
    assert str(get_setup_path()) in caught.value.hint
