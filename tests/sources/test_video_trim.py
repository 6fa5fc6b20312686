"""Parts of a video: from, to, one in so many, smaller; and going on in the middle of it."""

from fractions import Fraction

import numpy as np
import pytest
from clip_maker import write_video

from rimlight.core.errors import ConfigError, SourceOpenError
from rimlight.sources.video import VideoSource

PQ, HLG = 16, 18


def open_video(path, **more):
    return VideoSource(VideoSource.Options(path=str(path), **more))


def read(path, **more):
    source = open_video(path, **more)
    frames = list(source)
    source.close()
    return source, frames


@pytest.fixture
def clip(tmp_path):
    """40 frames, 40 ms apart, from 1 s on, a key frame for every 10."""
    stamps = range(1000, 2600, 40)
    return write_video(
        tmp_path / "a.mp4", codec="libx264", stamps=stamps, options={"g": "10", "bf": "2"}
    )


def test_a_part_begins_at_zero_and_holds_the_frames_of_that_time(clip):
    _, whole = read(clip)
    source, part = read(clip, start_s=0.5, end_s=0.9)
    assert [f.pts for f in part] == [Fraction(k, 25) for k in range(len(part))]
    assert len(part) == 10 == source.info.count
    assert all((a.image == b.image).all() for a, b in zip(part, whole[13:23], strict=True))
    assert source.info.start_offset == whole[13].pts


def test_without_a_start_the_times_stay_those_of_the_container(clip):
    _, part = read(clip, end_s=0.1)
    assert [f.pts for f in part] == [Fraction(1000 + 40 * k, 1000) for k in range(3)]


def test_one_frame_in_so_many_keeps_its_own_time(clip):
    source, part = read(clip, stride=4)
    assert [f.pts for f in part] == [Fraction(1000 + 160 * k, 1000) for k in range(10)]
    assert source.info.count == 10 and source.info.rate == Fraction(25, 4)


def test_a_start_after_the_end_of_the_video_is_refused(clip):
    with pytest.raises(SourceOpenError, match="no frame from 7 s on"):
        open_video(clip, start_s=7)


def test_an_end_before_the_start_is_refused(clip):
    with pytest.raises(ConfigError, match="not after the start"):
        open_video(clip, start_s=2, end_s=1)


def test_larger_pictures_are_scaled_to_fit(tmp_path):
    path = write_video(tmp_path / "a.mkv", size=(64, 48), rotation=90)
    source, frames = read(path, max_size=(100, 32))
    assert source.info.size == (24, 32)
    assert {f.size for f in frames} == {(24, 32)}


def test_smaller_pictures_are_left_as_they_are(clip):
    source, _ = read(clip, max_size=(640, 640))
    assert source.info.size == (64, 48)


@pytest.mark.parametrize("codec", ["libx264", "libx265", "mpeg4"])
def test_going_on_in_the_middle_gives_the_same_frames(tmp_path, codec):
    path = write_video(
        tmp_path / "a.mp4", codec=codec, stamps=range(0, 2400, 40), options={"g": "10"}
    )
    _, whole = read(path)
    source = open_video(path)
    source.resume(whole[37].pts, lead_s=Fraction(1, 10))
    rest = list(source)
    assert [f.pts for f in rest] == [whole[k].pts for k in (0, *range(35, 60))]
    assert all((a.image == b.image).all() for a, b in zip(rest[1:], whole[35:], strict=True))


def test_a_video_that_cannot_be_sought_in_is_read_up_to_there(tmp_path):
    path = write_video(tmp_path / "a.h264", codec="libx264", stamps=range(0, 800, 40))
    _, whole = read(path)
    source = open_video(path)
    source.resume(whole[15].pts, lead_s=Fraction(0))
    assert [f.pts for f in source] == [whole[0].pts, *(f.pts for f in whole[15:])]


def test_a_part_can_be_gone_on_with_too(clip):
    _, part = read(clip, start_s=0.4)
    source = open_video(clip, start_s=0.4)
    source.resume(part[20].pts, lead_s=Fraction(0))
    rest = list(source)
    assert [f.pts for f in rest] == [part[k].pts for k in (0, *range(20, 30))]
    assert np.array_equal(rest[1].image, part[20].image)


@pytest.mark.parametrize("curve", [PQ, HLG])
def test_hdr_is_read_as_sdr_and_its_samples_are_kept_unless_it_is_tone_mapped(tmp_path, curve):
    path = write_video(
        tmp_path / "a.mp4", codec="libx265", pix_fmt="yuv420p10le", options=hdr_options(curve)
    )
    source = open_video(path)
    frame = next(iter(source))
    assert source.info.hdr.form.transfer == {PQ: "pq", HLG: "hlg"}[curve]
    assert source.info.transfer == 1 and frame.color.matrix == "bt709"
    assert frame.hdr.image.shape == frame.i420.shape
    assert "kept" in source.info.notes[0]
    mapped = open_video(path, tone_map=True)
    assert mapped.info.hdr is None and next(iter(mapped)).hdr is None


def hdr_options(curve):
    name = {PQ: "smpte2084", HLG: "arib-std-b67"}[curve]
    return {"x265-params": f"colorprim=bt2020:transfer={name}:colormatrix=bt2020nc:log-level=none"}
