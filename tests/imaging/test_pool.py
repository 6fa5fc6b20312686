from rimlight.imaging.pool import ArrayPool


def test_an_array_comes_back_once_nobody_holds_it():
    pool = ArrayPool()
    first = pool.take((4, 4))
    where = first.ctypes.data
    del first
    assert pool.take((4, 4)).ctypes.data == where


def test_an_array_in_use_is_never_handed_out_again():
    pool = ArrayPool()
    held = [pool.take((4, 4)) for _ in range(40)]
    assert len({array.ctypes.data for array in held}) == 40


def test_a_view_keeps_its_array_in_use():
    pool = ArrayPool()
    view = pool.take((4, 4))[1:]
    other = pool.take((4, 4))
    other[...] = 9
    view[...] = 1
    assert (other == 9).all()


def test_shape_and_dtype_must_fit():
    pool = ArrayPool()
    pool.take((4, 4))
    assert pool.take((4, 4), "float32").dtype == "float32"
    assert pool.take((2, 4)).shape == (2, 4)
