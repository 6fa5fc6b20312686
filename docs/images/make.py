"""Makes the pictures of the README out of the shipped samples.

    python docs/images/make.py        # needs chromium for report.png and panel.jpg

person.jpg: input, mask and two results of `rimlight demo`. road.jpg: a frame of the sample road,
as it is and as `rimlight road` paints it. report.png: the top of the page of `--report`.
panel.jpg: the panel of a live run of the sample portrait.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np

HERE = Path(__file__).parent
SAMPLES = HERE.parents[1] / "samples"
RIMLIGHT = [sys.executable, "-m", "rimlight"]
PERSON_SIZE, ROAD_SIZE = (960, 540), (480, 270)
REPORT_SIZE = "1000,1000"
PANEL_SIZE = {"width": 1180, "height": 716}
PANEL_MS = 30_000
"""How long the panel runs for its plots."""
BROWSER = [
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--hide-scrollbars",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip


def main() -> None:
    """Write the four pictures next to this script."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_person(folder)
        make_road(folder)
        make_report(folder)
        make_panel(folder)


def make_person(folder: Path) -> None:
    """Write person.jpg: the picture that the demo leaves, at half its size."""
    subprocess.run([*RIMLIGHT, "demo", "-o", folder / "demo"], check=True)
    write_jpeg("person.jpg", cv2.resize(read(folder / "demo" / "compare.png"), PERSON_SIZE))


def make_road(folder: Path) -> None:
    """Write road.jpg, and the report's page into `folder`."""
    words = ["road", SAMPLES / "road.mp4", "-o", folder / "road.mp4", "--report", folder / "report"]
    subprocess.run([*RIMLIGHT, *words], check=True)
    clips = (SAMPLES / "road.mp4", folder / "road.mp4")
    write_jpeg("road.jpg", np.hstack([cv2.resize(read_frame(clip), ROAD_SIZE) for clip in clips]))


def make_report(folder: Path) -> None:
    """Write report.png: a browser's picture of the page."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        raise SystemExit("report.png stays as it was: it needs chromium")
    shot = folder / "report.png"
    page = (folder / "report" / "index.html").as_uri()
    profile = f"--user-data-dir={folder / 'profile'}"
    words = [profile, f"--window-size={REPORT_SIZE}", f"--screenshot={shot}", page]
    subprocess.run([browser, *BROWSER, *words], check=True, capture_output=True)
    small = cv2.resize(read(shot), None, fx=0.7, fy=0.7, interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(HERE / "report.png"), small, [cv2.IMWRITE_PNG_COMPRESSION, 9])


def make_panel(folder: Path) -> None:
    """Write panel.jpg: a browser's picture of the panel."""
    from playwright.sync_api import sync_playwright

    sys.path.insert(0, str(HERE.parents[1] / "tests"))
    from live_program import Program

    words = ["live", "--source", str(SAMPLES / "portrait.mp4"), "--loop", "--sink", "null"]
    options = ["--panel", "--panel-port", "0", "--blur", "12"]
    with Program(folder).start(*words, *options) as url, sync_playwright() as playwright:
        path = shutil.which("chromium") or shutil.which("google-chrome")
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        page = browser.new_page(viewport=PANEL_SIZE)
        page.goto(url)
        page.wait_for_timeout(PANEL_MS)
        page.screenshot(path=HERE / "panel.jpg", quality=85)
        browser.close()


def read(path: Path) -> np.ndarray:
    """Return a picture, BGR uint8 (h, w, 3)."""
    picture = cv2.imread(str(path))
    assert picture is not None, path
    return picture


def read_frame(path: Path, number: int = 60) -> np.ndarray:
    """Return one frame of a video, BGR uint8 (h, w, 3)."""
    clip = cv2.VideoCapture(str(path))
    clip.set(cv2.CAP_PROP_POS_FRAMES, number)
    found, frame = clip.read()
    assert found, path
    return frame


def write_jpeg(name: str, picture: np.ndarray) -> None:
    """Write `picture` next to this script."""
    cv2.imwrite(str(HERE / name), picture, [cv2.IMWRITE_JPEG_QUALITY, 85])


if __name__ == "__main__":
    main()
