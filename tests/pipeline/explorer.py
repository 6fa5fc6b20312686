"""Every order of events of a live run, up to a depth, on the real pipeline with a clock of ours.

The pipeline's threads are replaced by a scheduler: reading a frame, making a mask and sending a
picture are single steps, and what other threads may do in the middle of one is done in the middle
of it. A state that was reached before is not explored again.

Red is a person, green is the room behind: a mask is right where green is covered.
"""

from __future__ import annotations

from collections import deque
from fractions import Fraction

import numpy as np

from rimlight.core.errors import ConfigError, ModelError, SinkError, SourceReadError
from rimlight.core.frame import Frame, Mask, SourceInfo
from rimlight.core.frame_queue import Overflow
from rimlight.effects.replace import ReplaceEffect
from rimlight.pipeline.live import LivePipeline
from rimlight.pipeline.settings import LiveSettings, Settings
from rimlight.sources.reconnect import ReconnectingSource

SIZE, OTHER_SIZE = (16, 12), (12, 16)
TICK_S, LONG_S = 0.1, 0.7
ROOM, PERSON = (0, 250, 0), (0, 0, 250)
BRIGHT = 60
BACKGROUNDS = ("#000014", "#000028")

STEPS = (
    "frame",
    "turned frame",
    "lost",
    "mask",
    "mask fails",
    "mask is no number",
    "mask while panic",
    "mask while frame",
    "mask while profile",
    "send",
    "send while panic",
    "send while calm",
    "send, effect fails",
    "send, sink fails",
    "panic",
    "freeze",
    "effect",
    "profile",
    "wait",
)


class LeakError(BaseException):
    """A sink got a picture that it must not get. No error that a run would survive."""


class Camera:
    """Gives the frame that the scheduler asks for, at any size; may break off."""

    def __init__(self, world, size):
        self.world = world
        self.info = SourceInfo("camera", size, is_live=True)

    def __iter__(self):
        for index in range(10**9):
            if self.world.breaks:
                self.world.breaks = False
                raise SourceReadError("unplugged")
            now = self.world.now
            picture = scene(self.world.turned, self.info.size)
            yield Frame.from_bgr(picture, index=index, pts=Fraction(index, 10), captured_at=now)

    def close(self): ...


def scene(turned, size):
    """A person on one side of a room: uint8 (height, width, 3)."""
    picture = np.full((size[1], size[0], 3), ROOM, np.uint8)
    half = size[0] // 2
    picture[:, slice(half, None) if turned else slice(half)] = PERSON
    return picture


class Model:
    """Finds red; lets something happen meanwhile."""

    def __init__(self, world):
        self.world = world

    def segment(self, frame):
        outcome, meanwhile = self.world.outcome, self.world.meanwhile
        self.world.outcome = self.world.meanwhile = ""
        self.world.do(meanwhile)
        if outcome == "fails":
            raise ModelError("bad tensor")
        scores = (frame.bgr[..., 2:] > 125).astype(np.float32)
        return Mask(scores * (np.nan if outcome == "is no number" else 1), ("person",))

    def close(self): ...


class Fragile:
    """An effect that fails when told to."""

    def __init__(self, world):
        self.world = world

    def apply(self, frame, mask):
        if self.world.effect_fails:
            self.world.effect_fails = False
            raise ConfigError("the background has gone")
        return frame

    def close(self): ...


class Viewer:
    """A sink that looks at each picture; lets something happen before it has taken one."""

    def __init__(self, world, name):
        self.world, self.name, self.pictures = world, name, 0

    def write(self, frame):
        covered = self.world.pipeline.is_blanked
        if self.name == "fragile" and self.world.sink_fails:
            self.world.sink_fails = False
            raise SinkError("the disk is full")
        self.check(frame, covered=covered)
        if self.name == "slow":
            meanwhile, self.world.in_sink = self.world.in_sink, ""
            self.world.do(meanwhile)

    def check(self, frame, *, covered):
        self.pictures += 1
        self.world.last_is_live = bool((frame.bgr[..., 2] > BRIGHT).any())
        if (frame.bgr[..., 1] > BRIGHT).any():
            raise LeakError(f"{self.name} shows the room")
        if covered and self.world.last_is_live:
            raise LeakError(f"{self.name} shows somebody while everything is covered")

    def close(self): ...

    def abort(self): ...


class Prompt(Viewer):
    """A sink that any thread may interrupt."""

    def write_immediately(self, frame):
        self.check(frame, covered=True)


