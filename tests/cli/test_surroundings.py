"""Closed streams, full disks, no home, no folder: a result or one line, never a traceback."""

import os
import shlex
import subprocess
import sys

import cv2
import numpy as np
import pytest

pytestmark = pytest.mark.slow  # a process each

RIMLIGHT = f"{shlex.quote(sys.executable)} -m rimlight"


@pytest.fixture
def shell(tmp_path):
    """Run a shell line next to a picture; give its exit code and what it said on stderr."""
    cv2.imwrite(str(tmp_path / "in.png"), np.full((48, 64, 3), 90, np.uint8))

    def run(line, **env):
        kept = {k: v for k, v in os.environ.items() if k not in env}
        done = subprocess.run(
            ["sh", "-c", line],
            cwd=tmp_path,
            env=kept | {k: v for k, v in env.items() if v is not None},
            capture_output=True,
            timeout=120,
            check=False,
        )
        assert b"Traceback" not in done.stderr + done.stdout, done.stderr
        assert b"Exception ignored" not in done.stderr, done.stderr
        return done.returncode, done.stderr.decode()

    return run


GREEN = f"{RIMLIGHT} process in.png -b white -o out.png"


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-", "2>/dev/full"])
def test_work_is_done_whatever_the_streams_are(shell, tmp_path, closed):
    assert shell(f"{GREEN} {closed}")[0] == 0
    assert cv2.imread(str(tmp_path / "out.png")).shape == (48, 64, 3)


@pytest.mark.parametrize(
    "line",
    [
        "models list >/dev/full",
        "--version >/dev/full",
        "process --help >/dev/full",
        "process in.png -b white -o out.png --dry-run >/dev/full",
        "process in.png -b white -o - >&-",
        "process in.png -b white -o - >/dev/full",
    ],
)
def test_output_that_cannot_be_written_is_said_in_one_line(shell, line):
    code, said = shell(f"{RIMLIGHT} {line}")
    assert code == 5 and said.count("error: cannot write to standard output") == 1


def test_a_closed_input_is_said_in_one_line(shell):
    line = f"{RIMLIGHT} process - --set source.size=8x8 -b white -o out.mkv <&-"
    code, said = shell(line)
    assert code == 3 and "cannot read standard input" in said and "could be read" not in said


def test_no_home_and_no_name_is_no_hindrance(shell):
    nobody = "unshare --user --map-user=12345 --map-group=12345"
    if subprocess.run(f"{nobody} true", shell=True, capture_output=True, check=False).returncode:
        pytest.skip("this machine makes no user namespaces")
    homes = dict.fromkeys(
        ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR", "RIMLIGHT_CACHE")
    )
    assert shell(f"{nobody} {RIMLIGHT} models list", **homes)[0] == 0
    assert shell(f"{nobody} {RIMLIGHT} service show", **homes)[0] == 0
    assert shell(f"{nobody} {RIMLIGHT} ctl status", **homes)[0] == 2


def test_a_working_folder_that_is_gone_is_said_in_one_line(shell, tmp_path):
    line = f"mkdir gone && cd gone && rmdir ../gone && {RIMLIGHT} models list"
    code, said = shell(line)
    assert code == 2 and "error: the working folder is gone" in said


def test_a_file_size_limit_of_nothing_is_said_in_one_line(shell):
    code, said = shell(f"ulimit -f 0; {GREEN}")
    assert code == 5 and said.count("error: ") == 1


def test_names_that_are_not_text_work_in_any_locale(tmp_path):
    odd = os.fsencode(tmp_path) + b"/caf\xe9.png"
    cv2.imwrite(str(tmp_path / "in.png"), np.full((48, 64, 3), 90, np.uint8))
    os.rename(tmp_path / "in.png", odd)
    done = subprocess.run(
        [sys.executable, "-m", "rimlight", "process", odd, "-b", "white", "-o", odd + b".jpg"],
        env=os.environ | {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert os.path.getsize(odd + b".jpg") > 0 and b"\\udce9.png.jpg" in done.stderr


@pytest.mark.parametrize("compiled", ["always", "auto"])
def test_compiled_loops_without_a_place_for_them_are_left_out(shell, compiled, tmp_path):
    code, said = shell(
        f"{RIMLIGHT} process in.png -b white -o out.png --set pipeline.jit={compiled}",
        NUMBA_CACHE_LOCATOR_CLASSES="IPythonCacheLocator",
    )
    assert code == 0 and ("without compiled loops" in said) == (compiled == "always")


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        ("process a.mp4 --bg white -o o.mp4", "did you mean --background?"),
        ("process a.mp4 -background white -o o.mp4", "write --background, with two dashes"),
        ("process a.mp4 b.mp4 -b white -o out/", "rimlight batch"),
        ("process a.png -b white --output-size 640x360 -o o.png", "--max-size WIDTHxHEIGHT"),
        ("process a.mp4 -b white --crf x -o o.mp4", "--crf: "),
    ],
)
def test_a_mistyped_command_line_leads_to_the_right_one(shell, words, hint):
    code, said = shell(f"{RIMLIGHT} {words}")
    assert code == 2 and hint in said.splitlines()[-1]


def test_help_survives_python_without_docstrings(tmp_path):
    done = subprocess.run(
        [sys.executable, "-OO", "-m", "rimlight", "process", "--help"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0 and "Replace, blur or remove" in done.stdout
