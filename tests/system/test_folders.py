import os
from pathlib import Path

import pytest

from rimlight.system.folders import describe_skipped, expand_glob, list_files, list_folder


@pytest.fixture
def photos(tmp_path):
    """Two photos among what systems and earlier runs leave next to them, and a link in a circle."""
    for name in (
        "a.jpg", "sub/b.JPG", ".thumbnails/t.jpg", "@eaDir/a.jpg/x.jpg", "__MACOSX/._a.jpg",
        "._a.jpg", "Thumbs.db", ".DS_Store", "$RECYCLE.BIN/r.jpg", "out/a.jpg",
    ):  # fmt: skip
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "sub/loop").symlink_to("..")
    return tmp_path


def names(paths, top):
    return [path.relative_to(top).as_posix() for path in paths]


def test_a_walk_leaves_out_companions_links_and_own_results(photos):
    found = list_folder(photos, recursive=True, excluded=[photos / "out"])
    assert names(found.files, photos) == ["a.jpg", "sub/b.JPG"]
    assert found.excluded == (photos / "out",)


def test_a_folder_tells_how_many_folders_it_does_not_look_into(photos):
    found = list_folder(photos)
    assert names(found.files, photos) == ["a.jpg"] and found.skipped_folders == 2


@pytest.mark.parametrize("pattern", ["**/*.[jJ][pP][gG]", "**/**/*.[jJ]*"])
def test_a_glob_finds_what_a_walk_finds(photos, pattern):
    found = expand_glob(f"{photos}/{pattern}", excluded=[photos / "out"])
    assert names(found, photos) == ["a.jpg", "sub/b.JPG"]


def test_a_glob_may_end_in_two_stars_and_begin_with_them(photos, monkeypatch):
    assert names(expand_glob(f"{photos}/sub/**"), photos) == ["sub/b.JPG"]
    monkeypatch.chdir(photos / "sub")
    assert expand_glob("**/*.JPG") == [Path("b.JPG")]


def test_companions_that_a_pattern_names_are_meant(photos):
    assert names(expand_glob(f"{photos}/.thumbnails/*.jpg"), photos) == [".thumbnails/t.jpg"]


def test_files_in_a_folder_are_regular_and_in_natural_order(tmp_path):
    for name in ("10.png", "2.png", "._2.png", "c.txt"):
        (tmp_path / name).touch()
    os.mkfifo(tmp_path / "3.png")
    (tmp_path / "4.png").symlink_to("nowhere")
    assert names(list_files(tmp_path), tmp_path) == ["2.png", "10.png"]


def test_what_is_left_out_is_told_with_numbers():
    told = describe_skipped([Path("a.heic"), Path("b.HEIC"), Path("c.txt"), Path("d")], where="x")
    assert told.startswith("x: 4 files left out: 2 .heic, 1 .txt, 1 without a suffix")
    assert "rimlight[heic]" in told
    assert describe_skipped([]) == ""
