"""Where the files that travel with rimlight are found, and where the user's own are."""

from pathlib import Path

import pytest

from rimlight.system import app_paths


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("models", "selfie-landscape.yaml"),
        ("models", "selfie_segmentation_landscape.tflite"),
        ("models", "road-lite.tflite"),
        ("configs", "live.yaml"),
        ("samples", "portrait.mp4"),
    ],
)
def test_a_shipped_file_is_found_from_any_folder(name, file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert (app_paths.find_data_folder(name) / file).is_file()


def test_the_shared_folder_is_the_one_that_the_variable_names(tmp_path, monkeypatch):
    monkeypatch.setenv("RIMLIGHT_SHARED", str(tmp_path))
    assert app_paths.find_shared_folder() == tmp_path


def test_a_named_shared_folder_that_does_not_exist_is_none(tmp_path, monkeypatch):
    monkeypatch.setenv("RIMLIGHT_SHARED", str(tmp_path / "gone"))
    assert app_paths.find_shared_folder() is None


def test_the_cache_is_the_folder_that_the_variable_names(tmp_path, monkeypatch):
    monkeypatch.setenv("RIMLIGHT_CACHE", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", "/elsewhere")
    assert app_paths.get_cache_folder() == tmp_path


def test_the_cache_lies_in_the_desktops_cache_folder(tmp_path, monkeypatch):
    monkeypatch.delenv("RIMLIGHT_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert app_paths.get_cache_folder() == tmp_path / "rimlight"


def test_the_cache_lies_in_the_home_folder_where_nothing_is_said(tmp_path, monkeypatch):
    monkeypatch.delenv("RIMLIGHT_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert app_paths.get_cache_folder() == Path(tmp_path) / ".cache" / "rimlight"
