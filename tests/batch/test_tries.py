"""What is done again, as after a node died, takes what its earlier try published for its own."""

import json
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
import pytest
from clip_maker import write_video
from media_files import decoded

from rimlight.batch import ray_pool, ray_tasks, staging, storage
from rimlight.batch.local_pool import Job
from rimlight.batch.plan import make_plan
from rimlight.batch.run import Batch
from rimlight.batch.staging import Staging
from rimlight.batch.storage import is_url
from rimlight.batch.worker import FrameCounter, capture_errors, run_config
from rimlight.core.config import parse_run
from rimlight.core.errors import SinkError
from rimlight.factory.presets import build_config
from rimlight.sinks.result_record import (
    RecordedResults,
    ResultRecord,
    read_file_stamp,
    record_result,
)

fsspec = pytest.importorskip("fsspec", reason="needs the extra [ray]")

FOREIGN = b"of somebody else"
CHUNK_S = Fraction(2)


@pytest.fixture(autouse=True)
def empty_memory():
    yield
    fsspec.filesystem("memory").store.clear()


@pytest.fixture
def inputs(tmp_path):
    folder = tmp_path / "in"
    (folder / "photos").mkdir(parents=True)
    for name in ("one", "two"):
        cv2.imwrite(str(folder / "photos" / f"{name}.png"), np.full((48, 64, 3), 90, np.uint8))
    cv2.imwrite(str(folder / "still.png"), np.full((48, 64, 3), 90, np.uint8))
    write_video(folder / "clip.mp4", size=(128, 96), codec="libx264", stamps=range(0, 5000, 100))
    return folder


def described(resume="auto"):
    def describe(task):
        kind = "video" if task.kind == "video" else "images"
        video = {"resume": resume, "segment_s": 1, "codec": "ffv1", "threads": 1}
        return build_config(
            "process", source=f"{kind}:{task.source}",
            sinks=[f"{kind}:{task.target}{'/' if task.kind == 'folder' else ''}"],
            segmenter={"kind": "threshold"}, effects=[{"kind": "replace", "background": "white"}],
            options={"video": {key: value for key, value in video.items() if value}},
        )  # fmt: skip

    return describe


class Handed:
    """A pool that keeps the jobs that it is given, and does none."""

    threads = size = processors = 1

    def __init__(self):
        self.jobs = []

    def run(self, jobs):
        self.jobs = jobs
        return (pair for pair in ())


def job_of(source, out, describe=None):
    """Return the job of the one task that `source` is, as a batch hands it out."""
    tasks = make_plan([str(source)], str(out), suffix=".mkv")
    pool = Handed()
    with TemporaryDirectory() as near:
        folder = Path(near if is_url(str(out)) else out)
        assert not list(Batch(folder, describe or described()).run(tasks, pool))
    return pool.jobs[0]


def order_of(source, out, *, chunk_s=100, describe=None):
    job = job_of(source, out, describe)
    return ray_pool.make_remote_job(job.run, threads=1, chunk_s=Fraction(chunk_s))


def target_of(order):
    return order.run["sinks"][0]["path"]


def put_there(place, content=FOREIGN):
    """Have somebody put a file in place of a result."""
    storage.write(place, content)


def shown(place, tmp_path):
    """Return the pictures of the result at `place`."""
    storage.fetch(place, tmp_path / "fetched.mkv")
    return decoded(tmp_path / "fetched.mkv")


WHOLE = {
    "segments": ("clip.mp4", described()),
    "in one go": ("clip.mp4", described(resume=None)),
    "a picture": ("still.png", described()),
}
OUTS = ("{}/out", "memory://out", "file://{}/out")


@pytest.fixture(params=OUTS)
def out(request, tmp_path):
    return request.param.format(tmp_path)


@pytest.mark.parametrize("kind", WHOLE)
def test_a_result_that_was_made_whole_is_made_again(tmp_path, inputs, out, kind):
    name, describe = WHOLE[kind]
    order = order_of(inputs / name, out, describe=describe)
    first = ray_tasks.split_or_run(order, {}).outcome
    expected = shown(target_of(order), tmp_path)
    again = ray_tasks.split_or_run(order, {}).outcome
    assert (first.error, again.error, again.frames) == ("", "", first.frames)
    assert shown(target_of(order), tmp_path) == expected


