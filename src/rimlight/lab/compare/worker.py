"""A contender in a process of its own, so that its time and memory are measured alone.

A worker reads its settings from the first line of its standard input, then frames: a line of JSON
and the pixels. It answers each with a line of JSON and the alpha. It ends with its input.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from rimlight.core.errors import RimlightError
from rimlight.core.frame import Frame
from rimlight.lab.evaluation.metrics import Alpha

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
"""Environment of the workers, whose libraries would otherwise use all cores."""

ANSWER_LOOP = """
import json, os, sys, time
import numpy as np

_out = os.fdopen(os.dup(1), "wb")
os.dup2(2, 1)  # what libraries print would end up among the answers
settings = json.loads(sys.stdin.buffer.readline())


def send(head, body=b""):
    _out.write(json.dumps(head).encode() + b"\\n" + body)
    _out.flush()


def read_peak_mb():
    try:
        with open("/proc/self/status") as lines:
            return next(int(line.split()[1]) for line in lines if "VmHWM" in line) / 1024
    except (OSError, StopIteration):
        return None


def answer(version, segment):
    send({"version": version})
    while line := sys.stdin.buffer.readline():
        head = json.loads(line)
        shape = head["height"], head["width"]
        pixels = sys.stdin.buffer.read(shape[0] * shape[1] * 3)
        frame = np.frombuffer(pixels, np.uint8).reshape(*shape, 3)
        wall, cpu = time.perf_counter(), time.process_time()
        alpha = segment(frame, head)
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        alpha = np.clip(np.asarray(alpha, np.float32) * 255 + 0.5, 0, 255).astype(np.uint8)
        head = {"cpu_ms": cpu * 1000, "wall_ms": wall * 1000, "peak_mb": read_peak_mb()}
        send(head, np.ascontiguousarray(alpha.reshape(shape)).tobytes())
"""
"""What every worker runs, also in a Python without rimlight; NumPy is all that it needs."""


@dataclass(frozen=True)
class Contender:
    """Something to compare.

    Attributes:
        name: its name in the report.
        python: the interpreter.
        script: what it runs after `ANSWER_LOOP`; it calls `answer(version, segment)`.
        settings: `settings` there.
        hint: what to do if it does not start.
    """

    name: str
    python: str
    script: str
    settings: Mapping[str, Any]
    hint: str


@dataclass(frozen=True)
class Answer:
    """What a contender made of a frame.

    Attributes:
        alpha: float32 (h, w) in [0, 1] at the size of the frame.
        cpu_ms: processor time of all its threads.
        wall_ms: elapsed time.
        peak_mb: its maximum memory so far; None where the system does not tell.
    """

    alpha: Alpha
    cpu_ms: float
    wall_ms: float
    peak_mb: float | None


class Worker:
    """An open contender; close it.

    Raises:
        RimlightError: it does not start.
    """

    def __init__(self, contender: Contender) -> None:
        self.contender = contender
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the worker
        try:
            self._process = _start(contender, self._log)
        except OSError as exc:
            self._log.close()
            message = f"cannot start {contender.python}: {exc.strerror}"
            raise RimlightError(message, hint=contender.hint) from exc
        try:
            self._send(contender.settings)
            self.version = str(self._receive()["version"])
        except BaseException:
            self.close()
            raise

    def segment(self, frame: Frame, *, is_new: bool) -> Answer:
        """Return the alpha of `frame`.

        Args:
            frame: the frame.
            is_new: it does not follow the frame before it.

        Raises:
            RimlightError: the contender failed.
        """
        image = frame.bgr
        height, width = image.shape[:2]
        head = {"width": width, "height": height, "new": is_new, "pts": str(frame.pts)}
        self._send(head, np.ascontiguousarray(image))
        head = self._receive()
        body = self._output.read(height * width)
        if len(body) < height * width:
            raise self._fail()
        levels = np.frombuffer(body, np.uint8).reshape(height, width)
        alpha: Alpha = levels * np.float32(1 / 255)
        return Answer(alpha, head["cpu_ms"], head["wall_ms"], head["peak_mb"])

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._log):
            if stream is not None:
                _close_quietly(stream)

    @property
    def _output(self) -> IO[bytes]:
        assert self._process.stdout is not None
        return self._process.stdout

    def _send(self, head: Mapping[str, Any], body: NDArray[np.uint8] | None = None) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(head).encode() + b"\n")
            if body is not None:
                self._process.stdin.write(body.data)
            self._process.stdin.flush()
        except OSError as exc:
            raise self._fail() from exc

    def _receive(self) -> dict[str, Any]:
        line = self._output.readline()
        if not line:
            raise self._fail()
        head: dict[str, Any] = json.loads(line)
        return head

    def _fail(self) -> RimlightError:
        self._process.wait()
        self._log.seek(0)
        lines = [line.strip() for line in self._log.read().decode(errors="replace").splitlines()]
        why = next((line for line in reversed(lines) if line), "it ended without a message")
        return RimlightError(f"{self.contender.name} failed: {why}", hint=self.contender.hint)


def _start(contender: Contender, log: IO[bytes]) -> subprocess.Popen[bytes]:
    command: Sequence[str] = (contender.python, "-c", ANSWER_LOOP + contender.script)
    # A session of its own: Ctrl-C is for the parent, which closes its workers.
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        env=os.environ | ONE_THREAD,
        start_new_session=True,
    )


def _close_quietly(stream: IO[bytes]) -> None:
    with suppress(OSError):  # what was not sent yet cannot be flushed to an ended process
        stream.close()
