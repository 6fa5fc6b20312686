"""What the engines add to the work: python tests/bench/engine_overhead.py [ROUNDS].

The clips are tiny, so that hardly anything but the overhead is left. Each figure is the difference
of two runs with few and with many files, segments or chunks, divided by how many more; one job at a
time. Processor seconds hold on a busy machine too, except for those of whole runs on Ray, whose own
processes take some as long as they live; so what a Ray worker does is measured without Ray as well.
The latency, by the clock, wants a quiet machine.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

from rimlight.batch import ray_pool, ray_tasks
from rimlight.factory.presets import background_effects, build_config
from rimlight.system.av import av

LOOK_S = 0.05
FEW, MANY = 2, 10
LONG_S = 120
MORE = LONG_S // 10 - LONG_S // 60
"""Chunks, or segments, of 10 seconds are six times as many as those of a minute."""


class Cost(NamedTuple):
    """Of one command, or of one step."""

    cpu_s: float
    clock_s: float

    def over(self, other: Cost, count: int) -> Cost:
        """Return what each of `count` steps costs that this has and the other has not."""
        return Cost((self.cpu_s - other.cpu_s) / count, (self.clock_s - other.clock_s) / count)


def used(*arguments: object) -> Cost:
    """Run rimlight; return what it took, with all processes that it started."""
    before, began = _waited_for_s(), time.monotonic()
    command = [sys.executable, "-m", "rimlight", *map(str, arguments)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as run:
        seen: dict[int, float] = {}
        while run.poll() is None:
            seen |= _tree(run.pid)
            time.sleep(LOOK_S)
        elapsed_s = time.monotonic() - began
        _, told = run.communicate()
    if run.returncode:
        raise SystemExit(told)
    # Ray's processes are waited for by nobody who would tell; workers of ours may be missed above.
    return Cost(max(_waited_for_s() - before, sum(seen.values())), elapsed_s)


def _waited_for_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _tree(top: int) -> dict[int, float]:
    """Return the processor seconds of a process and of all below it, by their ids."""
    parents: dict[int, int] = {}
    seconds: dict[int, float] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rpartition(")")[2].split()
        except OSError:  # it has ended
            continue
        pid = int(entry.parent.name)
        parents[pid] = int(fields[1])
        seconds[pid] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    inside = {top}
    while more := {pid for pid, parent in parents.items() if parent in inside} - inside:
        inside |= more
    return {pid: seconds[pid] for pid in inside if pid in seconds}


def clip(path: Path, frames: int) -> Path:
    """Write a gray clip of 5 frames a second, of which a network makes little."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=5, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 160, 90, "yuv420p"
        for index in range(frames):
            picture = av.VideoFrame(160, 90, "yuv420p")
            for plane in picture.planes:
                plane.update(bytes([128]) * plane.buffer_size)
            picture.pts = index
            out.mux(stream.encode(picture))
        out.mux(stream.encode(None))
    return path


def batch(folder: Path, source: Path, *more: object) -> Cost:
    """Do a batch with one job, into a new folder."""
    with tempfile.TemporaryDirectory(dir=folder) as out:
        return used("batch", source, "-b", "white", "-o", f"{out}/out", "--jobs", 1, "-q", *more)


def of_files(folder: Path, engine: str) -> dict[str, Cost]:
    """Return the cost of a batch's start, and of each file."""
    costs = {}
    for count in (FEW, MANY):
        clips = folder / f"{count}"
        clips.mkdir(exist_ok=True)
        for number in range(count):
            clip(clips / f"{number}.mp4", 2)
        costs[count] = batch(folder, clips, "--engine", engine)
    each = costs[MANY].over(costs[FEW], MANY - FEW)
    start = Cost(*(all_ - FEW * one for all_, one in zip(costs[FEW], each, strict=True)))
    return {f"{engine}: start": start, f"{engine}: a file": each}


def of_parts(folder: Path) -> dict[str, Cost]:
    """Return the cost of each segment of a file, and of each chunk on a cluster."""
    long = clip(folder / "long.mp4", LONG_S * 5)
    chunks = {s: batch(folder, long, "--engine", "ray", "--chunk-seconds", s) for s in (10, 60)}
    more = ("-b", "white", "-o", folder / "out.mp4", "--overwrite", "-q", "--set")
    segments = {s: used("process", long, *more, f"sinks.0.segment_s={s}") for s in (10, 60)}
    return {
        "local: a segment": segments[10].over(segments[60], MORE),
        "ray: a chunk": chunks[10].over(chunks[60], MORE),
    }


def of_worker(folder: Path) -> dict[str, Cost]:
    """Return what a file and a chunk cost a worker of Ray that has done one before."""
    short, long = clip(folder / "worker.mp4", 2), clip(folder / "worker-long.mp4", LONG_S * 5)
    worked(short, folder / "first.mp4", 60)
    times = [worked(short, folder / f"{number}.mp4", 60) for number in range(MANY)]
    chunks = {chunk_s: worked(long, folder / f"of-{chunk_s}.mp4", chunk_s) for chunk_s in (10, 60)}
    return {
        "ray: a file, in its worker": Cost(*map(statistics.median, zip(*times, strict=True))),
        "ray: a chunk, in its worker": chunks[10].over(chunks[60], MORE),
    }


def worked(source: Path, target: Path, chunk_s: int) -> Cost:
    """Do all that a worker does for a video, here."""
    run = build_config(
        "process",
        source=f"video:{source}",
        sinks=[f"video:{target}"],
        effects=background_effects(background="white", blur=None),
        options={"video": {"resume": "auto", "threads": 1}},
        settings=["segmenter.threads=1"],
    )
    data = run.model_dump(mode="json")
    order = ray_pool.make_remote_job(data, threads=1, chunk_s=Fraction(chunk_s))
    cpu_s, began = time.process_time(), time.monotonic()
    chunks = ray_tasks.split_or_run(order, {}).chunks
    for chunk in chunks:
        ray_tasks.process_chunk(order, chunk, {})
    if chunks:
        ray_tasks.concat_chunks(order, chunks, {})
    return Cost(time.process_time() - cpu_s, time.monotonic() - began)


def measured(rounds: int) -> dict[str, Cost]:
    """Return the median cost of every step."""
    found: dict[str, list[Cost]] = {}
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            once = of_files(folder, "local") | of_files(folder, "ray")
            once |= of_worker(folder) | of_parts(folder)
        for step, cost in once.items():
            found.setdefault(step, []).append(cost)
    return {
        step: Cost(*map(statistics.median, zip(*costs, strict=True)))
        for step, costs in found.items()
    }


def show(costs: dict[str, Cost]) -> None:
    """Print a table."""
    print("| engine: step | processor seconds | seconds by the clock |\n| --- | --- | --- |")
    for step, cost in costs.items():
        print(f"| {step} | {cost.cpu_s:.2f} | {cost.clock_s:.2f} |")


def main() -> None:
    """Measure and print."""
    show(measured(int(sys.argv[1]) if len(sys.argv) > 1 else 3))


if __name__ == "__main__":
    main()
