"""Results for a program have the form that its maker documents; a second decoder reads them."""

import json
import subprocess
from fractions import Fraction

import numpy as np
import pytest
from media import make_clip

from rimlight.cli import run_words
from rimlight.core.errors import ConfigError, SinkError
from rimlight.core.frame import Frame, SourceInfo
from rimlight.imaging.color import ColorSpace
from rimlight.imaging.image_files.exr import encode_exr, make_linear
from rimlight.sinks.delivery import complete_output, find_target, make_sink_options, read_targets
from rimlight.sinks.images import ImagesSink
from rimlight.sinks.video.delivery_check import DeliveryCheck
from rimlight.sinks.video.sink import VideoSink

VIDEO_TARGETS = [name for name, target in read_targets().items() if not target.is_image_sequence]
FORMS = [
    (name, transparent)
    for name in VIDEO_TARGETS
    for transparent in (False, True)
    if not transparent or find_target(name).transparent
]
CODECS = {"dnxhr": "dnxhd", "prores": "prores", "h264": "h264", "vp9": "vp9"}
SOUNDS = {"pcm": "pcm_s16le", "aac": "aac", "opus": "opus"}
SIZE = (256, 144)
BT601, BT709 = ColorSpace("bt601"), ColorSpace("bt709")
FULL_RANGE = ColorSpace("bt601", full_range=True)


