"""`rimlight live` and `rimlight ctl` as two processes."""

import json
import os
import pty
import signal
import subprocess
import sys
from contextlib import contextmanager, suppress

import pytest


@contextmanager
def running(socket, *words, terminal=subprocess.DEVNULL, starter=None, **more):
    """Run the pattern live until the block ends; give the process once it listens."""
    command = [sys.executable, "-m", "rimlight", "live", "--set", "source.realtime=true"]
    command += ["--background", "#00ff00", "--control-socket", str(socket), *words]
    if starter:
        command[1:1] = ["-c", starter]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=terminal, stdout=pipe, stderr=pipe, **more) as process:
        while not socket.exists() and process.poll() is None:
            pass
        yield process
        process.kill()


@pytest.fixture
def socket(tmp_path):
    return tmp_path / "ctl.sock"


@pytest.fixture
def say(rimlight, socket):
    return lambda *words: rimlight("ctl", "--control-socket", socket, *words)


def test_a_word_too_long_for_a_file_is_passed_on(refused):
    args = ("ctl", "--control-socket", "nowhere", "keep", "a" * 300)
    refused(*args, code=2, says="nowhere", hint="rimlight live")


def test_a_live_run_answers_and_stops(socket, say):
    with running(socket, "--source", "test-pattern:64x48", "--sink", "null") as process:
        assert json.loads(say("status", "--json").stdout)["effects"] == ["replace"]
        assert say("blur", "-2").stdout == "blur 1\n"
        wrong = say("explode")
        assert wrong.returncode == 2 and "known: background" in wrong.stderr
        assert say("stop").stdout == "stopping\n"
        process.communicate(timeout=20)
        assert process.returncode == 0
    assert not socket.exists()


def test_ctl_without_a_run_says_how_to_start_one(refused, tmp_path):
    refused(
        "ctl", "panic", "--control-socket", tmp_path / "none.sock",
        code=2, says="no live run", hint="rimlight live",
    )  # fmt: skip


UNREAD = ("--source", "test-pattern:640x360", "--sink", "pipe", "--quiet")
"""A run whose sink blocks: nobody reads its pipe."""


def test_panic_is_heard_while_nobody_reads_the_pipe(socket, say):
    with running(socket, *UNREAD) as process:
        assert say("panic").stdout == "covered\n"
        process.send_signal(signal.SIGUSR1)  # once more: it stays so
        assert json.loads(say("status", "--json").stdout)["panic"]


def press_until_it_ends(process):
    """Press Ctrl-C as people do; twice within a moment counts as once."""
    for _ in range(40):
        process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            return process.wait(0.5)
    return process.wait(1)


def test_a_second_ctrl_c_ends_a_run_whose_sink_blocks(socket, say):
    with running(socket, *UNREAD) as process:
        while "effects" not in json.loads(say("status", "--json").stdout)["stages"]:
            pass  # what is done next is to write
        process.send_signal(signal.SIGINT)
        assert say("status", "--json").returncode == 0  # it is asked to end, and still blocks
        # The last press may come when the handler is gone: a shell shows 130 then too.
        assert press_until_it_ends(process) in {130, -signal.SIGINT}
        assert b"Traceback" not in process.stderr.read()
    assert not socket.exists()


@pytest.fixture
def terminal():
    """The two ends of a terminal: ours, and that of a program."""
    ends = pty.openpty()
    yield ends
    for end in ends:
        with suppress(OSError):
            os.close(end)


@pytest.mark.slow
def test_a_terminal_that_did_not_start_the_run_is_no_hindrance(socket, say, terminal):
    more = {"terminal": terminal[1], "start_new_session": True}
    with running(socket, "--source", "test-pattern:64x48", "--sink", "null", **more) as process:
        assert say("stop").stdout == "stopping\n"
        process.communicate(timeout=20)
        assert process.returncode == 0


@pytest.mark.slow
def test_closing_the_terminal_ends_a_run_in_order(socket, say, terminal):
    ours, theirs = terminal
    take = "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
    more = {"terminal": theirs, "start_new_session": True}
    more["starter"] = take + "os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
    with running(socket, "--source", "test-pattern:64x48", "--sink", "null", **more) as process:
        assert say("status").returncode == 0
        os.close(theirs)
        os.close(ours)
        _, said = process.communicate(timeout=20)
        assert process.returncode == 0, said
        assert b"frames" in said
