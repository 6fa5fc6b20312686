import os
import subprocess
import sys
import threading
from fractions import Fraction

import numpy as np
import pytest

from rimlight.core.errors import ConfigError, SourceOpenError, SourceReadError
from rimlight.sources.pipe import PipeSource


@pytest.fixture
def piped():
    """A function that opens a source on a pipe which holds `data`; the writer has hung up."""
    opened = []

    def open_on(data, hang_up=True, **options):
        reader, writer = os.pipe()
        opened.extend([reader] if hang_up else [reader, writer])
        os.write(writer, data)
        if hang_up:
            os.close(writer)
        return PipeSource(PipeSource.Options(**options), fd=reader)

    yield open_on
    for fd in opened:
        os.close(fd)


def pixels(count, height=4, width=6):
    return np.arange(count * height * width * 3, dtype=np.uint8).reshape(count, height, width, 3)


def test_bgr_frames_arrive_unchanged_at_the_given_rate(piped):
    frames = list(piped(pixels(3).tobytes(), size="6x4", rate="30000/1001"))
    assert all((f.bgr == p).all() for f, p in zip(frames, pixels(3), strict=True))
    assert [frame.pts for frame in frames] == [Fraction(i * 1001, 30000) for i in range(3)]


def test_rgb_is_swapped(piped):
    (frame,) = piped(pixels(1).tobytes(), size="6x4", pixel_format="rgb24")
    assert (frame.bgr == pixels(1)[0][..., ::-1]).all()


def test_yuv420p_is_taken_as_i420(piped):
    raw = np.arange(36, dtype=np.uint8).reshape(6, 6)
    (frame,) = piped(raw.tobytes(), size="6x4", pixel_format="yuv420p")
    assert (frame.i420 == raw).all()


def test_a_cut_frame_raises_after_the_whole_ones(piped):
    source, seen = piped(pixels(2).tobytes()[:-5], size="6x4"), []
    with pytest.raises(SourceReadError, match="within frame 1: 67 of 72 bytes"):
        seen.extend(source)
    assert len(seen) == 1


def test_a_missing_size_is_asked_for_with_an_example():
    with pytest.raises(ConfigError, match="size") as caught:
        PipeSource(PipeSource.Options())
    assert "ffmpeg" in caught.value.hint


def test_odd_yuv420p_is_refused(piped):
    with pytest.raises(ConfigError, match="even sides, got 5x4"):
        piped(b"", size="5x4", pixel_format="yuv420p")


def test_a_terminal_is_refused():
    main, terminal = os.openpty()
    with pytest.raises(SourceOpenError, match="terminal"):
        PipeSource(PipeSource.Options(size="6x4"), fd=terminal)
    os.close(main)
    os.close(terminal)


def test_closing_from_another_thread_ends_a_read_that_waits(piped):
    source = piped(pixels(1).tobytes(), hang_up=False, size="6x4")
    frames = iter(source)
    next(frames)
    threading.Timer(0, source.close).start()
    assert list(frames) == []


def test_it_reads_the_real_standard_input():
    code = (
        "from rimlight.sources.pipe import PipeSource as P;"
        "print([f.index for f in P(P.Options(size='6x4'))])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], input=pixels(3).tobytes(), capture_output=True, check=True
    )
    assert done.stdout.strip() == b"[0, 1, 2]"


@pytest.mark.parametrize(
    "head", [b"\0\0\0\x20ftypisom", b"\x1a\x45\xdf\xa3", (b"G" + bytes(187)) * 3]
)
def test_an_encoded_file_is_not_taken_for_raw_frames(piped, head):
    data = head + bytes(3000)
    with pytest.raises(SourceOpenError, match="encoded file") as caught:
        list(piped(data[:3000], size="20x20"))
    assert "/dev/stdin" in (caught.value.hint or "")


def test_a_frame_of_one_gray_level_is_no_encoded_file(piped):
    assert len(list(piped(b"G" * 1200, size="20x20"))) == 1
