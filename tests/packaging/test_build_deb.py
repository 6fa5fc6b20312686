"""The Debian package, apart from what pip installs into it."""

import configparser
import importlib.util
import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "packaging" / "build_deb.py"


@pytest.fixture(scope="module")
def builder():
    spec = importlib.util.spec_from_file_location("build_deb", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.skipif(not shutil.which("dpkg-deb"), reason="needs dpkg-deb")
def test_the_package_holds_a_command_and_a_menu_entry_that_opens_the_panel(builder, tmp_path):
    root = tmp_path / "tree"
    root.mkdir()
    builder.write_files(root)
    package = builder.build_package(root, tmp_path)
    out = tmp_path / "out"
    subprocess.run(["dpkg-deb", "-x", str(package), str(out)], check=True)
    command = out / "usr/bin/rimlight"
    assert command.stat().st_mode & 0o777 == 0o755
    assert command.read_text().splitlines()[1] == (
        'exec /usr/lib/rimlight/bin/python -m rimlight "$@"'
    )
    entry = configparser.ConfigParser(interpolation=None)
    entry.optionxform = str
    entry.read(out / "usr/share/applications/rimlight.desktop")
    assert entry["Desktop Entry"]["Exec"] == "rimlight panel"
    icon = out / f"usr/share/icons/hicolor/scalable/apps/{entry['Desktop Entry']['Icon']}.svg"
    assert icon.read_text().startswith("<svg")
    facts = subprocess.run(
        ["dpkg-deb", "--field", str(package)], capture_output=True, text=True, check=True
    ).stdout
    assert "Package: rimlight" in facts
    assert "Depends: python3 (>= 3." in facts


def test_the_container_copies_what_the_build_needs():
    lines = (SCRIPT.parent / "Containerfile").read_text().splitlines()
    copied = {word for line in lines if line.startswith("COPY") for word in line.split()[1:-1]}
    assert {"pyproject.toml", "src", "models", "configs", "samples"} <= copied
    assert all((SCRIPT.parents[1] / name).exists() for name in copied)
