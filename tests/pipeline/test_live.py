import threading
from dataclasses import replace

import numpy as np
import pytest
from fakes import HalfSegmenter, ListSource, RecordingSink, make_frame
from faulty import replace_effect

from rimlight.core.errors import ModelError, SinkError, StopStream
from rimlight.core.frame import Mask
from rimlight.core.frame_queue import Overflow
from rimlight.effects.cutout import CutoutEffect
from rimlight.pipeline.fallback import NEUTRAL
from rimlight.pipeline.fanout import Fanout
from rimlight.pipeline.live import LivePipeline
from rimlight.pipeline.settings import LiveSettings, Settings
from rimlight.pipeline.stats import ErrorLog
from rimlight.sinks.threaded import ConstantRateSink

NEWEST = Settings(overflow=Overflow.DROP_OLDEST, mask_sync="latest", queue_size=2)
OWN = Settings(overflow=Overflow.BLOCK, mask_sync="exact")
RED, BLUE = (0, 0, 255), (255, 0, 0)


class Nobody:
    """Sees nobody; fails on the frames that `fails` names."""

    def __init__(self, fails=()):
        self.fails, self.closed = fails, False

    def segment(self, frame):
        if frame.index in self.fails:
            raise ModelError("bad tensor")
        return Mask(np.zeros((2, 2, 1), np.float32), ("person",))

    def close(self):
        self.closed = True


def live(source, sinks, segmenter=None, settings=OWN, effects=None, **more):
    effects = [replace_effect("#ff0000")] if effects is None else effects
    return LivePipeline(
        source, segmenter or Nobody(), sinks, effects=effects, settings=settings, **more
    )


def colors(frames):
    return {tuple(int(v) for v in frame.bgr[0, 0]) for frame in frames}


class SilentSource(ListSource):
    """One frame, then nothing until it is closed."""

    def __init__(self):
        super().__init__(1, is_live=True)
        self.ended = threading.Event()

    def __iter__(self):
        yield make_frame(0)
        assert self.ended.wait(10)

    def close(self):
        self.ended.set()


def test_a_run_without_faults_shows_every_frame():
    sink = RecordingSink()
    stats = live(ListSource(30), [sink]).run()
    assert sink.indices == list(range(30))
    assert stats.frames == 30


def test_a_model_error_is_survived():
    sink = RecordingSink()
    pipeline = live(ListSource(10), [sink], Nobody(fails={4, 5}))
    pipeline.run()
    assert sink.indices == [0, 1, 2, 3, 6, 7, 8, 9]
    assert pipeline.errors.counts == {"model": 2}
    assert pipeline.errors.last == "model: bad tensor"


def test_a_model_that_never_worked_ends_the_run():
    with pytest.raises(ModelError, match="bad tensor"):
        live(ListSource(10), [RecordingSink()], Nobody(fails=range(10))).run()


def test_an_effect_that_fails_leaves_the_holding_picture():
    class Deleted:
        def apply(self, frame, mask):
            if frame.index == 3:
                raise OSError("the background is gone")
            return frame.with_bgr(np.full_like(frame.bgr, frame.index))

        def close(self): ...

    sink = RecordingSink()
    live(ListSource(6), [sink], effects=[Deleted()]).run()
    assert [int(frame.bgr[0, 0, 0]) for frame in sink.frames] == [0, 1, 2, 2, 4, 5]


def test_a_sink_that_fails_is_left_out_and_the_others_go_on():
    broken = RecordingSink(fail_at=3, error=SinkError("disk full"))
    sink = RecordingSink()
    live(ListSource(10), [broken, sink]).run()
    assert (broken.indices, sink.indices) == ([0, 1, 2], list(range(10)))


def test_a_sink_that_failed_is_released_and_named_with_its_error():
    class Released(RecordingSink):
        released = False

        def abort(self):
            self.released = True

    full = SinkError("disk full")
    good, bad = Released(), Released(fail_at=2, error=full)
    pipeline = live(ListSource(6), [bad, good])
    pipeline.run()
    assert pipeline.failures == ((bad, full),)
    assert (bad.released, good.released) == (True, False)


def test_the_last_sink_that_fails_ends_the_run():
    with pytest.raises(SinkError, match="disk full"):
        live(ListSource(10), [RecordingSink(fail_at=3, error=SinkError("disk full"))]).run()


def test_output_goes_on_while_the_source_is_silent():
    class Enough(RecordingSink):
        def write(self, frame):
            super().write(frame)
            if len(self.frames) == 5:
                raise StopStream

    source, sink = SilentSource(), Enough()
    pipeline = live(source, [sink], settings=NEWEST, live=LiveSettings(hold_after_s=0.0))
    pipeline.run()
    times = [frame.pts for frame in sink.frames]
    assert times == sorted(set(times))
    assert pipeline.errors.fallback_frames == 4


