"""What a minute of video costs: python tests/bench/bench_scale.py [SECONDS OF VIDEO].

Prints the tables of docs/scale.md: processor seconds for each minute of video at three sizes, what
each engine adds, and machines, hours and money from them. Processor time, not the clock, so that
other programs on the machine do little harm; the overheads are by the clock and want a quiet one.
"""

from __future__ import annotations

import math
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from rimlight import resources
from rimlight.libav import av

HEIGHTS = (360, 720, 1080)
RATE = 30
CORES = 8
"""Of the machine that the last table reckons with."""

EURO_A_CORE_HOUR = 0.04
"""Assumed, not looked up: what a vCPU hour costs on demand; spot prices are about a third."""

KEPT = 0.9
"""Assumed: the share of the cores' time that does work in a long batch."""


def row(*cells: object) -> None:
    """Print one line of a table."""
    print("| " + " | ".join(str(cell) for cell in cells) + " |", flush=True)


def head(*cells: str) -> None:
    """Print the head of a table."""
    row(*cells)
    row(*("---" for _ in cells))


def material(folder: Path, height: int, seconds: int) -> Path:
    """Write a clip of that height from the shipped one, which is repeated."""
    path = folder / f"{height}.mp4"
    width = height * 16 // 9 // 2 * 2
    pictures = list(_pictures(resources.folder("samples") / "portrait.mp4", (width, height)))
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=RATE, options={"preset": "veryfast", "crf": "23"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for index in range(seconds * RATE):
            place = index % (2 * len(pictures) - 2)  # forth and back, so that nothing jumps
            picture = pictures[min(place, 2 * len(pictures) - 2 - place)]
            picture.pts = index
            out.mux(stream.encode(picture))
        out.mux(stream.encode(None))
    return path


def _pictures(path: Path, size: tuple[int, int]) -> Iterable[av.VideoFrame]:
    with av.open(str(path)) as clip:
        for picture in clip.decode(video=0):
            yield picture.reformat(*size, format="yuv420p")


def used(*arguments: object) -> tuple[float, float]:
    """Run rimlight; return (processor seconds, seconds by the clock)."""
    before, began = _children_s(), time.monotonic()
    subprocess.run([sys.executable, "-m", "rimlight", *map(str, arguments)], check=True)
    return _children_s() - before, time.monotonic() - began


def _children_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def cost_a_minute(folder: Path, height: int, seconds: int) -> float:
    """Return the processor seconds of a minute of video, without those of starting."""
    long = material(folder, height, seconds)
    out = folder / "out.mp4"
    more = ("-b", "white", "-o", out, "--overwrite", "-q")
    all_s, _ = used("process", long, *more)
    start_s, _ = used("process", long, "--end", 1, *more)
    return (all_s - start_s) * 60 / (seconds - 1)


def overhead(folder: Path, engine: str) -> float:
    """Return the seconds by the clock that eight clips of one second take."""
    clips = folder / "short"
    if not clips.exists():
        clips.mkdir()
        one = material(folder, 90, 1).read_bytes()
        for number in range(8):
            (clips / f"{number}.mp4").write_bytes(one)
    out = folder / f"out-{engine}"
    more = ("-b", "white", "-o", out, "--jobs", 2, "-q")
    return used("batch", clips, "--engine", engine, *more)[1]


def money(costs: dict[int, float]) -> None:
    """Print machines, hours and money."""
    head("video", "size", "core hours", f"days on one machine of {CORES} cores",
         "machines for one day", f"euro at {EURO_A_CORE_HOUR} a core hour")  # fmt: skip
    for hours in (10, 1_000, 100_000):
        for height, cost_s in costs.items():
            core_hours = hours * cost_s / 60 / KEPT
            days = core_hours / CORES / 24
            machines = max(1, math.ceil(days))
            cells = (f"{hours:,} h", f"{height}p", f"{core_hours:,.0f}", f"{days:,.2f}")
            row(*cells, f"{machines:,}", f"{core_hours * EURO_A_CORE_HOUR:,.2f}")


def main() -> None:
    """Measure, then reckon."""
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        costs = {height: cost_a_minute(folder, height, seconds) for height in HEIGHTS}
        head("size", "processor seconds for a minute of video", "times real time on one core")
        for height, cost_s in costs.items():
            row(f"{height}p{RATE}", f"{cost_s:.1f}", f"{60 / cost_s:.1f}")
        print()
        head("engine", "eight clips of a second, two at once")
        for engine in ("local", "ray"):
            row(engine, f"{overhead(folder, engine):.1f} s")
        print()
        money(costs)


if __name__ == "__main__":
    main()
