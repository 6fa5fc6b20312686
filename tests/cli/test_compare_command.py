"""`rimlight compare` over the real command line, with shipped models."""

import re

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from rimlight.cli import app
from rimlight.core.errors import ConfigError, SinkError


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "photo.png"
    cv2.imwrite(str(path), np.random.default_rng(1).integers(0, 255, (60, 90, 3), np.uint8))
    return path


def run(*args):
    done = CliRunner().invoke(app, ["compare", *map(str, args)], env={"COLUMNS": "200"})
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


def test_presets_and_models_meet_on_one_page_that_loads_nothing(photo, tmp_path):
    page = tmp_path / "page.html"
    done = run(
        photo, "test-pattern", "--quality", "fast", "-m", "raw=selfie", "--limit", 2, "-o", page
    )
    text = page.read_text()
    assert done.exit_code == 0 and all(
        w in text for w in ("fast", "raw", "photo.png", "test-pattern")
    )
    assert all(src.startswith("data:") for src in re.findall(r'(?:src|href)="(.*?)"', text))
    assert "CPU ms" in done.stdout and "IoU" in done.stdout


def test_the_file_of_somebody_else_stays(photo):
    before = photo.read_bytes()
    with pytest.raises(SinkError, match="exists"):
        run(photo, "--quality", "fast", "-o", photo)
    assert photo.read_bytes() == before


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--peer", "mediapip=python"], "unknown peer 'mediapip'"),
        (["--peer", "rembg"], "--peer rembg needs a Python"),
        (["--quality", "better"], "unknown quality 'better'"),
    ],
)
def test_mistakes_are_named(photo, tmp_path, words, says):
    with pytest.raises(ConfigError, match=says):
        run(photo, *words, "-o", tmp_path / "page.html")
    assert not (tmp_path / "page.html").exists()


def test_a_missing_peer_says_how_to_install_it(photo, tmp_path):
    with pytest.raises(ConfigError, match="there is no Python") as error:
        run(photo, "--peer", f"rembg={tmp_path}/python", "-o", tmp_path / "page.html")
    assert "pip install 'rembg[cpu]'" in error.value.hint
