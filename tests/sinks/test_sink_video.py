"""What VideoSink writes, read back with real decoders."""

import logging
import os
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from fakes import make_frame, make_info
from media import pictures, source_frames, source_info, times

from rimlight.core.errors import ConfigError, SinkError
from rimlight.core.frame import Frame
from rimlight.core.options import validate
from rimlight.imaging.color import ColorSpace
from rimlight.sinks.video.sink import VideoSink
from rimlight.system import app_paths
from rimlight.system.av import av

UNEVEN = [Fraction(n, 30) for n in (1, 2, 3, 4, 7, 8, 9, 11)]


def record(path, frames, info=None, **options):
    sink = VideoSink(VideoSink.Options(path=path, **options), info or make_info())
    for frame in frames:
        sink.write(frame)
    sink.close()
    return path


def frames_at(moments, size=(64, 48)):
    return [replace(make_frame(i, size), pts=pts) for i, pts in enumerate(moments)]


@pytest.fixture
def sample_frames():
    return list(islice(source_frames(app_paths.find_data_folder("samples") / "portrait.mp4"), 25))


def see_through(index, size=(64, 48)):
    alpha = np.full((size[1], size[0]), 255, np.uint8)
    alpha[:, : size[0] // 2] = 0
    return make_frame(index, size).with_alpha(alpha)


@pytest.mark.parametrize(
    ("name", "codec"),
    [("a.mp4", "h264"), ("a.mp4", "h265"), ("a.mp4", "av1"), ("a.mov", "prores"), ("a.m4v", "vp9")],
)
def test_uneven_times_and_a_late_start_are_kept_exactly(tmp_path, name, codec):
    assert times(record(tmp_path / name, frames_at(UNEVEN), codec=codec)) == UNEVEN


@pytest.mark.parametrize("name", ["a.mkv", "a.webm"])
def test_matroska_keeps_times_to_the_millisecond(tmp_path, name):
    written = times(record(tmp_path / name, frames_at(UNEVEN)))
    assert [round(1000 * pts) for pts in UNEVEN] == [1000 * pts for pts in written]


@pytest.mark.parametrize("codec", ["h264", "h265", "av1"])
def test_the_last_frame_is_shown_until_the_streams_end(tmp_path, codec):
    info = make_info(duration_s=12 / 30)
    with av.open(str(record(tmp_path / "a.mp4", frames_at(UNEVEN), info, codec=codec))) as clip:
        video = clip.streams.video[0]
        assert video.duration * video.time_base == Fraction(12, 30)


def test_live_times_begin_at_zero_and_are_kept_to_the_microsecond(tmp_path):
    info = replace(make_info(is_live=True), time_base=None)
    moments = [Fraction(s) for s in ("5.000001", "5.033378", "5.1")]
    written = times(record(tmp_path / "a.mp4", frames_at(moments), info))
    assert written == [moment - moments[0] for moment in moments]


@pytest.mark.parametrize(
    "clip",
    [
        "outdoor-360p.mp4",
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in (
                "desk-540p.mp4",
                "portrait-720p.mp4",
                "selfie-handheld.mp4",
                "walking-432p.mp4",
                "road-highway-540p.mp4",
                "road-highway-720p.mp4",
                "road-city-360p.mp4",
            )
        ),
    ],
)
def test_a_real_clip_keeps_every_time_and_its_duration(shared, tmp_path, clip):
    path = shared / "clips" / clip
    info = source_info(path)
    out = record(tmp_path / "out.mp4", source_frames(path), info, preset="ultrafast")
    assert times(out) == times(path)
    assert source_info(out).duration_s == info.duration_s


@pytest.mark.parametrize(
    ("name", "codec"),
    [("a.mp4", "h264"), ("a.mp4", "h265"), ("a.mp4", "av1"), ("a.webm", "vp9"), ("a.mkv", "ffv1")],
)
def test_the_pictures_are_those_that_were_given(tmp_path, name, codec):
    frames = [make_frame(i) for i in range(12)]
    shown = pictures(record(tmp_path / name, frames, codec=codec))
    assert len(shown) == len(frames)
    for frame, picture in zip(frames, shown, strict=True):
        assert np.abs(frame.bgr.astype(int) - picture).mean() < 4


def test_frames_may_be_reused_as_soon_as_the_sink_has_let_go_of_them(tmp_path):
    sink = VideoSink(VideoSink.Options(path=tmp_path / "a.mov", codec="prores"), make_info())
    levels = [20, 60, 100, 140, 180]
    for index, level in enumerate(levels):
        image = np.full((72, 64), 128, np.uint8)
        image[:48] = level
        pts = Fraction(index, 30)
        sink.write(Frame.from_i420(image, size=(64, 48), index=index, pts=pts, captured_at=0.0))
        del image
        np.full((72, 64), 255, np.uint8)  # takes the freed memory, if it was freed too early
    sink.close()
    shown = pictures(tmp_path / "a.mov", pixels="gray")
    assert [round(float(p.mean())) for p in shown] == [round((x - 16) * 255 / 219) for x in levels]


