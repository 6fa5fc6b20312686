"""`rotate`: pictures are turned before anything else sees them."""

from dataclasses import replace
from fractions import Fraction

import cv2
import numpy as np
import pytest
from clip_maker import write_video
from fakes import ListSource
from scenes import as_i420, flat_frame
from typer.testing import CliRunner

from rimlight.cli import app
from rimlight.core.config import SourceConfig, parse_run
from rimlight.core.errors import ConfigError
from rimlight.core.protocols import Interruptible
from rimlight.factory.pipeline import open_source
from rimlight.factory.resume import Seekable
from rimlight.factory.validation import validate_config
from rimlight.sources.rotate import ORIENTATIONS, rotate_frame, rotate_source

COUNTS = {90: 3, 180: 2, 270: 1}
"""How many quarter turns NumPy makes of it, which counts the other way."""


def marked(size=(64, 48)):
    """A frame with a bright square in its upper left corner, and alpha in its lower half."""
    image = np.full((size[1], size[0], 3), 40, np.uint8)
    image[:16, :16] = 220
    alpha = np.zeros((size[1], size[0]), np.uint8)
    alpha[size[1] // 2 :] = 255
    return flat_frame(size=size, alpha=alpha).with_bgr(image, alpha)


@pytest.mark.parametrize("size", [(64, 48), (65, 47), (64, 47)])
@pytest.mark.parametrize("layout", [lambda frame: frame, as_i420], ids=["bgr", "i420"])
@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_a_frame_is_turned_clockwise_with_its_alpha(degrees, layout, size):
    frame = replace(layout(marked(size)), alpha=marked(size).alpha)
    made = rotate_frame(frame, ORIENTATIONS[degrees])
    expected = np.rot90(frame.bgr, COUNTS[degrees])
    assert made.size == expected.shape[1::-1]
    assert np.abs(made.bgr.astype(int) - expected).max() <= 2
    assert (made.alpha == np.rot90(frame.alpha, COUNTS[degrees])).all()
    assert (made.pts, made.index, made.name) == (frame.pts, frame.index, frame.name)


def test_a_source_says_what_its_turned_pictures_are(tmp_path):
    path = tmp_path / "clip.mkv"
    write_video(path, stamps=(0, 40))
    source = open_source(SourceConfig(kind="video", path=str(path), rotate=90))
    assert source.info.size == (48, 64) and source.stored_size == (64, 48)
    assert [frame.size for frame in source] == [(48, 64)] * 2
    assert isinstance(source, Seekable) and source.is_exhausted
    source.close()


def test_a_turned_source_waits_and_resumes_only_where_it_could_before():
    plain = rotate_source(ListSource(1), 90)
    assert not isinstance(plain, Seekable) and not isinstance(plain, Interruptible)
    assert rotate_source(plain, 0) is plain
    wide = ListSource(1)
    wide.info = replace(wide.info, sample_aspect=Fraction(4, 3))
    assert rotate_source(wide, 90).info.sample_aspect == Fraction(3, 4)
    assert rotate_source(wide, 180).info.sample_aspect == Fraction(4, 3)


@pytest.mark.parametrize("degrees", [45, "left", True, 1.5])
def test_other_turns_are_refused_before_anything_opens(degrees):
    data = {
        "source": {"kind": "test-pattern", "rotate": degrees},
        "segmenter": {"kind": "threshold"},
        "sinks": [{"kind": "null"}],
    }
    with pytest.raises(ConfigError, match="0, 90, 180 or 270"):
        validate_config(parse_run(data, where="test"))


@pytest.mark.parametrize("command", ["process", "batch", "live", "road", "objects"])
def test_every_command_that_takes_pictures_can_turn_them(command, tmp_path):
    path = tmp_path / "a.png"
    cv2.imwrite(str(path), marked().bgr)
    words = {
        "process": [str(path), "-b", "white", "-o", f"{tmp_path}/o.png", "--dry-run"],
        "batch": [str(path), "-b", "white", "-o", f"{tmp_path}/out", "--dry-run"],
        "live": ["--source", "test-pattern:64x48", "--blur", "20", "--sink", "null", "--dry-run"],
        "road": [str(path), "-m", "road-lite", "-o", f"{tmp_path}/o.png", "--dry-run"],
        "objects": [str(path), "-m", "selfie", "-o", f"{tmp_path}/o.png", "--dry-run"],
    }[command]
    done = CliRunner().invoke(app, [command, *words, "--rotate", "180"])
    assert done.exit_code == 0, (done.output, done.exception)
    assert "rotate: 180" in done.output or command == "batch"
    assert CliRunner().invoke(app, [command, *words, "--rotate", "45"]).exit_code == 2


def test_a_picture_is_turned_before_it_is_written(tmp_path):
    path, out = tmp_path / "a.png", tmp_path / "o.png"
    cv2.imwrite(str(path), marked().bgr)
    words = ["process", str(path), "--set", "segmenter={kind: threshold}"]
    done = CliRunner().invoke(app, [*words, "-b", "white", "-o", str(out), "--rotate", "90", "-q"])
    assert done.exit_code == 0, (done.output, done.exception)
    assert cv2.imread(str(out)).shape == (64, 48, 3)


@pytest.mark.parametrize("frame", [flat_frame(size=(64, 48)), as_i420(flat_frame(size=(64, 48)))])
def test_the_shape_of_the_pixels_is_turned_with_them(frame):
    wide = replace(frame, sample_aspect=Fraction(4, 3))
    assert rotate_frame(wide, ORIENTATIONS[90]).sample_aspect == Fraction(3, 4)
    assert rotate_frame(wide, ORIENTATIONS[180]).sample_aspect == Fraction(4, 3)
