import logging
import os
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction

import cv2
import numpy as np
import pytest
from PIL import Image

from rimlight.core.errors import SourceOpenError, SourceReadError
from rimlight.sources.images import ImagesSource


def save(path, level=0, size=(24, 16)):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.full((size[1], size[0], 3), level, np.uint8)
    path.write_bytes(cv2.imencode(path.suffix, pixels)[1].tobytes())
    return path


def open_images(path, **more):
    return ImagesSource(ImagesSource.Options(path=str(path), **more))


def names(source):
    return [frame.name for frame in source]


def test_a_folder_is_read_in_natural_order_without_what_is_no_picture(tmp_path):
    for name in ("10.png", "9.PNG", "b.jpg", "._b.jpg", "notes.txt", "deeper/c.png"):
        save(tmp_path / name) if not name.endswith("txt") else (tmp_path / name).touch()
    assert names(open_images(tmp_path)) == ["9.PNG", "10.png", "b.jpg"]


def test_recursive_names_the_folders(tmp_path):
    for name in ("b.png", "a/2.png", "a/10.png"):
        save(tmp_path / name)
    assert names(open_images(tmp_path, recursive=True)) == ["a/2.png", "a/10.png", "b.png"]


def test_frames_count_up_a_second_apart_and_keep_their_own_size(tmp_path):
    save(tmp_path / "a.png", 10, (24, 16))
    save(tmp_path / "b.png", 20, (641, 361))
    source = open_images(tmp_path)
    frames = list(source)
    assert (source.info.size, source.info.count, source.info.is_image_sequence) == (
        (24, 16),
        2,
        True,
    )
    assert [frame.index for frame in frames] == [0, 1]
    assert [frame.pts for frame in frames] == [Fraction(0), Fraction(1)]
    assert [frame.size for frame in frames] == [(24, 16), (641, 361)]
    assert [frame.bgr[0, 0, 0] for frame in frames] == [10, 20]


def test_one_picture_is_named_after_its_file(tmp_path):
    assert names(open_images(save(tmp_path / "me.png"))) == ["me.png"]


def test_a_glob_names_pictures_from_its_fixed_part(tmp_path):
    for name in ("x/1.png", "y/2.png", "y/z.jpg"):
        save(tmp_path / name)
    assert names(open_images(tmp_path / "*" / "*.png")) == ["x/1.png", "y/2.png"]


def test_an_unreadable_picture_is_skipped_then_named(tmp_path, caplog):
    for name in ("a.png", "b.png", "c.png"):
        save(tmp_path / name)
    (tmp_path / "b.png").write_text("no picture")
    source, seen = open_images(tmp_path), []
    with (
        caplog.at_level(logging.WARNING),
        pytest.raises(SourceReadError, match=r"1 of 3 pictures could not be read: b\.png: it is"),
    ):
        seen.extend(source)
    assert [(frame.name, frame.index) for frame in seen] == [("a.png", 0), ("c.png", 1)]
    assert "skipped" in caplog.text


def test_a_single_unreadable_picture_does_not_open(tmp_path):
    path = tmp_path / "a.png"
    path.touch()
    with pytest.raises(SourceOpenError, match=r"a\.png: it is empty"):
        open_images(path)


@pytest.mark.parametrize(
    ("path", "message"),
    [("", "there are no pictures in"), ("nope", "no such file"), ("*.png", "no picture matches")],
)
def test_nothing_to_read_says_so_with_a_hint(tmp_path, path, message):
    with pytest.raises(SourceOpenError, match=message) as caught:
        open_images(tmp_path / path)
    assert caught.value.hint


def test_a_folder_that_may_not_be_read_says_so(as_nobody):
    folder = as_nobody / "private"
    folder.mkdir(mode=0)
    with pytest.raises(SourceOpenError, match="permission denied"):
        open_images(folder)
    folder.chmod(0o700)


def test_closing_ends_the_iteration(tmp_path):
    for name in ("a.png", "b.png", "c.png"):
        save(tmp_path / name)
    source = open_images(tmp_path)
    frames = iter(source)
    next(frames)
    source.close()
    assert list(frames) == []


