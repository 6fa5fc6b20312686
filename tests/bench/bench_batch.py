"""Two local jobs against one: python tests/bench/bench_batch.py [FOLDER OF CLIPS] [ROUNDS].

Runs `rimlight batch` over the clips in a few rounds, arms in turn, and prints frames a second and
the ratios of the medians. A job is a pipeline: decoder, model and encoder overlap, so one job alone
keeps more than one core busy. Two ratios are printed therefore: against one job that has all cores,
and against one job that is held to one core (which is what each of two jobs has).
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rimlight.system import app_paths

ARMS = {"two jobs": (2, None), "one job": (1, None), "one job, one core": (1, 1)}


def clips() -> Path:
    """The folder to work on: the one named, or the shared clips."""
    if len(sys.argv) > 1:
        return Path(sys.argv[1])
    shared = app_paths.find_shared_folder()
    if shared is None:
        raise SystemExit("name a folder of clips")
    return shared / "clips"


def measured(folder: Path, jobs: int, cores: int | None) -> tuple[float, float]:
    """Return (frames a second, cores that were busy) of one batch, its start included."""
    allowed = sorted(os.sched_getaffinity(0))[:cores]
    with tempfile.TemporaryDirectory() as out:
        command = [sys.executable, "-m", "rimlight", "batch", str(folder), "-b", "white"]
        command += ["-o", out, "--jobs", str(jobs), "--quiet"]
        before, began = children_s(), time.monotonic()
        subprocess.run(command, check=True, preexec_fn=lambda: os.sched_setaffinity(0, allowed))
        elapsed_s = time.monotonic() - began
        lines = (Path(out) / "manifest.jsonl").read_text().splitlines()
    frames = sum(json.loads(line)["frames"] for line in lines)
    return frames / elapsed_s, (children_s() - before) / elapsed_s


def children_s() -> float:
    """Processor seconds of all commands so far."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    """Measure all arms in turn."""
    folder, rounds = clips(), int(sys.argv[2]) if len(sys.argv) > 2 else 3
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in ARMS}
    for _ in range(rounds):
        for name, (jobs, cores) in ARMS.items():
            found[name].append(measured(folder, jobs, cores))
            print(f"{name}: {found[name][-1][0]:.1f} frames/s, {found[name][-1][1]:.2f} cores")
    speed = {name: statistics.median(rate for rate, _ in rates) for name, rates in found.items()}
    for name in list(ARMS)[1:]:
        print(f"two jobs against {name}: {speed['two jobs'] / speed[name]:.2f} x")


if __name__ == "__main__":
    main()
