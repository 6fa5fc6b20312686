"""`rimlight process` on pictures: kinds, lists, products, and a folder that is watched."""

import signal
import subprocess
import sys

import cv2
import pytest
from PIL import Image, ImageCms

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@pytest.fixture
def photos(tmp_path, clip):
    """Three photos, one of them in a folder of its own."""
    video = cv2.VideoCapture(str(clip))
    for name in ("a.jpg", "b.jpg", "deep/c.jpg"):
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        picture = cv2.cvtColor(video.read()[1], cv2.COLOR_BGR2RGB)
        Image.fromarray(picture).save(path, dpi=(300, 300), icc_profile=SRGB)
    return tmp_path / "photos"


def made(folder):
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*.*"))


def test_folders_profile_and_resolution_are_kept_in_another_kind(rimlight, tmp_path, photos):
    done = rimlight("process", "photos", "-r", "-b", "none", "--format", "webp", "-o", "out/")
    assert done.returncode == 0, done.stderr
    assert made(tmp_path / "out") == ["a.webp", "b.webp", "deep/c.webp"]
    with Image.open(tmp_path / "out/deep/c.webp") as opened:
        assert opened.mode == "RGBA" and opened.info["icc_profile"] == SRGB
        assert opened.getexif()[282] == 300


def test_a_list_of_pictures(rimlight, tmp_path, photos):
    (tmp_path / "list.txt").write_text("photos/b.jpg\nphotos/deep/c.jpg\n")
    done = rimlight("process", "@list.txt", "-b", "white", "-o", "out/")
    assert done.returncode == 0, done.stderr
    assert made(tmp_path / "out") == ["b.jpg", "deep/c.jpg"]


def test_products_have_one_size_and_a_white_corner(rimlight, tmp_path, photos):
    flags = ("--trim", "--margin", "8%", "--square", "--output-size", 200, "--shadow")
    done = rimlight("process", "photos", "-b", "white", *flags, "-o", "shop/")
    assert done.returncode == 0, done.stderr
    picture = cv2.imread(str(tmp_path / "shop/a.jpg"))
    assert picture.shape == (200, 200, 3) and (picture[:5] > 250).all()


def test_a_video_becomes_a_sequence_of_webp(rimlight, tmp_path, clip):
    args = ("-b", "none", "--format", "webp", "--end", "0.2", "-o", "out/")
    done = rimlight("process", clip, *args)
    assert done.returncode == 0, done.stderr
    assert made(tmp_path / "out")[0] == "frame_000000.webp"
    with Image.open(tmp_path / "out/frame_000000.webp") as opened:
        assert opened.mode == "RGBA"


@pytest.mark.parametrize("flag", [("--trim",), ("--margin", "8%"), ("--shadow",)])
def test_flags_for_pictures_are_refused_for_a_video(refused, clip, flag):
    args = ("process", clip, "-b", "white", *flag, "-o", "o.mp4")
    refused(*args, code=2, says=f"{flag[0]} needs images", hint="remove it")


def test_results_may_not_lie_in_what_is_watched(refused, photos):
    args = ("process", photos, "--watch", "-b", "white", "-o", photos)
    refused(*args, code=2, says="lies in the watched folder", hint="another folder")


def test_a_watched_folder_takes_what_comes_until_ctrl_c(tmp_path, photos):
    command = ("process", "photos", "--watch", "-b", "white", "-o", "out/")
    running = subprocess.Popen(
        [sys.executable, "-m", "rimlight", *command],
        cwd=tmp_path, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    whole = (photos / "a.jpg").read_bytes()
    wait_for(running, tmp_path / "out/b.jpg")
    with (photos / "late.jpg").open("wb") as file:
        file.write(whole[:999])
        file.flush()
        file.write(whole[999:])
    wait_for(running, tmp_path / "out/late.jpg")
    running.send_signal(signal.SIGINT)
    _, told = running.communicate(timeout=60)
    assert running.returncode == 0, told
    assert "watching photos" in told and "3 frames" in told and "Traceback" not in told
    record, *pictures = made(tmp_path / "out")
    assert record.startswith(".rimlight-") and pictures == ["a.jpg", "b.jpg", "late.jpg"]


def test_a_watcher_that_is_started_again_does_what_is_missing(tmp_path, photos):
    command = [sys.executable, "-m", "rimlight", "process", "photos", "--watch", "-b", "white"]
    (tmp_path / "out").mkdir()
    kept = tmp_path / "out" / "a.jpg"
    kept.write_bytes(b"made by an earlier run")
    with subprocess.Popen([*command, "-o", "out/"], cwd=tmp_path, stderr=subprocess.PIPE) as again:
        wait_for(again, tmp_path / "out/b.jpg")
        again.send_signal(signal.SIGINT)
        assert b"left out 1 of them" in again.communicate(timeout=60)[1]
    assert kept.read_bytes() == b"made by an earlier run"
    with subprocess.Popen([*command, "-o", "out/", "--overwrite", "-q"], cwd=tmp_path) as anew:
        while kept.stat().st_size < 100:
            assert anew.poll() is None
        anew.send_signal(signal.SIGINT)


def wait_for(running, path):
    while running.poll() is None and not path.exists():
        pass
    assert running.poll() is None, running.communicate()
