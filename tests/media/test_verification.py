"""A video is verified by decoding it: alone, and against the file that it was made of."""

import subprocess

import pytest

from rimlight.cli import run_words
from rimlight.media.inspection import inspect_video
from rimlight.media.verification import verify_video

PICTURE = "testsrc=s=64x48:r=25:d=1"
TAGS = "-colorspace bt709 -color_trc bt709 -color_primaries bt709 -color_range tv"
CODED = f"-c:v libx264 -preset ultrafast -pix_fmt yuv420p {TAGS}"


def make(path, *, picture=PICTURE, video=CODED, sound="-c:a aac", length=1):
    """Write a clip with FFmpeg's command line."""
    line = f"ffmpeg -v error -y -f lavfi -i {picture} -f lavfi -i sine=d={length} {video} {sound}"
    subprocess.run([*line.split(), str(path)], check=True)
    return path


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return make(tmp_path_factory.mktemp("clips") / "in.mp4")


def test_a_whole_file_has_no_difference_and_its_facts_are_read(clip):
    result = verify_video(clip, against=clip)
    assert result.differences == ()
    assert len(result.facts.times) == 25 and result.facts.end == 1
    assert result.facts.codec_tag == "avc1" and result.facts.colors.matrix == 1
    assert [sound.codec for sound in result.facts.sounds] == ["aac"]


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({"picture": "testsrc=s=64x48:r=25:d=0.8"}, "frames: 20, not 25"),
        ({"picture": "testsrc=s=64x48:r=50:d=0.5"}, "times: 24 frames moved"),
        ({"picture": "testsrc=s=80x48:r=25:d=1"}, "size: 80x48, not 64x48"),
        ({"video": CODED.replace("-colorspace bt709", "-colorspace bt2020nc")}, "color matrix"),
        ({"video": CODED.replace("-color_trc bt709", "-color_trc smpte2084")}, "transfer: PQ"),
        ({"video": CODED.replace("range tv", "range pc")}, "color range: full, not limited"),
        ({"sound": "-an"}, "sound: 0 tracks, not 1"),
        ({"length": 0.5}, "sound 1: ends at"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_difference_to_the_input_is_one_line(tmp_path, clip, changes, wanted):
    out = make(tmp_path / "out.mp4", **changes)
    found = verify_video(out, against=clip).differences
    assert any(wanted in line for line in found)
    assert verify_video(out).differences == ()


def test_alpha_may_differ_by_a_level_and_no_more(tmp_path):
    def write(name, alpha):
        picture = f"color=red:s=64x48:r=5:d=1,format=rgba,colorchannelmixer=aa={alpha}"
        return make(tmp_path / name, picture=picture, video="-c:v png")

    given, near, far = write("in.mov", 0.5), write("near.mov", 0.504), write("far.mov", 0.55)
    opaque = write("opaque.mov", 1)
    assert verify_video(near, against=given).differences == ()
    assert "alpha: differs by 1" in verify_video(far, against=given).differences[0]
    assert "alpha: opaque, not transparent" in verify_video(opaque, against=given).differences


@pytest.mark.parametrize("pixels", ["yuva444p10le", "yuva420p", "bgra"])
def test_alpha_is_read_from_every_layout(tmp_path, pixels):
    codec = "prores_ks -profile:v 4" if "10" in pixels else "ffv1"
    picture = "color=red:s=64x48:r=5:d=1,format=rgba,colorchannelmixer=aa=0.5"
    path = make(tmp_path / "in.mkv", picture=picture, video=f"-c:v {codec} -pix_fmt {pixels}")
    assert inspect_video(path).is_transparent


def test_a_damaged_file_is_named_and_the_exit_code_is_not_zero(tmp_path, clip, capsys):
    data = bytearray(clip.read_bytes())
    begin = data.index(b"mdat") + 3000
    data[begin : begin + 900] = b"\xff" * 900
    path = tmp_path / "broken.mp4"
    path.write_bytes(data)
    assert run_words(["verify", str(path)]) == 1
    assert "broken.mp4: " in capsys.readouterr().out
    assert run_words(["verify", str(clip), "--against", str(clip)]) == 0
    assert "in.mp4: ok: 25 frames" in capsys.readouterr().out


def test_a_file_that_is_no_video_is_an_error(tmp_path, capsys):
    (tmp_path / "text.mp4").write_text("no video")
    assert run_words(["verify", str(tmp_path / "text.mp4")]) == 3
    assert "not a readable video" in capsys.readouterr().err
