"""Runs that are killed, stopped or out of disk space, and the same command again."""

import random
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager

import pytest
from media_files import decoded, frame_times, sound_packets

OPTIONS = ("-b", "white", "--preset", "ultrafast", "--set", "sinks.0.segment_s=1")
SEED = 5


def command(source, out, *more):
    return [sys.executable, "-m", "rimlight", *map(str, ("process", source, "-o", out)),
            *OPTIONS, *map(str, more)]  # fmt: skip


def whole_segments(out):
    return sorted(out.with_name(f".{out.name}.rimlight").glob("0*.mp4"))


def start(source, out, *more):
    return subprocess.Popen(command(source, out, *more), stderr=subprocess.PIPE, text=True)


def finish(source, out, *more):
    done = subprocess.run(
        command(source, out, *more), capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    return done


def kill_after(running, out, segments):
    """Send SIGKILL as soon as so many segments are whole; say whether it came in time."""
    while running.poll() is None and len(whole_segments(out)) < segments:
        pass
    running.kill()
    running.communicate()
    return running.returncode == -signal.SIGKILL


def test_after_a_kill_the_same_command_goes_on_and_gives_the_same_frames(tmp_path, clip):
    straight, out = tmp_path / "straight.mp4", tmp_path / "out.mp4"
    finish(clip, straight)
    assert kill_after(start(clip, out), out, 2)
    assert not out.exists()
    kept = {path: path.stat().st_mtime_ns for path in whole_segments(out)}
    done = finish(clip, out)
    assert "going on from there" in done.stderr and len(kept) >= 2
    assert decoded(out) == decoded(straight)
    assert frame_times(out) == frame_times(clip)
    assert sound_packets(out) == sound_packets(clip)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out.mp4", "straight.mp4"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["walking-432p", "portrait-720p"])
def test_kills_at_any_moment_cost_at_most_a_segment(tmp_path, shared, name):
    source = shared / "clips" / f"{name}.mp4"
    straight, out = tmp_path / "straight.mp4", tmp_path / "out.mp4"
    finish(source, straight)
    rng = random.Random(SEED)
    for _ in range(10):
        before = len(whole_segments(out))
        running = start(source, out)
        try:
            running.wait(rng.uniform(0.2, 4))
        except subprocess.TimeoutExpired:
            running.kill()
        running.communicate()
        if out.exists():  # done, though perhaps killed while it was leaving
            break
        assert len(whole_segments(out)) >= before
    if not out.exists():
        finish(source, out)
    assert decoded(out) == decoded(straight)
    assert sound_packets(out) == sound_packets(source)


@pytest.mark.slow
def test_a_stop_leaves_a_playable_file_and_the_next_run_goes_on(tmp_path, clip):
    straight, out = tmp_path / "straight.mp4", tmp_path / "out.mp4"
    finish(clip, straight)
    running = start(clip, out)
    while running.poll() is None and not whole_segments(out):
        pass
    running.send_signal(signal.SIGTERM)
    _, told = running.communicate(timeout=60)
    assert running.returncode == 130 and "the same command resumes" in told
    assert 0 < len(decoded(out)) < len(decoded(straight))
    finish(clip, out)
    assert decoded(out) == decoded(straight)


@pytest.mark.slow
@pytest.mark.parametrize("how", ["kill", "stop"])
def test_a_run_that_looks_ahead_goes_on_with_the_same_frames(tmp_path, clip, how):
    straight, out = tmp_path / "straight.mp4", tmp_path / "out.mp4"
    more = ("--look-ahead", "8", "--quality", "balanced")
    finish(clip, straight, *more)
    running = start(clip, out, *more)
    if how == "kill":
        assert kill_after(running, out, 2)
    else:
        while running.poll() is None and not whole_segments(out):
            pass
        running.send_signal(signal.SIGTERM)
        assert running.wait(60) == 130
        running.stderr.close()
    assert "going on from there" in finish(clip, out, *more).stderr
    assert decoded(out) == decoded(straight)
    assert frame_times(out) == frame_times(clip)


@pytest.mark.slow
@pytest.mark.parametrize("trial", range(8))
def test_any_end_at_any_moment_and_the_same_command_until_it_is_done(tmp_path, clip, trial):
    straight, out = tmp_path / "straight.mp4", tmp_path / "out.mp4"
    finish(clip, straight)
    rng = random.Random(trial)
    ends = [signal.SIGKILL, signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
    for _ in range(6):
        running = start(clip, out)
        try:
            running.wait(rng.uniform(0.2, 4))
        except subprocess.TimeoutExpired:
            running.send_signal(rng.choice(ends))
        _, told = running.communicate(timeout=60)
        assert "Traceback" not in told or running.returncode < 0
        if running.returncode == 0 or (out.exists() and not is_unfinished(out)):
            break
    else:
        finish(clip, out)
    assert decoded(out) == decoded(straight)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out.mp4", "straight.mp4"]


def is_unfinished(out):
    return out.with_name(f".{out.name}.rimlight").exists()


def test_other_settings_start_anew(tmp_path, clip):
    out = tmp_path / "out.mp4"
    assert kill_after(start(clip, out), out, 1)
    done = finish(clip, out, "--crf", "35")
    assert "going on" not in done.stderr
    assert frame_times(out) == frame_times(clip)


def test_an_existing_result_is_replaced_only_when_told(rimlight, refused, tmp_path, clip):
    (tmp_path / "out.mp4").write_bytes(b"precious")
    refused("process", clip, "-b", "white", "-o", "out.mp4", code=5, says="exists", hint="--over")
    assert (tmp_path / "out.mp4").read_bytes() == b"precious"
    finish(clip, tmp_path / "out.mp4", "--overwrite")
    assert frame_times(tmp_path / "out.mp4") == frame_times(clip)


@contextmanager
def small_disk(folder, size):
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if not shutil.which("mount") or subprocess.call(mount):
        pytest.skip("needs the right to mount a small tmpfs")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.slow
def test_a_full_disk_is_said_and_the_run_goes_on_when_there_is_room(tmp_path, clip):
    straight, disk = tmp_path / "straight.mp4", tmp_path / "disk"
    finish(clip, straight)
    with small_disk(disk, straight.stat().st_size * 3):
        out, ballast = disk / "out.mp4", disk / "ballast"
        ballast.write_bytes(bytes(int(straight.stat().st_size * 2.4)))
        full = subprocess.run(command(clip, out), capture_output=True, text=True, check=False)
        assert full.returncode == 5 and "No space left" in full.stderr, full.stderr
        assert "free some space" in full.stderr and not out.exists()
        assert whole_segments(out)
        ballast.unlink()
        assert "going on" in finish(clip, out).stderr
        assert decoded(out) == decoded(straight)
