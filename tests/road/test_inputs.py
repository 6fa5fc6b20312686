from datetime import UTC, datetime
from pathlib import Path

import pytest
from clip_maker import write_video

from rimlight.errors import ConfigError
from rimlight.road.inputs import clips_of, video_files


def test_cameras_addresses_and_pictures_are_no_files():
    for source in ("0", "rtsp://host/x", "photo.jpg", "pattern", f"{'a' * 300}.jpg"):
        assert video_files([source]) == ()


def test_a_folder_of_videos_stands_for_them_in_their_order(tmp_path):
    for name in ("10.MP4", "9.mp4", "._9.mp4", "notes.txt"):
        (tmp_path / name).touch()
    assert video_files([str(tmp_path)]) == (tmp_path / "9.mp4", tmp_path / "10.MP4")
    (tmp_path / "0.jpg").touch()
    assert video_files([str(tmp_path)]) == ()


def test_a_camera_cannot_be_joined_with_a_file():
    with pytest.raises(ConfigError, match="'0' is no video file"):
        video_files(["a.mp4", "0"])


def test_a_time_of_recording_that_is_said_counts_on_through_the_files(tmp_path):
    files = [write_video(tmp_path / name) for name in ("a.mkv", "b.mkv")]
    clips = clips_of(files, "2026-05-01T12:00:00+02:00")
    assert clips[0].recorded == datetime(2026, 5, 1, 10, tzinfo=UTC)
    assert clips[1].start_s == (clips[1].recorded - clips[0].recorded).total_seconds() == 0.4


@pytest.mark.parametrize("text", ["noon", "0001-01-01T00:00:00+10:00"])
def test_a_time_that_is_none_is_refused(tmp_path, text):
    with pytest.raises(ConfigError, match="is no time"):
        clips_of([write_video(tmp_path / "a.mkv")], text)


def test_no_files_make_no_clips():
    assert clips_of(()) == () and video_files(["a.mp4", "a.mp4"]) == (Path("a.mp4"),)
