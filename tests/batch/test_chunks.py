"""Chunks of a video, made apart and in any order, are the video; addresses; copies kept here.

Most results are lossless: x264 does not always give the same bytes twice for the same pictures.
"""

import json
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path

import pytest
from clip_maker import write_video
from media_files import decoded, sound_packets

from rimlight.batch import caches, ray_pool, ray_tasks, report, storage
from rimlight.batch.caches import ModelCache
from rimlight.batch.chunks import Chunk, join_chunks, make_chunk
from rimlight.batch.plan import make_plan
from rimlight.batch.staging import Staging, get_secret
from rimlight.batch.worker import FrameCounter
from rimlight.core.config import SegmenterConfig, parse_run
from rimlight.core.errors import MissingDependencyError, SinkError, SourceOpenError
from rimlight.factory.pipeline import open_pipeline
from rimlight.factory.presets import build_config
from rimlight.sinks.video.segment_index import Segment, get_index_folder
from rimlight.system import app_paths

fsspec = pytest.importorskip("fsspec", reason="needs the extra [ray]")


@pytest.fixture(autouse=True)
def empty_memory():
    yield
    fsspec.filesystem("memory").store.clear()


LOSSLESS = {"resume": "auto", "segment_s": 1, "threads": 1, "codec": "ffv1"}


def run_of(source, target, *, segmenter=None, **video):
    config = build_config(
        "process", source=f"video:{source}", sinks=[f"video:{target}"],
        segmenter=segmenter or {"kind": "threshold"},
        effects=[{"kind": "replace", "background": "white"}],
        options={"video": {**LOSSLESS, **video}},
    )  # fmt: skip
    return config.model_dump(mode="json")


def local(run, target):
    """What one process on one machine makes of a run."""
    sink = {**run["sinks"][0], "path": str(target)}
    with open_pipeline(parse_run({**run, "sinks": [sink]}, where="here")) as opened:
        opened.pipeline.run()
    return decoded(target)


def spread(run, chunk_s=2, files=None):
    """Do a run as a cluster would, the last chunk first; return how many chunks there were."""
    order = ray_pool.make_remote_job(run, threads=1, chunk_s=Fraction(chunk_s))
    answer = ray_tasks.split_or_run(order, files or {})
    for chunk in reversed(answer.chunks):
        made = ray_tasks.process_chunk(order, chunk, files or {}).outcome
        assert not made.error
    if answer.chunks:
        answer = ray_tasks.concat_chunks(order, answer.chunks, files or {})
    assert answer.outcome.error == ""
    return order


@pytest.fixture
def clip(tmp_path):
    stamps = [200 + stamp for n, stamp in enumerate(range(0, 7000, 100)) if n % 9 not in (4, 5)]
    return write_video(tmp_path / "in.mp4", size=(128, 96), codec="libx264", stamps=stamps)


def test_chunks_in_any_order_are_the_frames_of_one_run(tmp_path, clip):
    run = run_of(clip, tmp_path / "out.mkv")
    order = spread(run)
    assert len(list(Path(order.staging.location).glob("chunk-*.json"))) == 4
    assert decoded(tmp_path / "out.mkv") == local(run, tmp_path / "local.mkv")


@pytest.mark.slow
def test_real_masks_that_follow_and_sound_come_through(tmp_path):
    source = app_paths.find_data_folder("samples") / "portrait.mp4"
    masks = {"kind": "model", "model": "auto", "threads": 1, "roi": "track"}
    run = run_of(source, tmp_path / "out.mkv", segmenter=masks, segment_s=2)
    spread(run)
    assert decoded(tmp_path / "out.mkv") == local(run, tmp_path / "local.mkv")
    sound = [data for _, data in sound_packets(tmp_path / "out.mkv")]
    assert sound == [data for _, data in sound_packets(source)]


def test_inputs_and_results_by_address(tmp_path, clip, monkeypatch):
    monkeypatch.setattr(caches, "get_input_cache_folder", lambda: tmp_path / "kept")
    storage.store(clip, "memory://in/deep/talk.mp4")
    (task,) = make_plan(["memory://in"], "memory://out", suffix=".mkv")
    assert task.target == "memory://out/deep/talk.mkv" and not storage.exists(task.target)
    spread(run_of(task.source, task.target))
    storage.fetch(task.target, tmp_path / "out.mkv")
    assert decoded(tmp_path / "out.mkv") == local(run_of(clip, ""), tmp_path / "local.mkv")


class Bucket(fsspec.get_filesystem_class("memory")):
    """Refuses folders, as making one in an object store may make a bucket."""

    protocol = "s3"

    def makedirs(self, path, exist_ok=False):
        raise PermissionError("no bucket for you")


def test_no_bucket_is_made_in_an_object_store(monkeypatch):
    from fsspec.registry import _registry

    monkeypatch.setitem(_registry, "s3", Bucket)
    storage.write("s3://talks/a.txt", b"a")
    assert storage.read("s3://talks/a.txt") == b"a"


