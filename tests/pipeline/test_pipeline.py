import threading
from fractions import Fraction

import numpy as np
import pytest
from fakes import HalfSegmenter, ListSource, RecordingSink, make_frame, make_info

from rimlight.core.errors import ModelError, SinkError, SourceReadError, StopStream
from rimlight.core.frame import Mask
from rimlight.core.frame_queue import Overflow
from rimlight.factory.api import open_refiner
from rimlight.pipeline.pipeline import Pipeline
from rimlight.pipeline.settings import Settings

NEWEST = Settings(
    overflow=Overflow.DROP_OLDEST, mask_sync="latest", queue_size=2, max_mask_age_s=60
)


def run(source, sink, segmenter=None, **more):
    return Pipeline(source, segmenter or HalfSegmenter(), [sink], **more).run()


class GatedSegmenter(HalfSegmenter):
    """Masks frame 0, then waits until `gate` is set; tells in the mask which frame it saw."""

    def __init__(self, gate):
        self.gate = gate

    def segment(self, frame):
        if frame.index > 0:
            assert self.gate.wait(10)
        return Mask(np.full((2, 2, 1), frame.index / 1000, np.float32), ("person",))


class MaskedIndex:
    """An effect that remembers which frame's mask each frame got."""

    def __init__(self):
        self.pairs = []

    def apply(self, frame, mask):
        self.pairs.append((frame.index, round(float(mask.scores[0, 0, 0]) * 1000)))
        return frame

    def close(self): ...


class StepSource(ListSource):
    """A live source whose next frame comes when the sink has taken the one before."""

    def __init__(self, count):
        super().__init__(count, is_live=True)
        self.taken = threading.Semaphore(1)

    def __iter__(self):
        for index in range(self.count):
            assert self.taken.acquire(timeout=10)
            yield make_frame(index)


class TakingSink(RecordingSink):
    def __init__(self, source, gate=None):
        super().__init__()
        self.source, self.gate = source, gate

    def write(self, frame):
        super().write(frame)
        self.source.taken.release()
        if self.gate and len(self.frames) == self.source.count - 1:
            self.gate.set()


def test_every_frame_reaches_the_sink_in_order():
    sink = RecordingSink()
    stats = run(ListSource(100), sink)
    assert sink.indices == list(range(100))
    assert (stats.frames, sum(stats.dropped.values())) == (100, 0)


def test_each_frame_wears_its_own_mask():
    open_gate = threading.Event()
    open_gate.set()
    effect = MaskedIndex()
    run(ListSource(50), RecordingSink(), GatedSegmenter(open_gate), effects=[effect])
    assert effect.pairs == [(i, i) for i in range(50)]


def test_source_error_reaches_the_caller_after_the_frames_before_it():
    sink = RecordingSink()
    error = SourceReadError("cable pulled")
    with pytest.raises(SourceReadError) as caught:
        run(ListSource(3, error=error), sink)
    assert caught.value is error
    assert sink.indices == [0, 1, 2]


def test_segmenter_error_reaches_the_caller_unchanged():
    class Broken(HalfSegmenter):
        def segment(self, frame):
            raise ModelError("bad tensor")

    with pytest.raises(ModelError, match="bad tensor"):
        run(ListSource(10_000), RecordingSink(), Broken())


def test_sink_error_ends_both_threads():
    with pytest.raises(SinkError, match="disk full"):
        run(ListSource(10_000), RecordingSink(fail_at=5, error=SinkError("disk full")))


def test_closing_the_window_ends_the_run_normally():
    sinks = [RecordingSink(), RecordingSink(fail_at=5, error=StopStream())]
    pipeline = Pipeline(ListSource(10_000), HalfSegmenter(), sinks)
    assert pipeline.run().frames == 5
    assert pipeline.cut_short  # the other sink did not get all


def test_stop_finishes_what_is_under_way():
    sink = RecordingSink()
    pipeline = Pipeline(
        ListSource(1_000_000),
        HalfSegmenter(),
        [sink],
        on_frame=lambda frame: pipeline.stop() if frame.index == 10 else None,
    )
    stats = pipeline.run()
    assert 11 <= stats.frames < 100
    assert sink.indices == list(range(stats.frames))


def test_a_source_that_blocks_is_closed_under_its_reader(monkeypatch):
    monkeypatch.setattr("rimlight.pipeline.stages.STOP_TIMEOUT_S", 0.05)

    class Stuck(ListSource):
        closed = threading.Event()

        def __iter__(self):
            yield make_frame(0)
            assert self.closed.wait(10)

        def close(self):
            self.closed.set()

    source = Stuck(1)
    with pytest.raises(SinkError):
        run(source, RecordingSink(fail_at=0, error=SinkError("gone")))
    assert source.closed.is_set()


def test_a_slow_model_does_not_hold_the_picture_up():
    gate = threading.Event()
    source, effect = StepSource(30), MaskedIndex()
    sink = TakingSink(source, gate)
    run(source, sink, GatedSegmenter(gate), effects=[effect], settings=NEWEST)
    assert sink.indices == list(range(30))
    assert effect.pairs[:29] == [(i, 0) for i in range(29)]


def test_no_frame_goes_out_under_a_mask_that_is_too_old():
    old = Settings(
        overflow=Overflow.DROP_OLDEST, mask_sync="latest", queue_size=2, max_mask_age_s=1e-9
    )
    open_gate = threading.Event()
    open_gate.set()
    effect = MaskedIndex()
    run(ListSource(200), RecordingSink(), GatedSegmenter(open_gate), effects=[effect], settings=old)
    assert effect.pairs
    assert all(mask >= frame for frame, mask in effect.pairs)


