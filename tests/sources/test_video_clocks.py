"""Films whose clock wraps, starts again or begins below zero, and how long their last frame is."""

import logging
from fractions import Fraction
from itertools import pairwise

import pytest
from clip_maker import write_video

from rimlight.media.timestamps import DiscontinuityTracker, StreamAligner
from rimlight.sources.concat import ConcatSource
from rimlight.sources.video import VideoSource
from rimlight.system.av import av

STEP = Fraction(1, 25)
TICK = Fraction(1, 90000)


def transport(path, *, count=10, offset=0, codec="libx264"):
    """Write a transport stream of 25 fps whose clock begins at `offset` seconds."""
    how = {"mpegts_copyts": "1"}
    with av.open(str(path), "w", format="mpegts", container_options=how) as out:
        stream = out.add_stream(codec, rate=25, width=64, height=48, pix_fmt="yuv420p")
        stream.codec_context.time_base = TICK
        for index in range(count):
            picture = av.VideoFrame(64, 48, "yuv420p")
            picture.pts = (int(offset * 25) + index) * 3600
            picture.time_base = TICK
            out.mux(stream.encode(picture))
        out.mux(stream.encode(None))
    return path


def glued(path, *parts):
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    return path


def frames(path, **options):
    source = VideoSource(VideoSource.Options(path=str(path), **options))
    try:
        return list(source), source.info
    finally:
        source.close()


def steps(shown):
    return {b.pts - a.pts for a, b in pairwise(shown)}


def test_parts_that_are_glued_together_follow_each_other(tmp_path):
    part = transport(tmp_path / "a.ts", count=30)
    shown, _ = frames(glued(tmp_path / "aaa.ts", part, part, part))
    assert len(shown) == 90
    assert steps(shown) == {STEP}


def test_a_clock_that_jumps_far_ahead_leaves_no_hole(tmp_path):
    later = transport(tmp_path / "b.ts", offset=1000)
    shown, _ = frames(glued(tmp_path / "ab.ts", transport(tmp_path / "a.ts"), later))
    assert len(shown) == 20
    assert steps(shown) == {STEP}


@pytest.mark.parametrize("start_s", [2, 4])
def test_a_part_of_glued_files_is_found_by_the_time_that_is_shown(tmp_path, start_s):
    part = transport(tmp_path / "a.ts", count=75)
    path = glued(tmp_path / "aa.ts", part, part)
    whole, _ = frames(path)
    some, info = frames(path, start_s=start_s, end_s=start_s + 1)
    first = whole[0].pts
    assert [f.pts + info.start_offset for f in some] == [
        f.pts for f in whole if start_s <= f.pts - first < start_s + 1
    ]


def test_a_clock_that_wraps_begins_at_zero(tmp_path):
    wraps = Fraction(1 << 33, 90000)
    shown, _ = frames(transport(tmp_path / "a.ts", offset=int(wraps), count=50))
    assert 0 <= shown[0].pts < 2
    assert len(shown) == 50
    assert steps(shown) == {STEP}


def test_a_broadcasts_clock_is_counted_from_its_start(tmp_path):
    shown, info = frames(transport(tmp_path / "a.ts", offset=36000))
    assert 0 <= shown[0].pts < 1
    assert info.start_offset > 35000


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.mkv", "a.gif"])
def test_the_last_frame_is_shown_as_long_as_the_file_says(tmp_path, name):
    path = hold(tmp_path / name, 8000)
    shown, _ = frames(path)
    assert [frame.duration for frame in shown[:-1]] == [None] * 9
    assert shown[-1].duration == 8


def hold(path, last_ms):
    """Write ten frames of 25 fps, the last of which lasts longer."""
    made = write_video(path.with_name("plain.mkv"), codec="libx264", options={"bf": "0"})
    if path.suffix == ".gif":
        made = write_video(path.with_name("plain.gif"), codec="gif", pix_fmt="rgb8")
    with av.open(str(made)) as source, av.open(str(path), "w") as out:
        stream = out.add_stream_from_template(source.streams.video[0], opaque=True)
        packets = [packet for packet in source.demux() if packet.size]
        for packet in packets:
            last = packet is packets[-1]
            packet.duration = round((last_ms if last else 40) / 1000 / packet.time_base)
            packet.stream = stream
            out.mux(packet)
    return path


def test_a_matroska_file_that_is_cut_is_not_taken_for_one_that_holds_its_last_frame(tmp_path):
    whole = write_video(tmp_path / "a.mkv", stamps=range(0, 8000, 40))
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    source = VideoSource(VideoSource.Options(path=str(cut)))
    with pytest.raises(Exception, match="damaged or cut short"):
        list(source)
    source.close()


