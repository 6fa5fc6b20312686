import pytest

from rimlight.system.file_kinds import (
    IMAGE_SUFFIXES,
    VIDEO_SUFFIXES,
    detect_image_format,
    detect_kind,
    is_animated,
    is_image,
    is_video,
)

WEBP = b"RIFF\x20\0\0\0WEBPVP8X\x0a\0\0\0"


def test_no_suffix_is_of_two_kinds():
    assert not IMAGE_SUFFIXES & VIDEO_SUFFIXES


@pytest.mark.parametrize("name", ["a.jfif", "A.JPE", "b/c.avif", "x.MPO", "x.gif", "x.apng"])
def test_pictures_are_known_by_many_suffixes(name):
    assert is_image(name)


@pytest.mark.parametrize("name", ["a.m2ts", "A.DAV", "x.h264", "x.insv", "x.3gp", "x.y4m", "x.lrv"])
def test_videos_are_known_by_many_suffixes(name):
    assert is_video(name)


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("photo", b"\xff\xd8\xff\xe0", "picture"),
        ("photo.mp4", b"\xff\xd8\xff\xe0", "picture"),
        ("stream.mjpg", b"\xff\xd8\xff\xe0", "video"),
        ("clip.jpg", b"\0\0\0\x20ftypisom", "video"),
        ("clip", b"\0\0\0\x20ftypavif", "picture"),
        ("text.jpg", b"hello", "picture"),
        ("text.mp4", b"hello", "video"),
        ("text", b"hello", None),
    ],
)
def test_the_content_decides_before_the_name(tmp_path, name, content, kind):
    (tmp_path / name).write_bytes(content)
    assert detect_kind(str(tmp_path / name)) == kind


def test_every_first_bytes_are_looked_at_without_an_error():
    for start in (b"BM", b"RIFF", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"\0\0\0\x20ftyp", WEBP, b""):
        for length in range(40):
            head = (start + bytes(40))[:length]
            assert detect_image_format(head) in {"", "gif", "png", "bmp", "webp"}
            assert is_animated(head) in {True, False}


def test_an_animated_webp_announces_it():
    assert is_animated(WEBP + b"\x02\0\0\0")
    assert not is_animated(WEBP + b"\x10\0\0\0")
