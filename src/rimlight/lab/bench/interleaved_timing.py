"""Time candidates in turns, so that disturbances of the machine reach all of them."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cost:
    """What one call took, in milliseconds.

    Attributes:
        cpu_ms: median CPU time of the whole process, all its threads.
        wall_ms: median wall time.
        wall_p95_ms: 95th percentile of the wall time.
        calls: how many calls were measured.
    """

    cpu_ms: float
    wall_ms: float
    wall_p95_ms: float
    calls: int


def measure_in_turns(
    candidates: Mapping[str, Callable[[int], object]],
    rounds: int,
    *,
    warm_up: int = 10,
    on_round: Callable[[], None] | None = None,
) -> dict[str, Cost]:
    """Call every candidate once a round with the round's number, and time each call.

    Args:
        candidates: what to measure, by name.
        rounds: how many rounds count.
        warm_up: rounds before these, to compile, fill caches and buffers.
        on_round: called after each round, for a progress bar.
    """
    samples: dict[str, list[tuple[float, float]]] = {name: [] for name in candidates}
    for number in range(-warm_up, rounds):
        for name, call in candidates.items():
            wall, cpu = time.perf_counter(), time.process_time()
            call(number % max(rounds, 1))
            taken = time.process_time() - cpu, time.perf_counter() - wall
            if number >= 0:
                samples[name].append(taken)
        if on_round:
            on_round()
    return {name: _summarize(taken) for name, taken in samples.items()}


def _summarize(taken: list[tuple[float, float]]) -> Cost:
    walls = sorted(wall for _, wall in taken)
    return Cost(
        cpu_ms=statistics.median(cpu for cpu, _ in taken) * 1000,
        wall_ms=statistics.median(walls) * 1000,
        wall_p95_ms=walls[min(len(walls) - 1, int(len(walls) * 0.95))] * 1000,
        calls=len(taken),
    )