@pytest.mark.parametrize("kind", WHOLE)
def test_a_file_of_somebody_else_in_its_place_stays(inputs, out, kind):
    name, describe = WHOLE[kind]
    order = order_of(inputs / name, out, describe=describe)
    assert not ray_tasks.split_or_run(order, {}).outcome.error
    put_there(target_of(order))
    assert f"{target_of(order)} exists" in ray_tasks.split_or_run(order, {}).outcome.error
    assert storage.read(target_of(order)) == FOREIGN


def joined(order):
    """Do a long video up to its last step; return that."""
    chunks = ray_tasks.split_or_run(order, {}).chunks
    for chunk in chunks:
        assert not ray_tasks.process_chunk(order, chunk, {}).outcome.error
    assert len(chunks) == 3
    return lambda: ray_tasks.concat_chunks(order, chunks, {}).outcome


def test_a_joined_result_is_joined_again(tmp_path, inputs, out):
    order = order_of(inputs / "clip.mp4", out, chunk_s=2)
    join = joined(order)
    first, expected = join(), shown(target_of(order), tmp_path)
    again = join()
    assert (first.error, again.error, again.frames) == ("", "", first.frames)
    assert shown(target_of(order), tmp_path) == expected


def test_a_file_of_somebody_else_in_place_of_a_joined_result_stays(inputs, out):
    order = order_of(inputs / "clip.mp4", out, chunk_s=2)
    join = joined(order)
    assert not join().error
    put_there(target_of(order))
    assert f"{target_of(order)} exists" in join().error
    assert storage.read(target_of(order)) == FOREIGN


@pytest.fixture(params=["{}/in/photos", "memory://in/photos"])
def photos(request, tmp_path, inputs):
    for path in (inputs / "photos").iterdir():
        storage.store(path, f"memory://in/photos/{path.name}")
    return request.param.format(tmp_path)


def test_a_folder_of_pictures_is_made_again(tmp_path, photos, out):
    order = order_of(photos, out)
    first = ray_tasks.split_or_run(order, {}).outcome
    before = {name: storage.read(storage.join(out, name)) for name in ("one.png", "two.png")}
    again = ray_tasks.split_or_run(order, {}).outcome
    assert (first.error, again.error, again.frames) == ("", "", 2)
    assert all(storage.read(storage.join(out, name)) == data for name, data in before.items())


def test_one_picture_of_somebody_else_in_a_folder_stays(photos, out):
    order = order_of(photos, out)
    assert not ray_tasks.split_or_run(order, {}).outcome.error
    put_there(storage.join(out, "two.png"))
    assert "two.png exists" in ray_tasks.split_or_run(order, {}).outcome.error
    assert storage.read(storage.join(out, "two.png")) == FOREIGN


def test_pictures_by_address_are_listed_by_it_for_later_runs(tmp_path, inputs):
    storage.store(inputs / "still.png", "memory://in/photos/one.png")
    order = order_of("memory://in/photos", tmp_path / "out")
    assert not ray_tasks.split_or_run(order, {}).outcome.error
    assert list(ResultRecord(tmp_path / "out", "memory://in/photos").names) == ["one.png"]


def test_nothing_but_pictures_is_stored_of_a_folder(inputs):
    assert not ray_tasks.split_or_run(order_of(inputs / "photos", "memory://out"), {}).outcome.error
    found = [name for name in storage.list_files("memory://out") if ".chunks/" not in name]
    assert found == ["memory://out/one.png", "memory://out/two.png"]


def test_a_worker_of_this_machine_that_died_after_its_result_was_there_is_no_fault(
    tmp_path, inputs
):
    job = job_of(inputs / "clip.mp4", tmp_path / "out")
    assert [done(job).error for _ in range(2)] == ["", ""]
    put_there(job.run["sinks"][0]["path"])
    assert "exists" in done(job).error


def done(job: Job):
    """Do a job as a worker process of this machine does it."""
    counted = FrameCounter(None, [0])
    return capture_errors(
        lambda: run_config(parse_run(job.run, where="the test"), counted), counted
    )


