"""Many files: the plan, the record of what is done, and workers that die."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from clip_maker import write_video
from fakes import make_frame

from rimlight.batch.local_pool import Job, LocalPool, count_fitting_jobs, get_free_bytes
from rimlight.batch.manifest import Entry, Manifest, describe_results
from rimlight.batch.plan import describe_left_out, make_plan
from rimlight.batch.report import write_summary
from rimlight.batch.run import Batch, check_components, lock_folder
from rimlight.batch.worker import FrameCounter, capture_errors, run_config
from rimlight.batch.workload import estimate_cost, measure_workload
from rimlight.core.config import parse_run
from rimlight.core.errors import ConfigError, SinkError, SourceOpenError
from rimlight.factory.presets import build_config
from rimlight.system.cpu import count_usable_cores


def files(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())
    return folder


def planned(*inputs, out, suffix=".mp4"):
    plan = make_plan([str(i) for i in inputs], str(out), suffix=suffix)
    return [(str(Path(t.target).relative_to(out)), t.kind) for t in plan]


def test_files_keep_their_place_below_the_folder(tmp_path):
    top = files(tmp_path / "in", "a.mov", "deep/b.mkv", "deep/c.jpg", "deep/.d.mp4", "notes.txt")
    plan = planned(top, out=tmp_path / "out")
    assert plan == [("a.mp4", "video"), ("deep/b.mp4", "video"), ("deep", "folder")]


def test_two_videos_of_one_name_get_two_results(tmp_path):
    top = files(tmp_path / "in", "talk.mkv", "talk.mov")
    assert [p for p, _ in planned(top, out=tmp_path / "out")] == ["talk.mp4", "talk.mov.mp4"]


def test_no_two_results_have_one_place(tmp_path):
    a, b = (files(tmp_path / top, "talk.mp4", "x.jpg", "deep/y.jpg") for top in "ab")
    plan = [p for p, _ in planned(a / "talk.mp4", b / "talk.mp4", a, b, out=tmp_path / "out")]
    assert plan == ["talk.mp4", "talk-2.mp4", ".", "deep", "b", "deep-2"]
    plan = [p for p, _ in planned(a / "x.jpg", b / "x.jpg", out=tmp_path / "out")]
    assert plan == ["x.jpg", "x-2.jpg"]
    plan = [p for p, _ in planned(b / "x.jpg", a, out=tmp_path / "out")]
    assert plan == ["x.jpg", "talk.mp4", "a", "deep"]


def test_a_picture_is_done_once_with_its_folder(tmp_path):
    top = files(tmp_path / "in", "x.jpg", "y.jpg")
    assert planned(top / "x.jpg", top, out=tmp_path / "out") == [(".", "folder")]


def test_results_do_not_lie_among_the_inputs(tmp_path):
    top = files(tmp_path / "in", "x.jpg")
    with pytest.raises(ConfigError, match="among the inputs") as caught:
        planned(top, out=top)
    assert caught.value.hint


def test_a_link_that_leads_nowhere_fails_again_and_again_but_alone(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.mp4").symlink_to(tmp_path / "gone.mp4")
    (task,) = make_plan([str(tmp_path / "in")], str(tmp_path / "out"), suffix=".mp4")
    manifest = Manifest(tmp_path / "out")
    manifest.add(entry_of(task, "failed"))
    assert manifest.find_state(task, task.compute_identity(), "s") == "failed"


def test_a_glob_takes_videos_and_pictures_only(tmp_path):
    top = files(tmp_path / "in", "a.mp4", "notes.txt", "deep/b.mp4")
    assert planned(top / "*", out=tmp_path / "out") == [("a.mp4", "video")]


def test_a_file_named_twice_is_done_once_and_results_are_no_input(tmp_path):
    top = files(tmp_path / "in", "a.mp4", "out/a.mp4")
    assert planned(top, top / "a.mp4", out=top / "out") == [("a.mp4", "video")]


def test_globs_and_single_pictures(tmp_path):
    files(tmp_path / "in", "a.jpg", "b.jpg", "c.png")
    plan = planned(tmp_path / "in" / "*.jpg", out=tmp_path / "out")
    assert plan == [("a.jpg", "picture"), ("b.jpg", "picture")]


@pytest.mark.parametrize("name", ["nowhere", "empty", "a" * 300])
def test_nothing_to_do_is_an_error(tmp_path, name):
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceOpenError):
        make_plan([str(tmp_path / name)], str(tmp_path / "out"), suffix=".mp4")


def entry_of(task, state="done", settings="s"):
    return Entry(task.source, task.target, state, task.compute_identity(), settings)


def task_of(folder):
    return make_plan([str(files(folder / "in", "a.mp4"))], str(folder / "out"), suffix=".mp4")[0]


def test_what_is_done_stays_done_until_source_settings_or_result_change(tmp_path):
    task = task_of(tmp_path)
    manifest = Manifest(tmp_path / "out")
    assert manifest.find_state(task, task.compute_identity(), "s") == "new"
    manifest.add(entry_of(task))
    files(tmp_path / "out", "a.mp4")
    assert manifest.is_replaceable(str(tmp_path / "out" / "b.mp4"))
    again = Manifest(tmp_path / "out")
    assert again.find_state(task, task.compute_identity(), "s") == "done"
    assert again.find_state(task, task.compute_identity(), "t") == "new"
    Path(task.source).write_bytes(b"another")
    assert again.find_state(task, task.compute_identity(), "s") == "new"
    Path(task.target).unlink()
    assert again.find_state(task, manifest.entries[task.source].identity, "s") == "new"


def made(task, manifest, content=b"result"):
    """Record a task as done with what is at its place."""
    Path(task.target).parent.mkdir(parents=True, exist_ok=True)
    Path(task.target).write_bytes(content)
    manifest.add(replace(entry_of(task), results=describe_results(task)))


def test_a_result_that_is_no_longer_as_it_was_made_is_made_again(tmp_path):
    task = task_of(tmp_path)
    made(task, Manifest(tmp_path / "out"))
    result, manifest = Path(task.target), Manifest(tmp_path / "out")
    os.utime(result, ns=(1, 1))
    assert manifest.find_state(task, task.compute_identity(), "s") == "done"
    assert manifest.is_replaceable(task.target) and not manifest.find_changed_results(task)
    for spoilt in (b"", b"another", b"res"):
        result.write_bytes(spoilt)
        assert manifest.find_state(task, task.compute_identity(), "s") == "new"
        assert manifest.is_replaceable(task.target) == (not spoilt)
        assert manifest.find_changed_results(task) == ([task.target] if spoilt else [])


def test_pictures_of_a_folder_count_one_by_one(tmp_path):
    top = files(tmp_path / "in", "a.jpg", "b.jpg")
    (task,) = make_plan([str(top)], str(tmp_path / "out"), suffix=".mp4")
    files(tmp_path / "out", "a.jpg", "b.jpg.png", "mine.jpg")
    manifest = Manifest(tmp_path / "out")
    manifest.add(replace(entry_of(task), results=describe_results(task)))
    (tmp_path / "out" / "mine.jpg").unlink()
    assert Manifest(tmp_path / "out").find_state(task, task.compute_identity(), "s") == "done"
    (tmp_path / "out" / "b.jpg.png").write_bytes(b"")
    assert Manifest(tmp_path / "out").find_state(task, task.compute_identity(), "s") == "new"


@pytest.mark.parametrize(
    "line",
    [
        '{"source": 1, "target": "x", "state": "done", "identity": "", "settings": ""}',
        '{"source": "a", "target": "x", "state": "odd", "identity": "", "settings": ""}',
        '{"source": "a", "target": "x", "state": "done", "identity": "", "settings": "",'
        ' "results": [["../b", 1, 2]]}',
        '{"source": "a", "target": "x", "state": "done", "identity": "", "settings": "",'
        ' "results": 7}',
        "[" * 100_000,
        "7",
    ],
)
def test_lines_that_are_not_rimlights_are_passed_over(tmp_path, line):
    (tmp_path / "manifest.jsonl").write_text(line + "\n")
    assert Manifest(tmp_path).entries == {}


def test_a_name_that_is_no_text_has_an_entry(tmp_path):
    task = task_of(tmp_path)
    odd = replace(entry_of(task), source=os.fsdecode(b"caf\xe9.mp4"))
    Manifest(tmp_path).add(odd)
    assert list(Manifest(tmp_path).entries.values()) == [odd]


def test_what_found_no_room_is_tried_again_without_being_asked(tmp_path):
    task = task_of(tmp_path)
    manifest = Manifest(tmp_path / "out")
    manifest.add(replace(entry_of(task, "failed"), retryable=True))
    assert Manifest(tmp_path / "out").find_state(task, task.compute_identity(), "s") == "new"


def test_a_picture_of_the_result_that_finds_no_room_is_such_a_failure(tmp_path):
    counted = FrameCounter(tmp_path / "no" / "shot.jpg", [0])
    outcome = capture_errors(lambda: counted(make_frame(0)), counted)
    assert "cannot write" in outcome.error and outcome.retryable


def test_a_line_that_a_crash_cut_off_is_passed_over(tmp_path):
    task = task_of(tmp_path)
    manifest = Manifest(tmp_path / "out")
    manifest.add(entry_of(task, "failed"))
    with manifest.path.open("a") as file:
        file.write('{"source": "x", "tar')
    assert list(Manifest(tmp_path / "out").entries.values()) == [entry_of(task, "failed")]


def test_a_line_that_a_crash_cut_off_does_not_swallow_the_next(tmp_path):
    task = task_of(tmp_path)
    Manifest(tmp_path / "out").add(entry_of(task, "failed"))
    with (tmp_path / "out" / "manifest.jsonl").open("ab") as file:
        file.write('{"source": "größer'.encode()[:-4])  # in the middle of a letter
    Manifest(tmp_path / "out").add(entry_of(task))
    assert list(Manifest(tmp_path / "out").entries.values()) == [entry_of(task)]


@pytest.mark.parametrize("suffix", ["mp4", "."])
def test_a_suffix_that_is_none_is_refused(tmp_path, suffix):
    top = files(tmp_path / "in", "a.mov")
    with pytest.raises(ConfigError, match=f"'{suffix}' is no suffix"):
        planned(top, out=tmp_path / "out", suffix=suffix)


def test_jobs_are_bounded_by_tasks_cores_and_memory():
    assert count_fitting_jobs(1) == 1
    assert 1 <= count_fitting_jobs(1000) <= count_usable_cores()
    assert get_free_bytes() > 0


def test_a_containers_limits_count(tmp_path):
    files(tmp_path, "none")
    (tmp_path / "meminfo").write_text("MemTotal: 9000 kB\nMemAvailable: 4000 kB\n")
    assert get_free_bytes(tmp_path / "meminfo", tmp_path) == 4000 << 10
    for name, text in {
        "max": "5000",
        "current": "4500",
        "stat": "anon 1\ninactive_file 300",
    }.items():
        (tmp_path / f"memory.{name}").write_text(text)
    assert get_free_bytes(tmp_path / "meminfo", tmp_path) == 800
    (tmp_path / "memory.max").write_text("max\n")
    assert get_free_bytes(tmp_path / "meminfo", tmp_path) == 4000 << 10
    assert get_free_bytes(tmp_path / "none", tmp_path) is None


@pytest.mark.parametrize(("quota", "most"), [("150000 100000", 2), ("max 100000", 10**6)])
def test_a_containers_share_of_the_processor_counts(tmp_path, quota, most):
    (tmp_path / "cpu.max").write_text(f"{quota}\n")
    assert count_usable_cores(tmp_path / "cpu.max") == min(
        most, count_usable_cores(tmp_path / "none")
    )


def run_data(source, target):
    config = build_config(
        "process", source=str(source), sinks=[str(target)], segmenter={"kind": "threshold"},
        effects=[{"kind": "replace", "background": "white"}],
    )  # fmt: skip
    return config.model_dump(mode="json")


@pytest.fixture
def clips(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    return [
        write_video(folder / f"{name}.mp4", codec="libx264", stamps=range(0, 2000, 40))
        for name in "abc"
    ]


def jobs_for(clips, out):
    out.mkdir()
    return [
        Job(place, run_data(clip, out / clip.name), out / f"{place}.jpg")
        for place, clip in enumerate(clips)
    ]


def test_a_plan_knows_its_extent_and_what_it_takes_about(tmp_path, clips):
    (tmp_path / "in" / "broken.mp4").write_bytes(b"not a video at all")
    tasks = make_plan([str(tmp_path / "in")], str(tmp_path / "out"), suffix=".mp4")
    extent = measure_workload(tasks)
    assert (extent.frames, round(extent.seconds)) == (150, 6)
    assert ["broken.mp4" in why for why in extent.unreadable] == [True]
    run = parse_run(run_data(tasks[0].source, tasks[0].target), where="the test")
    cost = estimate_cost(run, tasks[0], extent.megapixels)
    assert cost.cpu_s > 0 and cost.bytes > 0 and not (tmp_path / "out").exists()
    broken = next(task for task in tasks if "broken" in task.source)
    assert estimate_cost(run, broken, 1.0) is None


def test_every_job_is_done_and_leaves_a_thumbnail_and_a_failed_one_stops_no_other(tmp_path, clips):
    clips[1].write_bytes(b"not a video at all")
    jobs = jobs_for(clips, tmp_path / "out")
    ended = {job.index: outcome for job, outcome in LocalPool(2).run(jobs)}
    assert "not a readable video" in ended[1].error and ended[1].hint
    for index in (0, 2):
        assert (ended[index].frames, ended[index].error) == (50, "")
        assert cv2.imread(str(jobs[index].thumbnail)) is not None


def test_a_killed_worker_is_replaced_with_one_job_fewer(tmp_path, clips):
    killed, told = [], []

    def kill_one(_):
        if pool._workers and not killed:
            killed.append(pool._workers[0].process.pid)
            os.kill(killed[0], signal.SIGKILL)

    pool = LocalPool(2)
    pool.set_callbacks(kill_one, lambda job, size: told.append(size))
    ended = [outcome for _, outcome in pool.run(jobs_for(clips[:2], tmp_path / "out"))]
    assert killed and told == [1] and pool.size == 1
    assert [outcome.error for outcome in ended] == ["", ""]


@pytest.mark.slow
def test_workers_do_not_outlive_a_main_process_that_was_killed(tmp_path):
    write_video(tmp_path / "a.mp4", codec="libx264", stamps=range(0, 60_000, 10))
    batch = [sys.executable, "-m", "rimlight", "batch", tmp_path / "a.mp4", "-b", "white"]
    at_work = tmp_path / "out" / ".a.mp4.rimlight"  # what the worker has made so far
    # All children write into the pipe, which ends when the last of them is gone.
    with subprocess.Popen([*batch, "-o", tmp_path / "out"], stderr=subprocess.PIPE) as main:
        while not at_work.is_dir():
            assert main.poll() is None
        main.kill()
        assert b"Traceback" not in main.communicate(timeout=30)[1]


@pytest.mark.slow
def test_a_job_that_is_killed_again_and_again_is_given_up(tmp_path, clips):
    def kill_all(_):
        for worker in pool._workers:
            os.kill(worker.process.pid, signal.SIGKILL)

    pool = LocalPool(1)
    pool.set_callbacks(kill_all, lambda *_: None)
    ended = [outcome for _, outcome in pool.run(jobs_for(clips[:1], tmp_path / "out"))]
    assert "SIGKILL" in ended[0].error


@pytest.mark.slow
def test_leaving_early_ends_the_workers(tmp_path, clips):
    pool = LocalPool(2)
    running = pool.run(jobs_for(clips, tmp_path / "out"))
    next(running)
    processes = [worker.process for worker in pool._workers]
    running.close()
    assert not any(process.is_alive() for process in processes)


def test_the_summary_shows_failures_first_and_escapes_names(tmp_path):
    entries = [
        Entry("a.mp4", str(tmp_path / "a.mp4"), "done", "", "", 7, 1.25, thumbnail="t/a.jpg"),
        Entry("<b>.mp4", str(tmp_path / "b.mp4"), "failed", "", "", error="is & stays broken"),
    ]
    write_summary(entries, tmp_path / "summary.html", out=str(tmp_path))
    page = (tmp_path / "summary.html").read_text()
    assert "1 of 2 done, 1 failed" in page and "is &amp; stays broken" in page
    assert page.index("&lt;b&gt;.mp4") < page.index('href="./a.mp4"') and 'src="t/a.jpg"' in page


class Here:
    """A pool that does the work in this process."""

    threads = size = processors = 1

    def run(self, jobs):
        for job in jobs:
            counted = FrameCounter(job.thumbnail, [0])
            run = parse_run(job.run, where="the test")
            yield (
                job,
                capture_errors(lambda run=run, counted=counted: run_config(run, counted), counted),
            )


def described(background):
    def describe(task):
        return build_config(
            "process", source=task.source, sinks=[task.target],
            segmenter={"kind": "threshold"},
            effects=[{"kind": "replace", "background": str(background)}],
        )  # fmt: skip

    return describe


def test_a_batch_is_gone_on_with_where_it_stopped(tmp_path, clips):
    out = tmp_path / "out"
    tasks = make_plan([str(tmp_path / "in")], str(out), suffix=".mp4")

    clips[2].write_bytes(np.zeros(1000, np.uint8).tobytes())
    first = Batch(out, described("white"))
    assert sorted(e.state for e in first.run(tasks, Here())) == ["done", "done", "failed"]
    again = Batch(out, described("white"))
    todo = again.select_tasks(tasks, retry_failed=False)
    assert (todo.tasks, todo.done, len(todo.failed)) == ((), 2, 1)
    write_video(clips[2], codec="libx264", stamps=range(0, 400, 40))
    retried = again.select_tasks(tasks, retry_failed=True).tasks
    assert [Path(e.target).name for e in again.run(retried, Here())] == ["c.mp4"]


def test_another_picture_behind_the_same_name_makes_all_again(tmp_path, clips):
    picture, out = tmp_path / "bg.png", tmp_path / "out"
    cv2.imwrite(str(picture), np.zeros((8, 8, 3), np.uint8))
    tasks = make_plan([str(clips[0])], str(out), suffix=".mp4")
    work = Batch(out, described(picture))
    assert [e.state for e in work.run(tasks, Here())] == ["done"]
    assert Batch(out, described(picture)).select_tasks(tasks, retry_failed=False).done == 1
    cv2.imwrite(str(picture), np.full((8, 8, 3), 255, np.uint8))
    assert Batch(out, described(picture)).select_tasks(tasks, retry_failed=False).tasks == tuple(
        tasks
    )


def test_a_strangers_file_is_never_replaced_and_a_changed_result_is_kept(tmp_path, clips):
    out = tmp_path / "out"
    tasks = make_plan([str(c) for c in clips[:2]], str(out), suffix=".mp4")
    files(out, "a.mp4")
    states = {e.source: e for e in Batch(out, described("white")).run(tasks, Here())}
    assert "no run with this output folder made it" in states[str(clips[0])].error
    assert (out / "a.mp4").read_bytes() == b"a.mp4"
    (out / "b.mp4").write_bytes(b"my cut")
    again = Batch(out, described("white"))
    todo = again.select_tasks(tasks, retry_failed=False)
    assert todo.changed == (str(out / "b.mp4"),)
    (out / "a.mp4").unlink()
    assert [e.state for e in again.run(todo.tasks, Here())] == ["done", "done"]
    assert (out / "b.changed.mp4").read_bytes() == b"my cut"


def test_a_plan_takes_pictures_of_every_kind_and_says_what_it_leaves_out(tmp_path):
    for name in ("a.jfif", "b.avif", "c.txt", "sub/d.m2ts", "sub/e.doc", "@eaDir/t.jpg", "._x.mp4"):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).touch()
    os.mkfifo(tmp_path / "in/f.mp4")
    inputs, out = [str(tmp_path / "in")], str(tmp_path / "in/out")
    tasks = make_plan(inputs, out, suffix=".mp4")
    assert [(Path(task.source).name, task.kind) for task in tasks] == [
        ("in", "folder"),
        ("d.m2ts", "video"),
    ]
    (told,) = describe_left_out(inputs, out)
    assert told == f"{tmp_path}/in: 3 files left out: 1 .txt, 1 f.mp4 (a pipe or device), 1 .doc"


def test_a_picture_that_is_called_a_video_is_done_as_one_in_a_folder_too(tmp_path):
    for name in ("a.jpg", "b.mp4"):
        (tmp_path / name).write_bytes(b"\xff\xd8\xff\xe0")
    plan = planned(tmp_path, out=tmp_path / "out")
    assert plan == [("b.png", "picture"), (".", "folder")]


def test_a_folder_does_not_tell_again_what_the_plan_has_told(tmp_path, caplog):
    (tmp_path / "in/sub").mkdir(parents=True)
    (tmp_path / "in/a.txt").touch()
    cv2.imwrite(str(tmp_path / "in/a.png"), np.zeros((16, 24, 3), np.uint8))
    run = parse_run(run_data(tmp_path / "in", tmp_path / "out"), where="the test")
    assert run_config(run, FrameCounter(None, [0])).frames == 1
    assert not caplog.text


def test_a_picture_is_planned_by_its_content_and_gets_a_suffix_that_can_be_written(tmp_path):
    jpeg = b"\xff\xd8\xff\xe0"
    for name in ("a.jfif", "b", "c.gif"):
        (tmp_path / name).write_bytes(jpeg)
    inputs = [str(tmp_path / name) for name in ("a.jfif", "b", "c.gif")]
    tasks = make_plan(inputs, "out", suffix=".mp4")
    assert [(task.target, task.kind) for task in tasks] == [
        ("out/a.jpg", "picture"),
        ("out/b.png", "picture"),
        ("out/c.png", "picture"),
    ]


def test_the_page_links_to_a_result_whose_name_is_not_utf_8(tmp_path):
    name = os.fsdecode(b"caf\xe9.mp4")
    done = Entry(name, f"{tmp_path}/{name}", "done", "1", "2")
    write_summary([done], tmp_path / "summary.html", out=str(tmp_path))
    assert 'href="./caf%E9.mp4"' in (tmp_path / "summary.html").read_text()


def test_two_batches_do_not_share_an_output_folder(tmp_path):
    out = tmp_path / "out"
    refused = pytest.raises(SinkError, match="another batch")
    with lock_folder(out), refused as caught, lock_folder(out):
        pass
    assert caught.value.hint
    with lock_folder(tmp_path / "out"):
        assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize(
    ("target", "effect", "says"),
    [
        ("out.exe", {"kind": "replace", "background": "white"}, "exe"),
        ("out.mp4", {"kind": "replace", "background": "nope.jpg"}, "nope.jpg"),
        ("out.mp4", {"kind": "cutout"}, "alpha"),
    ],
)
def test_what_would_fail_in_every_worker_is_found_before_any_work(tmp_path, target, effect, says):
    run = build_config(
        "process", source="video:in.mp4", sinks=[f"video:{tmp_path / target}"], effects=[effect],
        segmenter={"kind": "threshold"},
    )  # fmt: skip
    with pytest.raises(ConfigError, match=says):
        check_components(run)
    assert list(tmp_path.iterdir()) == []
