import threading
from fractions import Fraction

import numpy as np
import pytest
from fakes import HalfSegmenter, ListSource, RecordingSink, make_frame

from rimlight.core.errors import SourceOpenError, SourceReadError
from rimlight.core.frame import Frame
from rimlight.core.frame_queue import Overflow
from rimlight.pipeline.live import LivePipeline
from rimlight.pipeline.settings import Settings
from rimlight.sources.reconnect import ReconnectingSource, State


@pytest.fixture(autouse=True)
def no_pause(monkeypatch):
    monkeypatch.setattr("rimlight.sources.reconnect.FIRST_PAUSE_S", 0.001)
    monkeypatch.setattr("rimlight.sources.reconnect.LONGEST_PAUSE_S", 0.001)


def broken(count, **more):
    return ListSource(count, SourceReadError("pulled out"), is_live=True, **more)


def openings(*results):
    """Open these one after the other; an error is raised instead."""
    left = list(results)

    def reopen():
        result = left.pop(0)
        if isinstance(result, Exception):
            raise result
        return result

    return reopen


def test_a_lost_source_is_opened_again_and_its_frames_go_on():
    source = ReconnectingSource(broken(3), openings(ListSource(4)))
    frames = list(source)
    assert [frame.index for frame in frames] == list(range(7))
    assert source.losses == 1


def test_times_rise_through_a_loss():
    times = [frame.pts for frame in ReconnectingSource(broken(3), openings(ListSource(3)))]
    assert times == sorted(set(times))


def test_it_tries_until_the_source_is_back():
    absent = SourceOpenError("not there")
    source = ReconnectingSource(broken(2), openings(absent, absent, absent, ListSource(2)))
    assert len(list(source)) == 4


def test_its_state_tells_what_it_is_doing():
    states = []

    def reopen():
        states.append(source.state)
        return ListSource(1)

    source = ReconnectingSource(broken(1), reopen)
    states.append(source.state)
    for _ in source:
        states.append(source.state)  # noqa: PERF401 - in the order in which things happen
    assert states == [State.OPENING, State.LIVE, State.RETRYING, State.LIVE]


def test_a_source_that_gives_nothing_any_more_counts_as_lost():
    now = [0.0]
    source = ReconnectingSource(ListSource(2), openings(), clock=lambda: now[0])
    next(iter(source))
    assert source.state == State.LIVE
    now[0] = 3.0
    assert source.state == State.LOST


def test_the_size_stays_when_the_camera_comes_back_with_another():
    source = ReconnectingSource(broken(1), openings(ListSource(2, size=(48, 64))))
    assert {frame.size for frame in source} == {(64, 48)}


def test_why_it_is_lost_is_told_until_it_is_back():
    source = ReconnectingSource(broken(1), openings(ListSource(1)))
    frames = iter(source)
    next(frames)
    assert source.problem == ""
    source._record_loss(SourceReadError("pulled out"))
    assert source.problem == "pulled out"
    next(frames)
    assert source.problem == ""


def test_closing_ends_the_search():
    def reopen():
        source.close()
        raise SourceOpenError("not there")

    source = ReconnectingSource(broken(1), reopen)
    assert len(list(source)) == 1


def test_a_source_that_opens_while_it_is_closed_is_closed_too():
    class Late(ListSource):
        closed = False

        def close(self):
            self.closed = True

    late = Late(5)

    def reopen():
        source.close()
        return late

    source = ReconnectingSource(broken(1), reopen)
    assert len(list(source)) == 1
    assert late.closed


def test_a_steady_source_passes_unchanged():
    source = ReconnectingSource(ListSource(3, is_live=True), openings())
    frames = list(source)
    assert [frame.pts for frame in frames] == [Fraction(i, 30) for i in range(3)]
    assert np.array_equal(frames[1].bgr, make_frame(1).bgr)


class Shutter(ListSource):
    """An endless source that knows whether it is closed."""

    def __init__(self):
        super().__init__(10**9, is_live=True)
        self.closed = False

    def __iter__(self):
        for index in range(self.count):
            if self.closed:
                return
            yield make_frame(index)

    def close(self):
        self.closed = True


def test_it_rests_with_its_camera_closed_until_it_is_woken():
    first, second = Shutter(), Shutter()
    source = ReconnectingSource(first, openings(second))
    frames = iter(source)
    before = next(frames)
    source.suspend()
    assert first.closed
    source.wake()
    after = next(frames)
    assert (after.index, source.state) == (before.index + 1, State.LIVE)
    source.close()
    assert next(frames, None) is None