def test_the_record_of_results_at_an_address_is_brought_here_and_published(tmp_path, monkeypatch):
    monkeypatch.setattr(report.app_paths, "get_cache_folder", lambda: tmp_path)
    storage.write("memory://out/manifest.jsonl", b"one line\n")
    folder = report.fetch_manifest("memory://out")
    assert (folder / "manifest.jsonl").read_bytes() == b"one line\n"
    (folder / "summary.html").write_bytes(b"page")
    assert report.upload_report(folder, "memory://out") == "memory://out/summary.html"
    assert storage.read("memory://out/summary.html") == b"page"


def test_that_results_cannot_be_stored_is_known_before_any_work(tmp_path):
    (tmp_path / "file").touch()
    report.check_writable(tmp_path, f"file://{tmp_path}/out")
    assert (tmp_path / "out" / "manifest.jsonl").read_bytes() == b""
    with pytest.raises(SinkError, match="cannot write") as caught:
        report.check_writable(tmp_path, f"file://{tmp_path}/file/out")
    assert caught.value.hint


def test_what_is_wrong_with_an_input_is_said_of_its_address(tmp_path, monkeypatch):
    monkeypatch.setattr(caches, "get_input_cache_folder", lambda: tmp_path / "kept")
    storage.write("memory://in/talk.mp4", b"not a video at all")
    order = ray_pool.make_remote_job(
        run_of("memory://in/talk.mp4", "memory://out/talk.mkv"), threads=1, chunk_s=Fraction(2)
    )
    error = ray_tasks.split_or_run(order, {}).outcome.error
    assert "memory://in/talk.mp4 is not a readable video" in error


def test_a_folder_of_pictures_by_address(tmp_path):
    source = app_paths.find_data_folder("samples") / "background.jpg"
    storage.store(source, "memory://in/a/one.jpg")
    (task,) = make_plan(["memory://in"], "memory://out", suffix=".mp4")
    config = build_config(
        "process", source=f"images:{task.source}", sinks=[f"images:{task.target}/"],
        segmenter={"kind": "threshold"}, effects=[{"kind": "replace", "background": "white"}],
    )  # fmt: skip
    order = spread(config.model_dump(mode="json"))
    storage.remove(storage.get_parent(order.staging.location))
    assert storage.list_files("memory://out") == ["memory://out/a/one.jpg"]


def test_a_background_travels_with_the_run(tmp_path, clip):
    picture = tmp_path / "beach.jpg"
    picture.write_bytes((app_paths.find_data_folder("samples") / "background.jpg").read_bytes())
    run = run_of(clip, tmp_path / "out.mkv")
    run["effects"][0]["background"] = str(picture)
    files, expected = ray_pool.read_named_files([run]), local(run, tmp_path / "local.mkv")
    picture.rename(tmp_path / "elsewhere.jpg")
    run["effects"][0]["background"] = str(picture)
    spread(run, files=files)
    assert decoded(tmp_path / "out.mkv") == expected


def test_a_chunk_that_is_there_is_not_made_again(tmp_path, clip):
    order = ray_pool.make_remote_job(
        run_of(clip, tmp_path / "out.mkv"), threads=1, chunk_s=Fraction(2)
    )
    first = ray_tasks.split_or_run(order, {}).chunks[0]
    made = ray_tasks.process_chunk(order, first, {}).outcome
    stamps = {p: p.stat().st_mtime_ns for p in Path(order.staging.location).iterdir()}
    again = ray_tasks.process_chunk(order, first, {}).outcome
    assert (again.frames, again.elapsed_s) == (made.frames, 0.0)
    assert stamps == {p: p.stat().st_mtime_ns for p in Path(order.staging.location).iterdir()}


def test_a_damaged_input_gives_what_one_run_would_give(tmp_path, clip):
    content = bytearray(clip.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 200] = bytes(200)
    clip.write_bytes(content)
    run = run_of(clip, tmp_path / "out.mkv")
    order = ray_pool.make_remote_job(run, threads=1, chunk_s=Fraction(2))
    chunks = ray_tasks.split_or_run(order, {}).chunks
    for chunk in chunks:
        ray_tasks.process_chunk(order, chunk, {})
    outcome = ray_tasks.concat_chunks(order, chunks, {}).outcome
    assert "damaged" in outcome.error or outcome.frames > 40


def test_numbered_objects_stay_in_one_chunk(tmp_path, clip):
    run = run_of(clip, tmp_path / "out.mkv")
    run["refiners"] = [{"kind": "track"}]
    order = ray_pool.make_remote_job(run, threads=1, chunk_s=Fraction(2))
    assert ray_tasks.split_or_run(order, {}).outcome.frames == len(decoded(clip))


