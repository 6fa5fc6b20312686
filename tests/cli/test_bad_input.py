"""Each mistake that a user makes gives one line, one hint, an exit code, and leaves nothing."""

import os
import shutil

import cv2
import numpy as np
import pytest

from rimlight import cli
from rimlight.system import app_paths

WHITE = ("--background", "white")


def test_missing_file(refused, tmp_path):
    refused("process", "no.mp4", *WHITE, "-o", "out.mp4", code=3, says="no.mp4", hint="path")


def test_text_file_named_mp4(refused, tmp_path):
    (tmp_path / "notes.mp4").write_text("this is no video\n" * 50)
    refused("process", "notes.mp4", *WHITE, "-o", "out.mp4", code=3, says="notes.mp4", hint="")


def test_zero_byte_file(refused, tmp_path):
    (tmp_path / "empty.mp4").touch()
    refused("process", "empty.mp4", *WHITE, "-o", "out.mp4", code=3, says="empty.mp4", hint="")


def test_truncated_file_keeps_what_decodes(rimlight, tmp_path, cut_short):
    done = rimlight("process", cut_short, *WHITE, "-o", "out.mp4")
    assert done.returncode == 3
    assert "could be read" in done.stderr and "Traceback" not in done.stderr
    frames = cv2.VideoCapture(str(tmp_path / "out.mp4")).get(cv2.CAP_PROP_FRAME_COUNT)
    assert 20 < frames < 150


def test_unreadable_folder(refused, tmp_path):
    folder = tmp_path / "locked"
    folder.mkdir(mode=0)
    if os.access(folder, os.R_OK):  # root reads anything
        pytest.skip("this user may read every folder")
    refused("process", "locked", *WHITE, "-o", "out/", code=3, says="locked", hint="permission")


def test_empty_folder(refused, tmp_path):
    (tmp_path / "none").mkdir()
    refused("process", "none", *WHITE, "-o", "out/", code=3, says="none", hint="jpg")


def test_unknown_model(refused, clip):
    refused(
        "process", clip, *WHITE, "-m", "selfy", "-o", "out.mp4",
        code=4, says="'selfy'", hint="did you mean 'selfie'?",
    )  # fmt: skip


def test_corrupted_model(refused, tmp_path, clip):
    good = app_paths.find_data_folder("models") / "selfie_segmentation.tflite"
    data = bytearray(good.read_bytes())
    data[1000:1100] = bytes(100)
    (tmp_path / "selfie_segmentation.tflite").write_bytes(data)
    shutil.copy(app_paths.find_data_folder("models") / "selfie.yaml", tmp_path / "mine.yaml")
    refused(
        "process", clip, *WHITE, "-m", tmp_path / "mine.yaml", "-o", "out.mp4",
        code=4, says="sha256", hint="",
    )  # fmt: skip


def test_model_file_that_is_none(refused, tmp_path, clip):
    (tmp_path / "broken.tflite").write_bytes(b"TFL3" * 100)
    refused(
        "process", clip, *WHITE, "-m", "broken.tflite", "-o", "out.mp4",
        code=4, says="broken.tflite", hint="",
    )  # fmt: skip


def test_card_that_disagrees_with_its_file(refused, tmp_path, clip):
    models = app_paths.find_data_folder("models")
    shutil.copy(models / "selfie_segmentation.tflite", tmp_path)
    card = (models / "selfie.yaml").read_text().replace("[256, 256]", "[256, 128]")
    (tmp_path / "mine.yaml").write_text(card)
    done = refused(
        "process", clip, *WHITE, "-m", tmp_path / "mine.yaml", "-o", "out.mp4",
        code=4, says="256", hint="",
    )  # fmt: skip
    assert "128" in done.stderr


def test_output_folder_missing(refused, clip):
    refused("process", clip, *WHITE, "-o", "no/out.mp4", code=5, says="no", hint="mkdir -p")


def test_output_folder_not_writable(refused, clip):
    refused("process", clip, *WHITE, "-o", "/proc/out.mp4", code=5, says="/proc", hint="")


def test_output_equal_to_input(refused, tmp_path, clip):
    shutil.copy(clip, tmp_path / "a.mp4")
    before = (tmp_path / "a.mp4").read_bytes()
    refused("process", "a.mp4", *WHITE, "-o", "./a.mp4", code=5, says="a.mp4", hint="another")
    assert (tmp_path / "a.mp4").read_bytes() == before


def test_alpha_asked_of_mp4(refused, clip):
    refused(
        "process", clip, "--background", "none", "-o", "out.mp4",
        code=2, says="cannot hold", hint=".mov",
    )  # fmt: skip


def test_camera_absent(refused):
    refused(
        "live", "--source", "/dev/video97", "--sink", "null",
        code=3, says="/dev/video97", hint="/dev/video",
    )  # fmt: skip


def test_no_virtual_camera(refused):
    refused(
        "live", "--source", "test-pattern:64x48", "--sink", "virtual-camera:/dev/video98",
        code=5, says="virtual", hint="modprobe v4l2loopback",
    )  # fmt: skip


def test_no_display(refused):
    refused(
        "live", "--source", "test-pattern:64x48", "--sink", "window",
        code=5, says="display", hint="sink virtual-camera",
    )  # fmt: skip


def test_neither_display_nor_virtual_camera_by_default(refused):
    refused("live", "--source", "test-pattern:64x48", code=5, says="virtual", hint="")


