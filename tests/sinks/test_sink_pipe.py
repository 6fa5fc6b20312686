import io
import os
import subprocess
import sys

import numpy as np
import pytest
from fakes import make_frame, make_info

from rimlight.core.errors import SinkError, StopStream
from rimlight.sinks.pipe import PipeSink

SEND = """
import sys
sys.path.insert(0, sys.argv[1])
from fakes import make_frame, make_info
from rimlight.core.errors import StopStream
from rimlight.sinks.pipe import PipeSink
sink = PipeSink(PipeSink.Options(), make_info())
try:
    for index in range(int(sys.argv[2])):
        sink.write(make_frame(index))
except StopStream:
    print("stopped", file=sys.stderr)
sink.close()
"""


def sent(pixel_format, *frames):
    stream = io.BytesIO()
    sink = PipeSink(PipeSink.Options(pixel_format=pixel_format), make_info(), stream=stream)
    for frame in frames:
        sink.write(frame)
    return np.frombuffer(stream.getvalue(), np.uint8)


def sender(count):
    tests = os.path.dirname(os.path.dirname(__file__))
    command = [sys.executable, "-c", SEND, tests, str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_bgr24_is_the_picture_row_by_row():
    frames = [make_frame(0), make_frame(1)]
    assert (sent("bgr24", *frames).reshape(2, 48, 64, 3) == [f.bgr for f in frames]).all()


def test_rgb24_swaps_red_and_blue():
    assert (sent("rgb24", make_frame()).reshape(48, 64, 3) == make_frame().bgr[..., ::-1]).all()


def test_rgba_carries_the_alpha():
    alpha = np.arange(48 * 64, dtype=np.uint8).reshape(48, 64)
    pixels = sent("rgba", make_frame().with_alpha(alpha)).reshape(48, 64, 4)
    assert (pixels[..., 3] == alpha).all()
    assert (pixels[..., :3] == make_frame().bgr[..., ::-1]).all()


def test_yuv420p_of_even_size_is_the_frames_own():
    assert (sent("yuv420p", make_frame()) == make_frame().i420.reshape(-1)).all()


def test_yuv420p_of_odd_size_has_the_length_that_ffmpeg_expects():
    assert sent("yuv420p", make_frame(0, (65, 49))).size == 65 * 49 + 2 * 33 * 25


def test_transparency_that_would_be_lost_is_refused():
    frame = make_frame().with_alpha(np.zeros((48, 64), np.uint8))
    with pytest.raises(SinkError, match="cannot hold transparency"):
        sent("bgr24", frame)


def test_a_changed_size_is_refused():
    with pytest.raises(SinkError, match="raw stream"):
        sent("bgr24", make_frame(0), make_frame(1, (32, 32)))


def test_a_stream_that_takes_a_little_at_a_time_gets_everything():
    class Narrow(io.BytesIO):
        def write(self, data):
            return super().write(data[:1000])

    stream = Narrow()
    PipeSink(PipeSink.Options(), make_info(), stream=stream).write(make_frame())
    assert stream.getvalue() == make_frame().bgr.tobytes()


def test_standard_output_carries_the_frames():
    output, errors = sender(3).communicate(timeout=60)
    assert output == b"".join(make_frame(i).bgr.tobytes() for i in range(3)), errors


def test_a_reader_that_goes_away_ends_the_run_without_a_word():
    with sender(10_000) as process:
        process.stdout.read(100)
        process.stdout.close()
        assert process.wait(timeout=60) == 0
        assert process.stderr.read() == b"stopped\n"


def test_a_broken_pipe_is_a_stop_not_an_error():
    reader, writer = os.pipe()
    os.close(reader)
    with (
        os.fdopen(writer, "wb", buffering=0) as stream,
        pytest.raises(StopStream),
    ):
        PipeSink(PipeSink.Options(), make_info(), stream=stream).write(make_frame())


def test_a_full_disk_behind_the_pipe_is_said_so():
    with open("/dev/full", "wb", buffering=0) as full:
        sink = PipeSink(PipeSink.Options(), make_info(), stream=full)
        with pytest.raises(SinkError, match="No space left"):
            sink.write(make_frame())