def test_a_list_is_read_in_its_own_order_and_named_from_the_common_folder(tmp_path):
    for name in ("in/b.png", "in/deep/a.png", "in/c.png"):
        save(tmp_path / name)
    (tmp_path / "list.txt").write_text(f"in/deep/a.png\n\n{tmp_path}/in/b.png\n")
    assert names(open_images(f"@{tmp_path}/list.txt")) == ["deep/a.png", "b.png"]


@pytest.mark.parametrize(
    ("text", "says"), [("nope.png", "nope.png, which is not there"), ("\n", "no picture")]
)
def test_a_list_of_nothing_says_so(tmp_path, text, says):
    (tmp_path / "list.txt").write_text(text)
    with pytest.raises(SourceOpenError, match=says):
        open_images(f"@{tmp_path}/list.txt")


def test_what_a_list_names_in_vain_is_named_and_the_others_are_done(tmp_path):
    save(tmp_path / "a.png")
    save(tmp_path / "b.png")
    os.mkfifo(tmp_path / "f.png")
    (tmp_path / "d.png").mkdir()
    (tmp_path / "list.txt").write_text("a.png\nnope.png\nf.png\nd.png\nb.png\n")
    frames = iter(open_images(f"@{tmp_path}/list.txt"))
    assert [next(frames).name for _ in range(2)] == ["a.png", "b.png"]
    with pytest.raises(SourceReadError, match=r"3 of 5 .* nope\.png: .*f\.png: it is a pipe"):
        next(frames)


def test_a_list_that_is_not_there_says_so(tmp_path):
    with pytest.raises(SourceOpenError, match="cannot read the list"):
        open_images(f"@{tmp_path}/list.txt")


def test_what_a_folder_holds_besides_pictures_is_told_once(tmp_path):
    save(tmp_path / "a.png")
    for name in ("b.txt", "c.mp4", "._a.png", "Thumbs.db"):
        (tmp_path / name).touch()
    (tmp_path / "sub").mkdir()
    (note,) = open_images(tmp_path).info.notes
    assert note == f"{tmp_path}: 2 files left out: 1 .txt, 1 .mp4; 1 folder not looked into"


def test_a_file_that_holds_more_pictures_is_told_at_the_end(tmp_path, caplog):
    shots = [Image.new("RGB", (24, 16), (level, 0, 0)) for level in (0, 200)]
    shots[0].save(tmp_path / "a.tif", save_all=True, append_images=shots[1:])
    with caplog.at_level(logging.WARNING):
        assert names(open_images(tmp_path / "a.tif")) == ["a.tif"]
    assert "1 of 1 files" in caplog.text and "a.tif (2 pictures)" in caplog.text


def test_a_pipe_that_is_named_alone_is_read_once(tmp_path):
    os.mkfifo(tmp_path / "a.jpg")
    content = save(tmp_path / "b.jpg", 90).read_bytes()
    reader = os.open(tmp_path / "a.jpg", os.O_RDONLY | os.O_NONBLOCK)
    writer = os.open(tmp_path / "a.jpg", os.O_WRONLY)
    os.write(writer, content)
    with ThreadPoolExecutor(1) as pool:
        source = pool.submit(open_images, tmp_path / "a.jpg")
        os.close(writer)
        assert [frame.size for frame in source.result(20)] == [(24, 16)]
    os.close(reader)


def test_a_folder_of_videos_points_to_the_command_for_them(tmp_path):
    (tmp_path / "a.m2ts").touch()
    with pytest.raises(SourceOpenError, match=r"1 file left out: 1 \.m2ts") as caught:
        open_images(tmp_path)
    assert "rimlight batch" in caught.value.hint


def test_the_option_that_raises_the_limit_of_pixels_is_named(tmp_path):
    with pytest.raises(SourceOpenError, match="max_megapixels"):
        open_images(save(tmp_path / "a.png"), max_megapixels=0.0001)