def test_panic_covers_while_the_source_is_silent():
    class Enough(RecordingSink):
        def write(self, frame):
            super().write(frame)
            pipeline.set_blanked(on=True)
            if len(self.frames) == 2:
                raise StopStream

    sink = Enough()
    patient = LiveSettings(hold_after_s=60)
    pipeline = live(SilentSource(), [sink], HalfSegmenter(), settings=NEWEST, live=patient)
    pipeline.run()
    assert [(frame.bgr == RED).all() for frame in sink.frames] == [False, True]


def test_panic_covers_the_very_next_picture():
    sink = RecordingSink()

    def panic(frame):
        pipeline.set_blanked(on=frame.index >= 4)

    pipeline = live(ListSource(10), [sink], HalfSegmenter(), on_frame=panic)
    pipeline.run()
    nobody = [(frame.bgr == RED).all() for frame in sink.frames]
    assert nobody == [False] * 5 + [True] * 6  # the cover itself, then one for each frame


@pytest.mark.parametrize("is_screen", [False, True])
def test_panic_covers_a_background_that_is_a_screen_too(is_screen):
    """An X server is not needed: the effect says itself what its background is."""
    effect = replace_effect("#ff0000")
    effect.shows_screen = is_screen
    sink = RecordingSink()

    def panic(frame):
        pipeline.set_blanked(on=True)

    pipeline = live(ListSource(6), [sink], effects=[effect], on_frame=panic)
    pipeline.run()
    assert colors(sink.frames[2:]) == {NEUTRAL if is_screen else RED}


