"""A PipeWire session of a test's own: bus, daemon and session manager, ended by their pids."""

import json
import os
import shutil
import subprocess
import time

import pytest

PROGRAMS = ("pipewire", "pw-dump", "wireplumber", "dbus-daemon", "gst-launch-1.0")
INSPECT = ("gst-inspect-1.0", "pipewiresrc")
LAUNCH = ("gst-launch-1.0", "-q", "pipewiresrc")


def need_pipewire():
    """Skip where the programs are missing; fail where RIMLIGHT_REQUIRE asks for them."""
    missing = [name for name in PROGRAMS if not shutil.which(name)]
    if not missing and subprocess.run(INSPECT, capture_output=True, check=False).returncode:
        missing = ["gstreamer1.0-pipewire"]
    if missing:
        reason = f"needs {', '.join(missing)} (apt-get install: see .ci/run)"
        if "pipewire" in os.environ.get("RIMLIGHT_REQUIRE", ""):
            pytest.fail(f"RIMLIGHT_REQUIRE asks for pipewire: {reason}")
        pytest.skip(reason)


def wait_until(what, seconds=10.0):
    """Return what `what` returns once it is true."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if got := what():
            return got
        time.sleep(0.005)
    raise AssertionError(f"not within {seconds} s")


class Session:
    """A private session in `folder`; `env` is what its programs need."""

    def __init__(self, folder):
        self.folder = folder
        folder.chmod(0o700)
        self.env = os.environ | {
            "XDG_RUNTIME_DIR": str(folder),
            "XDG_STATE_HOME": str(folder / "state"),
            "XDG_CONFIG_HOME": str(folder / "conf"),
            "HOME": str(folder),
            "DBUS_SESSION_BUS_ADDRESS": f"unix:path={folder}/bus",
        }
        self._children = {}
        self._consumers = []

    def start(self):
        address = self.env["DBUS_SESSION_BUS_ADDRESS"]
        bus = ("dbus-daemon", "--session", "--nofork", "--nopidfile", f"--address={address}")
        self._run(*bus, ready=(self.folder / "bus").exists)
        self.start_daemon()

    def start_daemon(self):
        self._run("pipewire", ready=(self.folder / "pipewire-0").exists)
        self._run("wireplumber", ready=lambda: "WirePlumber" in self._dump())

    def stop_daemon(self):
        for name in ("wireplumber", "pipewire"):
            self._end(name)

    def stop(self):
        for consumer in self._consumers:
            self.kill(consumer)
        for name in reversed(tuple(self._children)):
            self._end(name)

    def cameras(self):
        """The properties of each video source, by its node's name."""
        found = (each.get("info") or {} for each in json.loads(self._dump() or "[]"))
        properties = [info.get("props") or {} for info in found]
        return {p["node.name"]: p for p in properties if p.get("media.class") == "Video/Source"}

    def watch(
        self, node, count=-1, caps="video/x-raw,format=YUY2", sink=("fdsink", "fd=1"), **more
    ):
        """Start a consumer, which writes `count` raw frames to its standard output."""
        words = [*LAUNCH, f"target-object={node}", f"num-buffers={count}", "!", caps, "!", *sink]
        stdout = subprocess.PIPE if count > 0 else subprocess.DEVNULL
        consumer = subprocess.Popen(words, env=self.env, stdout=stdout)
        self._consumers.append(consumer)
        return consumer

    def kill(self, consumer):
        """End a consumer as a crash would."""
        consumer.kill()
        consumer.wait()
        if consumer.stdout:
            consumer.stdout.close()

    def _run(self, *command, ready):
        log = (self.folder / f"{command[0]}.log").open("a")
        child = subprocess.Popen(command, env=self.env, stdout=log, stderr=log)
        log.close()
        self._children[command[0]] = child
        wait_until(ready)

    def _end(self, name):
        child = self._children.pop(name, None)
        if child is None:
            return
        child.terminate()
        try:
            child.wait(5)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()

    def _dump(self):
        done = subprocess.run(
            ["pw-dump"], env=self.env, capture_output=True, text=True, check=False
        )
        return done.stdout