@pytest.mark.parametrize(
    ("name", "decoder"),
    [("a.mov", None), ("a.mkv", None), ("a.webm", "libvpx-vp9")],
)
def test_alpha_is_in_the_file(tmp_path, name, decoder):
    frames = [see_through(i) for i in range(5)]
    path = record(tmp_path / name, frames, transparent=True)
    shown = pictures(path, pixels="bgra", decoder=decoder)
    assert len(shown) == len(frames)
    assert np.abs(shown[2][..., 3].astype(int) - frames[2].alpha).max() < 12


@pytest.mark.parametrize("name", ["a.mov", "a.mkv", "a.webm"])
def test_odd_transparent_pictures_keep_their_size(tmp_path, name):
    path = record(tmp_path / name, [see_through(0, (65, 49))], transparent=True)
    assert source_info(path).size == (65, 49)


@pytest.mark.parametrize("name", ["a.mp4", "a.m4v"])
def test_alpha_is_refused_by_containers_that_cannot_hold_it(tmp_path, name):
    with pytest.raises(ConfigError, match="cannot hold alpha") as caught:
        record(tmp_path / name, [], transparent=True)
    assert ".mov" in caught.value.hint


def test_alpha_is_refused_by_codecs_that_cannot_hold_it(tmp_path):
    with pytest.raises(ConfigError, match="h264 cannot hold alpha"):
        record(tmp_path / "a.mkv", [], transparent=True, codec="h264")


def test_alpha_that_would_be_lost_is_refused(tmp_path):
    with pytest.raises(SinkError, match="without alpha"):
        record(tmp_path / "a.mov", [see_through(0)])


def test_opaque_frames_of_a_transparent_video_are_opaque(tmp_path):
    path = record(tmp_path / "a.mkv", [make_frame()], transparent=True)
    assert (pictures(path, pixels="bgra")[0][..., 3] == 255).all()


@pytest.mark.parametrize(
    ("name", "codec", "size"),
    [
        ("a.mp4", "h264", (642, 362)),
        ("a.mp4", "h265", (642, 362)),
        ("a.mp4", "av1", (641, 361)),
        ("a.webm", "vp9", (641, 361)),
        ("a.mkv", "ffv1", (641, 361)),
        ("a.mov", "prores", (641, 361)),
    ],
)
def test_odd_sizes_are_kept_or_padded_by_one_pixel(tmp_path, caplog, name, codec, size):
    caplog.set_level(logging.INFO, "rimlight")
    frames = [make_frame(i, (641, 361)) for i in range(2)]
    path = record(tmp_path / name, frames, codec=codec)
    assert source_info(path).size == size
    assert np.abs(pictures(path)[0][:361, :641].astype(int) - frames[0].bgr).mean() < 4
    assert ("needs even sides" in caplog.text) == (size == (642, 362))


RECORD_SHORT = """
import sys
from fractions import Fraction
from itertools import islice
from pathlib import Path
from fakes import make_frame, make_info
from rimlight.sinks.video.codecs import plan_encoding
from rimlight.sinks.video.encoder import Encoder

path, frames = Path(sys.argv[1]), [make_frame(index) for index in range(int(sys.argv[2]))]
plan = plan_encoding(path, codec="h265", transparent=False, crf=None, preset="veryfast")
encoder = Encoder(path, plan, first=frames[0], info=make_info(), sound=None, threads=1)
for frame in frames:
    encoder.write(frame, Fraction(1, 30))
encoder.finish(frames[-1].pts, Fraction(len(frames), 30))
print(*encoder.early_dts)
"""


@pytest.mark.parametrize("count", [1, 2])
def test_a_very_short_h265_video_has_sound_decoding_times(tmp_path, count):
    """x265 leaves them unset, which shows where fresh memory is not zero."""
    command = [sys.executable, "-c", RECORD_SHORT, str(tmp_path / "a.mp4"), str(count)]
    tests = str(Path(__file__).parents[1])
    dirty = os.environ | {"MALLOC_PERTURB_": "200", "PYTHONPATH": tests}
    early = subprocess.run(command, env=dirty, check=True, capture_output=True, text=True).stdout
    assert early.split() == []
    assert len(times(tmp_path / "a.mp4")) == count


def test_the_same_pictures_give_the_same_bytes_every_time(tmp_path, sample_frames):
    first = record(tmp_path / "first.mp4", sample_frames, threads=1).read_bytes()
    for number in range(8):
        again = record(tmp_path / f"{number}.mp4", sample_frames, threads=1)
        assert again.read_bytes() == first


@pytest.mark.parametrize("size", [(1, 48), (64, 1)])
def test_pictures_of_one_pixels_width_are_written(tmp_path, size):
    path = record(tmp_path / "a.webm", [make_frame(0, size)])
    assert source_info(path).size == size


