"""The PipeWire camera, at a daemon of its own, with consumers that are real programs."""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from fakes import make_frame, make_info
from pipewire_session import Session, need_pipewire, wait_until

from rimlight.core.errors import SinkError
from rimlight.core.frame import Frame
from rimlight.doctor.checks import Level, check_pipewire
from rimlight.imaging.color import ColorSpace, i420_to_yuy2
from rimlight.sinks import guess_sink
from rimlight.sinks.pipewire import PipeWireSink
from rimlight.sinks.threaded import ConstantRateSink
from rimlight.system import pipewire
from rimlight.system.pipewire import StreamState

SIZE = (320, 240)
BYTES = SIZE[0] * SIZE[1] * 2


@pytest.fixture
def session(tmp_path, monkeypatch):
    need_pipewire()
    session = Session(tmp_path)
    session.start()
    for key in ("XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS"):
        monkeypatch.setenv(key, session.env[key])
    yield session
    session.stop()


@pytest.fixture
def camera(session):
    with opened(name="Cam") as sink:
        wait_until(lambda: "cam" in session.cameras())
        yield sink


@contextmanager
def opened(size=SIZE, **options):
    sink = PipeWireSink(PipeWireSink.Options(**options), make_info(size))
    yield sink
    sink.close()


def paint(number, size=SIZE):
    """A picture that tells its number, in every one of its rows."""
    image = np.random.default_rng(number).integers(0, 256, (size[1], size[0], 3), np.uint8)
    return Frame.from_bgr(image, index=number, pts=Fraction(number), captured_at=time.monotonic())


def as_shown(frame):
    """The YUY2 bytes that a consumer should get."""
    picture = np.empty((frame.i420.shape[0] * 2 // 3, frame.i420.shape[1], 2), np.uint8)
    i420_to_yuy2(frame.i420, picture)
    return picture.tobytes()


def feed(sink, frames, consumers):
    """Write `frames` in turn until the consumers end; return the frames that each got."""
    with ThreadPoolExecutor() as pool:
        jobs = [pool.submit(consumer.communicate, timeout=20) for consumer in consumers]
        number = 0
        while not all(job.done() for job in jobs):
            sink.write(frames[number % len(frames)])
            number += 1
            time.sleep(1 / 60)
        received = [job.result()[0] for job in jobs]
    return [[raw[k : k + BYTES] for k in range(0, len(raw), BYTES)] for raw in received]


def test_a_name_may_follow_the_kind():
    assert guess_sink("pipewire") == {"kind": "pipewire"}
    assert guess_sink("pipewire:My room") == {"kind": "pipewire", "name": "My room"}


def test_packed_yuv_has_the_luma_and_the_chroma_of_planar():
    frame = paint(1, (4, 2))
    packed = np.frombuffer(as_shown(frame), np.uint8).reshape(2, 8)
    assert (packed[:, 0::2] == frame.i420[:2]).all()
    assert (packed[:, 1::4] == frame.i420[2, :2]).all()
    assert (packed[:, 3::4] == frame.i420[2, 2:]).all()


def test_no_daemon_says_how_to_start_one(tmp_path, monkeypatch):
    need_pipewire()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    with pytest.raises(SinkError, match="no PipeWire daemon") as caught, opened():
        pass
    assert "systemctl --user" in caught.value.hint


@pytest.mark.parametrize(
    ("name", "node"), [("Two words", "two-words"), ('"Büro" \\ x', "b-ro-x"), ("會議", "rimlight")]
)
def test_it_is_listed_as_a_camera_under_its_name(session, name, node):
    with opened(name=name):
        listed = wait_until(lambda: session.cameras().get(node))
        assert (listed["media.role"], listed["node.description"]) == ("Camera", name)
    wait_until(lambda: node not in session.cameras())


def test_consumers_get_the_right_pixels_one_two_killed_and_again(session, camera):
    frames = [paint(number) for number in range(4)]
    right = {as_shown(frame) for frame in frames}
    for counts in ([8], [8, 16]):
        for count, got in zip(
            counts, feed(camera, frames, [session.watch("cam", n) for n in counts]), strict=True
        ):
            assert len(got) == count and set(got) <= right
    killed = session.watch("cam")
    wait_until(lambda: camera.write(frames[0]) or camera.has_consumer())
    session.kill(killed)
    (got,) = feed(camera, frames, [session.watch("cam", 8)])
    assert len(got) == 8 and set(got) <= right
    assert camera.open_consumer_counter().count() == 0


def test_a_consumer_of_another_format_harms_nobody(session, camera):
    frames = [paint(0)]
    session.watch("cam", caps="video/x-raw,format=RGB")
    for _ in range(2):
        (got,) = feed(camera, frames, [session.watch("cam", 8)])
        assert set(got) == {as_shown(frames[0])}


def test_it_knows_within_a_tenth_of_a_second_that_nobody_watches_any_more(session, camera):
    counter = camera.open_consumer_counter()
    consumer = session.watch("cam")
    wait_until(lambda: counter.count() == 1)
    session.kill(consumer)
    wait_until(lambda: counter.count() == 0, seconds=1)
    assert counter.interval_s <= 0.1


def test_frames_that_nobody_watches_are_not_even_converted(session, camera):
    frame = make_frame(0, SIZE)
    wait_until(lambda: camera._stream.state is StreamState.PAUSED)
    camera.write(frame)
    assert "i420" not in vars(frame)


def test_a_returning_consumer_first_gets_the_newest_frame(session, camera):
    (got,) = feed(camera, [paint(0)], [session.watch("cam", 4)])
    (later,) = feed(camera, [paint(1)], [session.watch("cam", 4)])
    assert set(got) == {as_shown(paint(0))} and set(later) == {as_shown(paint(1))}


def test_it_comes_back_when_the_daemon_does(session):
    sink = ConstantRateSink(PipeWireSink(PipeWireSink.Options(name="Cam"), make_info(SIZE)), 30)
    sink.write(paint(0))
    wait_until(lambda: "cam" in session.cameras())
    session.stop_daemon()
    written = sink.written
    wait_until(lambda: sink.written > written + 5)
    session.start_daemon()
    wait_until(lambda: "cam" in session.cameras())
    raw, _ = session.watch("cam", 4).communicate(timeout=20)
    sink.close()
    assert raw == as_shown(paint(0)) * 4


def test_frames_of_another_size_or_color_are_converted(session):
    with opened((321, 241)) as sink:
        assert sink._size == (322, 242)
        node = "rimlight"
        wait_until(lambda: node in session.cameras())
        consumer = session.watch(node, 2)
        frames = [make_frame(0, (641, 361)), make_frame(1, (321, 241))]
        frames.append(replace(frames[1], color=ColorSpace("bt709", full_range=True)))
        feed(sink, frames, [consumer])


def test_transparency_is_refused(session, camera):
    frame = make_frame(0, SIZE).with_alpha(np.zeros((240, 320), np.uint8))
    with pytest.raises(SinkError, match="transparency"):
        camera.write(frame)


def test_a_closed_camera_takes_nothing_more(session, camera):
    camera.close()
    camera.close()
    assert not camera.has_consumer()
    with pytest.raises(ValueError, match="closed"):
        camera.write(paint(0))


def test_the_machine_can_be_asked_what_there_is(session):
    pipewire.check_daemon()
    assert pipewire.has_session_manager()
    assert int(pipewire.get_version().split(".")[0]) >= 0
    assert check_pipewire().level is Level.OK
