"""Ctrl-C and hang-ups end a command in order, from its first moment on."""

import os
import signal
import subprocess
import sys

import pytest

from rimlight.cli import interrupts
from rimlight.cli.console import stop_on_signals


class Endless:
    """Stands for a pipeline: counts how often it was told to stop."""

    def __init__(self):
        self.stops = 0

    def stop(self):
        self.stops += 1


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"])
def test_each_of_the_ending_signals_ends_a_run_in_order(name):
    before, pipeline = signal.getsignal(signal.Signals[name]), Endless()
    with stop_on_signals(pipeline) as stop:
        os.kill(os.getpid(), signal.Signals[name])
        assert (stop.asked, pipeline.stops) == (True, 1)
    assert signal.getsignal(signal.Signals[name]) is before


def test_a_run_under_nohup_goes_on_through_a_hangup():
    before, pipeline = signal.signal(signal.SIGHUP, signal.SIG_IGN), Endless()
    try:
        with stop_on_signals(pipeline) as stop, interrupts.interrupted_by_signals():
            os.kill(os.getpid(), signal.SIGHUP)
            assert (stop.asked, pipeline.stops) == (False, 0)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_one_ctrl_c_that_arrives_twice_is_one():
    pipeline = Endless()
    with stop_on_signals(pipeline):
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
    assert pipeline.stops == 2


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_where_ctrl_c_is_caught_the_others_are_too(name):
    with pytest.raises(KeyboardInterrupt), interrupts.interrupted_by_signals():
        os.kill(os.getpid(), signal.Signals[name])


SWALLOWED = """
import os, signal
from rimlight.cli import interrupts
from rimlight.cli.console import stop_on_signals
interrupts.raise_from_now_on()
try:
    os.kill(os.getpid(), signal.SIGINT)
except KeyboardInterrupt:
    pass  # as code that is called from C does
try:
    with stop_on_signals(None):
        print("runs")
except KeyboardInterrupt:
    print("ended")
"""

LOADING = """
import os, signal, sys
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == "rimlight.cli.MODULE":
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Finder())
sys.argv = ["rimlight", "batch", "--help"]
import rimlight.cli
rimlight.cli.main()
"""


def run(code):
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )


def test_a_ctrl_c_that_was_swallowed_ends_the_run_before_it_begins():
    assert run(SWALLOWED).stdout == "ended\n"


def test_a_ctrl_c_that_was_swallowed_prints_no_traceback():
    assert run(SWALLOWED).stderr == ""


@pytest.mark.parametrize("module", ["hints", "batch"])
def test_a_ctrl_c_while_the_commands_are_loaded_ends_without_a_traceback(module):
    done = run(LOADING.replace("MODULE", module))
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")
