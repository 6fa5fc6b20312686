"""Two pipelines in one process, one with compiled loops and one without."""

import threading
from itertools import zip_longest

import numpy as np
import pytest
from fakes import ListSource, RecordingSink, make_frame

from rimlight.core.frame import Frame, Mask
from rimlight.effects.replace import ReplaceEffect
from rimlight.imaging import jit
from rimlight.pipeline.live import LivePipeline
from rimlight.pipeline.pipeline import Pipeline
from rimlight.pipeline.settings import Settings
from rimlight.refiners.smooth import SmoothRefiner

pytestmark = pytest.mark.skipif(jit.get_kernels() is None, reason="needs numba")
COUNT, SIZE = 8, (128, 96)


class Noise:
    """Gives each frame a mask of doubtful scores, and meets another pipeline at each of them."""

    def __init__(self, meet=lambda: None):
        self.meet, self.used = meet, set()

    def segment(self, frame):
        self.meet()
        self.used.add(jit.get_kernels() is not None)
        scores = np.random.default_rng(frame.index).random((24, 32, 1), np.float32)
        return Mask(scores, ("person",))

    def close(self): ...


class I420Source(ListSource):
    def __iter__(self):
        for frame in (make_frame(index, SIZE) for index in range(COUNT)):
            yield Frame.from_i420(
                np.array(frame.i420),
                size=SIZE,
                index=frame.index,
                pts=frame.pts,
                captured_at=frame.captured_at,
            )


class Copies(RecordingSink):
    def write(self, frame):
        super().write(frame)
        self.frames[-1] = np.array(frame.image)


def make_run(kind, *, enabled, meet=lambda: None):
    sink, model = Copies(), Noise(meet)
    pipeline = kind(
        I420Source(COUNT),
        model,
        [sink],
        refiners=[SmoothRefiner(SmoothRefiner.Options())],
        effects=[ReplaceEffect(ReplaceEffect.Options(background="#20a040"))],
        settings=Settings(jit=enabled),
    )
    return pipeline, sink, model


def run_alone(kind, *, enabled):
    pipeline, sink, _ = make_run(kind, enabled=enabled)
    pipeline.run()
    return sink.frames


def is_same(frames, others):
    return all(np.array_equal(a, b) for a, b in zip_longest(frames, others))


@pytest.mark.parametrize("kind", [Pipeline, LivePipeline])
def test_two_pipelines_at_once_run_each_their_own_loops(kind):
    alone = {enabled: run_alone(kind, enabled=enabled) for enabled in (True, False)}
    assert not is_same(alone[True], alone[False])  # the two kinds of loops can be told apart
    barrier = threading.Barrier(2, timeout=20)
    runs = {enabled: make_run(kind, enabled=enabled, meet=barrier.wait) for enabled in alone}
    thread = threading.Thread(target=runs[True][0].run)
    thread.start()
    runs[False][0].run()
    thread.join()
    for enabled, (_, sink, model) in runs.items():
        assert len(sink.frames) == COUNT
        assert is_same(sink.frames, alone[enabled])
        assert model.used == {enabled}


def test_a_pipeline_that_runs_within_another_leaves_the_others_choice():
    inner, inner_sink, _ = make_run(Pipeline, enabled=False)
    outer, outer_sink, _ = make_run(Pipeline, enabled=True)
    outer._on_frame = lambda frame: len(inner_sink.frames) or inner.run()
    outer.run()
    assert is_same(inner_sink.frames, run_alone(Pipeline, enabled=False))
    assert is_same(outer_sink.frames, run_alone(Pipeline, enabled=True))


def test_the_choice_of_a_run_leaves_that_of_its_caller():
    before = jit.is_enabled()
    run_alone(Pipeline, enabled=not before)
    assert jit.is_enabled() == before
