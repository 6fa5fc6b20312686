"""Moves a viewport like a calm camera operator: late, smoothly, and only when it is worth it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from rimlight.imaging.viewport import WHOLE, Viewport

_SETTLED = 0.1
"""A move ends this close to its goal, as a share of the dead zone."""
_STEADY_S = 0.25
"""Time constant over which the wanted viewport is averaged: a nod is no move."""
_WIDE_S = 4.0
"""Time constant with which room that was needed a moment ago, as by a gesture, is given up."""
_ZOOM_WEIGHT = 1.5
"""How much less a change of size counts than a change of place: pumping is seen at once."""
_MAX_STEP_S = 0.1


@dataclass(slots=True)
class _Axis:
    """One value that moves to its goal as a critically damped spring does.

    Without overshoot; closed form of one step (Lowe, "Critically Damped Ease-In/Ease-Out
    Smoothing", Game Programming Gems 4, 2004).
    """

    value: float
    speed: float = 0.0

    def move(self, goal: float, time_s: float, step_s: float) -> float:
        omega = 2 / time_s
        decay = math.exp(-omega * step_s)
        away = self.value - goal
        pull = (self.speed + omega * away) * step_s
        self.speed = (self.speed - omega * pull) * decay
        self.value = goal + (away + pull) * decay
        return self.value


class CameraMove:
    """Follows wanted viewports with a dead zone.

    A move begins when the wanted viewport has left the dead zone, and ends at its goal; between
    moves the viewport stands still.

    Args:
        dead_zone: share of the viewport by which the wanted one may be off.
        time_s: about how long a move takes.
    """

    def __init__(self, dead_zone: float, time_s: float) -> None:
        self._dead_zone = dead_zone
        self._time_s = time_s
        self._axes = (_Axis(WHOLE.left), _Axis(WHOLE.top), _Axis(WHOLE.scale))
        self._steady: Viewport | None = None
        self._wide = 0.0
        self._is_moving = False
        self.view = WHOLE
        """The current viewport."""

    def follow(self, wanted: Viewport, step_s: float) -> Viewport:
        """Return the viewport of the next frame.

        Args:
            wanted: what would frame the person best now.
            step_s: seconds since the last frame.
        """
        step_s = min(max(0.0, step_s), _MAX_STEP_S)
        goal = self._steady_goal(wanted, step_s)
        off = self._measure_distance(goal)
        limit = self._dead_zone * (_SETTLED if self._is_moving else 1)
        self._is_moving = off > limit
        if self._is_moving:
            targets = goal.left, goal.top, goal.scale
            moved = (
                axis.move(target, self._time_s, step_s)
                for axis, target in zip(self._axes, targets, strict=True)
            )
            self.view = limit_to_picture(Viewport(*moved))
        else:
            for axis in self._axes:
                axis.speed = 0.0
        return self.view

    def _steady_goal(self, wanted: Viewport, step_s: float) -> Viewport:
        """Return the average of what was wanted; its size is given up slowly, never quickly."""
        if self._steady is None:
            self._steady, self._wide = wanted, wanted.scale
        share = 1 - math.exp(-step_s / _STEADY_S)
        old = self._steady
        scale = old.scale + share * (wanted.scale - old.scale)
        self._wide = max(
            scale, self._wide + (scale - self._wide) * (1 - math.exp(-step_s / _WIDE_S))
        )
        self._steady = Viewport(
            old.left + share * (wanted.left - old.left),
            old.top + share * (wanted.top - old.top),
            scale,
        )
        return grow_viewport(self._steady, self._wide)

    def _measure_distance(self, goal: Viewport) -> float:
        """Return how far off the viewport is, as a share of its size."""
        view = self.view
        centers = (
            abs(goal.left + goal.scale / 2 - view.left - view.scale / 2),
            abs(goal.top - view.top),
        )
        size = abs(math.log(goal.scale / view.scale)) / _ZOOM_WEIGHT
        return max(max(centers) / view.scale, size)


def grow_viewport(view: Viewport, scale: float) -> Viewport:
    """Return `view` at a larger scale around its upper middle, inside of the picture."""
    left = view.left - (scale - view.scale) / 2
    return limit_to_picture(replace(view, left=left, scale=scale))


def limit_to_picture(view: Viewport) -> Viewport:
    """Return `view` moved, and shrunk if need be, so that it lies inside of the picture."""
    scale = min(view.scale, 1.0)
    room = 1 - scale
    return Viewport(min(max(0.0, view.left), room), min(max(0.0, view.top), room), scale)
