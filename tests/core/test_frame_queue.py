import signal
import sys
import threading

import pytest

from rimlight.core.frame_queue import FrameQueue, Overflow


def test_latest_keeps_the_newest_and_counts_the_rest():
    buffer = FrameQueue(2, Overflow.DROP_OLDEST)
    for number in range(5):
        buffer.put(number)
    buffer.close()
    assert list(buffer) == [3, 4]
    assert buffer.dropped == 3


def test_wait_blocks_the_producer_until_there_is_room():
    buffer = FrameQueue(1, Overflow.BLOCK)
    producer = threading.Thread(
        target=lambda: [buffer.put(i) for i in range(50)] + [buffer.close()]
    )
    producer.start()
    assert list(buffer) == list(range(50))
    producer.join(5)
    assert buffer.dropped == 0


def test_close_wakes_a_producer_that_waits_for_room():
    buffer = FrameQueue(1, Overflow.BLOCK)
    buffer.put(0)
    results = []
    producer = threading.Thread(target=lambda: results.append(buffer.put(1)))
    producer.start()
    buffer.close()
    producer.join(5)
    assert results == [False]


def test_bytes_bound_it_as_well_as_items():
    buffer = FrameQueue(10, Overflow.DROP_OLDEST, max_bytes=100, size_of=len)
    for letter in "abc":
        buffer.put(letter * 60)
    buffer.close()
    assert [item[0] for item in buffer] == ["c"]


def test_one_item_larger_than_the_bound_is_let_in():
    buffer = FrameQueue(10, Overflow.BLOCK, max_bytes=10, size_of=len)
    assert buffer.put("x" * 50)
    assert len(buffer) == 1


def test_the_error_comes_after_the_items_before_it():
    buffer = FrameQueue(4, Overflow.BLOCK)
    buffer.put("frame")
    buffer.close(OSError("cable"))
    items = iter(buffer)
    assert next(items) == "frame"
    with pytest.raises(OSError, match="cable"):
        next(items)


def test_the_first_close_decides():
    buffer = FrameQueue(1, Overflow.BLOCK)
    buffer.close()
    buffer.close(OSError("too late"))
    assert list(buffer) == []


def test_discard_forgets_what_is_left_and_counts_it():
    buffer = FrameQueue(4, Overflow.BLOCK)
    buffer.put(1)
    buffer.discard()
    assert list(buffer) == [] and buffer.dropped == 1
    assert not buffer.put(2)


def test_ready_says_whether_an_item_can_be_had_at_once():
    buffer = FrameQueue(1, Overflow.BLOCK)
    assert not buffer.wait_ready(0)
    buffer.put(1)
    assert buffer.wait_ready(0)
    buffer.discard()
    assert not buffer.wait_ready(10)  # returns at once: a closed buffer will never be ready


def test_capacity_must_be_positive():
    with pytest.raises(ValueError, match="at least 1, got 0"):
        FrameQueue(0, Overflow.BLOCK)


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="no signals to a thread")
def test_a_consumer_hears_a_signal_that_came_to_another_thread():
    buffer, given_up = FrameQueue(1, Overflow.BLOCK), threading.Event()
    before = signal.signal(signal.SIGUSR2, lambda *_: buffer.close())

    def give_up():
        given_up.set()
        buffer.close()

    def send():
        main = threading.main_thread().ident
        while sys._current_frames()[main].f_back.f_code.co_name != "wait_for":
            pass
        signal.pthread_kill(threading.get_ident(), signal.SIGUSR2)

    clock, sender = threading.Timer(10, give_up), threading.Thread(target=send)
    clock.start()
    sender.start()
    assert list(buffer) == []
    clock.cancel()
    sender.join()
    signal.signal(signal.SIGUSR2, before)
    assert not given_up.is_set()