def test_a_frozen_picture_stays():
    sink = RecordingSink()

    def freeze(frame):
        pipeline.is_frozen = 2 <= frame.index < 6

    pipeline = live(ListSource(20), [sink], HalfSegmenter(), on_frame=freeze)
    pipeline.run()
    levels = [int(frame.bgr[0, 0, 2]) // 8 for frame in sink.frames]
    assert levels[:7] == [0, 1, 2, 2, 2, 2, 2]
    assert levels[-1] == 19


@pytest.mark.parametrize("is_blanked", [True, False])
def test_the_model_rests_while_nobody_sees_its_masks(is_blanked):
    model, sink = Nobody(fails=range(100)), RecordingSink()
    pipeline = live(ListSource(10), [sink], model)
    pipeline.set_blanked(on=is_blanked)
    pipeline.is_frozen = not is_blanked
    pipeline.run()
    assert len(sink.frames) >= 10
    assert pipeline.errors.counts == {}


class StuckSink(RecordingSink):
    """Does not come back from its first write until it is let go."""

    def __init__(self):
        super().__init__()
        self.is_stuck, self.let_go = threading.Event(), threading.Event()

    def write(self, frame):
        self.is_stuck.set()
        assert self.let_go.wait(10)


class Seen(RecordingSink):
    """Sets `covered` at the first picture of one color: the plain one, or the background."""

    def __init__(self):
        super().__init__()
        self.covered = threading.Event()

    def write(self, frame):
        super().write(frame)
        if (frame.bgr == frame.bgr[0, 0]).all():
            self.covered.set()


def test_panic_covers_the_virtual_camera_while_another_sink_is_stuck():
    window, camera, stages = StuckSink(), Seen(), []
    steady = ConstantRateSink(camera, 1000)

    def attend():
        if window.is_stuck.is_set() and not pipeline.is_blanked:
            pipeline.set_blanked(on=True)
            assert camera.covered.wait(10)
            stages.append("covered")
            window.let_go.set()

    pipeline = live(ListSource(3), [window, steady], HalfSegmenter(), on_control_tick=attend)
    pipeline.run()
    steady.close()
    assert stages == ["covered"]
    assert all((frame.bgr == NEUTRAL).all() or (frame.bgr == RED).all() for frame in camera.frames)


def test_the_cover_counts_as_taken_when_it_was_asked_for():
    class Camera(RecordingSink):
        def write_immediately(self, frame):
            self.write(frame)

    camera, now = Camera(), [1000.0]
    fanout = Fanout([camera], make_frame(), ErrorLog(), clock=lambda: now[0])
    now[0] = 1007.0
    fanout.set_blanked(on=True)
    assert camera.frames[0].captured_at == 1007.0


def test_panic_covers_while_the_model_is_stuck():
    let_go, camera = threading.Event(), Seen()
    steady = ConstantRateSink(camera, 1000)

    class StuckModel(Nobody):
        def segment(self, frame):
            pipeline.set_blanked(on=True)
            assert camera.covered.wait(10)
            let_go.set()
            return super().segment(frame)

    pipeline = live(ListSource(3), [steady], StuckModel())
    pipeline.run()
    steady.close()
    assert let_go.is_set()


def test_what_was_made_before_the_cover_is_not_shown_behind_it():
    camera = RecordingSink()
    camera.write_immediately = camera.write
    fanout = Fanout([camera], make_frame(0), ErrorLog())
    fanout.set_blanked(on=True)
    fanout.send(make_frame(1), is_blank=False, has_worked=True)
    fanout.send(make_frame(2), is_blank=True, has_worked=True)
    fanout.set_blanked(on=False)
    fanout.send(make_frame(3), is_blank=False, has_worked=True)
    assert camera.indices == [0, 2, 3]


def test_whoever_attends_may_fail():
    def attend():
        failed.set()
        raise OSError("gone")

    failed = threading.Event()
    pipeline = live(
        ListSource(10**6, is_live=True),
        [RecordingSink()],
        settings=NEWEST,
        on_control_tick=attend,
        on_frame_tick=lambda: failed.is_set() and pipeline.stop(),
    )
    pipeline.run()
    assert pipeline.errors.counts["controls"] >= 1


def test_frames_that_the_output_was_too_slow_for_are_counted_while_it_runs():
    dropped = []

    def wait(frame):
        while not pipeline.stats.dropped:
            pass
        dropped.append(pipeline.stats.dropped)
        pipeline.stop()

    fast = ListSource(500, is_live=True)
    pipeline = live(fast, [RecordingSink()], settings=NEWEST, on_frame=wait)
    pipeline.run()
    assert dropped[0]["output too slow"] >= 1


def test_what_is_transparent_holds_nothing_of_the_room():
    sink = RecordingSink()
    cutout = CutoutEffect(CutoutEffect.Options())
    live(ListSource(12), [sink], HalfSegmenter(), effects=[cutout]).run()
    shown = sink.frames[9]
    assert (shown.bgr[shown.alpha == 0] == 0).all()
    assert (shown.bgr[shown.alpha == 255] == make_frame(9).bgr[shown.alpha == 255]).all()
    assert set(np.unique(shown.alpha)) >= {0, 255}


def test_effects_are_swapped_between_two_frames():
    sink = RecordingSink()

    def swap(frame):
        if frame.index == 4:
            pipeline.components.replace_effects([replace_effect("#0000ff")])

    pipeline = live(ListSource(10), [sink], on_frame=swap)
    pipeline.run()
    assert colors(sink.frames[:5]) == {RED}
    assert colors(sink.frames[5:]) == {BLUE}


def test_a_model_is_swapped_and_the_old_one_closed():
    first, second = Nobody(), Nobody(fails=range(100))
    source = ListSource(100)
    pipeline = live(source, [RecordingSink()], first)
    pipeline.components.replace_segmenter(second)
    with pytest.raises(ModelError):
        pipeline.run()
    assert first.closed


def test_models_that_are_brought_while_no_frame_comes_hold_nothing_up():
    brought = [Nobody() for _ in range(20)]
    pipeline = live(ListSource(3), [RecordingSink()])
    for each in brought:
        pipeline.components.replace_segmenter(each)
    assert [each.closed for each in brought] == [True] * 19 + [False]
    pipeline.run()
    assert brought[-1].closed


def test_a_model_that_no_frame_came_for_is_closed_at_the_end():
    pipeline, brought = live(ListSource(0), [RecordingSink()]), Nobody()
    pipeline.components.replace_segmenter(brought)
    pipeline.run()
    assert brought.closed


def test_an_old_model_that_does_not_close_is_survived():
    class Sticky(Nobody):
        def close(self):
            raise ModelError("cannot close")

    def swap(frame):
        if frame.index == 4:
            pipeline.components.replace_segmenter(Nobody())

    sink = RecordingSink()
    pipeline = live(ListSource(20), [sink], Sticky(), on_frame=swap)
    pipeline.run()
    assert sink.indices[-1] == 19
    assert pipeline.errors.counts == {"model": 1}


def test_a_late_frame_is_left_out_where_there_is_a_newer_one():
    pipeline = live(ListSource(3), [RecordingSink()], settings=NEWEST, clock=lambda: 1.0)
    for index, captured in enumerate((0.0, 0.99)):
        pipeline._stages.shown.put(replace(make_frame(index), captured_at=captured))
    assert pipeline._next_shown_frame().index == 1
    assert pipeline.errors.counts == {"too late": 1}


def test_masks_of_every_third_frame_serve_the_two_between():
    asked = []

    class Asked(Nobody):
        def segment(self, frame):
            asked.append(frame.index)
            return super().segment(frame)

    pipeline = live(ListSource(10), [RecordingSink()], Asked())
    pipeline.inference_interval = 3
    pipeline.run()
    assert asked == [0, 3, 6, 9]


def test_refinement_can_be_left_out():
    class Failing:
        def refine(self, mask, frame):
            raise AssertionError("not asked for")

        def close(self): ...

    pipeline = live(ListSource(5), [RecordingSink()], refiners=[Failing()])
    pipeline.components.replace_refiners(())
    assert pipeline.run().frames == 5


def test_its_figures_can_be_asked_for_before_there_are_any():
    pipeline = live(ListSource(1), [RecordingSink()])
    assert pipeline._stages.compute_patience_s() >= 0
    assert pipeline.stats.stages == {}
