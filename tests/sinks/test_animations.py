"""Animated GIF, WebP and AVIF, read back with Pillow."""

import subprocess
from fractions import Fraction

import cv2
import numpy as np
import pytest
from PIL import Image

from rimlight.cli import run_words
from rimlight.core.errors import ConfigError
from rimlight.core.frame import Frame, SourceInfo
from rimlight.sinks import guess_sink
from rimlight.sinks.video.sink import VideoSink

SIZE = (64, 48)


def frames(count=6, *, transparent=True, rate=10):
    for index in range(count):
        bgr = np.full((SIZE[1], SIZE[0], 3), (200, 90, 30 * index), np.uint8)
        alpha = np.zeros(SIZE[::-1], np.uint8)
        cv2.circle(alpha, (24 + 2 * index, 24), 18, 255, -1)
        frame = Frame.from_bgr(bgr, index=index, pts=Fraction(index, rate), captured_at=0.0)
        yield frame.with_alpha(alpha) if transparent else frame


def write(path, *, transparent=True, rate=10, **options):
    info = SourceInfo("made", SIZE, rate=Fraction(rate), time_base=Fraction(1, rate))
    sink = VideoSink(VideoSink.Options(path=path, transparent=transparent, **options), info)
    for frame in frames(transparent=transparent, rate=rate):
        sink.write(frame)
    sink.close()
    return path


def read(path):
    """Return duration in ms and RGBA of each frame."""
    found = []
    with Image.open(path) as image:
        for index in range(image.n_frames):
            image.seek(index)
            image.load()
            found.append((image.info["duration"], np.asarray(image.convert("RGBA")).astype(int)))
    return found


@pytest.mark.parametrize("name", ["out.gif", "out.webp"])
@pytest.mark.parametrize("way", [{}, {"resume": "a run"}])
def test_an_animation_keeps_times_colors_and_alpha(tmp_path, name, way):
    found = read(write(tmp_path / name, **way))
    assert [duration for duration, _ in found] == pytest.approx([100] * 6, abs=1)
    for (_, rgba), frame in zip(found, frames(), strict=True):
        assert np.array_equal(rgba[..., 3], frame.alpha)
        inner = rgba[16:32, 24:30, :3] - frame.bgr[16:32, 24:30, ::-1].astype(int)
        assert np.abs(inner).max() <= 8
    assert not list(tmp_path.glob(".*"))


def test_an_avif_animation_is_opaque(tmp_path):
    found = read(write(tmp_path / "out.avif", transparent=False))
    assert [duration for duration, _ in found] == pytest.approx([100] * 6, abs=1)
    assert np.abs(found[3][1][20, 20] - (90, 90, 200, 255)).max() <= 6
    with pytest.raises(ConfigError, match="avif cannot hold alpha"):
        VideoSink.plan(VideoSink.Options(path=tmp_path / "out.avif", transparent=True))


def test_a_webp_of_a_video_moves_and_one_of_an_image_does_not():
    assert guess_sink("out.webp", moves=True)["kind"] == "video"
    assert guess_sink("out.webp")["kind"] == "images"
    assert guess_sink("out.gif")["kind"] == "video"


def test_a_gif_of_too_many_frames_a_second_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="gif holds 50 frames a second at most, not 60"):
        write(tmp_path / "out.gif", rate=60)


def test_the_command_line_writes_an_animation_without_sound(tmp_path, caplog):
    clip = tmp_path / "in.mp4"
    line = "ffmpeg -v error -f lavfi -i testsrc=s=64x48:r=10:d=1 -f lavfi -i sine=d=1 -c:a aac"
    subprocess.run([*line.split(), str(clip)], check=True)
    out = tmp_path / "out.webp"
    assert run_words(["process", str(clip), "--blur", "2", "-o", str(out)]) == 0
    assert len(read(out)) == 10
    assert "sound (aac) left out: webp cannot hold it" in caplog.text
    assert run_words(["process", str(clip), "-b", "red", "-o", str(out)]) != 0