@pytest.mark.parametrize(("codec", "size"), [("av1", (1, 1)), ("h264", (1, 1)), ("h264", (2, 2))])
def test_a_size_that_the_encoder_refuses_is_a_clear_error(tmp_path, codec, size):
    with pytest.raises(SinkError, match="cannot write") as caught:
        record(tmp_path / "a.mp4", [make_frame(0, size), make_frame(1, size)], codec=codec)
    assert "size" in caught.value.hint
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("matrix", ["bt601", "bt709", "bt2020"])
@pytest.mark.parametrize("full_range", [False, True])
def test_the_video_says_what_its_yuv_means(tmp_path, matrix, full_range):
    color = ColorSpace(matrix, full_range)
    path = record(tmp_path / "a.mp4", [replace(make_frame(), color=color)])
    with av.open(str(path)) as clip:
        picture = next(clip.decode(video=0))
    assert picture.colorspace == {"bt601": 6, "bt709": 1, "bt2020": 9}[matrix]
    assert picture.color_range == (2 if full_range else 1)


def test_a_frame_in_another_color_space_is_converted(tmp_path):
    bt709 = replace(make_frame(1), color=ColorSpace("bt709"))
    path = record(tmp_path / "a.mkv", [make_frame(0), bt709], codec="ffv1")
    assert np.abs(pictures(path, pixels="gray")[1].mean() - bt709.bgr.mean()) < 8


def test_pixels_that_are_not_square_stay_so(tmp_path):
    info = make_info(sample_aspect=Fraction(4, 3))
    with av.open(str(record(tmp_path / "a.mp4", [make_frame()], info))) as clip:
        assert clip.streams.video[0].sample_aspect_ratio == Fraction(4, 3)


def test_nothing_appears_under_the_final_name_before_close(tmp_path):
    path = tmp_path / "a.mp4"
    sink = VideoSink(VideoSink.Options(path=path), make_info())
    assert list(tmp_path.iterdir()) == []
    sink.write(make_frame())
    (part,) = tmp_path.iterdir()
    assert part.name.startswith(".a.") and part.suffix == ".mp4"
    sink.close()
    assert list(tmp_path.iterdir()) == [path]


def test_abort_keeps_an_older_file_of_that_name(tmp_path):
    path = tmp_path / "a.mp4"
    path.write_bytes(b"old")
    sink = VideoSink(VideoSink.Options(path=path, overwrite=True), make_info())
    sink.write(make_frame())
    sink.abort()
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_bytes() == b"old"


def test_no_frame_makes_no_file(tmp_path):
    record(tmp_path / "a.mp4", [])
    assert list(tmp_path.iterdir()) == []


def test_a_changed_size_is_refused(tmp_path):
    with pytest.raises(SinkError, match=r"frame 1 is \(32, 32\)"):
        record(tmp_path / "a.mp4", [make_frame(0), make_frame(1, (32, 32))])


def test_times_that_do_not_rise_are_refused(tmp_path):
    with pytest.raises(SinkError, match="does not come after"):
        record(tmp_path / "a.mp4", frames_at([Fraction(1), Fraction(1)]))


@pytest.mark.parametrize(
    ("kind", "codec"), [("webm", "h264"), ("mov", "vp9"), ("mov", "av1"), ("mov", "ffv1")]
)
def test_a_codec_that_the_container_cannot_hold_is_refused(tmp_path, kind, codec):
    with pytest.raises(ConfigError, match=f"{kind} cannot hold {codec}"):
        record(tmp_path / f"a.{kind}", [], codec=codec)


@pytest.mark.parametrize(("name", "message"), [("a.avi", "exact frame times"), ("a.xyz", "ending")])
def test_containers_that_are_not_supported_are_refused(tmp_path, name, message):
    with pytest.raises(ConfigError, match=message):
        record(tmp_path / name, [])


def test_a_quality_that_the_codec_does_not_have_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="prores has no crf"):
        record(tmp_path / "a.mov", [], codec="prores", crf=20)


def test_a_quality_beyond_what_the_codec_knows_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="the crf of h265 ends at 51, got 60"):
        record(tmp_path / "a.mp4", [], codec="h265", crf=60)


def test_a_lower_crf_makes_a_larger_file(tmp_path):
    rng = np.random.default_rng(1)
    noise = [
        make_frame(i).with_bgr(rng.integers(0, 255, (48, 64, 3), dtype=np.uint8)) for i in range(4)
    ]
    good, bad = (record(tmp_path / f"{crf}.mp4", noise, crf=crf) for crf in (10, 45))
    assert good.stat().st_size > 2 * bad.stat().st_size


def test_an_unknown_option_is_refused_with_the_nearest_name():
    with pytest.raises(ConfigError, match="unknown key") as caught:
        validate(VideoSink.Options, {"path": "a.mp4", "presett": "fast"}, where="sink 'video'")
    assert "'preset'" in caught.value.hint
