"""Sound and subtitles beside the new picture."""

from fractions import Fraction
from itertools import islice

import pytest
from media import make_clip, packets, source_frames, source_info, times

from rimlight.sinks.video.sink import VideoSink
from rimlight.system.av import av


def copy(path, out, count=None, **options):
    sink = VideoSink(VideoSink.Options(path=out, **options), source_info(path))
    for frame in islice(source_frames(path), count):
        sink.write(frame)
    sink.close()
    return out


def add_subtitles(path, out):
    """Copy `path` with one line of SubRip text; returns `out`."""
    with av.open(str(path)) as clip, av.open(str(out), "w") as result:
        streams = {s.index: result.add_stream_from_template(s, opaque=True) for s in clip.streams}
        text = result.add_mux_stream("subrip")
        text.time_base = Fraction(1, 1000)
        line = av.Packet(b"Hello")
        line.stream, line.time_base = text, Fraction(1, 1000)
        line.pts = line.dts = 500
        line.duration = 900
        for packet in clip.demux():
            if packet.size:
                packet.stream = streams[packet.stream_index]
                result.mux(packet)
        result.mux(line)
    return out


@pytest.mark.parametrize("name", ["portrait-720p.mp4", "road-highway-540p.mp4"])
def test_the_sound_of_a_real_clip_is_copied_bit_for_bit(shared, tmp_path, name):
    path = shared / "clips" / name
    out = copy(path, tmp_path / "out.mp4", preset="ultrafast")
    assert packets(path, "audio")
    assert packets(out, "audio") == packets(path, "audio")


@pytest.mark.parametrize("start", [Fraction(0), Fraction(3, 2)])
def test_sound_and_picture_keep_their_start(tmp_path, start):
    path = make_clip(tmp_path / "in.mp4", start=start)
    out = copy(path, tmp_path / "out.mp4")
    assert times(out) == times(path)
    given, copied = packets(path, "audio"), packets(out, "audio")
    assert [data for _, data in copied] == [data for _, data in given]
    assert all(abs(a - b) < Fraction(1, 5000) for (a, _), (b, _) in zip(copied, given, strict=True))


@pytest.mark.parametrize("name", ["out.mkv", "out.mov"])
def test_sound_that_starts_before_zero_does_not_move_the_picture(tmp_path, name):
    path = make_clip(tmp_path / "in.mp4")
    assert packets(path, "audio")[0][0] < 0
    assert times(copy(path, tmp_path / name)) == times(path)


def test_sound_lies_beside_its_picture_in_the_file(tmp_path):
    path = make_clip(tmp_path / "in.mkv", seconds=20)
    out = copy(path, tmp_path / "out.mkv")
    with av.open(str(out)) as clip:
        order = [(p.stream.type, p.pts * p.time_base) for p in clip.demux() if p.size]
    latest = {"video": Fraction(-1), "audio": Fraction(-1)}
    for kind, moment in order:
        latest[kind] = moment
        assert abs(latest["video"] - latest["audio"]) <= 2


def test_a_run_that_ends_early_keeps_the_sound_up_to_there(tmp_path):
    path = make_clip(tmp_path / "in.mp4", seconds=4)
    out = copy(path, tmp_path / "out.mp4", count=15)
    given, kept = packets(path, "audio"), packets(out, "audio")
    assert kept == given[: len(kept)]
    assert Fraction("1.4") < kept[-1][0] < Fraction("1.5")


def test_sound_that_goes_on_after_the_last_picture_is_kept(tmp_path):
    long = make_clip(tmp_path / "long.mkv", seconds=4)
    path = tmp_path / "in.mkv"
    with av.open(str(long)) as clip, av.open(str(path), "w") as cut:
        streams = {s.index: cut.add_stream_from_template(s, opaque=True) for s in clip.streams}
        for packet in clip.demux():
            if packet.size and (packet.stream.type == "audio" or packet.pts < 1000):
                packet.stream = streams[packet.stream_index]
                cut.mux(packet)
    out = copy(path, tmp_path / "out.mkv")
    assert packets(out, "audio") == packets(path, "audio")
    assert packets(out, "audio")[-1][0] > 3


def test_sound_can_be_left_out(tmp_path):
    out = copy(make_clip(tmp_path / "in.mp4", seconds=1), tmp_path / "out.mp4", audio="none")
    assert packets(out, "audio") == []


def test_opus_sound_goes_into_webm(tmp_path):
    path = make_clip(tmp_path / "in.mkv", seconds=1, codec="libopus")
    out = copy(path, tmp_path / "out.webm")
    assert [data for _, data in packets(out, "audio")] == [
        data for _, data in packets(path, "audio")
    ]


def test_every_sound_stream_is_copied_with_its_language(tmp_path):
    first = make_clip(tmp_path / "in.mkv", seconds=1)
    path = tmp_path / "two.mkv"
    with av.open(str(first)) as clip, av.open(str(path), "w") as two:
        video = two.add_stream_from_template(clip.streams.video[0], opaque=True)
        sounds = [two.add_stream_from_template(clip.streams.audio[0]) for _ in range(2)]
        for sound, language in zip(sounds, ("eng", "deu"), strict=True):
            sound.metadata["language"] = language
        for packet in clip.demux():
            for stream in (video,) if packet.stream.type == "video" else sounds:
                if packet.size:
                    packet.stream = stream
                    two.mux(packet)
    out = copy(path, tmp_path / "out.mkv")
    with av.open(str(out)) as clip:
        assert [sound.language for sound in clip.streams.audio] == ["eng", "deu"]
    assert len(packets(out, "audio")) == len(packets(path, "audio"))


def test_subtitles_are_copied_where_the_container_can_hold_them(tmp_path):
    path = add_subtitles(make_clip(tmp_path / "in.mp4"), tmp_path / "in.mkv")
    out = copy(path, tmp_path / "out.mkv")
    assert packets(path, "subtitle")
    assert packets(out, "subtitle") == packets(path, "subtitle")


def test_a_file_that_breaks_off_keeps_the_sound_that_there_is(tmp_path):
    whole = make_clip(tmp_path / "in.mkv", seconds=6)
    path = tmp_path / "cut.mkv"
    path.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    out = copy(path, tmp_path / "out.mkv", count=10)
    assert packets(out, "audio") == packets(whole, "audio")[: len(packets(out, "audio"))]
    assert len(packets(out, "audio")) > 40
