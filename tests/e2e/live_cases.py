"""Runs inside the rig's guest: what happens to a live run when its devices misbehave.

    python live_cases.py FOLDER [CASE...]

Leaves FOLDER/report.json, one entry for each case, and the log of every run. It judges nothing;
the test that started the machine does.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from rimlight.core.errors import ConfigError
from rimlight.live.control_socket import send_command
from rimlight.pipeline.fallback import NEUTRAL

CAMERA, VIRTUAL = os.environ["RIG_CAM"], os.environ["RIG_VCAM"]
DRIVER = Path("/sys/bus/platform/drivers/vivid")
DEVICE = "vivid.0"
PATIENCE_S = 120
SIZE = (320, 240)
GREEN = "#00ff00"
BRIGHT_STAYS = ("--background", GREEN, "--set", "segmenter={kind: threshold}")
"""Nobody sits before the rig's webcam: take what is bright in its picture for a person."""

os.environ["OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT"] = "2"


class Consumer:
    """Another program's view of the virtual camera: when each frame came, and how green it was."""

    def __init__(self) -> None:
        self.arrivals: list[float] = []
        self.green: list[float] = []
        self.room: list[float] = []
        self._stopped = threading.Event()
        self._capture = cv2.VideoCapture()
        self.opened = waited(lambda: self._capture.open(VIRTUAL, cv2.CAP_V4L2))
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        while self.opened and not self._stopped.is_set():
            there, picture = self._capture.read()
            if there:
                self.arrivals.append(time.monotonic())
                self.green.append(greenness(picture))
                self.room.append(1 - self.green[-1] - plainness(picture))

    def wait_for(self, count: int) -> bool:
        """Wait until `count` more frames have come."""
        goal = len(self.arrivals) + count
        return waited(lambda: len(self.arrivals) >= goal)

    def gaps(self) -> list[float]:
        return [later - now for now, later in zip(self.arrivals, self.arrivals[1:], strict=False)]

    def close(self) -> None:
        self._stopped.set()
        self._thread.join()
        self._capture.release()


def greenness(bgr: np.ndarray) -> float:
    """Return the share of pixels that are background green."""
    blue, green, red = (bgr[..., i].astype(int) for i in range(3))
    return float(((green > 180) & (blue < 90) & (red < 90)).mean())


def plainness(bgr: np.ndarray) -> float:
    """Return the share of pixels of the plain picture that is held before the first safe one."""
    return float((abs(bgr.astype(int) - NEUTRAL).max(axis=-1) < 12).mean())


def covers(seen: Consumer) -> list[float]:
    """Return how much of each frame is one of the two covers: all background, or all plain."""
    plain = (1 - room - green for room, green in zip(seen.room, seen.green, strict=False))
    return [max(pair) for pair in zip(seen.green, plain, strict=False)]


