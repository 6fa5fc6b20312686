"""Runs inside the rig's guest: the live job from its webcam to its virtual camera, read by ffmpeg.

    python in_rig.py FOLDER

Leaves in FOLDER: live.i420 (raw frames as another program sees them), live.log (what rimlight
said) and report.json. It judges nothing; the test that started the machine does.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CAMERA, VIRTUAL = os.environ["RIG_CLIPCAM"], os.environ["RIG_VCAM"]
FRAMES = 240
OPEN_TIMEOUT_S = END_TIMEOUT_S = READ_TIMEOUT_S = 90

# The least that any program between the two devices must do: what it reaches is this machine's
# own rate, and rimlight's is judged against it.
PLAIN_COPY = """
import sys, cv2, pyvirtualcam
camera = cv2.VideoCapture(sys.argv[1], cv2.CAP_V4L2)
camera.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
picture = camera.read()[1]
height, width = picture.shape[:2]
bgr = pyvirtualcam.PixelFormat.BGR
with pyvirtualcam.Camera(width, height, 30, fmt=bgr, device=sys.argv[2]) as out:
    while True:
        out.send(camera.read()[1])
"""


def main() -> None:
    """Measure the plain copy, then rimlight; rimlight meets the device as the copy left it."""
    folder = Path(sys.argv[1])
    plain = [sys.executable, "-c", PLAIN_COPY, CAMERA, VIRTUAL]
    live = [sys.executable, "-m", "rimlight", "live", "--source", CAMERA]
    live += ["--sink", f"virtual-camera:{VIRTUAL}", "--background", "#00ff00"]
    report = {
        "plain": watch(plain, folder / "plain"),
        "live": watch(live, folder / "live"),
        "devices": said([sys.executable, "-m", "rimlight", "devices"]),
    }
    (folder / "plain.i420").unlink()
    (folder / "report.json").write_text(json.dumps(report, indent=2))


def watch(command: Sequence[str], name: Path) -> dict[str, Any]:
    """Run `command`, read what it sends to the virtual camera, then end it with SIGTERM."""
    with running(command, name.with_suffix(".log")) as program:
        size = announced_size(program)
        arrivals = consume(name.with_suffix(".i420"), size)
        program.send_signal(signal.SIGTERM)
        code = program.wait(END_TIMEOUT_S)
    return {"size": size, "arrivals_s": arrivals, "exit": code}


@contextmanager
def running(command: Sequence[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as out, subprocess.Popen(command, stdout=out, stderr=out) as program:
        try:
            yield program
        finally:
            program.kill()


def announced_size(program: subprocess.Popen[bytes]) -> tuple[int, int]:
    """Wait until the virtual camera says that it can be read; return its (width, height)."""
    deadline = time.monotonic() + OPEN_TIMEOUT_S
    while time.monotonic() < deadline and program.poll() is None:
        text = said(["v4l2-ctl", "-d", VIRTUAL, "--get-fmt-video"])
        found = re.search(r"Width/Height\s*:\s*(\d+)/(\d+)", text)
        if found and "Video Capture" in text:
            return int(found[1]), int(found[2])
        time.sleep(0.05)
    raise SystemExit(f"nothing came: exit {program.poll()}, format {text!r}")


def consume(path: Path, size: tuple[int, int]) -> list[float]:
    """Let ffmpeg read FRAMES frames; keep them as I420, return when each arrived, in seconds."""
    command = ["ffmpeg", "-nostdin", "-v", "error", "-f", "v4l2", "-i", VIRTUAL]
    command += ["-frames:v", str(FRAMES), "-vsync", "passthrough"]
    command += ["-pix_fmt", "yuv420p", "-f", "rawvideo", "-"]
    length = size[0] * size[1] * 3 // 2
    arrivals = []
    with (
        path.open("wb") as out,
        subprocess.Popen(["timeout", str(READ_TIMEOUT_S), *command], stdout=subprocess.PIPE) as it,
    ):
        while len(frame := it.stdout.read(length)) == length:
            arrivals.append(time.monotonic())
            out.write(frame)
    return arrivals


def said(command: Sequence[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    return done.stdout + done.stderr


if __name__ == "__main__":
    main()
