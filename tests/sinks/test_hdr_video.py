"""HDR video stays HDR: exact where effects leave it alone, SDR white at 203 nits elsewhere."""

import json
import subprocess
from fractions import Fraction

import cv2
import numpy as np
import pytest

from rimlight.cli import run_words
from rimlight.core.errors import ConfigError
from rimlight.core.frame import Mask
from rimlight.effects.replace import ReplaceEffect
from rimlight.imaging.hdr import HdrFormat, decode_light, map_to_sdr
from rimlight.media.verification import verify_video
from rimlight.pipeline.effects import apply_effects
from rimlight.sinks.delivery import find_target
from rimlight.sinks.video.sink import VideoSink
from rimlight.sources.video import VideoSource

SIZE = (256, 128)  # DNxHR begins at 256x120 pixels
CURVES = {"pq": "smpte2084", "hlg": "arib-std-b67"}
DISPLAY = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1)"
BACKGROUND = "white"


def make_hdr(path, transfer, *, seed=3, count=6):
    """Write an HDR clip of soft colors without loss; return its planes, uint16, by frame."""
    rng = np.random.default_rng(seed)
    form = f"colorprim=bt2020:transfer={CURVES[transfer]}:colormatrix=bt2020nc"
    params = f"log-level=error:lossless=1:{form}:master-display={DISPLAY}:max-cll=1000,400"
    width, height = SIZE
    frames = []
    for _ in range(count):
        coarse = (
            rng.integers(90, 900, (height // 16, width // 16)),
            *(rng.integers(440, 580, (height // 16, width // 16)) for _ in range(2)),
        )
        sizes = ((width, height), (width // 2, height // 2), (width // 2, height // 2))
        planes = [smooth(c, size) for c, size in zip(coarse, sizes, strict=True)]
        frames.append(planes)
    data = b"".join(plane.tobytes() for planes in frames for plane in planes)
    line = ["ffmpeg", "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "yuv420p10le"]
    line += ["-s", f"{width}x{height}", "-r", "5", "-i", "-", "-c:v", "libx265"]
    line += ["-x265-params", params, "-tag:v", "hvc1", str(path)]
    subprocess.run(line, input=data, check=True)
    return frames


def smooth(coarse, size):
    large = cv2.resize(coarse.astype(np.float32), size, interpolation=cv2.INTER_CUBIC)
    return np.clip(np.rint(large), 64, 940).astype("<u2")


@pytest.fixture(scope="module", params=["pq", "hlg"])
def clip(request, tmp_path_factory):
    path = tmp_path_factory.mktemp(request.param) / "in.mp4"
    frames = make_hdr(path, request.param)
    return path, request.param, frames


def left_half():
    """Return a mask that keeps the left half."""
    values = np.zeros((SIZE[1], SIZE[0], 1), np.float32)
    values[:, : SIZE[0] // 2] = 1
    return values


def make_mask():
    return Mask(left_half(), ("person",))


def write(path, out, *, effects=True, **options):
    """Process `path` with the left half kept before white, and write it."""
    source = VideoSource(VideoSource.Options(path=str(path)))
    sink = VideoSink(VideoSink.Options(path=out, **options), source.info)
    chosen = [ReplaceEffect(ReplaceEffect.Options(background=BACKGROUND))] if effects else []
    for frame in source:
        sink.write(apply_effects(chosen, frame, make_mask()))
    sink.close()
    source.close()
    return out


def read_planes(path, pixels="yuv420p10le"):
    """Return the planes of all frames as FFmpeg's command line decodes them."""
    line = ["ffmpeg", "-v", "error", "-i", str(path), "-f", "rawvideo", "-pix_fmt", pixels, "-"]
    data = np.frombuffer(subprocess.run(line, capture_output=True, check=True).stdout, "<u2")
    width, height = SIZE
    each = width * height * 3 // 2
    frames = data.reshape(-1, each)
    luma = width * height
    quarter = luma // 4
    return [
        (
            frame[:luma].reshape(height, width),
            frame[luma : luma + quarter].reshape(height // 2, width // 2),
            frame[luma + quarter :].reshape(height // 2, width // 2),
        )
        for frame in frames
    ]


@pytest.mark.parametrize("way", [{"resume": None}, {"resume": "a run", "segment_s": 1}])
def test_what_effects_leave_alone_is_the_input_to_the_bit(tmp_path, clip, way):
    path, transfer, frames = clip
    out = write(path, tmp_path / "out.mkv", codec="ffv1", **way)
    found = read_planes(out)
    assert len(found) == len(frames)
    white = {"pq": 572, "hlg": 721}[transfer]
    for planes, wanted in zip(found, frames, strict=True):
        for index, (plane, given) in enumerate(zip(planes, wanted, strict=True)):
            kept = plane.shape[1] // 2 - 12
            assert np.array_equal(plane[:, :kept], given[:, :kept])
            replaced = plane[:, plane.shape[1] // 2 + 12 :].astype(int)
            assert np.abs(replaced - (512 if index else white)).max() <= 2
    assert verify_video(out, against=path).differences == ()


def test_nothing_of_the_room_is_left_in_the_replaced_part(tmp_path, clip):
    path, transfer, _ = clip
    other = tmp_path / "other.mp4"
    make_hdr(other, transfer, seed=8)
    first = read_planes(write(path, tmp_path / "a.mkv", codec="ffv1"))
    second = read_planes(write(other, tmp_path / "b.mkv", codec="ffv1"))
    for one, two in zip(first, second, strict=True):
        for a, b in zip(one, two, strict=True):
            begin = a.shape[1] // 2 + 8
            assert np.array_equal(a[:, begin:], b[:, begin:])


@pytest.mark.parametrize(
    ("name", "codec"), [("o.mp4", "hevc"), ("o.webm", "av1"), ("o.mov", "hevc")]
)
def test_the_usual_codec_has_10_bits_and_keeps_the_metadata(tmp_path, clip, name, codec):
    path, transfer, _ = clip
    out = write(path, tmp_path / name)
    line = ["ffprobe", "-v", "error", "-of", "json", "-show_streams", "-show_frames"]
    shown = subprocess.run([*line, str(out)], capture_output=True, check=True).stdout
    found = json.loads(shown)
    stream, frame = found["streams"][0], found["frames"][0]
    assert (stream["codec_name"], stream["pix_fmt"]) == (codec, "yuv420p10le")
    assert stream["color_transfer"] == CURVES[transfer]
    assert (stream["color_primaries"], stream["color_space"]) == ("bt2020", "bt2020nc")
    assert codec != "hevc" or stream["codec_tag_string"] == "hvc1"
    sides = {side["side_data_type"]: side for side in frame.get("side_data_list", [])}
    assert codec != "hevc" or sides["Content light level metadata"]["max_content"] == 1000
    assert codec != "hevc" or "Mastering display metadata" in sides
    assert verify_video(out, against=path).differences == ()


def test_an_input_without_effects_is_the_same_to_the_bit_at_crf_0(tmp_path, clip):
    path, _, frames = clip
    out = write(path, tmp_path / "out.mp4", effects=False, crf=0)
    for planes, wanted in zip(read_planes(out), frames, strict=True):
        for plane, given in zip(planes, wanted, strict=True):
            assert np.array_equal(plane, given)


def test_tone_mapped_frames_agree_with_zscale_and_the_formula(clip):
    path, transfer, _ = clip
    source = VideoSource(VideoSource.Options(path=str(path), tone_map=True))
    assert source.info.hdr is None and source.info.transfer == 1
    (frame, *_) = list(source)
    source.close()
    signal = read_signal(path)[0]
    form = HdrFormat(transfer, 1000)
    wanted = map_to_sdr(signal, form, tone_map=True)
    luma = 16 + 219 * (wanted @ np.array([0.2126, 0.7152, 0.0722]))
    inside = ((wanted > 0.02) & (wanted < 0.98)).all(axis=-1)  # the others are cut off
    off = np.abs(frame.i420[: SIZE[1]].astype(float) - luma)[inside]
    assert frame.hdr is None
    assert inside.mean() > 0.2
    assert off.mean() < 0.8 and np.percentile(off, 99) < 4


def read_signal(path):
    """Return R'G'B' of each frame, float in 0..1, as zscale converts it."""
    line = ["ffmpeg", "-v", "error", "-i", str(path), "-vf", "zscale=m=gbr:r=full:f=bicubic"]
    line += ["-pix_fmt", "gbrpf32le", "-f", "rawvideo", "-"]
    data = np.frombuffer(subprocess.run(line, capture_output=True, check=True).stdout, "<f4")
    green, blue, red = np.moveaxis(data.reshape(-1, 3, SIZE[1], SIZE[0]), 1, 0)
    return np.stack([red, green, blue], axis=-1).astype(float)


def test_light_of_pq_agrees_with_zscale(tmp_path):
    path, transfer = tmp_path / "in.mp4", "pq"
    make_hdr(path, transfer, count=1)
    line = ["ffmpeg", "-v", "error", "-i", str(path), "-frames:v", "1"]
    line += ["-vf", "zscale=m=gbr:r=full:t=linear:npl=1000:f=bicubic,format=gbrpf32le"]
    line += ["-f", "rawvideo", "-"]
    data = np.frombuffer(subprocess.run(line, capture_output=True, check=True).stdout, "<f4")
    green, blue, red = data.reshape(3, SIZE[1], SIZE[0])
    linear = np.stack([red, green, blue], axis=-1) * 1000
    signal = read_signal(path)[0]
    nits = decode_light(signal, transfer)
    inside = ((signal > 0) & (signal < 0.75)).all(axis=-1)
    off = np.abs(nits - linear)[inside] / np.maximum(nits[inside], 1)
    assert inside.mean() > 0.3
    assert off.mean() < 0.01


def test_codecs_of_8_bits_and_alpha_refuse_hdr(tmp_path, clip):
    path, *_ = clip
    source = VideoSource(VideoSource.Options(path=str(path)))
    for options in ({"codec": "h264"}, {"deliver": "powerpoint"}):
        with pytest.raises(ConfigError, match="h264 is not written as HDR"):
            VideoSink(VideoSink.Options(path=tmp_path / "out.mp4", **options), source.info)
    with pytest.raises(ConfigError, match="HDR is not written with alpha"):
        VideoSink(VideoSink.Options(path=tmp_path / "out.mov", transparent=True), source.info)
    source.close()


@pytest.mark.parametrize("target", ["resolve", "premiere", "obs", "web"])
def test_programs_get_hdr_with_10_bits(tmp_path, clip, target):
    path, *_ = clip
    suffix = find_target(target).opaque.suffix
    out = write(path, tmp_path / f"out{suffix}", deliver=target)
    assert verify_video(out, against=path).differences == ()


def test_the_command_line_keeps_hdr_or_maps_it(tmp_path, clip, capsys):
    path, transfer, _ = clip
    kept, mapped = tmp_path / "kept.mp4", tmp_path / "mapped.mp4"
    line = ["process", str(path), "-b", "white", "-o"]
    assert run_words([*line, str(kept)]) == 0
    assert f"is HDR ({transfer.upper()}): kept" in capsys.readouterr().err
    assert run_words([*line, str(mapped), "--tone-map"]) == 0
    assert "tone-mapped to SDR" in capsys.readouterr().err
    assert run_words([*line, f"{tmp_path}/frames/"]) == 0
    assert "tone-mapped to SDR" in capsys.readouterr().err
    facts = verify_video(mapped).facts
    assert facts.colors.transfer == 1 and facts.pixel_format == "yuv420p"
    assert facts.times[1] == Fraction(1, 5)
