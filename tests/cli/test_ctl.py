"""`rimlight live` and `rimlight ctl` as two processes."""

import json
import signal
import subprocess
import sys

import pytest


@pytest.fixture
def live(tmp_path):
    """A live run of the pattern; (process, socket path)."""
    socket = tmp_path / "ctl.sock"
    words = (
        "live --source pattern:64x48 --set source.realtime=true"
        f" --background #00ff00 --sink null --ctl {socket}"
    )
    with subprocess.Popen(
        [sys.executable, "-m", "rimlight", *words.split()],
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
    ) as process:
        while not socket.exists() and process.poll() is None:
            pass
        yield process, socket
        process.kill()


def test_a_live_run_answers_and_stops(live, rimlight):
    process, socket = live
    status = json.loads(rimlight("ctl", "status", "--json", "--ctl", socket).stdout)
    assert status["effects"] == ["replace"]
    assert rimlight("ctl", "--ctl", socket, "blur", "-2").stdout == "blur 1\n"
    wrong = rimlight("ctl", "explode", "--ctl", socket)
    assert wrong.returncode == 2 and "known: background" in wrong.stderr
    assert rimlight("ctl", "stop", "--ctl", socket).stdout == "stopping\n"
    process.communicate(timeout=20)
    assert process.returncode == 0
    assert not socket.exists()


def test_ctl_without_a_run_says_how_to_start_one(refused, tmp_path):
    refused(
        "ctl", "panic", "--ctl", tmp_path / "none.sock",
        code=2, says="no live run", hint="rimlight live",
    )  # fmt: skip


def test_panic_is_heard_while_nobody_reads_the_pipe(tmp_path, rimlight):
    socket = tmp_path / "ctl.sock"
    words = (
        "live --source pattern:640x360 --set source.realtime=true --quiet"
        f" --background #00ff00 --sink pipe --ctl {socket}"
    )
    with subprocess.Popen(
        [sys.executable, "-m", "rimlight", *words.split()],
        stdout=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
    ) as process:
        while not socket.exists() and process.poll() is None:
            pass
        assert rimlight("ctl", "panic", "--ctl", socket).stdout == "covered\n"
        process.send_signal(signal.SIGUSR1)  # once more: it stays so
        status = json.loads(rimlight("ctl", "status", "--json", "--ctl", socket).stdout)
        assert status["panic"]
        process.kill()