def test_raw_h264_has_the_rate_that_its_stream_names_and_says_so(tmp_path):
    path = tmp_path / "raw.h264"
    with av.open(str(path), "w", format="h264") as out:
        stream = out.add_stream("libx264", rate=30, width=64, height=48)
        for index in range(6):
            picture = av.VideoFrame(64, 48, "yuv420p")
            picture.pts = index
            out.mux(stream.encode(picture))
        out.mux(stream.encode(None))
    shown, info = frames(path)
    assert len(shown) == 6
    assert abs(float(shown[1].pts - shown[0].pts) - 1 / 30) < 1e-4
    assert info.notes == ("raw.h264 stores no times; 30 frames a second are assumed",)


def test_samples_without_bytes_are_no_damage(tmp_path):
    path = with_an_empty_sample(tmp_path / "a.mp4")
    shown, _ = frames(path)
    assert len(shown) == 9
    assert shown[-1].pts == Fraction(9, 25)


def with_an_empty_sample(path):
    """Write an MP4 of ten frames whose fifth has no bytes, as recorders mark a lost one."""
    write_video(path, codec="mjpeg", pix_fmt="yuvj420p")
    data = bytearray(path.read_bytes())
    sizes = data.index(b"stsz") + 16
    offsets, chunks = data.index(b"stco") + 8, data.index(b"stsc") + 8
    assert int.from_bytes(data[chunks + 4 : chunks + 8], "big") >= 1
    count = int.from_bytes(data[sizes - 4 : sizes], "big")
    assert count == 10
    assert int.from_bytes(data[offsets : offsets + 4], "big") > 0
    # Its bytes go to the sample before, so no other one moves.
    before, lost = (int.from_bytes(data[sizes + 4 * n : sizes + 4 * n + 4], "big") for n in (3, 4))
    data[sizes + 12 : sizes + 16] = (before + lost).to_bytes(4, "big")
    data[sizes + 16 : sizes + 20] = bytes(4)
    path.write_bytes(data)
    return path


def test_a_drives_second_file_begins_when_the_last_frame_of_the_first_ends(tmp_path):
    names = ["d1 20260501_101500.mp4", "d2 20260501_101600.mp4"]
    paths = [str(short_header(tmp_path / name)) for name in names]
    source = ConcatSource(ConcatSource.Options(paths=tuple(paths)))
    shown = list(source)
    source.close()
    assert len(shown) == 20
    assert steps(shown) == {STEP}


def short_header(path):
    """Write ten frames and say in the header that they last a thirtieth, as browsers do."""
    write_video(path, codec="libx264", options={"bf": "0"})
    data = bytearray(path.read_bytes())
    at = data.index(b"mdhd") + 20
    length = int.from_bytes(data[at : at + 4], "big")
    data[at : at + 4] = (length // 30).to_bytes(4, "big")
    path.write_bytes(data)
    return path


def test_sound_crosses_a_seam_with_the_pictures_though_its_packets_come_before():
    seams = DiscontinuityTracker(TICK, 3600, can_jump_forward=True)
    follower = StreamAligner(seams, TICK, sparse=False)
    for n in range(50):
        seams.add_packet(n * 3600, n * 3600)
    length = Fraction(1, 50)
    assert follower.compute_offset(Fraction(2) - length, length) == 0
    assert follower.compute_offset(Fraction(0), length) is None  # the pictures are not there yet
    seams.add_packet(0, 0)
    assert follower.compute_offset(Fraction(0), length) == 2


def test_sound_that_starts_again_alone_follows_itself():
    seams = DiscontinuityTracker(TICK, 3600, can_jump_forward=False)
    follower = StreamAligner(seams, TICK, sparse=False)
    seams.add_packet(0, 0)
    length = Fraction(1, 50)
    assert follower.compute_offset(Fraction(5), length) == 0
    assert follower.compute_offset(Fraction(0), length) is None
    assert follower.compute_offset(Fraction(0), length, force=True) == Fraction(5) + length
    assert follower.compute_offset(length, length) == Fraction(5) + length


def test_healthy_clocks_are_left_alone(tmp_path, caplog):
    caplog.set_level(logging.WARNING)
    shown, info = frames(write_video(tmp_path / "a.mkv"))
    assert [frame.pts for frame in shown] == [STEP * n for n in range(10)]
    assert info.start_offset == 0
    assert not caplog.records


def test_ticks_of_raw_dv_are_not_taken_for_its_rate(tmp_path):
    path = tmp_path / "tape.dv"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("dvvideo", rate=25, width=720, height=576, pix_fmt="yuv420p")
        for index in range(3):
            picture = av.VideoFrame(720, 576, "yuv420p")
            picture.pts = index
            out.mux(stream.encode(picture))
    shown, info = frames(path)
    assert info.rate == 25
    assert len(shown) == 3
