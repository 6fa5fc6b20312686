"""What a minute of video costs: python tests/bench/bench_scale.py [SECONDS OF VIDEO] [ROUNDS].

Prints the tables of docs/guide/scale.md: processor seconds for each minute of video at three
sizes, what each engine adds (ROUNDS times, see engine_overhead.py), and machines, hours and money
from them. Processor time, not the clock, so that other programs on the machine do little harm;
the latencies are by the clock and want a quiet one.
"""

from __future__ import annotations

import math
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from engine_overhead import Cost, measured, show, used

from rimlight.system import app_paths
from rimlight.system.av import av

HEIGHTS = (360, 720, 1080)
RATE = 30
CORES = 8
"""Of the machine that the last table reckons with."""

EURO_A_CORE_HOUR = 0.04
"""Assumed, not looked up: what a vCPU hour costs on demand; spot prices are about a third."""

KEPT = 0.9
"""Assumed: the share of the cores' time that does work in a long batch."""

FILE_MINUTES = 10
"""Assumed: the length of a video; it is made in as many chunks on a cluster."""


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
    pictures = list(
        _pictures(app_paths.find_data_folder("samples") / "portrait.mp4", (width, height))
    )
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


def cost_a_minute(folder: Path, height: int, seconds: int) -> float:
    """Return the processor seconds of a minute of video, without those of starting."""
    long = material(folder, height, seconds)
    out = folder / "out.mp4"
    more = ("-b", "white", "-o", out, "--overwrite", "-q")
    whole = used("process", long, *more)
    start = used("process", long, "--end", 1, *more)
    return (whole.cpu_s - start.cpu_s) * 60 / (seconds - 1)


def added(overhead: dict[str, Cost]) -> dict[str, float]:
    """Return the processor seconds that an engine adds to each minute of video.

    Those of segments are in the minute's own cost already.
    """
    chunks = FILE_MINUTES * overhead["ray: a chunk, in its worker"].cpu_s
    return {
        "local": overhead["local: a file"].cpu_s / FILE_MINUTES,
        "ray": (overhead["ray: a file, in its worker"].cpu_s + chunks) / FILE_MINUTES,
    }


def money(costs: dict[int, float], more: dict[str, float]) -> None:
    """Print machines, hours and money; for `ray`, as one machine is seldom enough."""
    head("video", "size", "core hours", "of them the engine's: local, ray",
         f"days on one machine of {CORES} cores", "machines for one day",
         f"euro at {EURO_A_CORE_HOUR} a core hour")  # fmt: skip
    for hours in (10, 1_000, 100_000):
        for height, cost_s in costs.items():
            own = {engine: hours * added_s / 60 / KEPT for engine, added_s in more.items()}
            core_hours = hours * cost_s / 60 / KEPT + own["ray"]
            days = core_hours / CORES / 24
            euro = core_hours * EURO_A_CORE_HOUR
            cells = (f"{hours:,} h", f"{height}p", f"{core_hours:,.0f}")
            engines = f"{own['local']:,.1f}, {own['ray']:,.1f}"
            row(*cells, engines, f"{days:,.2f}", f"{max(1, math.ceil(days)):,}", f"{euro:,.2f}")


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
    overhead = measured(int(sys.argv[2]) if len(sys.argv) > 2 else 3)
    show(overhead)
    print()
    money(costs, added(overhead))


if __name__ == "__main__":
    main()
