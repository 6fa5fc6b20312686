"""Animations as films."""

from contextlib import ExitStack
from fractions import Fraction

import odd_pictures
import pytest
from PIL import Image

from rimlight.core.errors import ConfigError, SourceOpenError, SourceReadError
from rimlight.sources import guess_source
from rimlight.sources.animation import AnimationSource


@pytest.fixture
def opened():
    """Opens animations, and closes them after the test."""
    with ExitStack() as stack:

        def open_one(path, **options):
            source = AnimationSource(AnimationSource.Options(path=str(path), **options))
            stack.callback(source.close)
            return source

        yield open_one


@pytest.mark.parametrize("name", ["a.gif", "a.png", "a.webp"])
def test_every_frame_comes_at_its_time_with_its_alpha(tmp_path, opened, name):
    source = opened(odd_pictures.animation(tmp_path / name))
    frames = list(source)
    assert [frame.pts for frame in frames] == [0, Fraction(50, 1000), Fraction(110, 1000)]
    assert source.info.duration_s == 1.11
    reds = [frame.bgr[8, 8, 2] for frame in frames]
    assert reds == sorted(reds) and reds[0] < reds[2] - 80
    assert all(frame.alpha is not None and frame.alpha[0, 0] == 0 for frame in frames)
    assert all(frame.alpha[8, 8] > 250 for frame in frames)


@pytest.mark.parametrize(
    ("part", "lasts"),
    [({}, Fraction(1)), ({"end_s": 0.2}, Fraction(9, 100)), ({"stride": 2}, Fraction(1))],
)
def test_the_last_frame_stands_until_the_end(tmp_path, opened, part, lasts):
    frames = list(opened(odd_pictures.animation(tmp_path / "a.gif"), **part))
    assert [frame.duration for frame in frames] == [None] * (len(frames) - 1) + [lasts]


@pytest.mark.parametrize("name", ["a.png", "a.webp"])
def test_a_frame_that_is_transparent_after_the_first_is_announced(tmp_path, opened, name):
    shots = [Image.new("RGBA", (24, 16), (200, 0, 0, level)) for level in (255, 0)]
    shots[0].save(tmp_path / name, save_all=True, append_images=shots[1:], blend=0)
    source = opened(tmp_path / name)
    assert source.info.has_alpha
    assert [frame.alpha is None for frame in source] == [True, False]


def test_a_part_begins_at_zero(tmp_path, opened):
    frames = list(opened(odd_pictures.animation(tmp_path / "a.gif"), start_s="0.05", end_s=0.2))
    assert [frame.pts for frame in frames] == [0, Fraction(60, 1000)]
    assert frames[0].index == 0
    assert len(list(opened(tmp_path / "a.gif", stride=2))) == 2


def test_frames_are_scaled_down_to_a_size(tmp_path, opened):
    source = opened(odd_pictures.animation(tmp_path / "a.gif"), max_size="12x12")
    assert source.info.size == (12, 8) == next(iter(source)).size


def test_a_time_of_zero_is_the_usual_tenth_of_a_second(tmp_path, opened):
    assert opened(odd_pictures.animation(tmp_path / "a.gif", (0, 0, 0))).info.duration_s == 0.3


def test_what_is_wrong_is_told_at_once(tmp_path, opened):
    path = odd_pictures.animation(tmp_path / "a.gif")
    with pytest.raises(ConfigError, match="end"):
        opened(path, start_s=1, end_s=1)
    with pytest.raises(SourceOpenError, match="no frame from 9 s on"):
        opened(path, start_s=9)
    path.write_bytes(b"GIF89a")
    with pytest.raises(SourceOpenError, match="damaged"):
        opened(path)


def test_what_comes_before_the_damage_is_read(tmp_path, opened):
    path = odd_pictures.animation(tmp_path / "a.png", (50, 50, 50, 50))
    data = path.read_bytes()
    path.write_bytes(data[: data.rindex(b"fcTL") - 20])
    frames = iter(opened(path))
    assert [next(frames).index, next(frames).index] == [0, 1]
    with pytest.raises(SourceReadError, match="of 4 frames could be read"):
        list(frames)


def test_an_animation_is_a_film_unless_one_picture_is_wanted(tmp_path):
    for name in ("a.gif", "a.png", "a.webp"):
        path = str(odd_pictures.animation(tmp_path / name))
        assert guess_source(path)["kind"] == "animation"
        assert guess_source(path, still=True)["kind"] == "images"
    Image.new("RGB", (24, 16)).save(tmp_path / "still.gif")
    assert guess_source(str(tmp_path / "still.gif"))["kind"] == "images"


def test_a_frame_that_reaches_far_beyond_the_picture_is_refused(tmp_path, opened):
    path = tmp_path / "a.gif"
    first, second = (Image.new("P", (32, 24), value) for value in (0, 1))
    first.save(path, save_all=True, append_images=[second], duration=40)
    data = bytearray(path.read_bytes())
    at = data.rindex(b"\x2c")  # the second frame: its left, top, width and height follow
    data[at + 5 : at + 9] = b"\xff\xff\xff\xff"
    path.write_bytes(data)
    with pytest.raises((SourceOpenError, SourceReadError)):
        list(opened(path))