def frames(count=5, *, transparent=False, color=BT601):
    """Yield frames of noise, with soft alpha if asked, at uneven times."""
    rng = np.random.default_rng(1)
    ramp = np.tile(np.linspace(0, 255, SIZE[0]).astype(np.uint8), (SIZE[1], 1))
    for index in range(count):
        i420 = rng.integers(90, 110, (SIZE[1] * 3 // 2, SIZE[0]), np.uint8)
        pts = Fraction(index * index + index, 100)
        frame = Frame.from_i420(i420, size=SIZE, index=index, pts=pts, captured_at=0.0, color=color)
        yield frame.with_alpha(np.roll(ramp, index, 1)) if transparent else frame


def write(path, name, clip=None, *, transparent=False, color=BT601, **options):
    info = SourceInfo(
        "made", SIZE, rate=Fraction(25), time_base=Fraction(1, 100), media_path=clip, color=color
    )
    made = VideoSink.Options(path=path, deliver=name, transparent=transparent, **options)
    sink = VideoSink(made, info)
    for frame in frames(transparent=transparent, color=color):
        sink.write(frame)
    sink.close()
    return path


def probe(path):
    line = ["ffprobe", "-v", "error", "-of", "json", "-show_streams", "-show_packets", str(path)]
    return json.loads(subprocess.run(line, capture_output=True, check=True).stdout)


def decode_alpha(path):
    """Return alpha of all frames as FFmpeg's command line decodes it."""
    decoder = ["-c:v", "libvpx-vp9"] if path.suffix == ".webm" else []
    line = ["ffmpeg", "-v", "error", "-xerror", *decoder, "-i", str(path), "-vf", "alphaextract"]
    line += ["-fps_mode", "passthrough", "-pix_fmt", "gray16le", "-f", "rawvideo", "-"]
    data = subprocess.run(line, capture_output=True, check=True).stdout
    levels = np.frombuffer(data, "<u2").reshape(-1, SIZE[1], SIZE[0])
    return np.rint(levels / 257).astype(np.uint8)


@pytest.mark.parametrize(("name", "transparent"), FORMS)
@pytest.mark.parametrize("color", [FULL_RANGE, BT709])
def test_a_result_has_the_form_of_its_target(tmp_path, name, transparent, color):
    form = find_target(name).choose_form(transparent=transparent)
    clip = make_clip(tmp_path / "in.mp4", seconds=1)
    out = tmp_path / f"out{form.suffix}"
    write(out, name, clip, transparent=transparent, color=color)
    found = probe(out)
    video = next(s for s in found["streams"] if s["codec_type"] == "video")
    sound = next(s for s in found["streams"] if s["codec_type"] == "audio")
    assert (video["codec_name"], sound["codec_name"]) == (CODECS[form.codec], SOUNDS[form.audio])
    assert (video["width"], video["height"]) == SIZE
    assert video.get("color_range") in ("tv", None)
    matrix = "bt709" if form.codec == "dnxhr" or color.matrix == "bt709" else "smpte170m"
    assert video["color_space"] in (matrix, "bt470bg" if matrix == "smpte170m" else matrix)
    packets = [p for p in found["packets"] if p["codec_type"] == "video"]
    times = sorted(float(packet["pts_time"]) for packet in packets)
    assert times == pytest.approx([0, 0.02, 0.06, 0.12, 0.2], abs=0.001)
    if transparent:
        wanted = np.stack([frame.alpha for frame in frames(transparent=True)])
        assert np.abs(decode_alpha(out).astype(int) - wanted).max() <= 1


def test_a_resumed_result_is_verified_as_a_whole(tmp_path):
    out = write(tmp_path / "out.webm", "web", transparent=True, resume="a run", segment_s=1)
    assert len([p for p in probe(out)["packets"] if p["codec_type"] == "video"]) == 5


def test_a_file_that_is_not_what_was_written_is_an_error_and_is_kept(tmp_path):
    out = write(tmp_path / "out.mp4", "web")
    info = SourceInfo("made", SIZE, rate=Fraction(25), time_base=Fraction(1, 100))
    plan = VideoSink.plan(VideoSink.Options(path=out, deliver="web"))
    check = DeliveryCheck(plan, info)
    for frame in frames(6):
        check.add(frame)
    with pytest.raises(SinkError, match=r"frames: 5, not 6; sound: 0 tracks, not 1"):
        check.run(out, earlier_frames=0, sounds=1)
    assert out.exists()


def test_the_suffix_is_added_or_checked(tmp_path):
    assert complete_output("cut", "web", transparent=True) == "cut.webm"
    assert complete_output("cut", "resolve", transparent=False) == "cut.mov"
    assert complete_output("cut", "nuke", transparent=True) == "cut/"
    with pytest.raises(ConfigError, match="gets a folder"):
        complete_output("cut.mov", "nuke", transparent=True)
    with pytest.raises(ConfigError, match="gets a video"):
        complete_output("cut.png", "web", transparent=True)
    with pytest.raises(ConfigError, match=r"gets opaque video as \.mp4, not \.mkv"):
        VideoSink.plan(VideoSink.Options(path=tmp_path / "out.mkv", deliver="web"))
    with pytest.raises(ConfigError, match="plays no transparent video"):
        complete_output("cut", "powerpoint", transparent=True)
    with pytest.raises(ConfigError, match="unknown target 'rezolve'"):
        complete_output("cut", "rezolve", transparent=True)


def test_the_targets_are_listed_with_the_documents_of_their_makers(capsys):
    assert run_words(["options", "deliver"]) == 0
    listed = capsys.readouterr().out
    assert all(f"deliver.{name}" in listed for name in read_targets())
    assert all(target.documents for target in read_targets().values())


@pytest.mark.parametrize("alpha", ["straight", "premultiplied"])
def test_openexr_holds_linear_light_as_a_second_decoder_reads_it(tmp_path, alpha):
    (frame,) = frames(1, transparent=True)
    sink = ImagesSink(
        ImagesSink.Options(path=tmp_path / "out", format="exr", alpha=alpha, transparent=True),
        SourceInfo("made", SIZE),
    )
    sink.write(frame)
    sink.close()
    line = ["ffmpeg", "-v", "error", "-i", str(tmp_path / "out/frame_000000.exr")]
    line += ["-pix_fmt", "gbrapf32le", "-f", "rawvideo", "-"]
    data = subprocess.run(line, capture_output=True, check=True).stdout
    planes = np.frombuffer(data, "<f4").reshape(4, SIZE[1], SIZE[0])[[2, 0, 1, 3]]
    wanted = make_linear(frame.bgr, frame.alpha, premultiplied=alpha == "premultiplied")
    assert np.abs(planes.transpose(1, 2, 0) - wanted).max() < 2**-11


def test_an_opaque_openexr_has_no_alpha(tmp_path):
    (frame,) = frames(1)
    path = tmp_path / "out.exr"
    path.write_bytes(encode_exr(frame.bgr, None, premultiplied=False))
    assert probe(path)["streams"][0]["pix_fmt"] == "gbrpf32le"


def test_a_png_of_16_bits_holds_the_same_levels(tmp_path):
    import cv2

    (frame,) = frames(1, transparent=True)
    sink = ImagesSink(
        ImagesSink.Options(path=tmp_path / "out", format="png16"), SourceInfo("made", SIZE)
    )
    sink.write(frame)
    sink.close()
    stored = cv2.imread(str(tmp_path / "out/frame_000000.png"), cv2.IMREAD_UNCHANGED)
    assert stored.dtype == np.uint16
    assert np.array_equal(stored[..., :3], frame.bgr.astype(np.uint16) * 257)
    assert np.array_equal(stored[..., 3], frame.alpha.astype(np.uint16) * 257)


def test_a_target_of_images_sets_the_options_of_images():
    assert make_sink_options("nuke") == {"images": {"format": "exr", "alpha": "premultiplied"}}
    assert make_sink_options("web") == {"video": {"deliver": "web"}}
    assert make_sink_options(None) == {}


def test_the_command_line_delivers(tmp_path, capsys):
    clip = make_clip(tmp_path / "in.mp4", seconds=1)
    line = ["process", str(clip), "-b", "none", "--deliver", "web", "-o", str(tmp_path / "out")]
    assert run_words([*line, "--quiet"]) == 0
    assert run_words(["verify", str(tmp_path / "out.webm"), "--against", str(clip)]) == 0