def waited(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return False


class Live:
    """A live run from the webcam to the virtual camera."""

    def __init__(self, folder: Path, name: str, *more: str) -> None:
        self.socket = folder / f"{name}.sock"
        self.log = folder / f"{name}.log"
        command = [sys.executable, "-m", "rimlight", "live", "--source", CAMERA]
        command += ["--sink", f"virtual-camera:{VIRTUAL}", "--control-socket", str(self.socket)]
        command += ["--set", f"sinks.0.size={SIZE[0]}x{SIZE[1]}", *more]
        with self.log.open("wb") as out:
            self.process = subprocess.Popen(
                command, stdout=out, stderr=out, stdin=subprocess.DEVNULL
            )

    def say(self, *words: str) -> dict[str, Any]:
        try:
            return send_command(self.socket, words)
        except ConfigError as exc:
            return {"ok": False, "text": str(exc), "status": {}}

    def status(self) -> dict[str, Any]:
        return self.say("status").get("status", {})

    def is_up(self) -> bool:
        """Wait until frames go out."""
        return waited(lambda: self.status().get("frames", 0) > 3 or self.process.poll() is not None)

    def end(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE_S)


@contextmanager
def live(folder: Path, name: str, *more: str) -> Iterator[Live]:
    run = Live(folder, name, *(more or ("--background", GREEN)))
    try:
        run.is_up()
        yield run
    finally:
        run.process.kill()
        run.process.wait()


@contextmanager
def consumer() -> Iterator[Consumer]:
    reading = Consumer()
    try:
        yield reading
    finally:
        reading.close()


def pulled_out(folder: Path) -> dict[str, Any]:
    """The webcam is taken away while somebody watches, and comes back."""
    with live(folder, "pulled") as run, consumer() as seen:
        seen.wait_for(20)
        (DRIVER / "unbind").write_text(DEVICE)
        gone = waited(lambda: run.status().get("state") in ("lost", "retrying"))
        first, lost = len(seen.arrivals), run.status()
        seen.wait_for(30)
        before = run.status()
        bind_at = time.monotonic()
        (DRIVER / "bind").write_text(DEVICE)
        back_at = time.monotonic()
        back = waited(lambda: run.status().get("state") == "live")
        back_s = time.monotonic() - back_at
        seen.wait_for(20)
        return {
            "noticed": gone,
            "while_lost": lost,
            "frames_while_lost": len(seen.arrivals) - first,
            "held": before.get("held"),
            "back": back,
            "back_s": back_s,
            "bind_s": back_at - bind_at,
            "longest_gap_s": max(seen.gaps()),
            "most_room": max(seen.room),
            "exit": run.end(),
        }


def panicked(folder: Path) -> dict[str, Any]:
    """Everything is covered at once."""
    with live(folder, "panic", *BRIGHT_STAYS) as run, consumer() as seen:
        seen.wait_for(20)
        answer = run.say("panic")
        at = len(seen.green)
        seen.wait_for(20)
        return {
            "answer": answer,
            "most_green_before": max(seen.green[:at]),
            "cover": covers(seen)[at:],
            "exit": run.end(),
        }


def deleted(folder: Path) -> dict[str, Any]:
    """The background's file is deleted while it is shown; another one is not there."""
    path = folder / "back.png"
    cv2.imwrite(str(path), np.full((240, 320, 3), (0, 255, 0), np.uint8))
    with live(folder, "deleted", "--background", str(path)) as run, consumer() as seen:
        seen.wait_for(10)
        path.unlink()
        answer = run.say("background", str(path))
        seen.wait_for(20)
        return {"answer": answer, "most_room": max(seen.room), "exit": run.end()}


def killed(folder: Path) -> dict[str, Any]:
    """The run is killed while somebody watches, and started again."""
    with live(folder, "killed") as run:
        with consumer() as seen:
            seen.wait_for(10)
            run.process.kill()
            run.process.wait()
        left = run.socket.exists()
        with live(folder, "killed") as again, consumer() as seen:
            came = seen.wait_for(20)
            return {"socket_left": left, "came_again": came, "exit": again.end()}


def watched(folder: Path) -> dict[str, Any]:
    """Somebody comes late, leaves, comes again; then two at once."""
    with live(folder, "watched") as run:
        results = []
        for _ in range(2):
            with consumer() as seen:
                results.append(seen.wait_for(10))
        with consumer() as one, consumer() as two:
            results += [one.wait_for(10), two.wait_for(10)]
        return {"came": results, "exit": run.end()}


def busy(folder: Path) -> dict[str, Any]:
    """A second run wants the same virtual camera, or the same webcam."""
    with live(folder, "first") as run:
        said = {}
        for name, words in {
            "virtual": ["--source", "test-pattern:64x48", "--sink", f"virtual-camera:{VIRTUAL}"],
            "webcam": ["--source", CAMERA, "--sink", "null"],
        }.items():
            command = [sys.executable, "-m", "rimlight", "live", *words, "--background", GREEN]
            done = subprocess.run(
                command, capture_output=True, text=True, check=False, timeout=2 * PATIENCE_S
            )
            said[name] = [done.returncode, done.stderr]
        return {"said": said, "frames_go_on": run.status().get("state"), "exit": run.end()}


def on_demand(folder: Path) -> dict[str, Any]:
    """Nobody watches, then somebody does, then nobody."""
    words = ("--background", GREEN, "--on-demand")
    with live(folder, "demand", *words) as run:
        rested = waited(lambda: run.status().get("state") == "suspended")
        closed = str(run.process.pid) not in holders(CAMERA)
        with consumer() as seen:
            came = time.monotonic()
            woken = waited(lambda: run.status().get("state") == "live")
            woken_s = time.monotonic() - came
            seen.wait_for(10)
            opened = str(run.process.pid) in holders(CAMERA)
        rested_again = waited(lambda: run.status().get("state") == "suspended")
        return {
            "rested": rested,
            "closed": closed,
            "woken": woken,
            "woken_s": woken_s,
            "opened": opened,
            "rested_again": rested_again,
            "exit": run.end(),
        }


def holders(path: str) -> set[str]:
    """Return the processes that have `path` open."""
    links = Path("/proc").glob("[0-9]*/fd/*")
    return {link.parts[2] for link in links if os.path.realpath(link) == path}


def thrifty(folder: Path) -> dict[str, Any]:
    """A limit that cannot be held: everything is given up, the webcam's size last."""
    words = ("--background", GREEN, "--max-cpu", "1%", "--set", "source.size=1280x720")
    with live(folder, "thrifty", *words) as run, consumer() as seen:
        seen.wait_for(5)
        last = "the camera's full size"
        gave_up = waited(lambda: last in run.status().get("given_up", ()))
        back = waited(lambda: run.status().get("state") == "live")
        goes_on = seen.wait_for(20)
        return {
            "gave_up": gave_up,
            "status": run.status(),
            "back": back,
            "goes_on": goes_on,
            "most_room": max(seen.room),
            "exit": run.end(),
        }


def signalled(folder: Path) -> dict[str, Any]:
    """SIGUSR1 covers everything, and the webcam's pictures are not looked at until that is over."""
    with live(folder, "signalled", *BRIGHT_STAYS) as run, consumer() as seen:
        seen.wait_for(20)
        run.process.send_signal(signal.SIGUSR1)
        covered = waited(lambda: run.status().get("panic", False))
        at = len(seen.green)
        seen.wait_for(20)
        until = len(seen.green)
        run.say("panic", "off")
        shown = waited(lambda: seen.green[-1] < 0.9)
        return {
            "covered": covered,
            "cover": covers(seen)[at:until],
            "shown": shown,
            "exit": run.end(),
        }


def examined(folder: Path) -> dict[str, Any]:
    """The doctor on this machine, while a run is up and without one."""
    command = [sys.executable, "-m", "rimlight", "doctor"]
    with live(folder, "examined") as run:
        during = subprocess.run(command, capture_output=True, text=True, check=False)
        run.end()
    after = subprocess.run(command, capture_output=True, text=True, check=False)
    return {"during": [during.returncode, during.stdout], "after": [after.returncode, after.stdout]}


def again(folder: Path) -> dict[str, Any]:
    """Twenty runs, one after the other."""
    codes = []
    for index in range(20):
        with live(folder, f"again{index}") as run:
            codes.append(run.end())
    return {"codes": codes}


CASES: Sequence[Callable[[Path], dict[str, Any]]] = (
    pulled_out,
    panicked,
    deleted,
    killed,
    watched,
    busy,
    on_demand,
    thrifty,
    signalled,
    examined,
    again,
)


def main() -> None:
    """Run the cases that are named, or all."""
    folder, wanted = Path(sys.argv[1]), sys.argv[2:]
    report = {}
    for case in CASES:
        if not wanted or case.__name__ in wanted:
            start = time.monotonic()
            report[case.__name__] = case(folder) | {"took_s": time.monotonic() - start}
            (folder / "report.json").write_text(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
