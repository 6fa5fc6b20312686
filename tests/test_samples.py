"""The shipped samples are the files that their README describes, and good enough to show."""

import hashlib
import re

import cv2
import numpy as np
import pytest

from rimlight.models.catalog import Catalog
from rimlight.segmenters.tflite import TfliteSegmenter
from rimlight.sources.video import VideoSource
from rimlight.system import app_paths
from rimlight.system.av import av

FOLDER = app_paths.find_data_folder("samples")
LISTED = re.findall(r"^    ([0-9a-f]{64})  (\S+)$", (FOLDER / "README.md").read_text(), re.M)
BY_NAME = {name: digest for digest, name in LISTED}


def test_every_media_file_is_listed():
    shipped = {p.name for p in FOLDER.iterdir() if p.suffix not in {".md", ".py"} and p.is_file()}
    assert shipped == set(BY_NAME)


@pytest.mark.parametrize("name", sorted(BY_NAME))
def test_a_file_has_the_listed_sum(name):
    assert hashlib.sha256((FOLDER / name).read_bytes()).hexdigest() == BY_NAME[name]


@pytest.mark.parametrize(
    ("name", "size", "frames"), [("portrait.mp4", (960, 540), 150), ("road.mp4", (640, 360), 120)]
)
def test_a_clip_decodes_to_its_last_frame(name, size, frames):
    with av.open(str(FOLDER / name)) as container:
        pictures = list(container.decode(video=0))
    assert len(pictures) == frames
    assert {(p.width, p.height) for p in pictures} == {size}


def test_the_portrait_has_sound_that_can_be_heard():
    with av.open(str(FOLDER / "portrait.mp4")) as container:
        sound = np.concatenate([f.to_ndarray() for f in container.decode(audio=0)], axis=1)
    assert 4.9 < sound.shape[1] / 48_000 < 5.2
    assert 0.01 < np.abs(sound).max() < 0.2


def test_the_background_fits_the_portrait():
    assert cv2.imread(str(FOLDER / "background.jpg")).shape == (540, 960, 3)


@pytest.fixture(scope="module")
def masks():
    card, file = Catalog().resolve("selfie-landscape")
    segmenter = TfliteSegmenter(card, file, TfliteSegmenter.Options(threads=1))
    source = VideoSource(VideoSource.Options(path=str(FOLDER / "portrait.mp4")))
    found = [segmenter.segment(frame).alpha() for frame in source if frame.index % 15 == 0]
    source.close()
    segmenter.close()
    return np.stack(found)


def test_the_person_is_found_all_through_the_portrait(masks):
    face = masks[:, 30:70, 108:134]
    assert (face > 0.9).all()


def test_what_stands_beside_the_person_is_background_all_through_the_portrait(masks):
    model_rocket, flag = masks[:, :, 190:], masks[:, :60, :60]
    assert (model_rocket.mean(axis=(1, 2)) < 0.01).all()
    assert (flag.mean(axis=(1, 2)) < 0.01).all()