DAMAGES = {
    "removed": lambda path: path.unlink(),
    "emptied": lambda path: path.write_bytes(b""),
    "changed": lambda path: path.write_bytes(path.read_bytes()[:-9] + b"123456789"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_video_whose_chunks_were_damaged_is_made_in_one_go(tmp_path, clip, damage):
    run = parse_run(run_of(str(clip), str(tmp_path / "out.mkv")), where="the test")
    chunk = Chunk(0, None, None)
    counted = FrameCounter(None, [0])
    staging = Staging(str(tmp_path / "staging"), b"key", ".mkv")
    made = make_chunk(run, chunk, staging, counter=counted, models=ModelCache())
    assert made.frames
    DAMAGES[damage](sorted((tmp_path / "staging").glob("*.mkv"))[1])
    assert join_chunks(run, [chunk], staging, counted).frames == made.frames
    assert decoded(tmp_path / "out.mkv") == local(run_of(clip, ""), tmp_path / "local.mkv")
    assert not get_index_folder(tmp_path / "out.mkv").exists()


@pytest.mark.parametrize("name", ["../../../evil", "/tmp/evil", "00000000.sh", "chunk.mkv", 7])
def test_a_list_of_segments_that_somebody_else_wrote_is_not_believed(tmp_path, name):
    staging, chunk = Staging(str(tmp_path / "a" / "b"), b"key", ".mkv"), Chunk(0, None, None)
    file = tmp_path / "00000000.mkv"
    file.write_bytes(b"their bytes")
    one = Segment("00000000.mkv", 0, 1, 2, 1).add_digest(file)
    foreign = Staging(staging.location, b"another key", ".mkv")
    foreign.store_segments(chunk, [one], tmp_path)
    assert foreign.read_segments(chunk) == [one] and staging.read_segments(chunk) is None
    # Not even one with the right key may name another place.
    storage.write(storage.join(staging.location, "x"), b"")
    listed = [{**asdict(one), "name": name}]
    sealed = {"segments": listed, "seal": staging._seal(chunk, listed)}
    (tmp_path / "a" / "b" / "chunk-000000.json").write_text(json.dumps(sealed))
    assert staging.read_segments(chunk) is None


def test_the_secret_is_kept_for_later_runs_and_readable_by_its_user_only(tmp_path, monkeypatch):
    monkeypatch.setenv("RIMLIGHT_CACHE", str(tmp_path))
    get_secret.cache_clear()
    first = get_secret()
    secret_file = tmp_path / "batch" / "secret"
    assert secret_file.stat().st_mode & 0o777 == 0o600 and secret_file.read_bytes() == first
    get_secret.cache_clear()
    assert get_secret() == first
    secret_file.chmod(0o644)
    get_secret.cache_clear()
    assert get_secret() != first
    get_secret.cache_clear()


def test_a_worker_holds_its_model():
    models, part = ModelCache(), SegmenterConfig(kind="model", model="auto", threads=1)
    first = models.open(part, (16, 9))
    first.close()
    again = models.open(part, (160, 90))
    assert again._model is first._model
    assert models.open(part, (9, 16))._model is not again._model
    following = models.open(SegmenterConfig(kind="model", roi="track", threads=1), (16, 9))
    assert type(following) is not type(first)
    following.close()
    models.close()


def test_copies_that_nobody_uses_make_room(tmp_path):
    for name in "abc":
        storage.write(f"memory://in/{name}.mp4", name.encode() * 1000)
    where = tmp_path / "kept"
    with caches.open_cached_input("memory://in/a.mp4", where, limit=1000) as first:
        with caches.open_cached_input("memory://in/b.mp4", where, limit=1000) as second:
            assert first.exists() and second.exists()
        with caches.open_cached_input("memory://in/c.mp4", where, limit=1000) as third:
            assert first.exists() and third.exists() and not second.exists()


def test_half_a_copy_leaves_nothing_behind(tmp_path, monkeypatch):
    def breaks_off(place, path):
        path.write_bytes(b"half")
        raise SourceOpenError("the net is gone")

    storage.write("memory://in/a.mp4", b"whole")
    monkeypatch.setattr(storage, "fetch", breaks_off)
    with (
        pytest.raises(SourceOpenError),
        caches.open_cached_input("memory://in/a.mp4", tmp_path),
    ):
        pass
    assert [path.suffix for path in tmp_path.iterdir()] == [".lock"]


def test_addresses_that_lead_nowhere_are_named(tmp_path):
    with pytest.raises(SourceOpenError, match="nowhere"):
        make_plan(["memory://nowhere/a.mp4"], "memory://out", suffix=".mp4")
    with pytest.raises(SourceOpenError, match="unknown kind of address"):
        storage.check_filesystems(["smoke://signal/a.mp4"])


@pytest.mark.parametrize(
    ("target", "beside"),
    [
        ("s3://talks/", "s3://talks/.talks.chunks"),
        ("s3://talks/2026/", "s3://talks/.2026.chunks"),
        ("file:///talks/", "file:///.talks.chunks"),
    ],
)
def test_what_is_staged_lies_at_the_address_of_the_result_too(tmp_path, target, beside):
    config = build_config("process", source=f"images:{tmp_path}", sinks=[f"images:{target}"])
    order = ray_pool.make_remote_job(config.model_dump(mode="json"), threads=1, chunk_s=Fraction(2))
    assert storage.get_parent(order.staging.location) == beside


def test_a_missing_package_is_named():
    with pytest.raises(MissingDependencyError, match="s3fs"):
        storage.check_filesystems(["s3://bucket/a.mp4"])
