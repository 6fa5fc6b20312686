"""What `rimlight.core.protocols.Sink` promises, of every registered sink."""

import io

import pytest
from fakes import make_frame, make_info
from pipewire_session import Session, need_pipewire
from xvfb import display

from rimlight.sinks import SINKS
from rimlight.sinks.threaded import ThreadedSink
from rimlight.system.v4l2loopback import list_loopbacks


@pytest.fixture(params=[*SINKS.names(), "background"])
def sink(request, tmp_path, monkeypatch):
    if request.param == "pipewire":
        request.getfixturevalue("pipewire_session")
    opened = OPEN[request.param](tmp_path, monkeypatch)
    yield opened
    opened.abort()


@pytest.fixture
def pipewire_session(tmp_path_factory, monkeypatch):
    need_pipewire()
    session = Session(tmp_path_factory.mktemp("pipewire"))
    session.start()
    monkeypatch.setenv("XDG_RUNTIME_DIR", session.env["XDG_RUNTIME_DIR"])
    yield
    session.stop()


def make(kind, **options):
    cls = SINKS.load(kind)
    return cls(cls.Options(**options), make_info())


def window(_, monkeypatch):
    monkeypatch.setenv("DISPLAY", display())
    return make("window")


def virtual_camera(_, __):
    free = [device.path for device in list_loopbacks() if device.can_output or device.is_stuck]
    if not free:
        pytest.skip("needs a free v4l2loopback device")
    return make("virtual-camera", device=free[0])


def pipe(_, __):
    cls = SINKS.load("pipe")
    return cls(cls.Options(), make_info(), stream=io.BytesIO())


OPEN = {
    "background": lambda tmp, _: ThreadedSink(make("video", path=tmp / "a.mp4"), make_info()),
    "http": lambda *_: make("http", port=0),
    "images": lambda tmp, _: make("images", path=tmp / "pictures"),
    "null": lambda *_: make("null"),
    "panel": lambda *_: make("panel", port=0),
    "pipe": pipe,
    "pipewire": lambda *_: make("pipewire"),
    "video": lambda tmp, _: make("video", path=tmp / "a.mp4"),
    "virtual-camera": virtual_camera,
    "window": window,
}


def test_never_changes_the_frame_it_is_given(sink):
    frame = make_frame(7)
    before = frame.image.copy()
    sink.write(frame)
    sink.close()
    assert (frame.image == before).all()


def test_may_be_closed_twice(sink):
    sink.write(make_frame())
    sink.close()
    sink.close()


def test_may_be_closed_without_a_frame(sink, tmp_path):
    sink.close()
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []


def test_abort_after_close_keeps_the_result(sink, tmp_path):
    sink.write(make_frame())
    sink.close()
    kept = sorted(tmp_path.rglob("*"))
    sink.abort()
    assert sorted(tmp_path.rglob("*")) == kept


def test_abort_leaves_nothing_unfinished(sink, tmp_path):
    for index in range(3):
        sink.write(make_frame(index))
    sink.abort()
    sink.abort()
    left = {p.name for p in tmp_path.rglob("*") if p.is_file()}
    left = {name for name in left if not name.startswith(".rimlight-")}  # for the next run
    assert left <= {f"frame_00000{index}.png" for index in range(3)}  # complete in themselves


def test_close_after_abort_brings_nothing_back(sink, tmp_path):
    sink.write(make_frame())
    sink.abort()
    left = sorted(tmp_path.rglob("*"))
    sink.close()
    assert sorted(tmp_path.rglob("*")) == left


def test_takes_frames_of_either_layout(sink):
    sink.write(make_frame(0))
    second = make_frame(1)
    sink.write(second.with_i420(second.i420))
    sink.close()