def test_closing_ends_a_rest():
    source = ReconnectingSource(Shutter(), openings())
    frames = iter(source)
    next(frames)
    source.suspend()
    source.close()
    assert next(frames, None) is None


@pytest.mark.parametrize("state", [State.SUSPENDED, State.RETRYING])
def test_a_run_is_stopped_at_once_while_its_camera_is(state, monkeypatch):
    monkeypatch.setattr("rimlight.pipeline.stages.STOP_TIMEOUT_S", 60)

    def absent():
        raise SourceOpenError("not there")

    source = ReconnectingSource(Shutter() if state is State.SUSPENDED else broken(3), absent)
    newest = Settings(overflow=Overflow.DROP_OLDEST, mask_sync="latest")

    def poll():
        if pipeline.stats.frames and state is State.SUSPENDED:
            source.suspend()
        if source.state is state:
            pipeline.stop()

    pipeline = LivePipeline(
        source, HalfSegmenter(), [RecordingSink()], settings=newest, on_frame_tick=poll
    )
    run = threading.Thread(target=pipeline.run)
    run.start()
    run.join(15)
    is_over = not run.is_alive()
    source.close()
    run.join(15)
    assert is_over


class Large(Shutter):
    """An endless camera of I420 pictures that all have one gray, and the size it is told."""

    def __init__(self, size, gray):
        super().__init__()
        self.size, self.gray = size, gray

    def __iter__(self):
        width, height = self.size
        for frame in super().__iter__():
            gray = np.full((height * 3 // 2, width), self.gray, np.uint8)
            yield Frame.from_i420(
                gray,
                size=self.size,
                index=frame.index,
                pts=frame.pts,
                captured_at=frame.captured_at,
            )


class Again:
    """Opens a camera of another size, if that is wanted."""

    def __init__(self):
        self.wanted = False

    def __call__(self):
        return Large((32, 24), 90) if self.wanted else Large((64, 48), 60)

    def can_downscale(self):
        return True

    def set_downscaled(self, *, on):
        self.wanted = on


def test_smaller_pictures_of_the_camera_come_at_the_size_of_the_start():
    source = ReconnectingSource(Large((64, 48), 30), Again())
    frames = iter(source)
    seen = [next(frames)]
    for on in (True, False):
        source.set_downscaled(on=on)
        seen.append(next(frames))
    assert {(frame.size, frame.layout) for frame in seen} == {((64, 48), "i420")}
    assert [int(frame.image.min()) for frame in seen] == [30, 90, 60]
    assert [frame.index for frame in seen] == [0, 1, 2]
    assert source.losses == 0
    source.close()


def test_a_source_that_can_only_be_opened_again_does_not_shrink():
    assert not ReconnectingSource(Shutter(), openings()).can_downscale()


class LastingSource(ListSource):
    """Delivers frames until it is closed, and then fails as a camera does."""

    def __init__(self, name, size=(64, 48)):
        super().__init__(10_000, size=size, is_live=True)
        self.name, self.is_open = name, True

    def __iter__(self):
        for frame in super().__iter__():
            if not self.is_open:
                raise SourceReadError(f"{self.name} is closed")
            yield frame

    def close(self):
        self.is_open = False


def test_another_source_takes_over_between_two_frames_at_the_same_size():
    first, other = LastingSource("first"), LastingSource("other", size=(32, 24))
    source = ReconnectingSource(first, openings())
    frames = []
    for frame in source:
        frames.append(frame)
        if len(frames) == 3:
            source.switch_to(other, openings())
        if len(frames) == 6:
            source.close()
            break
    assert [frame.index for frame in frames] == list(range(6))
    assert {frame.size for frame in frames} == {(64, 48)}
    assert not first.is_open and not other.is_open
    assert (source.losses, source.problem) == (0, "")


def test_of_two_sources_chosen_in_a_row_the_last_one_stays_and_none_is_left_open():
    first, second, third = (LastingSource(name) for name in ("first", "second", "third"))
    source = ReconnectingSource(first, openings())
    for count, _ in enumerate(source):
        if count == 1:
            source.switch_to(second, openings())
            source.switch_to(third, openings())
        if count == 3:
            assert [each.is_open for each in (first, second, third)] == [False, False, True]
            break
    source.close()
    assert not third.is_open


def test_the_source_that_took_over_is_opened_again_when_it_is_lost():
    third = LastingSource("third")
    source = ReconnectingSource(LastingSource("first"), openings())
    for count, _ in enumerate(source):
        if count == 1:
            source.switch_to(broken(2), openings(third))
        if count == 7:
            break
    assert source.losses == 1 and third.is_open
    source.close()
