"""One table of networks: time, memory, size and quality, measured on the same machine."""

from __future__ import annotations

import gzip
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from rimlight.core.frame import Frame
from rimlight.core.protocols import Segmenter
from rimlight.lab.bench.contenders import Contender
from rimlight.lab.bench.rounds import Cost, in_turns
from rimlight.lab.evaluation.datasets import Sample
from rimlight.lab.evaluation.metrics import iou
from rimlight.lab.evaluation.setups import plain
from rimlight.segmenters import SEGMENTERS

WARM_UP = 2


@dataclass(frozen=True, slots=True)
class Measured:
    """A line of the table.

    Attributes:
        name: of the network.
        size: (width, height) of its input.
        wall_ms: median time from a frame to its mask, on one thread.
        cpu_ms: the same in CPU time.
        memory_mb: by how much a process grows at most that opens the file and runs it once; 0
            where /proc does not tell.
        file_bytes: of the file.
        packed_bytes: of the file after gzip.
        iou: the mean over the pictures; None for random weights, or without pictures.
    """

    name: str
    size: tuple[int, int]
    wall_ms: float
    cpu_ms: float
    memory_mb: float
    file_bytes: int
    packed_bytes: int
    iou: float | None


def measure(
    contenders: Sequence[Contender],
    frames: Sequence[Frame],
    *,
    rounds: int,
    pictures: Iterable[Sample] = (),
) -> list[Measured]:
    """Measure all networks in turns, on one thread.

    Args:
        contenders: at least one.
        frames: what time is measured on.
        rounds: how many frames each gets.
        pictures: whose true foreground is known, for the quality; gone through once for each.

    Raises:
        ModelError: a file is not what its card says.
    """
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    with ExitStack() as stack:
        stack.callback(cv2.setNumThreads, threads)
        opened = [_opened(contender, stack) for contender in contenders]
        costs = _times(opened, frames, rounds)
        found = [
            mean_iou(segmenter, pictures) if contender.trained else None
            for contender, segmenter in zip(contenders, opened, strict=True)
        ]
    return [_line(*one) for one in zip(contenders, costs, found, strict=True)]


def mean_iou(segmenter: Segmenter, samples: Iterable[Sample]) -> float | None:
    """Return the mean IoU of the foreground; None where no picture's foreground is known."""
    found = []
    for sample in samples:
        if sample.alpha is not None:
            alpha = plain(segmenter.segment(sample.frame), sample.frame)
            found.append(iou(alpha >= 0.5, sample.alpha >= 0.5))
    return float(np.mean(found)) if found else None


def peak_mb(file: Path) -> float:
    """Open and run a .tflite file in a process of its own; return by how many MB that grew."""
    if not Path("/proc/self/clear_refs").exists():
        return 0.0
    command = [sys.executable, "-c", _TELLING, str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return int(done.stdout.split()[-1]) * 1024 / 1e6


# Writing 5 sets the peak back to what is resident now: importing went higher than that.
_TELLING = """
import sys
from pathlib import Path
import numpy as np
from rimlight.segmenters.tflite import TfliteRuntime

def kilobytes(key):
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith(key)))

Path("/proc/self/clear_refs").write_text("5")
before = kilobytes("VmRSS")
engine = TfliteRuntime(Path(sys.argv[1]), threads=1)
engine.set_input(np.zeros(engine.input.shape, engine.input.dtype))
engine.invoke()
print(kilobytes("VmHWM") - before)
"""


def _opened(contender: Contender, stack: ExitStack) -> Segmenter:
    kind = SEGMENTERS.load(contender.card.runtime)
    segmenter: Segmenter = kind(contender.card, contender.file, kind.Options(threads=1))
    stack.callback(segmenter.close)
    return segmenter


def _times(opened: Sequence[Segmenter], frames: Sequence[Frame], rounds: int) -> list[Cost]:
    """Return the cost of each; by number, as two models may have one name."""

    def call(segmenter: Segmenter) -> Callable[[int], object]:
        return lambda number: segmenter.segment(frames[number % len(frames)])

    calls = {str(number): call(segmenter) for number, segmenter in enumerate(opened)}
    return list(in_turns(calls, rounds, warm_up=WARM_UP).values())


def _line(contender: Contender, cost: Cost, found: float | None) -> Measured:
    content = contender.file.read_bytes()
    return Measured(
        name=contender.name,
        size=contender.card.input.size,
        wall_ms=cost.wall_ms,
        cpu_ms=cost.cpu_ms,
        memory_mb=peak_mb(contender.file),
        file_bytes=len(content),
        packed_bytes=len(gzip.compress(content, mtime=0)),
        iou=found,
    )
