"""A live recording plays up to whatever ended it."""

import os
import resource
import shutil
import signal
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from fakes import make_frame

from rimlight.core.config import SinkConfig
from rimlight.core.errors import SinkError
from rimlight.core.frame import SourceInfo
from rimlight.factory.sinks import open_sink
from rimlight.sinks.video.sink import VideoSink
from rimlight.system.av import av

INFO = SourceInfo(
    "camera", (64, 48), rate=Fraction(30), is_live=True, time_base=Fraction(1, 1_000_000)
)
EVERY = ["mp4", "mov", "mkv", "webm"]
FAST = {"preset": "ultrafast", "threads": 1}


def moving(index):
    """A frame with a moment that no constant rate has."""
    return replace(make_frame(index), pts=Fraction(index * 33_337, 1_000_000))


def noise(index):
    """A frame that takes room."""
    pixels = np.random.default_rng(index).integers(0, 255, (48, 64, 3), np.uint8)
    return moving(index).with_bgr(pixels)


def recorded(path, count, picture=moving, **options):
    sink = VideoSink(VideoSink.Options(path=path, **FAST, **options), INFO)
    for index in range(count):
        sink.write(picture(index))
    return sink


def times_of(path):
    with av.open(str(path)) as clip:
        return [float(picture.time) for picture in clip.decode(video=0)]


@pytest.mark.parametrize("suffix", EVERY)
def test_a_recording_that_nobody_ended_plays_under_its_own_name(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    sink = recorded(path, 150)
    copy = shutil.copy(path, tmp_path / f"killed.{suffix}")  # as a kill leaves it
    sink.close()
    assert 60 <= len(times_of(copy)) < 150
    assert sorted(p.name for p in tmp_path.iterdir()) == [path.name, f"killed.{suffix}"]


@pytest.mark.parametrize("suffix", EVERY)
def test_a_recording_that_was_ended_is_whole_and_keeps_its_times(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    recorded(path, 50).close()
    exact = [index * 0.033337 for index in range(50)]
    step = 1e-6 if suffix in ("mp4", "mov") else 1e-3
    assert times_of(path) == pytest.approx(exact, abs=step)
    with av.open(str(path)) as clip:
        assert clip.duration == pytest.approx(50 * 33_337, abs=2000)


@pytest.mark.parametrize("suffix", EVERY)
def test_a_recording_is_kept_when_the_run_breaks(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    recorded(path, 20).abort()
    assert len(times_of(path)) == 20


@pytest.fixture
def little_room():
    """No file may be larger than 40 kB, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (80_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, ignored)


@pytest.mark.parametrize("suffix", EVERY)
def test_a_full_disk_ends_a_recording_with_its_last_whole_fragment(tmp_path, suffix, little_room):
    path = tmp_path / f"a.{suffix}"
    with pytest.raises(SinkError, match="File too large") as told:
        recorded(path, 150, picture=noise).close()
    assert str(path) in told.value.hint
    with av.open(str(path)) as clip:
        pictures = list(clip.decode(video=0))
    assert len(pictures) >= 20
    assert not any(picture.is_corrupt for picture in pictures)


def test_a_recording_begins_at_zero_wherever_the_run_is(tmp_path):
    sink = VideoSink(VideoSink.Options(path=tmp_path / "a.mp4", **FAST), INFO)
    for index in range(100, 103):
        sink.write(moving(index))
    sink.close()
    assert times_of(tmp_path / "a.mp4") == pytest.approx([0, 0.033337, 0.066674])


def test_an_earlier_recording_of_that_name_is_kept(tmp_path):
    path = tmp_path / "a.mp4"
    recorded(path, 3).close()
    before = path.read_bytes()
    second, third = recorded(path, 3), recorded(path, 3)
    assert (second.path, third.path) == (tmp_path / "a-2.mp4", tmp_path / "a-3.mp4")
    assert second.notes == [f"{path} is kept; this run records to {tmp_path / 'a-2.mp4'}"]
    second.close(), third.close()
    assert path.read_bytes() == before
    assert len(times_of(second.path)) == len(times_of(third.path)) == 3


def test_runs_that_start_at_once_share_no_file(tmp_path):
    path = tmp_path / "a.mp4"
    first, second = recorded(path, 0), recorded(path, 0)
    for sink in (first, second):
        sink.write(moving(0))
    first.close(), second.close()
    assert [len(times_of(sink.path)) for sink in (first, second)] == [1, 1]
    assert sorted(os.listdir(tmp_path)) == ["a-2.mp4", "a.mp4"]


def test_a_recording_that_another_run_still_writes_is_not_replaced(tmp_path):
    path = tmp_path / "a.mp4"
    first = recorded(path, 3, overwrite=True)
    with pytest.raises(SinkError, match="another run is recording to"):
        recorded(path, 1, overwrite=True)
    first.close()
    assert len(times_of(path)) == 3


def test_an_earlier_recording_goes_where_that_is_asked_for(tmp_path):
    path = tmp_path / "a.mp4"
    recorded(path, 3).close()
    recorded(path, 5, overwrite=True).close()
    assert len(times_of(path)) == 5


def test_a_recording_whose_folder_was_renamed_is_whole_there_and_told_of(tmp_path):
    folder = tmp_path / "cam"
    folder.mkdir()
    sink = recorded(folder / "a.mp4", 5)
    folder.rename(tmp_path / "moved")
    with pytest.raises(SinkError, match="was moved or deleted"):
        sink.close()
    assert len(times_of(tmp_path / "moved" / "a.mp4")) == 5


def test_a_recording_without_a_frame_leaves_no_file(tmp_path):
    recorded(tmp_path / "a.mp4", 0).close()
    assert os.listdir(tmp_path) == []


def test_a_recording_on_a_thread_of_its_own_says_where_it_is(tmp_path):
    part = SinkConfig(kind="video", path=str(tmp_path / "a.mp4"), thread=True)
    sink = open_sink(part, INFO)
    sink.write(moving(0))
    sink.close()
    assert sink.sink.path == tmp_path / "a.mp4"
