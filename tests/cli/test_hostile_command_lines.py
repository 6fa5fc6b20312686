"""Every flag and argument of every command with values that nobody means: one error, no crash."""

import os
import random
import resource
import time

import cv2
import numpy as np
import pytest
import typer
import typer.testing
from clip_maker import write_video

from rimlight import cli

SEED = int(os.environ.get("RIMLIGHT_HOSTILE_SEED", "7"))
CASES = int(os.environ.get("RIMLIGHT_HOSTILE_CASES", "200"))

LONGEST_S = 30  # of processor time, for one command line
MOST_MB = 1500

VALUES = [
    "", " ", "nan", "inf", "-1", "0", "1e400", "9" * 40, "9" * 5000, "0x_", "0b_", "1:2:3:4", "-",
    "--", "..", "/", "../../x", "caf\udce9.mp4", "日本\u202e.png", "\x1b[31m", "[",
    "{a: *a}", "[" * 3000, "2024-13-01",
    "1_000", "sinks.0=3", "effects=[3]", "a.b.c", "=", "k=v=w", "*",
    "?[", "@", "@nope.txt", "nope.mp4", "10:15.mp4", "http://[::1", "http://127.0.0.1:1/x.mp4",
    "file://clip.mkv", "s3://bucket/x", "rtsp://u:p@ss@127.0.0.1:1/x", "C:\\me\\talk.mp4", "null",
    "pipe:", "video:", "images:", ":", "camera:-1", "folder", "folder/", "clip.mkv", "in.png",
    "text.txt", "empty.mp4", "bomb.yaml", "/dev/null", "/dev/full", "true", "1/0", "0/0", "1280x",
    "0x0", "99999x99999", "-5x5", "64X48", "id:-1", "largest", "person,,", "white", "#ggg",
    "x" * 300,
]  # fmt: skip

BASES = {
    "process": ["clip.mkv", "-b", "white", "-o", "out.mkv"],
    "batch": ["clip.mkv", "-b", "white", "-o", "results", "--dry-run"],
    "live": ["--source", "test-pattern:64x48", "--blur", "20", "--sink", "null", "--dry-run"],
    "road": ["clip.mkv", "--report", "report"],
    "objects": ["in.png", "-o", "boxes.png"],
    "eval": ["folder", "--setup", "a=selfie"],
    "train": ["folder", "-o", "run"],
    "distill": ["folder", "-o", "run"],
    "prune": ["model.keras", "folder", "-o", "run"],
    "export": ["model.keras", "-o", "x.tflite"],
    "ctl": ["status", "--control-socket", "none.sock"],
    "models show": ["selfie"],
    "models list": [],
    "models pull": ["nope"],
    "service show": [],
}


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with a clip, a picture and odd neighbors, as the working folder."""
    write_video(tmp_path / "clip.mkv", stamps=range(0, 120, 40))
    cv2.imwrite(str(tmp_path / "in.png"), np.full((48, 64, 3), 90, np.uint8))
    (tmp_path / "folder").mkdir()
    (tmp_path / "text.txt").write_text("no video\n" * 9)
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "bomb.yaml").write_text("a: &a [1, 1]\nb: &b [*a, *a]\nc: &c {x: *b, y: *c}\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RIMLIGHT_CACHE", str(tmp_path / "cache"))
    return tmp_path


def find_parameters():
    """Every (command, option or None for its argument)."""
    group = typer.main.get_command(cli.app)
    for name, base in BASES.items():
        command = cli.hints.find_command(group, name.split())
        options = [p.opts[-1] for p in command.params if p.opts[0].startswith("-")]
        yield from ((name, option) for option in options)
        if base:
            yield name, None


def make_lines():
    """The sample of command lines of this run; the same one each time."""
    every = [(name, option, value) for name, option in find_parameters() for value in VALUES]
    return random.Random(SEED).sample(every, min(CASES, len(every)))


def write_line(name, option, value):
    base = BASES[name]
    if option is None:
        return [*name.split(), value, *base[1:]]
    return [*name.split(), *base, option, value]


def find_peak_mb():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@pytest.mark.slow
def test_no_command_line_ends_in_a_crash(place, capfd):
    wrong = []
    for name, option, value in make_lines():
        words = write_line(name, option, value)
        started, before = time.process_time(), find_peak_mb()
        code = cli.run_words(words)
        spent, grown = time.process_time() - started, find_peak_mb() - before
        said = capfd.readouterr().err
        errors = [line for line in said.splitlines() if line.lower().startswith("error:")]
        if code == cli.BUG or "Traceback" in said or (code not in (0, 130) and len(errors) != 1):
            wrong.append((code, words, said[-300:]))
        if spent > LONGEST_S or grown > MOST_MB:
            wrong.append((code, words, f"{spent:.0f} s, {grown:.0f} MB more"))
    assert not wrong, "\n".join(map(str, wrong))
