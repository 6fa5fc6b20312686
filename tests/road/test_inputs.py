from datetime import UTC, datetime
from pathlib import Path

import pytest
from clip_maker import write_video

from rimlight.core.errors import ConfigError, SourceOpenError
from rimlight.road.inputs import find_videos, make_clips


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def test_cameras_addresses_and_pictures_are_no_files():
    for source in ("0", "rtsp://host/x", "photo.jpg", "test-pattern", f"{'a' * 300}.jpg"):
        assert find_videos([source]).files == ()


def test_a_folder_of_videos_stands_for_them_in_their_order(tmp_path):
    for name in ("10.MP4", "9.mp4", "._9.mp4", "notes.txt"):
        (tmp_path / name).touch()
    assert find_videos([str(tmp_path)]).files == (tmp_path / "9.mp4", tmp_path / "10.MP4")


def test_videos_win_over_photos_that_lie_next_to_them_and_those_are_named(tmp_path):
    touch(tmp_path, "a.mp4", "0.jpg")
    found = find_videos([str(tmp_path)])
    assert found.files == (tmp_path / "a.mp4",) and "0.jpg" in found.notes[0]


def test_a_folder_of_pictures_is_a_run_of_pictures(tmp_path):
    touch(tmp_path, "0.jpg", "notes.txt")
    assert find_videos([str(tmp_path)]).files == ()


def test_a_folder_without_either_says_what_it_looked_for_and_where_pictures_are(tmp_path):
    touch(tmp_path, "notes.txt", "deep/0.jpg")
    with pytest.raises(SourceOpenError, match="no videos in") as caught:
        find_videos([str(tmp_path)])
    assert "deep" in caught.value.hint and "asf" in caught.value.hint


@pytest.mark.parametrize("named", ["", "M*", "**/*.MP4", "Movie/RO/b.MP4"])
def test_a_card_as_it_is_gives_its_videos(tmp_path, named):
    touch(tmp_path, "Movie/a.MP4", "Movie/a.THM", "Movie/RO/b.MP4", "Movie/._a.MP4")
    names = [file.name for file in find_videos([str(tmp_path / named)]).files]
    assert names == (["b.MP4"] if named.endswith("b.MP4") else ["a.MP4", "b.MP4"])


def test_a_pattern_in_the_wrong_case_says_which_would_match(tmp_path):
    touch(tmp_path, "a.MP4")
    with pytest.raises(SourceOpenError, match="nothing matches") as caught:
        find_videos([str(tmp_path / "*.mp4")])
    assert "*.MP4 matches 1" in caught.value.hint


def test_a_camera_cannot_be_joined_with_a_file():
    with pytest.raises(ConfigError, match="'0' is not a video file"):
        find_videos(["a.mp4", "0"])


def test_a_time_of_recording_that_is_said_counts_on_through_the_files(tmp_path):
    files = [write_video(tmp_path / name) for name in ("a.mkv", "b.mkv")]
    clips = make_clips(files, "2026-05-01T12:00:00+02:00")
    assert clips[0].recorded == datetime(2026, 5, 1, 10, tzinfo=UTC)
    assert clips[1].start_s == (clips[1].recorded - clips[0].recorded).total_seconds() == 0.4


@pytest.mark.parametrize("text", ["noon", "0001-01-01T00:00:00+10:00", "9999-12-31T23:59:59Z"])
def test_a_time_that_is_none_is_refused(tmp_path, text):
    with pytest.raises(ConfigError, match="not a valid time"):
        make_clips([write_video(tmp_path / "a.mkv")], text)


def test_no_files_make_no_clips():
    assert make_clips(()) == () and find_videos(["a.mp4", "a.mp4"]).files == (Path("a.mp4"),)


def test_a_list_of_videos_is_a_drive(tmp_path):
    touch(tmp_path, "b.mp4", "a.mp4", "photo.jpg")
    (tmp_path / "list.txt").write_text("b.mp4\na.mp4\nphoto.jpg\n")
    found = find_videos([f"@{tmp_path / 'list.txt'}"])
    assert {file.name for file in found.files} == {"a.mp4", "b.mp4"}
    assert "photo.jpg" in found.notes[0]


def test_photos_and_companions_that_the_shell_names_are_left_out(tmp_path):
    touch(tmp_path, "a.MP4", "a.THM", "b.JPG")
    found = find_videos([str(path) for path in sorted(tmp_path.iterdir())])
    assert [file.name for file in found.files] == ["a.MP4"] and len(found.notes) == 2
