import cv2
import numpy as np
import pytest
from flats import BLUE, GRAY, GREEN, RED, close_to, flat, labels, person, save
from PIL import Image

from rimlight.core.errors import ConfigError
from rimlight.core.frame import Mask
from rimlight.effects.replace import ReplaceEffect

BOTH = pytest.mark.parametrize("layout", ["bgr", "i420"])


def replaced(background, frame, mask, **options):
    effect = ReplaceEffect(ReplaceEffect.Options(background=str(background), **options))
    try:
        return effect.apply(frame, mask)
    finally:
        effect.close()


def behind(background, size=(64, 48), **options):
    """What stands behind nobody, BGR."""
    return replaced(background, flat(size=size), person(), **options).bgr


@BOTH
def test_the_person_stays_and_the_rest_is_the_color(layout):
    shown = replaced("#00ff00", flat(RED, layout=layout), person(left=1)).bgr
    assert close_to(shown[:, :28], RED)
    assert close_to(shown[:, 36:], GREEN)


@BOTH
def test_a_score_of_a_half_mixes_the_two_evenly(layout):
    shown = replaced("black", flat((200, 200, 200), layout=layout), person(0.5, 0.5)).bgr
    assert close_to(shown, (100, 100, 100), within=2)


@BOTH
def test_the_layout_stays(layout):
    assert replaced("white", flat(layout=layout), person(left=1)).layout == layout


def test_scores_up_to_the_low_edge_are_all_background_and_from_the_high_one_all_person():
    scores = person(left=0.8, right=0.2).scores
    shown = replaced("lime", flat(RED), Mask(scores, ("person",), alpha_range=(0.3, 0.7))).bgr
    assert close_to(shown[:, :28], RED, within=0)
    assert close_to(shown[:, 36:], GREEN, within=0)


@BOTH
def test_only_the_classes_to_keep_stay(layout):
    mask = labels("person", "car", classes=("background", "person", "car"))
    shown = replaced("lime", flat(RED, layout=layout), mask, keep=("car",)).bgr
    assert close_to(shown[:, :28], GREEN)
    assert close_to(shown[:, 36:], RED)


def test_a_class_that_the_model_lacks_is_refused_with_the_nearest_one():
    with pytest.raises(ConfigError, match="no class 'persn'") as caught:
        replaced("lime", flat(), person(), keep=("persn",))
    assert "did you mean 'person'" in caught.value.hint


def test_a_model_without_its_own_foreground_class_says_so():
    mask = labels("road", classes=("road", "car"))
    with pytest.raises(ConfigError, match="no class 'person'") as caught:
        replaced("lime", flat(), mask)
    assert "road, car" in caught.value.hint


@BOTH
@pytest.mark.parametrize("opacity", [0, 128])
def test_the_background_shows_through_what_was_transparent_already(layout, opacity):
    shown = replaced("white", flat((0, 0, 0), layout=layout, alpha=opacity), person(1, 1))
    assert close_to(shown.bgr, (255 - opacity,) * 3)
    assert shown.alpha is None


def test_a_picture_stands_behind_the_person(tmp_path):
    picture = save(tmp_path / "a.png", np.full((30, 40, 3), BLUE, np.uint8))
    shown = replaced(picture, flat(RED), person(left=1)).bgr
    assert close_to(shown[:, :28], RED, within=0)
    assert close_to(shown[:, 36:], BLUE, within=0)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".bmp", ".tiff", ".JPG"])
def test_every_kind_of_picture_will_do(tmp_path, suffix):
    pixels = np.full((48, 64, 3), (40, 90, 200), np.uint8)
    assert close_to(behind(save(tmp_path / f"a{suffix}", pixels)), (40, 90, 200), within=4)


@pytest.mark.parametrize(
    ("pixels", "color"),
    [
        (np.full((8, 8), 77, np.uint8), (77, 77, 77)),
        (np.full((8, 8), 77 * 257, np.uint16), (77, 77, 77)),
        (np.full((8, 8, 3), (10 * 257, 20 * 257, 30 * 257), np.uint16), (10, 20, 30)),
        (np.full((8, 8, 4), (0, 200, 0, 255), np.uint8), (0, 200, 0)),
        (np.full((8, 8, 4), (0, 200, 0, 0), np.uint8), (0, 0, 0)),
        (np.full((8, 8, 4), (0, 200, 0, 51), np.uint8), (0, 40, 0)),
    ],
    ids=["gray", "gray 16", "color 16", "opaque alpha", "clear", "a fifth opaque"],
)
def test_a_picture_of_any_depth_and_transparency_is_a_background(tmp_path, pixels, color):
    assert close_to(behind(save(tmp_path / "a.png", pixels)), color, within=1)


