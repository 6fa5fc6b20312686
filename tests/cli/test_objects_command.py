"""`rimlight objects` over the real command line; its pictures are those of test_from_pixellib."""

import yaml


def planned(rimlight, *args):
    done = rimlight("objects", *args, "--model", "selfie", "--dry-run")
    assert done.returncode == 0, done.stderr
    return yaml.safe_load(done.stdout)


def test_a_config_that_names_the_output_is_drawn_there(rimlight, clip, tmp_path):
    (tmp_path / "mine.yaml").write_text("sinks: [{kind: video, path: drawn.mp4}]")
    plan = planned(rimlight, clip, "--config", "mine.yaml", "--json", "found.jsonl")
    assert [part["kind"] for part in plan["effects"]] == ["boxes"]
    assert plan["sinks"] == [{"kind": "video", "path": "drawn.mp4"}]


def test_nothing_is_drawn_where_objects_are_only_listed(rimlight, clip):
    plan = planned(rimlight, clip, "--json", "found.jsonl")
    assert "effects" not in plan and plan["sinks"] == [{"kind": "null"}]


def test_objects_of_a_video_are_numbered_before_they_are_chosen(rimlight, clip):
    plan = planned(rimlight, clip, "--keep", "person", "-o", "out.mp4")
    assert [part["kind"] for part in plan["refiners"]] == ["track", "select"]


def test_a_list_in_a_folder_that_is_not_there_is_refused(refused, clip):
    args = ("objects", clip, "--model", "selfie", "--json", "none/found.jsonl")
    refused(*args, code=5, says="no folder", hint="mkdir")


def test_a_run_with_nothing_to_make_is_refused(refused, clip):
    refused("objects", clip, "--model", "selfie", code=2, says="no sink", hint="-o")