def test_nothing_is_shown_before_the_first_mask():
    class Never(HalfSegmenter):
        def segment(self, frame):
            raise ModelError("no mask ever")

    sink = RecordingSink()
    with pytest.raises(ModelError):
        run(ListSource(50, is_live=True), sink, Never(), settings=NEWEST)
    assert sink.frames == []


def test_a_model_that_fails_later_ends_the_run_where_frames_share_masks():
    class Later(HalfSegmenter):
        def segment(self, frame):
            if frame.index == 7:
                raise ModelError("bad tensor")
            return super().segment(frame)

    source = StepSource(50)
    with pytest.raises(ModelError, match="bad tensor"):
        run(source, TakingSink(source), Later(), settings=NEWEST)


def test_a_run_that_was_stopped_before_it_began_shows_nothing():
    sink = RecordingSink()
    pipeline = Pipeline(ListSource(10**6), HalfSegmenter(), [sink])
    pipeline.stop()
    assert pipeline.run().frames == 0


def test_a_machine_without_room_for_another_thread_ends_those_it_has(monkeypatch):
    class Scarce(threading.Thread):
        def start(self):
            if self.name == "rimlight-infer":
                raise RuntimeError("can't start new thread")
            super().start()

    monkeypatch.setattr("rimlight.pipeline.stages.threading.Thread", Scarce)
    with pytest.raises(RuntimeError, match="new thread"):
        run(ListSource(10**6), RecordingSink())
    assert not [one for one in threading.enumerate() if one.name.startswith("rimlight")]


def test_a_model_that_does_not_come_back_is_said_to_be_left_behind(monkeypatch, caplog):
    monkeypatch.setattr("rimlight.pipeline.stages.STOP_TIMEOUT_S", 0.05)
    let_go, stuck = threading.Event(), threading.Event()

    class Stuck(HalfSegmenter):
        def segment(self, frame):
            if frame.index == 3:
                stuck.set()
                assert let_go.wait(10)
            return super().segment(frame)

    def stop(frame):
        if frame.index == 2:
            assert stuck.wait(10)
            raise StopStream

    try:
        run(ListSource(9), RecordingSink(), Stuck(), on_frame=stop)
    finally:
        let_go.set()
        for thread in threading.enumerate():
            if thread.name == "rimlight-infer":
                thread.join(10)
    assert "rimlight-infer does not return" in caplog.text


def test_dropped_frames_are_counted_with_their_cause():
    source = ListSource(500)
    sink = RecordingSink()
    live = Settings(overflow=Overflow.DROP_OLDEST, queue_size=1)
    stats = run(source, sink, settings=live)
    assert stats.frames + sum(stats.dropped.values()) == 500
    assert set(stats.dropped) <= {"model too slow", "output too slow"}


def test_rate_of_an_exact_clock_is_exact():
    ticks = iter(Fraction(i, 30) for i in range(10**6))
    lock = threading.Lock()
    times = []

    def clock():
        with lock:
            times.append(next(ticks))
            return times[-1]

    stats = run(ListSource(30), RecordingSink(), clock=clock)
    assert stats.per_second == pytest.approx(float((stats.frames - 1) / stats.elapsed_s))
    assert stats.stages["segment"].count == 30


def test_info_of_the_fakes_has_a_rate():
    assert make_info().rate == 30


class LookaheadOfTwo:
    """Lets each frame wait for the next two."""

    def __init__(self):
        self.pairs = []

    def push(self, frame, mask):
        self.pairs.append((frame, mask))
        return [self.pairs.pop(0)] if len(self.pairs) > 2 else []

    def flush(self):
        while self.pairs:
            yield self.pairs.pop(0)

    def close(self): ...


def test_frames_that_wait_for_others_all_arrive_in_order():
    sink = RecordingSink()
    run(ListSource(20), sink, lookahead=LookaheadOfTwo())
    assert sink.indices == list(range(20))


def test_what_waits_arrives_before_the_error_of_a_broken_source():
    sink = RecordingSink()
    with pytest.raises(SourceReadError, match="cut short"):
        run(ListSource(5, error=SourceReadError("cut short")), sink, lookahead=LookaheadOfTwo())
    assert sink.indices == [0, 1, 2, 3, 4]


def test_what_waits_is_let_go_when_the_run_is_stopped():
    sink = RecordingSink()
    pipeline = Pipeline(ListSource(10**6), HalfSegmenter(), [sink], lookahead=LookaheadOfTwo(),
                        on_frame=lambda frame: frame.index < 5 or pipeline.stop())  # fmt: skip
    pipeline.run()
    assert pipeline.cut_short and sink.indices == list(range(len(sink.indices)))


class BrokenOnce(HalfSegmenter):
    """Gives no numbers for frame 1, as a model that broke down for a moment."""

    def segment(self, frame):
        level = np.nan if frame.index == 1 else 0.8
        return Mask(np.full((2, 2, 1), level, np.float32), ("person",))


def test_a_mask_without_numbers_stays_alone():
    class Scores(MaskedIndex):
        def apply(self, frame, mask):
            self.pairs.append(float(mask.scores[0, 0, 0]))
            return frame

    seen = Scores()
    refiners = [open_refiner("smooth")]
    run(ListSource(5), RecordingSink(), BrokenOnce(), refiners=refiners, effects=[seen])
    assert np.isnan(seen.pairs[1])
    assert seen.pairs[:1] + seen.pairs[2:] == pytest.approx([0.8] * 4)
