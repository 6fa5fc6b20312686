import threading
from dataclasses import replace

import pytest
from fakes import RecordingSink, make_frame

from rimlight.core.errors import SinkError
from rimlight.sinks.threaded import ConstantRateSink


class CountingSink(RecordingSink):
    """Sets `reached` at its nth frame; raises at `broken_at`."""

    def __init__(self, count, broken_at=None):
        super().__init__()
        self.count, self.broken_at = count, broken_at
        self.reached, self.ended = threading.Event(), ""

    def write(self, frame):
        if len(self.frames) == self.broken_at:
            raise SinkError("unplugged")
        self.frames.append(frame)
        if len(self.frames) == self.count:
            self.reached.set()

    def close(self):
        self.ended = "closed"

    def abort(self):
        self.ended = "aborted"


def test_a_frame_is_repeated_while_there_is_no_newer_one():
    inner = CountingSink(5)
    sink = ConstantRateSink(inner, 1000)
    sink.write(make_frame(7))
    assert inner.reached.wait(10)
    sink.close()
    assert set(inner.indices) == {7}
    assert sink.repeated >= 4
    assert sink.written == len(inner.frames)


def test_the_newest_frame_is_shown_next():
    inner = CountingSink(10**9)
    sink = ConstantRateSink(inner, 1000)
    for index in range(50):
        sink.write(make_frame(index))
    while 49 not in inner.indices:
        pass
    sink.close()
    assert inner.indices == sorted(inner.indices)


def test_nothing_is_written_before_the_first_frame():
    inner = CountingSink(1)
    ConstantRateSink(inner, 1000).close()
    assert inner.frames == []
    assert inner.ended == "closed"


def test_an_error_of_the_sink_comes_out_of_a_later_write():
    sink = ConstantRateSink(CountingSink(1, broken_at=0), 1000)

    def write_on():
        while True:
            sink.write(make_frame())

    with pytest.raises(SinkError, match="unplugged"):
        write_on()
    sink.abort()


def test_an_error_that_no_write_told_comes_out_of_close():
    inner = CountingSink(1, broken_at=1)
    sink = ConstantRateSink(inner, 1000)
    sink.write(make_frame())
    sink._thread.join(10)
    with pytest.raises(SinkError, match="unplugged"):
        sink.close()
    assert inner.ended == "aborted"


def test_its_rate_holds_on_the_clock():
    times, now, done = [], [0.0], threading.Event()

    class TimedSink(CountingSink):
        def write(self, frame):
            times.append(now[0])
            now[0] += 0.02  # each write takes more than half of an interval
            if len(times) == 31:
                done.set()
                raise SinkError("enough")

    class Stopped:
        """Waits on the fake clock."""

        def wait(self, seconds):
            now[0] += seconds
            return done.is_set()

        def set(self): ...

    sink = ConstantRateSink(TimedSink(31), 30, clock=lambda: now[0])
    sink._stopped = Stopped()
    sink.write(make_frame())
    assert done.wait(10)
    sink.abort()
    assert (len(times) - 1) / (times[-1] - times[0]) == pytest.approx(30, abs=0.2)


class Stepped:
    """A clock and a stop that are waited on: frames arrive at their own times as it goes on."""

    def __init__(self, rate, offset, count):
        self.now, self.rate, self.offset, self.left = 0.0, rate, offset, count
        self.sink, self.shown = None, 0

    def clock(self):
        return self.now

    def wait(self, seconds):
        """Let time pass; put the frames that arrive meanwhile."""
        end = self.now + seconds
        while (at := self.offset + self.shown / self.rate) <= end:
            self.now = max(self.now, at)
            self.sink.write(make_frame(self.shown % 20))
            self.shown += 1
        self.now = end
        self.left -= 1
        return self.left <= 0

    def set(self): ...


@pytest.mark.parametrize("rate", [30, 29.97, 25, 15])
def test_turns_follow_the_frames_and_the_rate_stays(rate):
    stepped, waits, times = Stepped(rate, 0.02, 3000), [], []

    class Noting(CountingSink):
        def write(self, frame):
            times.append(stepped.now)
            waits.append(stepped.now - stepped.sink._put_at)

    stepped.sink = sink = ConstantRateSink(Noting(0), 30, clock=stepped.clock)
    sink._stopped = stepped
    sink.write(make_frame())
    sink._thread.join(10)
    sink.abort()
    assert (len(times) - 1) / (times[-1] - times[0]) == pytest.approx(30, abs=0.2)
    if rate > 29:
        assert max(waits[-300:]) < 0.010


def test_an_interruption_is_the_very_next_picture():
    class Interrupted(CountingSink):
        def write(self, frame):
            super().write(frame)
            if frame.index == 0:
                sink.write_immediately(make_frame(9))

    inner = Interrupted(4)
    sink = ConstantRateSink(inner, 1000)
    sink.write(make_frame(0))
    assert inner.reached.wait(10)
    sink.close()
    assert inner.indices[:4] == [0, 9, 9, 9]


def test_how_late_frames_are_is_told_when_they_go_out():
    inner = CountingSink(3)
    sink = ConstantRateSink(inner, 1000, clock=lambda: 105.0)
    assert sink.delay_s == 0.0
    sink.write(replace(make_frame(0), captured_at=100.0))
    sink._stopped.set()
    sink.close()
    assert sink.delay_s == 5.0
