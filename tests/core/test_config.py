import pytest

from rimlight.core.config import apply_settings, merge, parse_run, parse_spec, read_yaml
from rimlight.core.errors import ConfigError

RUN = {
    "source": {"kind": "video", "path": "a.mp4"},
    "segmenter": {"kind": "model", "model": "selfie"},
    "sinks": [{"kind": "null"}],
}


def test_settings_reach_into_mappings_and_lists():
    data = apply_settings(
        RUN, ["segmenter.threads=2", "sinks.0.kind=window", "pipeline.queue_size=1"]
    )
    assert data["segmenter"] == {"kind": "model", "model": "selfie", "threads": 2}
    assert data["sinks"][0]["kind"] == "window"
    assert parse_run(data, where="test").pipeline.queue_size == 1
    assert RUN["sinks"][0]["kind"] == "null"


def test_another_kind_starts_without_the_options_of_the_old_one():
    data = {"segmenter": {"kind": "model", "model": "auto", "threads": 2}}
    chosen = ["segmenter.color=green", "segmenter.kind=chroma"]
    assert apply_settings(data, chosen) == {"segmenter": {"kind": "chroma", "color": "green"}}
    assert apply_settings(data, ["segmenter.kind=model"]) == data


@pytest.mark.parametrize("setting", ["threads", "=2", "sinks.3.kind=x", "source.path.x=1"])
def test_a_wrong_setting_is_named(setting):
    with pytest.raises(ConfigError, match="--set"):
        apply_settings(RUN, [setting])


def test_a_part_of_another_kind_starts_anew():
    merged = merge(RUN, {"source": {"kind": "camera", "device": 1}})
    assert merged["source"] == {"kind": "camera", "device": 1}


def test_a_part_whose_kind_comes_later_keeps_its_options():
    merged = merge({"source": {"stride": 5}}, {"source": {"kind": "video", "path": "a.mp4"}})
    assert merged["source"] == {"stride": 5, "kind": "video", "path": "a.mp4"}


def test_a_part_of_the_same_kind_keeps_its_other_options():
    merged = merge(RUN, {"segmenter": {"threads": 2}})
    assert merged["segmenter"] == {"kind": "model", "model": "selfie", "threads": 2}


def test_an_unknown_key_suggests_the_known_one():
    with pytest.raises(ConfigError) as caught:
        parse_run(RUN | {"pipeline": {"queue_sise": 3}}, where="run.yaml")
    assert str(caught.value) == "run.yaml: pipeline.queue_sise: unknown key"
    assert "did you mean 'queue_size'?" in caught.value.hint


def test_a_wrong_type_shows_what_came():
    with pytest.raises(ConfigError, match=r"pipeline.queue_size: .*integer.*got 'many'"):
        parse_run(RUN | {"pipeline": {"queue_size": "many"}}, where="run.yaml")


def test_a_run_without_sinks_is_refused():
    with pytest.raises(ConfigError, match="sinks"):
        parse_run(RUN | {"sinks": []}, where="run.yaml")


def test_files_that_are_no_mapping_are_refused(tmp_path):
    for name, text, message in (
        ("list.yaml", "- 1\n", "must hold"),
        ("bad.yaml", "a: [1\n", "not valid YAML"),
    ):
        path = tmp_path / name
        path.write_text(text)
        with pytest.raises(ConfigError, match=message):
            read_yaml(path)
    with pytest.raises(ConfigError, match="cannot read"):
        read_yaml(tmp_path / "none.yaml")


def test_a_spec_names_a_kind_only_when_it_is_one():
    kinds = ("video", "window")
    assert parse_spec("video:C:/out.mp4", kinds) == ("video", "C:/out.mp4")
    assert parse_spec("window", kinds) == ("window", None)
    assert parse_spec("rtsp://host/x", kinds) == ("", "rtsp://host/x")