def test_unknown_config_key(refused, tmp_path):
    (tmp_path / "run.yaml").write_text("pipeline: {queue_sise: 2}\n")
    refused(
        "live", "--config", "run.yaml", "--dry-run",
        code=2, says="pipeline.queue_sise", hint="did you mean 'queue_size'?",
    )  # fmt: skip


def test_wrong_type_in_config(refused, tmp_path):
    (tmp_path / "run.yaml").write_text("pipeline: {queue_size: many}\n")
    refused("live", "--config", "run.yaml", code=2, says="got 'many'", hint="")


def test_unknown_option_of_a_part(refused, clip):
    refused(
        "process", clip, *WHITE, "-o", "out.mp4", "--set", "sinks.0.crv=3",
        code=2, says="crv", hint="did you mean 'crf'?",
    )  # fmt: skip


def test_background_that_is_no_picture(refused, tmp_path, clip):
    (tmp_path / "beach.jpg").write_text("no picture")
    refused(
        "process", clip, "--background", "beach.jpg", "-o", "out.mp4",
        code=2, says="beach.jpg", hint="",
    )  # fmt: skip


def test_both_background_and_blur(refused, clip):
    refused(
        "process", clip, *WHITE, "--blur", "5", "-o", "o.mp4", code=2, says="one of", hint="--blur"
    )


@pytest.mark.parametrize("size", [(641, 361), (1, 40)])
def test_odd_picture_sizes_are_fine(rimlight, tmp_path, size):
    width, height = size
    cv2.imwrite(str(tmp_path / "odd.png"), np.full((height, width, 3), 90, np.uint8))
    done = rimlight("process", "odd.png", *WHITE, "-o", "white.png")
    assert done.returncode == 0, done.stderr
    assert cv2.imread(str(tmp_path / "white.png")).shape == (height, width, 3)


@pytest.mark.parametrize("kind", ["alpha", "gray", "16-bit", "cmyk"])
def test_unusual_background_pictures_are_fine(rimlight, tmp_path, background_of, kind):
    cv2.imwrite(str(tmp_path / "in.png"), np.full((48, 64, 3), 90, np.uint8))
    done = rimlight("process", "in.png", "-b", background_of(kind), "-o", "out.png")
    assert done.returncode == 0, done.stderr
    shown = cv2.imread(str(tmp_path / "out.png"))
    assert np.abs(shown[2, 2].astype(int) - (200, 200, 200)).max() <= 6


@pytest.fixture
def cut_short(tmp_path, clip):
    """The sample with its index in front, cut in the middle of its frames."""
    import subprocess

    whole = tmp_path / "whole.mp4"
    subprocess.run(
        ["ffmpeg", "-v", "error", "-i", clip, "-c", "copy", "-movflags", "+faststart", whole],
        check=True,
    )
    data = whole.read_bytes()
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(data[: int(len(data) * 0.6)])
    return cut


@pytest.fixture
def background_of(tmp_path):
    """Make a background of an unusual kind, light gray where it is opaque."""
    from PIL import Image

    def make(kind):
        path = tmp_path / f"back-{kind}.{'jpg' if kind == 'cmyk' else 'png'}"
        gray = np.full((48, 64), 200, np.uint8)
        if kind == "alpha":
            cv2.imwrite(str(path), np.dstack([gray] * 3 + [np.full_like(gray, 255)]))
        elif kind == "gray":
            cv2.imwrite(str(path), gray)
        elif kind == "16-bit":
            cv2.imwrite(str(path), np.dstack([gray.astype(np.uint16) * 257] * 3))
        else:
            Image.new("RGB", (64, 48), (200, 200, 200)).convert("CMYK").save(path, quality=95)
        return path

    return make


TRAIN = ("-c", app_paths.find_data_folder("configs") / "train-person.yaml", "photos")


@pytest.mark.parametrize(
    "command",
    [
        ("export", "best.keras", "-o", "file/x.tflite"),
        ("models", "import-openvino", "a.xml", "--output", "file/x"),
        ("train", *TRAIN, "-o", "file/x"),
        ("distill", *TRAIN, "--teacher", "selfie", "-o", "file/x"),
        ("prune", "best.keras", "-o", "file/x"),
        ("road", "drive.mp4", "--report", "file/x"),
    ],
    ids=lambda command: command[0],
)
def test_a_folder_that_cannot_be_made_is_refused_before_the_work(refused, tmp_path, command):
    (tmp_path / "file").touch()
    refused(*command, code=5, says="file is not a folder", hint="another")


@pytest.mark.parametrize("source", ["~nobody.mp4", "~nobody.jpg", f"{'a' * 300}.mp4"])
def test_names_of_nobody_and_names_too_long(refused, source):
    refused("process", source, *WHITE, "-o", "o.mp4", code=3, says=source, hint="path")


LONG = "a" * 300


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (("process", "a.mp4", "-b", "white", "-o", LONG), 2),
        (("eval", LONG), 3),
        (("models", "show", "selfie", "--models-dir", LONG), 4),
    ],
)
def test_names_too_long_for_any_file_are_refused_wherever_they_stand(refused, args, code):
    refused(*args, code=code, says=LONG, hint="")


def test_opencv_without_memory_is_no_bug_of_ours(capsys):
    with pytest.raises(cv2.error) as caught:
        cv2.resize(np.zeros((1, 1), np.uint8), (2**30, 2**30))
    assert cli._fail_unexpected(caught.value) == 1
    assert capsys.readouterr().err.startswith("error: there is not enough memory\n")
