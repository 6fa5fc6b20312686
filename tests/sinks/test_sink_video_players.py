"""What players need of a file: names of codecs, the shape of pixels, the range, the index first."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from fakes import make_frame, make_info
from media import pictures

from rimlight.core.frame import Frame
from rimlight.imaging.color import ColorSpace
from rimlight.sinks.video.sink import VideoSink
from rimlight.system.av import av

WAYS = [{"resume": None}, {"resume": "a run", "segment_s": 1}]
SIZE = (128, 96)


@pytest.fixture(params=WAYS, ids=["one piece", "segments"])
def way(request):
    return request.param


def record(path, frames, info, **options):
    sink = VideoSink(VideoSink.Options(path=path, **options), info)
    for frame in frames:
        sink.write(frame)
    sink.close()
    return path


def plain(count=40):
    return [replace(make_frame(i, SIZE), pts=Fraction(i, 30)) for i in range(count)]


def see_through(frames):
    return [frame.with_alpha(np.full(SIZE[::-1], 128, np.uint8)) for frame in frames]


TAGS = [
    ("a.mp4", "h265", False, "hvc1"),
    ("a.mov", "h265", False, "hvc1"),
    ("a.mov", "prores", False, "apcn"),
    ("a.mov", "auto", True, "ap4h"),
    ("a.mp4", "h264", False, "avc1"),
    ("a.mp4", "av1", False, "av01"),
]


@pytest.mark.parametrize(("name", "codec", "clear", "tag"), TAGS)
def test_codecs_are_called_what_players_look_for(tmp_path, way, name, codec, clear, tag):  # noqa: PLR0917
    frames = see_through(plain()) if clear else plain()
    path = record(tmp_path / name, frames, make_info(), codec=codec, transparent=clear, **way)
    with av.open(str(path)) as clip:
        assert clip.streams.video[0].codec_context.codec_tag == tag


SHAPED = [
    ("a.mp4", "h264", False), ("a.mp4", "av1", False), ("a.mov", "prores", False),
    ("a.mov", "auto", True), ("a.mkv", "h264", False), ("a.mkv", "ffv1", True),
    ("a.mkv", "vp9", False), ("a.webm", "vp9", False), ("a.webm", "auto", True),
    ("a.webm", "av1", False),
]  # fmt: skip


@pytest.mark.parametrize(("name", "codec", "clear"), SHAPED)
def test_the_shape_of_pixels_is_kept(tmp_path, way, name, codec, clear):
    info = replace(make_info(), sample_aspect=Fraction(3, 2))
    frames = see_through(plain()) if clear else plain()
    path = record(tmp_path / name, frames, info, codec=codec, transparent=clear, **way)
    with av.open(str(path)) as clip:
        video = clip.streams.video[0]
        assert video.sample_aspect_ratio == Fraction(3, 2)
        assert "title" not in video.metadata
    assert len(pictures(path)) == 40


@pytest.mark.parametrize("name", ["a.mp4", "a.mov"])
def test_the_index_comes_first(tmp_path, way, name):
    data = record(tmp_path / name, plain(), make_info(), **way).read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


@pytest.mark.parametrize("clear", [False, True], ids=["opaque", "alpha"])
def test_prores_of_a_full_range_film_has_the_limited_range_that_readers_expect(tmp_path, clear):
    full = ColorSpace("bt709", full_range=True)
    i420 = np.full((SIZE[1] * 3 // 2, SIZE[0]), 128, np.uint8)
    i420[: SIZE[1]] = 191
    frame = Frame.from_i420(i420, size=SIZE, index=0, pts=Fraction(0), captured_at=0.0, color=full)
    frames = see_through([frame]) if clear else [frame]
    info = replace(make_info(), color=full)
    path = record(tmp_path / "a.mov", frames, info, codec="prores", transparent=clear)
    with av.open(str(path)) as clip:
        shown = next(clip.decode(video=0))
        deep = 4 if "12" in shown.format.name else 1
        level = np.median(np.frombuffer(shown.planes[0], np.uint16)) / deep
    assert level == pytest.approx((16 + 191 * 219 / 255) * 4, abs=6)
