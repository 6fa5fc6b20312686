"""Runs inside the rig's guest: how late a picture is, from the webcam to the virtual camera.

    python live_latency.py FOLDER

Every picture of the webcam carries its number in black and white blocks. One thread reads the
webcam, another the virtual camera, and both note when they first see each number; the difference
is the latency, by the pixels. The model runs on every frame; the picture itself passes, so that
the number can be read. Leaves FOLDER/latency.json.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from pathlib import Path

import cv2
import numpy as np

os.environ["OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT"] = "2"

from live_cases import VIRTUAL, Live, waited
from painted import number_of

CAMERA = os.environ["RIG_CLIPCAM"]
FRAMES = 300


class Reader:
    """Notes when each number is first seen on a device."""

    def __init__(self, device: str) -> None:
        self.seen: dict[int, float] = {}
        self._done = threading.Event()
        self._capture = cv2.VideoCapture()
        waited(lambda: self._capture.open(device, cv2.CAP_V4L2))
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        while not self._done.is_set():
            there, picture = self._capture.read()
            if there:
                self.seen.setdefault(number_of(picture), time.monotonic())

    def close(self) -> None:
        self._done.set()
        self._thread.join()
        self._capture.release()


def main() -> None:
    """Measure with and without --mask-sync exact."""
    folder = Path(sys.argv[1])
    report = {}
    for name, more in {
        "newest mask": (),
        "own mask (--mask-sync exact)": ("--mask-sync", "exact"),
    }.items():
        words = ["--set", "effects=[{kind: flip, horizontal: false}]", "--allow-passthrough"]
        words += ["--set", "sinks.0.size=640x360", "--source", CAMERA, *more]
        run = Live(folder, "latency", *words)
        if not run.is_up() or run.process.poll() is not None:
            raise SystemExit(f"the live run ended: {run.log.read_text()}")
        near, far = Reader(CAMERA), Reader(VIRTUAL)
        deadline = time.monotonic() + 60
        while len(far.seen) < FRAMES and time.monotonic() < deadline:
            time.sleep(0.1)
        status = run.status()
        near.close()
        far.close()
        run.end()
        late = [far.seen[n] - near.seen[n] for n in far.seen if n in near.seen]
        late_ms = np.array([each for each in late if abs(each) < 2]) * 1000
        report[name] = {
            "pictures": len(late_ms),
            "median_ms": float(np.median(late_ms)),
            "p95_ms": float(np.percentile(late_ms, 95)),
            "status": status,
        }
    (folder / "latency.json").write_text(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
