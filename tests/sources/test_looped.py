"""Files and folders of images that start again when they end."""

from fractions import Fraction
from itertools import islice, pairwise

import cv2
import numpy as np
import pytest
from clip_maker import write_video
from fakes import ListSource

from rimlight.core.config import RunConfig
from rimlight.core.errors import ConfigError, SourceOpenError, SourceReadError
from rimlight.core.options import validate
from rimlight.factory.pipeline import open_pipeline
from rimlight.factory.validation import validate_config
from rimlight.sources.images import ImagesSource
from rimlight.sources.looped import LoopedSource
from rimlight.sources.reconnect import ReconnectingSource, State
from rimlight.sources.video import VideoSource


def write_slides(folder, count=2):
    for index in range(count):
        cv2.imwrite(str(folder / f"{index}.png"), np.full((48, 64, 3), index * 50, np.uint8))
    return folder


def open_slides(folder):
    return ImagesSource(ImagesSource.Options(path=str(folder)))


def config(source, fallback="last"):
    return validate(
        RunConfig,
        {
            "source": source,
            "segmenter": {"kind": "chroma"},
            "effects": [{"kind": "replace", "background": "#000000"}],
            "sinks": [{"kind": "null"}],
            "pipeline": {"fallback": fallback},
        },
        where="config",
    )


def test_times_and_indices_continue_at_the_start(tmp_path):
    path = str(write_video(tmp_path / "clip.mkv", size=(64, 48)))

    def reopen():
        return VideoSource(VideoSource.Options(path=path))

    length = len(list(reopen()))
    source = LoopedSource(reopen(), reopen)
    frames = list(islice(source, 3 * length + 1))
    source.close()
    assert [frame.index for frame in frames] == list(range(3 * length + 1))
    assert len({b.pts - a.pts for a, b in pairwise(frames)}) == 1
    assert np.array_equal(frames[0].image, frames[length].image)


def test_slides_repeat_with_the_same_interval(tmp_path):
    source = LoopedSource(open_slides(write_slides(tmp_path)), lambda: open_slides(tmp_path))
    frames = list(islice(source, 5))
    assert [frame.pts for frame in frames] == [0, 1, 2, 3, 4]
    assert [int(frame.bgr.max()) for frame in frames] == [0, 50, 0, 50, 0]


def test_a_damaged_source_repeats_up_to_the_damage():
    def reopen():
        return ListSource(2, SourceReadError("cut short"))

    frames = list(islice(LoopedSource(reopen(), reopen), 5))
    assert [frame.pts for frame in frames] == [Fraction(index, 30) for index in range(5)]


def test_a_folder_that_becomes_empty_is_lost_and_comes_back(tmp_path):
    write_slides(tmp_path)
    source = ReconnectingSource(
        LoopedSource(open_slides(tmp_path), lambda: open_slides(tmp_path)),
        lambda: LoopedSource(open_slides(write_slides(tmp_path)), lambda: open_slides(tmp_path)),
    )
    frames = iter(source)
    assert [next(frames).index for _ in range(2)] == [0, 1]
    for path in tmp_path.iterdir():
        path.unlink()
    assert next(frames).index == 2
    assert source.losses == 1
    assert source.state is State.LIVE


def test_a_source_that_has_no_frame_left_is_an_error_and_no_busy_loop():
    with pytest.raises(SourceReadError, match="no frame any more"):
        list(LoopedSource(ListSource(2), lambda: ListSource(0)))


def test_closing_ends_the_loop_between_two_frames():
    source = LoopedSource(ListSource(3), lambda: ListSource(3))
    frames = iter(source)
    next(frames)
    source.close()
    assert len(list(frames)) < 3


def test_a_file_that_is_gone_is_an_error_of_the_source(tmp_path):
    with pytest.raises(SourceOpenError):
        list(LoopedSource(open_slides(write_slides(tmp_path)), lambda: open_slides("gone")))


def test_a_live_run_plays_an_animation_or_a_pattern_at_its_own_pace():
    made = config({"kind": "test-pattern", "size": "64x48", "count": 12, "rate": 60})
    with open_pipeline(made) as run:
        assert run.info.is_live
        times = [frame.captured_at for frame in run.source]
    assert times[-1] - times[0] >= 11 / 60


def test_only_a_live_run_loops():
    with pytest.raises(ConfigError, match="only a live run"):
        validate_config(config({"kind": "test-pattern", "loop": True}, fallback=None))


def test_a_source_without_an_end_cannot_be_looped():
    endless = {"kind": "test-pattern", "realtime": True, "loop": True}
    with pytest.raises(ConfigError, match="no end to loop at"), open_pipeline(config(endless)):
        pass