def test_the_record_of_results_is_the_same_file_wherever_a_worker_stands(
    tmp_path, inputs, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    order = order_of(Path("in/still.png"), "out")
    assert order.run["sinks"][0]["record"] == str(tmp_path / "out" / ".rimlight-finished")


def test_tries_that_died_before_they_gave_the_name_do_not_hide_the_one_that_gave_it(tmp_path):
    record, result, later = (tmp_path / name for name in ("record", "a.mkv", "later.mkv"))
    result.write_bytes(b"result")
    later.write_bytes(b"the result of a later try")
    record_result(record, result, result)
    record_result(record, result, later)
    assert RecordedResults(record).has(result)
    result.write_bytes(b"something else")
    assert not RecordedResults(record).has(result)


def test_a_folder_knows_the_picture_of_an_earlier_try_too(tmp_path):
    for name in ("a.png", "later.png"):
        (tmp_path / name).write_bytes(name.encode())
    made = ResultRecord(tmp_path, "in")
    for name in ("a.png", "later.png"):
        made.add("a.png", "a", read_file_stamp(tmp_path / name))
    assert made.is_own("a.png")
    made.close(keep=True)
    again = ResultRecord(tmp_path, "in")
    assert again.is_own("a.png")
    again.close(keep=False)


def test_a_record_goes_with_the_folder_that_it_lies_in(tmp_path):
    (tmp_path / "out").mkdir()
    result = tmp_path / "out" / "a.mkv"
    result.write_bytes(b"result")
    record_result(tmp_path / "out" / "record", result, result)
    moved = (tmp_path / "out").rename(tmp_path / "moved")
    assert RecordedResults(moved / "record").has(moved / "a.mkv")


def test_a_result_that_comes_to_an_address_during_the_run_stays(tmp_path, inputs):
    order = order_of(inputs / "still.png", "memory://out")
    put_there(target_of(order))
    outcome = ray_tasks.split_or_run(order, {}).outcome
    assert "memory://out/still.png exists" in outcome.error and outcome.retryable and outcome.hint
    assert storage.read(target_of(order)) == FOREIGN


class Near(Handed):
    """A pool that does the work as a cluster would, in this process."""

    def run(self, jobs):
        for job in jobs:
            order = ray_pool.make_remote_job(job.run, threads=1, chunk_s=CHUNK_S)
            yield job, ray_tasks.split_or_run(order, {}).outcome


def test_a_result_at_an_address_is_replaced_by_later_runs_only_where_an_earlier_one_made_it(
    tmp_path, inputs
):
    tasks = make_plan([str(inputs / "still.png")], "memory://out", suffix=".mkv")

    def run():
        (entry,) = Batch(tmp_path / "record", described()).run(tasks, Near())
        return entry

    put_there(tasks[0].target)
    for _ in range(2):
        assert "exists" in run().error
        assert storage.read(tasks[0].target) == FOREIGN
    storage.remove(tasks[0].target)
    for _ in range(2):
        assert not run().error
        storage.remove("memory://out/.still.png.chunks")


def test_an_earlier_result_at_an_address_is_replaced(tmp_path, inputs):
    order = order_of(inputs / "still.png", "memory://out")
    put_there(target_of(order))
    sink = {**order.run["sinks"][0], "overwrite": True}
    again = ray_pool.make_remote_job({**order.run, "sinks": [sink]}, threads=1, chunk_s=CHUNK_S)
    assert not ray_tasks.split_or_run(again, {}).outcome.error
    assert storage.read(target_of(order)).startswith(b"\x89PNG")


def test_a_list_of_stored_results_that_somebody_else_wrote_is_not_believed(tmp_path):
    made = tmp_path / "a.mkv"
    made.write_bytes(b"result")
    staging.upload_result(
        made, "memory://out/a.mkv", Staging("memory://s", b"theirs", ".mkv"), overwrite=False
    )
    (listed,) = storage.list_files("memory://s")
    assert json.loads(storage.read(listed))
    made.write_bytes(b"another result")
    with pytest.raises(SinkError, match="exists"):
        staging.upload_result(
            made, "memory://out/a.mkv", Staging("memory://s", b"key", ".mkv"), overwrite=False
        )


class Torn(fsspec.get_filesystem_class("file")):
    """Breaks off in the middle of a file."""

    protocol = "sftp"

    def put_file(self, lpath, rpath, **_):
        Path(rpath).write_bytes(Path(lpath).read_bytes()[:3])
        raise OSError("the line is dead")


def test_a_file_gets_its_name_at_an_address_when_it_is_whole(tmp_path, monkeypatch):
    from fsspec.registry import _registry

    monkeypatch.setitem(_registry, "sftp", Torn)
    (tmp_path / "a.mkv").write_bytes(b"result")
    with pytest.raises(SinkError, match="the line is dead"):
        storage.store(tmp_path / "a.mkv", f"sftp://{tmp_path}/out/a.mkv")
    assert list((tmp_path / "out").iterdir()) == []
