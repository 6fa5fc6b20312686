"""A real `rimlight live`, or `rimlight panel`, in a process and folders of its own."""

import os
import re
import subprocess
import sys
from contextlib import contextmanager

from pipewire_session import wait_until

from rimlight.live.control_socket import send_command

PATTERN = (
    *("--source", "test-pattern:320x180", "--sink", "null", "--background", "#335c67"),
    *("--set", "segmenter.kind=threshold"),
)
"""A moving figure on a color; the model is a threshold, so that it starts quickly."""


class Program:
    """Runs `rimlight` in `folder`; the control socket and the user's files are there too."""

    def __init__(self, folder):
        names = {"RUNTIME_DIR": "run", "DATA_HOME": "data", "STATE_HOME": "state"}
        names |= {"CONFIG_HOME": "config"}
        self.folder = folder
        self.env = os.environ | {f"XDG_{key}": str(folder / value) for key, value in names.items()}
        self.env["XDG_VIDEOS_DIR"] = str(folder / "Videos")
        self.env |= {"DISPLAY": "", "WAYLAND_DISPLAY": ""}

    def call(self, *words):
        """Run a command to its end."""
        return subprocess.run(
            [sys.executable, "-m", "rimlight", *words],
            env=self.env,
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def control(self, *words):
        """Send a command to the run, as `rimlight ctl` would."""
        return send_command(self.folder / "run" / "rimlight.sock", words)

    @contextmanager
    def start(self, *words):
        """Run a command that serves a panel; yield the panel's address, then end it."""
        child = subprocess.Popen(
            [sys.executable, "-m", "rimlight", *words],
            env=self.env,
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            url = self._read_url(child)
            wait_until((self.folder / "run" / "rimlight.sock").is_socket)
            yield url
        finally:
            child.terminate()
            child.communicate(timeout=20)

    def _read_url(self, child):
        said = ""
        for line in child.stderr:
            said += line
            if found := re.search(r"http://127\.0\.0\.1:\d+/open/\S+", line):
                return found[0]
        raise AssertionError(said)
