"""Starting is cheap: nothing heavy is imported before it is needed."""

import os
import subprocess
import sys

import pytest

from rimlight.system import app_paths

HEAVY = {
    "numpy",
    "cv2",
    "av",
    "tensorflow",
    "keras",
    "onnxruntime",
    "ai_edge_litert",
    "pyvirtualcam",
    "numba",
    "jinja2",
    "starlette",
    "uvicorn",
}
FAMILIES = ("sources", "segmenters", "refiners", "effects", "sinks")


def loaded_by(*arguments):
    """Run a fresh Python; give the top packages that it imported."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "DISPLAY": "", "WAYLAND_DISPLAY": ""},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    return {line.rpartition("|")[2].strip().split(".")[0] for line in lines}


def test_importing_the_library_loads_nothing_heavy():
    loaded = loaded_by("-c", "import rimlight; rimlight.__version__")
    assert "rimlight" in loaded
    assert not loaded & (HEAVY | {"pydantic", "typer"})


@pytest.mark.parametrize(
    "command",
    [[], ["demo"], ["process"], ["live"], ["road"], ["models"], ["devices"], ["train"], ["export"]],
)
def test_help_loads_nothing_heavy(command):
    assert not loaded_by("-m", "rimlight", *command, "--help") & HEAVY


def test_the_version_loads_nothing_heavy():
    assert not loaded_by("-m", "rimlight", "--version") & HEAVY


@pytest.mark.parametrize("family", FAMILIES)
def test_a_registry_loads_nothing_heavy(family):
    assert not loaded_by("-c", f"import rimlight.{family}") & HEAVY


def test_a_run_loads_no_tensorflow(tmp_path):
    picture = app_paths.find_data_folder("samples") / "background.jpg"
    command = ("process", picture, "--background", "white", "-o", f"{tmp_path}/out/")
    loaded = loaded_by("-m", "rimlight", *command)
    assert "ai_edge_litert" in loaded
    assert not loaded & {"tensorflow", "keras"}
