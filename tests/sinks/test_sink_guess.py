import subprocess
import sys

import pytest

from rimlight.core.errors import ConfigError
from rimlight.sinks import SINKS, guess_sink


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("window", {"kind": "window"}),
        ("null", {"kind": "null"}),
        ("-", {"kind": "pipe"}),
        ("pipe:rgba", {"kind": "pipe", "pixel_format": "rgba"}),
        ("video:rec.mp4", {"kind": "video", "path": "rec.mp4"}),
        ("out.MP4", {"kind": "video", "path": "out.MP4"}),
        ("a:b.webm", {"kind": "video", "path": "a:b.webm"}),
        ("cutouts/", {"kind": "images", "path": "cutouts/"}),
        ("images:cutouts", {"kind": "images", "path": "cutouts"}),
        ("out.png", {"kind": "images", "path": "out.png"}),
        ("images:odd.mp4", {"kind": "images", "path": "odd.mp4"}),
        ("virtual-camera:/dev/video10", {"kind": "virtual-camera", "device": "/dev/video10"}),
        ("/dev/video10", {"kind": "virtual-camera", "device": "/dev/video10"}),
    ],
)
def test_a_short_spec_names_a_kind_and_its_main_option(spec, expected):
    assert guess_sink(spec) == expected


def test_an_existing_folder_is_for_images(tmp_path):
    assert guess_sink(str(tmp_path)) == {"kind": "images", "path": str(tmp_path)}


def test_an_unknown_sink_is_refused_with_the_nearest_name():
    with pytest.raises(ConfigError, match="unknown sink 'windw'") as caught:
        guess_sink("windw")
    assert "did you mean 'window'?" in caught.value.hint


def test_a_value_for_a_sink_that_takes_none_is_refused():
    with pytest.raises(ConfigError, match="takes no value"):
        guess_sink("null:x")


def test_the_table_of_sinks_loads_no_heavy_library():
    code = (
        "import sys, rimlight.sinks as s; s.guess_sink('out.mp4'); s.guess_sink('window');"
        "assert not {'numpy', 'cv2', 'av', 'pyvirtualcam'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_sink_can_be_loaded():
    assert all(SINKS.load(name).Options for name in SINKS.names())


@pytest.mark.parametrize("name", ["out.avif", "out.heic", "out.m2ts"])
def test_a_kind_that_is_not_written_is_refused_with_those_that_are(name):
    with pytest.raises(ConfigError, match="files are not written") as caught:
        guess_sink(name)
    assert ".webm" in caught.value.hint and "out/" in caught.value.hint
