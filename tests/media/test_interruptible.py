import threading

from rimlight.media.interruptible import ReleaseGuard


def test_closing_releases_once():
    released = []
    guard = ReleaseGuard(lambda: released.append(1))
    guard.close()
    guard.close()
    with guard as is_open:
        assert not is_open
    assert released == [1]


def test_a_read_that_is_under_way_ends_before_the_release():
    released, reading = [], threading.Event()
    guard, may_end = ReleaseGuard(lambda: released.append(1)), threading.Event()

    def read():
        with guard as is_open:
            assert is_open
            reading.set()
            may_end.wait(5)

    reader = threading.Thread(target=read)
    reader.start()
    reading.wait(5)
    guard.close()
    assert released == []
    may_end.set()
    reader.join()
    assert released == [1]
