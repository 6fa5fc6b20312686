"""A real X server without a screen, for tests that open windows."""

import os
import shutil
import subprocess
from functools import cache

import pytest


@cache
def display():
    """Return the name of the screen that the tests of this process share, such as ":99"."""
    return start_display()


def start_display():
    """Start Xvfb and return its name; skip where it is not installed. Nobody else draws on it.

    It dies with this process and not before: Qt, inside OpenCV, keeps its connection for life.
    """
    if not (shutil.which("Xvfb") and shutil.which("setpriv")):
        pytest.skip("needs Xvfb and setpriv (apt-get install xvfb util-linux)")
    reader, writer = os.pipe()
    size = ["-screen", "0", "800x600x24"]
    # Without -noreset it starts over when its last client leaves, and refuses others meanwhile.
    screen = [*size, "-noreset", "-nolisten", "tcp", "-displayfd", str(writer)]
    _KEEP.append(
        subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "Xvfb", *screen],
            pass_fds=[writer],
            stderr=subprocess.DEVNULL,
        )
    )
    os.close(writer)
    with os.fdopen(reader) as ready:
        return f":{ready.readline().strip()}"


_KEEP = []
