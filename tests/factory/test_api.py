"""The names that programs build on, and the README's example as it stands there."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import rimlight
from rimlight.system import app_paths

README = Path(__file__).parents[2] / "README.md"


def test_every_public_name_is_there_and_the_list_is_sorted():
    assert rimlight.__all__ == sorted(rimlight.__all__, key=lambda name: (name[0].islower(), name))
    for name in rimlight.__all__:
        assert getattr(rimlight, name) is not None


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = rimlight.nothing


def test_the_example_of_the_readme_runs(tmp_path):
    example = re.search(r"```python\n(.*?)```", README.read_text(), re.DOTALL)[1]
    (tmp_path / "talk.mp4").write_bytes(
        (app_paths.find_data_folder("samples") / "portrait.mp4").read_bytes()
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", example],
        cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out.mp4").stat().st_size > 10_000
