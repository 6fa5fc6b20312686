"""Places that a video cannot be written to, and disks that fail."""

import os

import pytest
from fakes import make_frame, make_info
from limits import files_of_at_most
from media import make_clip, source_info

from rimlight.core.errors import SinkError
from rimlight.sinks.video.sink import VideoSink


def open_sink(path, info=None, **options):
    return VideoSink(VideoSink.Options(path=path, **options), info or make_info())


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(SinkError, match="there is no folder") as caught:
        open_sink(tmp_path / "no" / "a.mp4")
    assert caught.value.hint == f"mkdir -p {tmp_path / 'no'}"


def test_the_command_that_makes_a_missing_folder_works_for_a_name_with_spaces(tmp_path):
    with pytest.raises(SinkError) as caught:
        open_sink(tmp_path / "my films" / "out.mp4")
    assert caught.value.hint == f"mkdir -p '{tmp_path / 'my films'}'"


def test_a_file_in_place_of_the_folder_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(SinkError, match="is not a folder"):
        open_sink(tmp_path / "file" / "a.mp4")


def test_a_folder_in_place_of_the_file_is_named(tmp_path):
    (tmp_path / "a.mp4").mkdir()
    with pytest.raises(SinkError, match=r"a\.mp4 is a folder"):
        open_sink(tmp_path / "a.mp4")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_is_named(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(SinkError, match="no permission"):
        open_sink(tmp_path / "a.mp4")


def test_an_existing_file_is_kept_when_asked_for(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"old")
    with pytest.raises(SinkError, match="exists"):
        open_sink(tmp_path / "a.mp4", overwrite=False)


def test_the_input_itself_is_never_overwritten(tmp_path):
    path = make_clip(tmp_path / "in.mp4", seconds=1)
    link = tmp_path / "link.mp4"
    link.symlink_to(path)
    for name in (path, link, tmp_path / "." / "in.mp4"):
        with pytest.raises(SinkError, match="is the input itself"):
            open_sink(name, source_info(path))


def test_a_full_disk_is_a_clear_error_and_leaves_nothing(tmp_path):
    sink = open_sink(tmp_path / "a.mp4")

    def run():
        for index in range(400):
            sink.write(make_frame(index))
        sink.close()

    with files_of_at_most(1000), pytest.raises(SinkError, match="too large") as caught:
        run()
    assert "space" in caught.value.hint
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_vanishes_is_a_clear_error(tmp_path):
    folder = tmp_path / "gone"
    folder.mkdir()
    sink = open_sink(folder / "a.mp4")
    folder.rmdir()
    with pytest.raises(SinkError, match="cannot write"):
        sink.write(make_frame())


LONG = "a" * 300  # no file system takes such a name; telling whether it is there fails too


@pytest.mark.parametrize("place", [f"{LONG}.mp4", f"{LONG}/a.mp4"])
def test_a_place_that_cannot_be_looked_at_is_named(tmp_path, place):
    with pytest.raises(SinkError, match="File name too long"):
        open_sink(tmp_path / place)
