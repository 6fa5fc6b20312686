"""A watched folder, with the waiting in the test's hands."""

import logging
import os

import cv2
import numpy as np
import pytest

from rimlight.core.errors import SourceOpenError
from rimlight.sources.watch_folder import WatchFolderSource


def jpeg(level=90, size=(24, 16)):
    pixels = np.full((size[1], size[0], 3), level, np.uint8)
    return cv2.imencode(".jpg", pixels)[1].tobytes()


def watched(folder, *between, **more):
    """The frames that are seen; each of `between` happens in one of the waits between looks."""
    steps = iter(between)

    def wait(_):
        step = next(steps, None)
        if step is None:
            return False
        step()
        return True

    source = WatchFolderSource(WatchFolderSource.Options(path=str(folder), **more), wait=wait)
    return list(source)


def nothing(): ...


def names(frames):
    return [frame.name for frame in frames]


def test_a_link_that_leads_nowhere_is_named_once_and_read_when_it_leads_somewhere(tmp_path, caplog):
    (tmp_path / "a.jpg").symlink_to(tmp_path / "b.bin")
    frames = watched(
        tmp_path, nothing, lambda: (tmp_path / "b.bin").write_bytes(jpeg()), nothing, nothing
    )
    assert names(frames) == ["a.jpg"]
    assert caplog.text.count("a.jpg: the link leads nowhere") == 1


def test_what_lies_there_and_what_comes_later_is_read_once(tmp_path):
    (tmp_path / "a.jpg").write_bytes(jpeg())
    frames = watched(
        tmp_path, nothing, lambda: (tmp_path / "b.jpg").write_bytes(jpeg()), nothing, nothing
    )
    assert names(frames) == ["a.jpg", "b.jpg"]
    assert [(frame.index, frame.pts) for frame in frames] == [(0, 0), (1, 1)]


def test_a_file_that_grows_is_waited_for(tmp_path, caplog):
    data, path = jpeg(), tmp_path / "a.jpg"
    parts = [lambda n=n: path.write_bytes(data[:n]) for n in (10, 200, len(data))]
    with caplog.at_level(logging.WARNING):
        assert names(watched(tmp_path, *parts, nothing)) == ["a.jpg"]
    assert not caplog.records


def test_a_file_whose_writing_pauses_is_read_when_it_is_whole(tmp_path, caplog):
    data, path = jpeg(), tmp_path / "a.jpg"
    path.write_bytes(data[:-9])
    with caplog.at_level(logging.WARNING):
        frames = watched(tmp_path, nothing, nothing, lambda: path.write_bytes(data), nothing)
    assert names(frames) == ["a.jpg"]
    assert ["until it changes" in record.getMessage() for record in caplog.records] == [True]


def test_a_changed_picture_is_read_again(tmp_path):
    path = tmp_path / "a.jpg"
    path.write_bytes(jpeg(20))
    frames = watched(tmp_path, nothing, lambda: path.write_bytes(jpeg(200, (48, 32))), nothing)
    assert [frame.size for frame in frames] == [(24, 16), (48, 32)]


def test_what_an_earlier_run_made_is_left_out_until_it_changes(tmp_path):
    inbox, out = tmp_path / "in", tmp_path / "out"
    for name in ("in/old.jpg", "in/new.jpg", "out/old.png", "out/new.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(jpeg())
    os.utime(inbox / "new.jpg", (2e9, 2e9))
    frames = watched(inbox, nothing, results=[out])
    assert names(frames) == ["new.jpg"]
    source = WatchFolderSource(WatchFolderSource.Options(path=str(inbox), results=[out]))
    assert "1 of them" in source.info.notes[1]
    frames = watched(inbox, nothing, lambda: os.utime(inbox / "old.jpg"), nothing, results=[out])
    assert names(frames) == ["new.jpg", "old.jpg"]


def test_a_picture_is_made_again_where_one_of_several_results_is_missing(tmp_path):
    for name in ("in/a.jpg", "one/a.jpg", "in/b.jpg", "in/b.tif", "one/b.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(jpeg())
    both = [tmp_path / "one", tmp_path / "two"]
    assert names(watched(tmp_path / "in", nothing, results=both))[0] == "a.jpg"
    rest = watched(tmp_path / "in", nothing, results=both[:1])
    assert names(rest) == ["b.jpg", "b.tif"]  # b.png may be of either


def test_hidden_files_and_others_are_left_alone(tmp_path):
    for name in (".a.part.png", "notes.txt", ".cache/b.jpg", "deep/c.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(jpeg())
    assert names(watched(tmp_path, nothing)) == []
    assert names(watched(tmp_path, nothing, recursive=True)) == ["deep/c.jpg"]


def test_the_shape_of_the_first_picture_is_known_at_once(tmp_path):
    (tmp_path / "a.jpg").write_bytes(jpeg(size=(40, 30)))
    with_one = WatchFolderSource(WatchFolderSource.Options(path=str(tmp_path)))
    assert with_one.info.size == (40, 30) and with_one.info.is_image_sequence
    assert "Ctrl-C" in with_one.info.notes[0]


def test_asking_to_stop_ends_a_wait_at_once(tmp_path):
    source = WatchFolderSource(WatchFolderSource.Options(path=str(tmp_path), poll_s=3600))
    frames = iter(source)
    source.stop_waiting()
    assert next(frames, None) is None


def test_no_folder_says_so(tmp_path):
    with pytest.raises(SourceOpenError, match="no folder"):
        watched(tmp_path / "nope")
