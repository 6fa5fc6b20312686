import threading

import pytest
from fakes import RecordingSink, make_frame, make_info

from rimlight.core.errors import SinkError, StopStream
from rimlight.sinks.threaded import ThreadedSink


class GatedSink(RecordingSink):
    """Waits in its first write until the gate opens; remembers how it ended."""

    def __init__(self, **more):
        super().__init__(**more)
        self.entered, self.gate, self.ended = threading.Event(), threading.Event(), []

    def write(self, frame):
        self.entered.set()
        assert self.gate.wait(10)
        super().write(frame)

    def close(self):
        self.ended.append("closed")

    def abort(self):
        self.ended.append("aborted")


def test_close_waits_until_every_frame_is_written():
    inner = GatedSink()
    sink = ThreadedSink(inner, make_info(), capacity=4)
    for index in range(4):
        sink.write(make_frame(index))
    inner.gate.set()
    sink.close()
    assert inner.indices == [0, 1, 2, 3]
    assert inner.ended == ["closed"]


def test_a_slow_sink_misses_frames_when_live_and_they_are_counted():
    inner = GatedSink()
    sink = ThreadedSink(inner, make_info(is_live=True), capacity=2)
    sink.write(make_frame(0))
    assert inner.entered.wait(10)
    for index in range(1, 6):
        sink.write(make_frame(index))
    inner.gate.set()
    sink.close()
    assert inner.indices == [0, 4, 5]
    assert sink.dropped == 3


def test_a_slow_sink_gets_every_frame_of_a_file():
    inner = RecordingSink()
    sink = ThreadedSink(inner, make_info(), capacity=1)
    for index in range(50):
        sink.write(make_frame(index))
    sink.close()
    assert inner.indices == list(range(50))


def test_frames_that_wait_are_bounded_in_bytes():
    inner = GatedSink()
    sink = ThreadedSink(inner, make_info(is_live=True), capacity=100, max_bytes=20_000)
    sink.write(make_frame(0))
    assert inner.entered.wait(10)
    for index in range(1, 11):
        sink.write(make_frame(index))
    inner.gate.set()
    sink.close()
    assert inner.indices == [0, 9, 10]


def test_an_error_comes_out_of_a_later_write_unchanged():
    error = SinkError("disk full")
    sink = ThreadedSink(RecordingSink(fail_at=0, error=error), make_info(), capacity=1)

    def keep_writing():
        while True:
            sink.write(make_frame(0))

    with pytest.raises(SinkError) as caught:
        keep_writing()
    assert caught.value is error
    sink.abort()


def test_an_error_on_the_last_frame_comes_out_of_close():
    error = SinkError("disk full")
    inner = GatedSink(fail_at=0, error=error)
    sink = ThreadedSink(inner, make_info())
    sink.write(make_frame(0))
    inner.gate.set()
    with pytest.raises(SinkError, match="disk full"):
        sink.close()
    assert inner.ended == ["aborted"]
    sink.close()


def test_a_wish_to_stop_reaches_the_writer():
    sink = ThreadedSink(RecordingSink(fail_at=0, error=StopStream()), make_info(), capacity=1)

    def keep_writing():
        while True:
            sink.write(make_frame(0))

    with pytest.raises(StopStream):
        keep_writing()
    sink.close()


def test_abort_drops_what_waits_and_aborts_the_sink():
    inner = GatedSink()
    sink = ThreadedSink(inner, make_info())
    for index in range(4):
        sink.write(make_frame(index))
    assert inner.entered.wait(10)
    threading.Timer(0.05, inner.gate.set).start()
    sink.abort()
    assert inner.indices == [0]
    assert inner.ended == ["aborted"]


def test_a_write_after_close_is_a_mistake():
    sink = ThreadedSink(RecordingSink(), make_info())
    sink.close()
    with pytest.raises(ValueError, match="closed"):
        sink.write(make_frame())


class Meeting(RecordingSink):
    """Lets nobody go on before two are writing at once."""

    def __init__(self):
        super().__init__()
        self.barrier = threading.Barrier(2, timeout=10)

    def write(self, frame):
        self.barrier.wait()
        super().write(frame)


def test_several_threads_write_at_once_where_the_sink_is_shared():
    inner = Meeting()
    sink = ThreadedSink(inner, make_info(), writers=2)
    for index in range(8):
        sink.write(make_frame(index))
    sink.close()
    assert sorted(inner.indices) == list(range(8))