class World:
    """A live run at its start, and what can happen to it."""

    def __init__(self, masks, when_unsure):
        self.now = 100.0
        self.turned = self.breaks = self.effect_fails = self.sink_fails = False
        self.outcome = self.meanwhile = self.in_sink = ""
        self.worn = 0
        self.size = SIZE
        self.source = ReconnectingSource(
            Camera(self, SIZE), lambda: Camera(self, self.size), clock=lambda: self.now
        )
        self.frames = iter(self.source)
        policy = Overflow.DROP_OLDEST if masks == "latest" else Overflow.BLOCK
        self.sinks = [Viewer(self, "slow"), Prompt(self, "prompt"), Viewer(self, "fragile")]
        self.pipeline = LivePipeline(
            self.source,
            Model(self),
            self.sinks,
            effects=self._effects(),
            settings=Settings(overflow=policy, mask_sync=masks, queue_size=2),
            live=LiveSettings(when_unsure),
            clock=lambda: self.now,
        )
        self.do("frame")
        self.do("mask")
        self.do("send")  # what fails before it has ever worked ends a run

    def _effects(self):
        color = BACKGROUNDS[self.worn % 2]
        return [Fragile(self), ReplaceEffect(ReplaceEffect.Options(background=color))]

    def do(self, step):
        """Take one step; what cannot happen now does nothing."""
        p, (what, _, how) = self.pipeline, step.partition(" while ")
        match what:
            case "frame" | "turned frame":
                self._read(turned=what != "frame")
            case "lost":
                self.breaks, self.size = True, OTHER_SIZE if self.size == SIZE else SIZE
                self._read(turned=self.turned)
            case "mask" | "mask fails" | "mask is no number":
                if len(p._stages.frames) and not self._waits(p._stages.masked):
                    self.meanwhile, self.outcome = how, what.removeprefix("mask").strip()
                    p._stages.infer_frame(next(iter(p._stages.frames)))
                    self.meanwhile = self.outcome = ""
            case "send" | "send, effect fails" | "send, sink fails":
                self.effect_fails, self.sink_fails = "effect" in what, "sink" in what
                self.in_sink = how
                p._step()
                self.effect_fails = self.sink_fails = False
                self.in_sink = ""
            case "panic" | "calm":
                is_toggle = step == "panic" and not how
                p.set_blanked(on=not p.is_blanked if is_toggle else what == "panic")
            case "freeze":
                p.is_frozen = not p.is_frozen
            case "effect" | "profile":
                self.worn += 1
                p.components.replace_effects(self._effects())
                if what == "profile":
                    p.components.replace_segmenter(Model(self))
            case "wait":
                self.now += LONG_S

    def _read(self, *, turned):
        p = self.pipeline
        if self._waits(p._stages.frames):
            return
        self.now, self.turned = self.now + TICK_S, turned
        p._stages.accept_frame(next(self.frames))

    def _waits(self, buffer):
        """Whether a thread that has something for `buffer` waits for room."""
        return buffer._overflow is Overflow.BLOCK and len(buffer) >= buffer._capacity

    def check_that_it_comes_back(self):
        """Look whether a person is seen again once all is well."""
        self.pipeline.set_blanked(on=False)
        self.pipeline.is_frozen = False
        for step in ("send", "mask", "send", "frame", "mask", "send", "frame", "mask", "send") * 2:
            self.do(step)
        if not self.last_is_live:
            raise LeakError("the picture does not come back")

    def state(self):
        """What the future depends on."""
        p = self.pipeline
        fanout, fallback = p._fanout, p._fallback
        return (
            (p.is_blanked, p.is_frozen, p._was_blanked, p._has_inferred, p._has_shown, self.turned),
            (self.size, self.worn % 2, p.components._pending is not None, len(fanout.sinks)),
            tuple(self._seen(f) for f in p._stages.frames._items),
            tuple(self._seen(f) for f in p._stages.shown._items),
            tuple(self._masked(m) for m in p._stages.masked._items),
            p._gate.latest and self._masked(p._gate.latest),
            self._age(p._shown_at),
            self._age(fanout.sent_at) > 0,
            fallback.last and fallback.last.bgr.tobytes(),
        )

    def _age(self, moment):
        """Tenths of a second; what is older than the oldest mask that covers is all the same."""
        return min(round((self.now - moment) * 10), 6)

    def _seen(self, frame):
        return frame.bgr[0, 0].tobytes(), frame.size, self._age(frame.captured_at)

    def _masked(self, masked):
        return self._seen(masked[0]), masked[1].data.tobytes()


def explore(masks, when_unsure, depth, out_of_time=lambda: False):
    """Take every step in every state; return (states, orders of events, depth of the last one).

    Raises:
        LeakError: with the steps that lead there.
    """
    first = World(masks, when_unsure)
    known, ahead, tried, trace = {first.state()}, deque([()]), 0, ()
    while ahead and not out_of_time():
        before = ahead.popleft()
        for step in STEPS:
            trace = (*before, step)
            world = World(masks, when_unsure)
            tried += 1
            try:
                for each in trace:
                    world.do(each)
                state = world.state()
                if state in known:
                    continue
                known.add(state)
                if len(trace) < depth:
                    ahead.append(trace)
                world.check_that_it_comes_back()
            except LeakError as exc:
                raise LeakError(
                    f"{exc} after {' > '.join(trace)} ({masks}, {when_unsure})"
                ) from exc
    return len(known), tried, len(trace)
