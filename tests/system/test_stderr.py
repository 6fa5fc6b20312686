import os
import subprocess
import sys

import pytest

from rimlight.system.stderr import filter_stderr

IMPORT = "import rimlight.segmenters.keras"


def test_only_the_lines_named_are_dropped(capfd):
    with filter_stderr(b"INFO: "):
        os.write(2, b"INFO: hello\nERROR: broken\n")
    os.write(2, b"INFO: later\n")
    assert capfd.readouterr().err == "ERROR: broken\nINFO: later\n"


def test_what_was_said_before_an_error_is_passed_on(capfd):
    def broken():
        os.write(2, b"why it broke\n")
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"), filter_stderr(b"INFO: "):
        broken()
    assert capfd.readouterr().err == "why it broke\n"


def test_a_closed_stderr_is_no_error(monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    with filter_stderr(b"INFO: "):
        value = 1
    assert value == 1


@pytest.mark.slow
def test_loading_keras_prints_nothing():
    done = subprocess.run([sys.executable, "-c", IMPORT], capture_output=True, check=True)
    assert (done.stdout, done.stderr) == (b"", b"")
