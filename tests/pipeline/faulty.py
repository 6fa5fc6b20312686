"""Random faults at every stage of a live run, and what catches a picture of the room."""

import math
import random
import threading
from fractions import Fraction

import cv2
import numpy as np

from rimlight.core.errors import ConfigError, ModelError, SinkError, SourceReadError
from rimlight.core.frame import Frame, Mask, SourceInfo
from rimlight.core.frame_queue import Overflow
from rimlight.effects.cutout import CutoutEffect
from rimlight.effects.replace import ReplaceEffect
from rimlight.pipeline.live import LivePipeline
from rimlight.pipeline.settings import LiveSettings, Settings
from rimlight.sources.reconnect import ReconnectingSource
from rimlight.web.pictures import PictureFeed

ROOM = 250
"""Every pixel of every input: nobody is there, so none of it may ever be seen."""

DARK = 100
"""Nothing that is shown on purpose is as bright as this; even a blurred room would be brighter."""

MAX_AGE_S = 0.5
PACE_S = 0.002
"""A source waits that long for the sink to have taken the frame before."""

INJECTED = (ConfigError, ModelError, SinkError, OSError, ZeroDivisionError)


class Chance:
    """A reproducible source of misfortune."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.level = self.random.choice([0, 0, 0.05, 0.2, 0.6])

    def strikes(self):
        return self.random.random() < self.level

    def error(self):
        return self.random.choice(INJECTED)("injected")

    def source_error(self):
        """Mostly what a camera raises, which the run survives."""
        kinds = [SourceReadError, SourceReadError, OSError, ZeroDivisionError]
        return self.random.choice(kinds)("injected")


class RoomSource:
    """A camera that shows a bright room, jumps in time, changes its size, and breaks off."""

    def __init__(self, seed):
        self.chance = Chance(seed)
        self.count = self.chance.random.randint(1, 12)
        self.info = SourceInfo("room", (16, 12), rate=Fraction(30), is_live=True)
        self.now, self.taken = 0.0, threading.Semaphore(1)

    def __iter__(self):
        size = self.info.size
        for index in range(self.count):
            self.taken.acquire(timeout=PACE_S)
            self.now += self.chance.random.choice([0.01, 0.7]) if self.chance.strikes() else 0.03
            if self.chance.strikes():
                size = self.chance.random.choice([(16, 12), (12, 16), (17, 11)])
            picture = np.full((size[1], size[0], 3), ROOM, np.uint8)
            yield Frame.from_bgr(
                picture, index=index, pts=Fraction(index, 30), captured_at=self.now
            )
            if self.chance.strikes():
                raise self.chance.source_error()

    def close(self): ...


class FaultySegmenter:
    """Nobody is there; sometimes it fails, or gives scores that are no numbers."""

    def __init__(self, seed):
        self.chance = Chance(seed)
        self.closed = False

    def segment(self, frame):
        assert not self.closed
        if self.chance.strikes():
            raise self.chance.error()
        level = np.nan if self.chance.strikes() else 0
        mask = Mask(np.full((3, 4, 1), level, np.float32), ("person",))
        object.__setattr__(mask, "origin", frame)
        return mask

    def close(self):
        self.closed = True
        if self.chance.strikes():
            raise self.chance.error()


class FaultyRefiner:
    def __init__(self, seed):
        self.chance = Chance(seed)

    def refine(self, mask, frame):
        if self.chance.strikes():
            raise self.chance.error()
        return mask

    def close(self): ...


class Witness:
    """An effect that notes every frame under a mask that does not fit; sometimes it fails."""

    def __init__(self, seed):
        self.chance = Chance(seed)
        self.wrong = []

    def apply(self, frame, mask):
        origin = getattr(mask, "origin", None)  # the holding picture's mask has none
        if origin is not None:
            stale = abs(frame.captured_at - origin.captured_at) > MAX_AGE_S
            if stale or origin.size != frame.size or np.isnan(mask.data).any():
                self.wrong.append((frame.index, origin.index))
        if self.chance.strikes():
            raise self.chance.error()
        return frame

    def close(self): ...


class BrightestSink:
    """Remembers the brightest pixel it was ever given, and the order of what came."""

    def __init__(self, source, seed=None):
        self.source, self.chance = source, Chance(seed) if seed is not None else None
        self.brightest, self.times = 0, []

    def write(self, frame):
        self.source.taken.release()
        if self.chance and self.chance.strikes():
            raise self.chance.error()
        self.brightest = max(self.brightest, int(frame.bgr.max()), int(frame.i420[:1].max()))
        self.times.append((frame.index, frame.pts))

    def close(self): ...

    def abort(self): ...


class PromptSink(BrightestSink):
    """One that any thread may interrupt, as a virtual camera on its own thread."""

    def write_immediately(self, frame):
        self.brightest = max(self.brightest, int(frame.bgr.max()))


class WatchedFeed(PromptSink):
    """The pictures of the panel, with a page that looks at every one."""

    def __init__(self, source):
        super().__init__(source)
        self.feed = PictureFeed(max_fps=math.inf)

    def write(self, frame):
        self.source.taken.release()
        self.times.append((frame.index, frame.pts))
        self.show(frame)

    def write_immediately(self, frame):
        self.show(frame, is_urgent=True)

    def show(self, frame, **how):
        self.feed.put(frame, **how)
        try:
            self.feed.wait_newer(0, 0.0).send(None)  # it has no reason to wait
        except StopIteration as ready:
            jpeg = np.frombuffer(ready.value.jpeg, np.uint8)
            self.brightest = max(self.brightest, int(cv2.imdecode(jpeg, cv2.IMREAD_COLOR).max()))


class Passerby:
    """Covers and uncovers at random, on the thread that attends to those who speak to a run."""

    def __init__(self, seed):
        self.chance, self.pipeline = Chance(seed), None

    def __call__(self):
        if self.chance.strikes():
            self.pipeline.set_blanked(on=not self.pipeline.is_blanked)
        if self.chance.strikes():
            raise self.chance.error()


def replace_effect(color="#0a140a"):
    return ReplaceEffect(ReplaceEffect.Options(background=color))


class Meddler:
    """Presses every control at random, between the frames."""

    def __init__(self, seed, witness):
        self.chance, self.pipeline, self.witness = Chance(seed), None, witness
        self.seed = seed
        self.recording = None
        """A sink that is added and removed, as `record` does."""

    def __call__(self):
        if not self.chance.strikes():
            return
        pick = self.chance.random.randrange(7)
        if pick == 0:
            self.pipeline.set_blanked(on=not self.pipeline.is_blanked)
        elif pick == 1:
            self.pipeline.is_frozen = not self.pipeline.is_frozen
        elif pick == 2:
            for old in self.pipeline.components.replace_effects(
                [self.witness, replace_effect("#141414")]
            ):
                old.close()
        elif pick == 3:
            self.pipeline.components.replace_effects(
                [self.witness, CutoutEffect(CutoutEffect.Options())]
            )
        elif pick == 4:
            self.pipeline.inference_interval = self.chance.random.randint(1, 3)
        elif pick == 5:
            if not self.pipeline.remove_sink(self.recording):
                self.pipeline.add_sink(self.recording)
        else:
            self.pipeline.components.replace_segmenter(FaultySegmenter(self.seed))


def run_schedule(seed):
    """Run one random schedule; return (sink, witness, error or None)."""
    rng = random.Random(seed)
    seeds = [rng.randrange(1 << 30) for _ in range(7)]
    source, witness = RoomSource(seeds[1]), Witness(seeds[0])
    sink = rng.choice([BrightestSink, PromptSink, WatchedFeed])(source)
    meddler, passerby = Meddler(seeds[5], witness), Passerby(seeds[6])
    pipeline = LivePipeline(
        ReconnectingSource(source, lambda: source),
        FaultySegmenter(seeds[2]),
        [BrightestSink(source, seeds[3]), sink],
        refiners=[FaultyRefiner(seeds[4])],
        effects=[witness, replace_effect()],
        settings=Settings(
            overflow=rng.choice([Overflow.DROP_OLDEST, Overflow.BLOCK]),
            mask_sync="exact",
            queue_size=rng.randint(1, 4),
            max_mask_age_s=MAX_AGE_S,
        )
        if rng.random() < 0.5
        else Settings(overflow=Overflow.DROP_OLDEST, mask_sync="latest", max_mask_age_s=MAX_AGE_S),
        live=LiveSettings(rng.choice(["last", "blur", "background"]), hold_after_s=0.0),
        on_frame_tick=meddler,
        on_control_tick=passerby,
    )
    meddler.pipeline = passerby.pipeline = pipeline
    meddler.recording = recording = BrightestSink(source, seeds[0])
    try:
        pipeline.run()
    except INJECTED as exc:
        return sink, witness, exc
    finally:
        sink.brightest = max(sink.brightest, recording.brightest)
    return sink, witness, None


def rimlight_threads():
    return [t for t in threading.enumerate() if t.name.startswith("rimlight")]
