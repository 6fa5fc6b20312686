"""Runs that are described wrongly are refused in one line, whatever the shape of the mistake."""

import pytest

from rimlight.core.errors import ConfigError
from rimlight.factory.presets import background_effects, build_config
from rimlight.factory.validation import validate_config
from rimlight.sources import guess_source

WHITE = ({"kind": "replace", "background": "white"},)


def describe(*settings, config=None):
    return build_config(
        "process",
        source="a.mp4",
        sinks=["o.mp4"],
        effects=WHITE,
        settings=settings,
        config=config,
        source_options={"stride": 2},
        options={"video": {"crf": 20}},
        extra_outputs={"m.mp4": WHITE},
        refiners=[{"kind": "clean"}],
    )


@pytest.mark.parametrize(
    "setting",
    [
        "sinks.0=3",
        "sinks=3",
        "sinks=[3]",
        "effects=[3]",
        "effects=null",
        "effects={kind: blur}",
        "refiners=x",
        "refiners=[[]]",
        "source=3",
        "source=[a]",
        "segmenter=3",
        "pipeline=[]",
        "pipeline.queue_size=" + "[" * 3000,
        "pipeline.queue_size=" + "9" * 5000,
        "look_ahead={}",
        "sinks.0.kind=[]",
        "sinks.0.effects=3",
        "source.kind=",
        "a.b.c=1",
        "..=1",
    ],
)
def test_a_part_of_a_wrong_shape_is_refused_in_one_short_line(setting):
    with pytest.raises(ConfigError) as caught:
        describe(setting)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400


@pytest.mark.parametrize(
    "text",
    [
        "refiners: 3",
        "source: &a {kind: video, path: *a}",
        "segmenter: " + "[" * 3000,
        "when: 2024-13-01",
        "pipeline: [1]",
        "\x00",
    ],
)
def test_a_config_of_a_wrong_shape_is_refused_in_one_line(tmp_path, text):
    path = tmp_path / "run.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        describe(config=path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("word", ["none", "None", "transparent", "Transparent"])
def test_a_transparent_background_is_asked_for_in_either_word(word):
    effects = background_effects(background=word, blur=None)
    assert [effect["kind"] for effect in effects] == ["cutout"]


@pytest.mark.parametrize(
    "source", ["folder", "folder/*.png", "images:folder", "watch-folder:folder"]
)
def test_several_pictures_go_to_a_folder_without_its_slash(source, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    run = build_config("process", source=source, sinks=["shop"], effects=WHITE)
    assert run.sinks[0].kind == "images" and run.sinks[0].given["path"] == "shop/"


def test_one_name_without_an_ending_is_asked_back():
    with pytest.raises(ConfigError) as caught:
        build_config("process", source="a.mp4", sinks=["shop"], effects=WHITE)
    assert "shop.mp4" in caught.value.hint and "shop/" in caught.value.hint


def test_a_path_of_windows_is_named_as_one():
    with pytest.raises(ConfigError, match="path of Windows"):
        build_config("process", source="a.mp4", sinks=["D:\\out.mp4"], effects=WHITE)


@pytest.mark.parametrize(
    "setting",
    ["source.start_s=1e400", "source.end_s=9999999999999", "sinks.0.segment_s=" + "9" * 5000],
)
def test_a_moment_beyond_every_film_is_refused(setting):
    with pytest.raises(ConfigError):
        validate_config(describe(setting))


def test_a_number_of_thousands_of_digits_is_no_camera():
    assert guess_source("9" * 5000)["kind"] == "video" and guess_source("2") == {
        "kind": "camera",
        "device": 2,
    }
