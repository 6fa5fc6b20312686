import threading

import numpy as np

from rimlight.imaging.pool import ArrayPool


def test_an_array_comes_back_once_nobody_holds_it():
    pool = ArrayPool()
    first = pool.acquire((4, 4))
    where = first.ctypes.data
    del first
    assert pool.acquire((4, 4)).ctypes.data == where


def test_an_array_in_use_is_never_handed_out_again():
    pool = ArrayPool()
    held = [pool.acquire((4, 4)) for _ in range(40)]
    assert len({array.ctypes.data for array in held}) == 40


def test_a_view_keeps_its_array_in_use():
    pool = ArrayPool()
    view = pool.acquire((4, 4))[1:]
    other = pool.acquire((4, 4))
    other[...] = 9
    view[...] = 1
    assert (other == 9).all()


def test_shape_and_dtype_must_fit():
    pool = ArrayPool()
    pool.acquire((4, 4))
    assert pool.acquire((4, 4), "float32").dtype == "float32"
    assert pool.acquire((2, 4)).shape == (2, 4)


def test_other_holders_of_the_memory_keep_it_in_use():
    pool = ArrayPool()
    buffer, dlpack = memoryview(pool.acquire((4, 4))), np.from_dlpack(pool.acquire((4, 4)))
    chained = pool.acquire((4, 4))[1:].reshape(-1)[2:].view("int8")
    taken = {each.ctypes.data for each in (pool.acquire((4, 4)) for _ in range(9))}
    assert not taken & {np.asarray(buffer).ctypes.data, dlpack.ctypes.data}
    assert all(not np.shares_memory(chained, pool.acquire((4, 4))) for _ in range(9))


def test_an_array_that_another_thread_drops_comes_back():
    pool = ArrayPool()
    held = [pool.acquire((4, 4))]
    where = held[0].ctypes.data
    thread = threading.Thread(target=held.clear)
    thread.start()
    thread.join()
    assert pool.acquire((4, 4)).ctypes.data == where


def test_what_is_known_of_the_contents_comes_back_with_the_memory():
    pool = ArrayPool()
    slot, array = pool.acquire_slot((4, 4))
    slot.content = "a background"
    del slot, array
    assert pool.acquire_slot((4, 4))[0].content == "a background"


def test_no_more_than_the_limit_is_kept_for_shapes_that_come_no_more():
    pool = ArrayPool(limit=3)
    held = [pool.acquire((4, size)) for size in range(1, 9)]
    held.clear()
    again = pool.acquire((4, 9))
    assert again.shape == (4, 9)
    assert len(pool._free) < 3
