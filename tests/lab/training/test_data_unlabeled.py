import shutil

import pytest
from made_data import write_blobs

from rimlight.core.errors import ConfigError, SourceOpenError
from rimlight.lab.training.data.unlabeled import extract_frames, find_unlabeled_samples
from rimlight.system import app_paths


@pytest.fixture
def clip():
    return app_paths.find_data_folder("samples") / "road.mp4"


def test_frames_of_a_clip_become_samples_whose_labels_do_not_count(clip, tmp_path):
    samples = find_unlabeled_samples([clip], tmp_path, every=20)
    image, labels = samples[1].read()
    assert len(samples) > 2 and samples[1].name == "road/000001"
    assert image.shape[:2] == labels.shape and (labels == 255).all()


def test_a_clip_is_read_once_until_it_changes(clip, tmp_path):
    own = tmp_path / "own.mp4"
    shutil.copy(clip, own)
    first, again = (find_unlabeled_samples([own], tmp_path / "cache", every=60) for _ in range(2))
    shutil.copy(clip.with_name("portrait.mp4"), own)
    changed = find_unlabeled_samples([own], tmp_path / "cache", every=60)
    assert first == again and changed[0].picture != first[0].picture


def test_a_clip_that_breaks_off_is_not_taken_for_whole(tmp_path):
    (tmp_path / "bad.mp4").write_bytes(b"no video")
    for _ in range(2):
        with pytest.raises(SourceOpenError):
            find_unlabeled_samples([tmp_path / "bad.mp4"], tmp_path / "cache")


def test_folders_with_and_without_masks_give_their_pictures(tmp_path):
    folder = write_blobs(tmp_path / "set")
    with_masks = find_unlabeled_samples([folder], tmp_path / "cache")
    without = find_unlabeled_samples([folder / "images"], tmp_path / "cache", limit=3)
    assert (len(with_masks), len(without)) == (8, 3)
    assert {sample.picture for sample in without} < {sample.picture for sample in with_masks}


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="holds no pictures"):
        find_unlabeled_samples([tmp_path], tmp_path / "cache")


def test_frames_come_evenly_from_each_path(clip, tmp_path):
    folder = write_blobs(tmp_path / "set", 9)
    frames = list(extract_frames([folder, clip], limit=4))
    assert [frame.name for frame in frames[:4]] == ["0000.png", "0002.png", "0004.png", "0006.png"]
    assert len(frames) == 8 and frames[7].index > 30