def test_a_cmyk_jpeg_is_a_background(tmp_path):
    Image.new("RGB", (64, 48), (200, 60, 20)).convert("CMYK").save(tmp_path / "a.jpg", quality=95)
    assert close_to(behind(tmp_path / "a.jpg"), (20, 60, 200), within=6)


def test_the_backdrop_shows_through_a_transparent_picture_and_beside_a_small_one(tmp_path):
    clear = save(tmp_path / "a.png", np.full((48, 32, 4), (0, 200, 0, 0), np.uint8))
    assert close_to(behind(clear, fit="fit", pad_color="#ff0000"), RED, within=0)


def test_a_backdrop_that_is_no_color_is_refused():
    with pytest.raises(ConfigError, match=r"pad_color.*'rad'"):
        ReplaceEffect(ReplaceEffect.Options(background="white", pad_color="rad"))


def halves(size):
    """Red on the left, blue on the right."""
    picture = np.full((size[1], size[0], 3), RED, np.uint8)
    picture[:, size[0] // 2 :] = BLUE
    return picture


def test_fill_fit_stretch_and_tile_meet_the_frame_as_they_say(tmp_path):
    path = save(tmp_path / "a.png", halves((64, 24)))
    shown = {how: behind(path, fit=how) for how in ("fill", "fit", "stretch", "tile")}
    center = {how: tuple(picture[24, 8].tolist()) for how, picture in shown.items()}
    assert center == {"fill": RED, "fit": RED, "stretch": RED, "tile": RED}
    assert shown["fit"][2, 8].tolist() == [0, 0, 0]
    assert shown["stretch"][2, 8].tolist() == list(RED)
    assert (shown["tile"] == np.vstack([halves((64, 24))] * 2)).all()


def test_the_background_follows_a_change_of_the_frames_size_and_layout(tmp_path):
    path = save(tmp_path / "a.png", halves((64, 24)))
    effect = ReplaceEffect(ReplaceEffect.Options(background=path, fit="stretch"))
    for size, layout in [((64, 48), "bgr"), ((32, 20), "bgr"), ((32, 20), "i420")]:
        shown = effect.apply(flat(size=size, layout=layout), person()).bgr
        assert close_to(shown[:, : size[0] // 2 - 3], RED, within=4)
        assert close_to(shown[:, size[0] // 2 + 3 :], BLUE, within=4)
    effect.close()


@pytest.mark.parametrize("suffix", [".jpg", ".mp4"])
@pytest.mark.parametrize("content", [b"", b"this is a text\n" * 50], ids=["empty", "text"])
def test_a_file_that_is_no_picture_and_no_video_is_a_config_error(tmp_path, content, suffix):
    path = tmp_path / f"beach{suffix}"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"background .*beach.* cannot be read") as caught:
        ReplaceEffect(ReplaceEffect.Options(background=str(path)))
    assert caught.value.hint and "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["beach.jpg", "grene", "#12345", "a" * 300])
def test_a_background_that_is_not_there_is_a_config_error(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="no background") as caught:
        ReplaceEffect(ReplaceEffect.Options(background=name))
    assert "#00ff00" in caught.value.hint


def test_a_picture_cut_short_is_a_config_error(tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    path = tmp_path / "a.png"
    path.write_bytes(cv2.imencode(".png", noise)[1].tobytes()[:5000])
    with pytest.raises(ConfigError, match="damaged"):
        ReplaceEffect(ReplaceEffect.Options(background=str(path)))


def test_the_home_folder_may_be_written_as_a_tilde(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    save(tmp_path / "a.png", np.full((8, 8, 3), GRAY, np.uint8))
    assert close_to(behind("~/a.png"), GRAY, within=0)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        (".", "no picture in the folder"),
        ("https://host/a.jpg", "is an address"),
        ("x.svg", "is an SVG drawing"),
    ],
)
def test_what_cannot_be_a_background_is_called_by_its_name(tmp_path, monkeypatch, name, found):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg"/>')
    with pytest.raises(ConfigError, match=found):
        ReplaceEffect(ReplaceEffect.Options(background=name))
