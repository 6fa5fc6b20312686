"""A batch never lies on an input, on somebody's file, or outside the folder that was named."""

import os

import pytest

from rimlight.batch.manifest import FinishedResults, Manifest, check_manifest, check_outputs
from rimlight.batch.plan import Task, make_plan
from rimlight.core.errors import SinkError
from rimlight.reporting.pages import file_href
from rimlight.sinks.result_record import record_result


def fill(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"{name} of somebody")


def check(inputs, out, *, overwrite=False, still=None):
    tasks = make_plan([str(one) for one in inputs], str(out), suffix=".mp4", still=still)
    check_outputs(
        tasks, tasks, Manifest(out), FinishedResults(out), still=still, overwrite=overwrite
    )
    return tasks


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_result_never_lies_on_an_input(tmp_path, overwrite):
    fill(tmp_path, "v.mov", "v.mp4")
    with pytest.raises(SinkError, match=r"would replace the input .*v\.mp4"):
        check([tmp_path / "v.mov", tmp_path / "v.mp4"], tmp_path, overwrite=overwrite)


def test_a_file_that_no_run_made_is_refused_for_the_whole_batch(tmp_path):
    fill(tmp_path, "v.mov", "w.mov", "out/v.mp4")
    with pytest.raises(SinkError, match="no earlier run made it") as caught:
        check([tmp_path / "w.mov", tmp_path / "v.mov"], tmp_path / "out")
    assert "overwrite=true" in caught.value.hint
    check([tmp_path / "w.mov", tmp_path / "v.mov"], tmp_path / "out", overwrite=True)


@pytest.mark.parametrize("still", [None, ".png"])
def test_pictures_of_a_folder_are_checked_by_their_results_names(tmp_path, still):
    fill(tmp_path, "in/a.png", "out/a.png")
    with pytest.raises(SinkError, match=r"out/a\.png"):
        check([tmp_path / "in"], tmp_path / "out", still=still)


def test_a_link_at_the_place_of_a_result_counts(tmp_path):
    fill(tmp_path, "v.mov", "precious.mp4", "out/other.txt")
    (tmp_path / "out" / "v.mp4").symlink_to(tmp_path / "precious.mp4")
    with pytest.raises(SinkError, match=r"out/v\.mp4"):
        check([tmp_path / "v.mov"], tmp_path / "out")


def test_what_a_worker_finished_may_be_made_again_until_somebody_changes_it(tmp_path):
    fill(tmp_path, "v.mov", "out/v.mp4")
    made = tmp_path / "out" / "v.mp4"
    record_result(FinishedResults(tmp_path / "out").path, made, made)
    check([tmp_path / "v.mov"], tmp_path / "out")
    made.write_text("changed by somebody")
    with pytest.raises(SinkError):
        check([tmp_path / "v.mov"], tmp_path / "out")


def test_a_manifest_of_somebody_else_is_refused(tmp_path):
    (tmp_path / "manifest.jsonl").write_text('{"mine": 1}\n')
    with pytest.raises(SinkError, match="not a manifest of rimlight"):
        check_manifest(Manifest(tmp_path))


@pytest.mark.parametrize("key", ["//abs/x/a.mp4", "/../../up/a.mp4", "/./a.mp4", "/b//a.mp4"])
def test_no_key_of_a_bucket_leads_out_of_the_results(tmp_path, key):
    fsspec = pytest.importorskip("fsspec")
    store = fsspec.filesystem("memory")
    store.store[f"/talks/2026{key}"] = fsspec.implementations.memory.MemoryFile(
        store, f"/talks/2026{key}", b"film"
    )
    try:
        tasks = make_plan(["memory://talks/2026"], str(tmp_path), suffix=".mp4")
        assert all(
            os.path.normpath(task.target).startswith(f"{tmp_path}{os.sep}") for task in tasks
        )
    finally:
        store.store.clear()


def test_a_name_that_looks_like_a_protocol_is_a_name():
    assert file_href("javascript:alert(1).mp4").startswith("./")
    assert Task("a", "b", "video").target == "b"
