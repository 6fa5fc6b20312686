import subprocess
import sys

import pytest

from rimlight.sources import POSITIONAL, SOURCES, guess_source


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("0", {"kind": "camera", "device": 0}),
        ("/dev/video2", {"kind": "camera", "device": "/dev/video2"}),
        ("camera", {"kind": "camera"}),
        ("camera:1", {"kind": "camera", "device": 1}),
        ("rtsp://host/stream", {"kind": "video", "path": "rtsp://host/stream"}),
        ("https://host/a.png", {"kind": "video", "path": "https://host/a.png"}),
        ("talk.mp4", {"kind": "video", "path": "talk.mp4"}),
        ("no-such-thing", {"kind": "video", "path": "no-such-thing"}),
        ("photo.JPG", {"kind": "images", "path": "photo.JPG"}),
        ("photos/*.jpg", {"kind": "images", "path": "photos/*.jpg"}),
        ("video:odd*name.mp4", {"kind": "video", "path": "odd*name.mp4"}),
        ("images:talk.mp4", {"kind": "images", "path": "talk.mp4"}),
        ("-", {"kind": "pipe"}),
        ("pipe:-", {"kind": "pipe"}),
        ("pipe:640x360", {"kind": "pipe", "size": "640x360"}),
        ("test-pattern", {"kind": "test-pattern"}),
        ("test-pattern:640x360", {"kind": "test-pattern", "size": "640x360"}),
    ],
)
def test_a_spec_is_understood_as_a_user_means_it(spec, expected):
    assert guess_source(spec) == expected


def test_a_folder_is_pictures(tmp_path):
    assert guess_source(str(tmp_path)) == {"kind": "images", "path": str(tmp_path)}


def test_an_existing_file_with_a_star_in_its_name_is_not_a_glob(tmp_path):
    path = tmp_path / "my*talk.mp4"
    path.touch()
    assert guess_source(str(path))["kind"] == "video"


@pytest.mark.parametrize("kind", SOURCES.names())
def test_the_short_form_sets_the_option_that_the_source_names(kind):
    assert SOURCES.load(kind).Options.positional == POSITIONAL[kind]


def test_guessing_loads_no_heavy_module():
    code = (
        "import sys; from rimlight.sources import guess_source; guess_source('0');"
        "assert not {'numpy', 'cv2', 'av'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_an_existing_file_is_that_file_whatever_its_name_looks_like(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("pipe:0.mp4", "video:x.mp4", "@list.mp4", "10:15.mp4"):
        (tmp_path / name).touch()
        assert guess_source(name) == {"kind": "video", "path": name}


def test_a_list_that_exists_is_a_list(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("list.txt", "@list.txt"):
        (tmp_path / name).touch()
    assert guess_source("@list.txt")["kind"] == "images"


def test_a_file_address_is_understood_by_its_path(tmp_path):
    assert guess_source(f"file://{tmp_path}/a%20b.jpg") == {
        "kind": "images",
        "path": f"{tmp_path}/a b.jpg",
    }


def test_what_lies_in_dev_and_is_no_device_is_no_camera(tmp_path):
    assert guess_source("/dev/fd/63")["kind"] == "video"
    assert guess_source("/dev/stdin")["kind"] == "video"
    assert guess_source("/dev/shm")["kind"] == "images"
    assert guess_source("/dev/video7")["kind"] == "camera"
