import numpy as np
import pytest

from rimlight.lab.evaluation.datasets import FolderDataset
from rimlight.lab.evaluation.visualize import (
    BACKDROP,
    ComparisonVideos,
    cut_out,
    draw_caption,
    paint_labels,
)
from rimlight.system.av import av


@pytest.fixture
def shown():
    return {name: np.ones((90, 160), np.float32) for name in ("one", "two")}


def sizes(path):
    with av.open(str(path)) as container:
        return [(frame.width, frame.height) for frame in container.decode(video=0)]


def test_a_sequence_becomes_a_video_of_all_panels(moving, shown, tmp_path):
    data, films = FolderDataset(moving, limit=5), ComparisonVideos(tmp_path / "out.mp4")
    for sample in data:
        films.show(data, sample, shown)
    films.close()
    assert films.written == [tmp_path / "out.mp4"]
    assert sizes(tmp_path / "out.mp4") == [(4 * 160, 90)] * 5


def test_every_sequence_gets_a_video_of_its_own(moving, shown, tmp_path):
    films = ComparisonVideos(tmp_path / "out.mp4")
    for limit in (2, 3):
        data = FolderDataset(moving, limit=limit)
        data.name = f"first {limit}"
        for sample in data:
            films.show(data, sample, shown)
    films.close()
    assert [len(sizes(path)) for path in films.written] == [2, 3]
    assert films.written[1].name == "out-2.mp4"


def test_single_pictures_make_no_video(make_folder, shown, tmp_path):
    picture = (np.zeros((90, 160, 3), np.uint8), np.zeros((90, 160), np.uint8))
    data, films = FolderDataset(make_folder({"a": picture})), ComparisonVideos(tmp_path / "out.mp4")
    for sample in data:
        films.show(data, sample, shown)
    films.close()
    assert films.written == [] and not (tmp_path / "out.mp4").exists()


def test_an_aborted_video_is_not_kept(moving, shown, tmp_path):
    data, films = FolderDataset(moving), ComparisonVideos(tmp_path / "out.mp4")
    films.show(data, next(iter(data)), shown)
    films.abort()
    films.close()
    assert list(tmp_path.glob("*.mp4")) == []


def test_cutting_out_shows_the_backdrop_where_alpha_is_0():
    picture = np.full((2, 2, 3), 200, np.uint8)
    alpha = np.array([[1, 0], [0.5, 1]], np.float32)
    out = cut_out(picture, alpha)
    assert (out[0, 0] == 200).all() and tuple(out[0, 1]) == BACKDROP
    assert tuple(out[1, 0]) == tuple((200 + c) // 2 for c in BACKDROP)


def test_painting_leaves_void_as_it_is():
    picture = np.full((1, 3, 3), 128, np.uint8)
    out = paint_labels(picture, np.array([[0, 1, 255]], np.uint8))
    assert (out[0, 2] == 128).all() and len({tuple(pixel) for pixel in out[0]}) == 3


def test_a_caption_does_not_change_the_picture_it_is_given():
    picture = np.zeros((90, 160, 3), np.uint8)
    assert draw_caption(picture, "truth").any() and not picture.any()
