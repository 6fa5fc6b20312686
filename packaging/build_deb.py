"""Builds a Debian package with everything that rimlight needs in a folder of its own.

    python3 packaging/build_deb.py             # dist/rimlight_0.1.0_amd64.deb

Run it with the Python of the release that the package is for (Debian 12: /usr/bin/python3.11), as
the compiled wheels belong to one version. It needs pip, dpkg-deb and the network. The package
puts a virtual environment into /usr/lib/rimlight, a command into /usr/bin, and a menu entry that
opens the panel.
"""

import argparse
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "src"))

from rimlight.doctor.service import DESKTOP, ICON_FILE, make_desktop_entry  # noqa: E402

HOME = "usr/lib/rimlight"
EXTRAS = "fast,panel,screen"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def make_control(version: str, architecture: str, size_kb: int) -> str:
    """Return the control file of the package."""
    major, minor = sys.version_info[:2]
    return f"""Package: rimlight
Version: {version}
Architecture: {architecture}
Maintainer: The rimlight developers <rimlight@localhost>
Installed-Size: {size_kb}
Depends: python3 (>= {major}.{minor}), python3 (<< {major}.{minor + 1}), libgl1, libglib2.0-0
Recommends: pipewire, wireplumber
Section: video
Priority: optional
Homepage: https://github.com/rimlight/rimlight
Description: webcam with another background, by a model on the CPU
 Replaces, blurs or removes the background of people in webcams, videos and
 photos. The camera is seen by OBS, browsers and meeting programs through
 PipeWire, without a kernel module.
"""


def write_files(root: Path) -> None:
    """Write the command, the menu entry, the icon and the license into a package's tree."""
    command = root / "usr/bin/rimlight"
    entry = root / "usr/share/applications" / DESKTOP
    icon = root / "usr/share/icons/hicolor/scalable/apps/rimlight.svg"
    license_file = root / "usr/share/doc/rimlight/copyright"
    for path in (command, entry, icon, license_file):
        path.parent.mkdir(parents=True, exist_ok=True)
    command.write_text(f'#!/bin/sh\nexec /{HOME}/bin/python -m rimlight "$@"\n')
    command.chmod(0o755)
    entry.write_text(make_desktop_entry(("rimlight",)))
    shutil.copy(ICON_FILE, icon)
    shutil.copy(ROOT / "LICENSE", license_file)


def install_rimlight(root: Path) -> None:
    """Install rimlight and what it needs into a virtual environment in the tree."""
    home = root / HOME
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(home)], check=True)
    python = home / "bin" / "python"
    command = [sys.executable, "-m", "pip", "--python", str(python), "install", "--no-compile"]
    subprocess.run([*command, f"{ROOT}[{EXTRAS}]"], check=True)
    scripts = (home / "bin").iterdir()
    for path in scripts:  # their first lines name the folder that this was built in
        if not path.name.startswith("python"):
            path.unlink()
    config = home / "pyvenv.cfg"
    lines = [line for line in config.read_text().splitlines() if not line.startswith("command")]
    config.write_text("\n".join(lines) + "\n")


def build_package(root: Path, output: Path) -> Path:
    """Build the package of a tree; return its path."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    machine = sysconfig.get_platform().rpartition("-")[2]
    architecture = ARCHITECTURES.get(machine, machine)
    size_kb = sum(path.lstat().st_size for path in root.rglob("*")) // 1024
    control = root / "DEBIAN" / "control"
    control.parent.mkdir()
    control.write_text(make_control(version, architecture, size_kb))
    output.mkdir(parents=True, exist_ok=True)
    package = output / f"rimlight_{version}_{architecture}.deb"
    command = ["dpkg-deb", "--root-owner-group", "-Zzstd", "--build", str(root), str(package)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return package


def main() -> None:
    """Build the package."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("-o", "--output", type=Path, default=ROOT / "dist", help="folder")
    output = parser.parse_args().output
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "rimlight"
        root.mkdir(mode=0o755)
        install_rimlight(root)
        write_files(root)
        sys.stdout.write(f"{build_package(root, output)}\n")


if __name__ == "__main__":
    main()
