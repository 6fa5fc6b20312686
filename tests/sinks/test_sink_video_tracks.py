"""Sound and subtitles that the container cannot hold, and sound whose clock starts again."""

import logging
import struct
import subprocess
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from media import make_clip, packets, source_frames, source_info, times
from test_sink_video_stream_copy import add_subtitles, copy

from rimlight.sinks.video.pcm import PcmGapFiller
from rimlight.sinks.video.sink import VideoSink
from rimlight.system.av import av

WAYS = [{"resume": None}, {"resume": "a run", "segment_s": 1}]


def beeps(path, codec, *, rate=48000, layout="mono", seconds=2):
    """Write a gray clip of 10 fps with a beep of 0.1 s at each half second."""
    with av.open(str(path), "w") as clip:
        video = clip.add_stream("mpeg4", rate=10, width=64, height=48, pix_fmt="yuv420p")
        sound = clip.add_stream(codec, rate=rate, layout=layout, bit_rate=64000)
        for index in range(seconds * 10):
            picture = av.VideoFrame.from_ndarray(np.full((72, 64), 90, np.uint8), format="yuv420p")
            picture.pts, picture.time_base = index, Fraction(1, 10)
            clip.mux(video.encode(picture))
        clip.mux(video.encode(None))
        at = np.arange(seconds * rate)
        wave = np.where(at % (rate // 2) < rate // 10, np.sin(at * 2000 / rate * np.pi), 0)
        wave = (wave * 20000).astype(np.int16)
        channels = av.AudioLayout(layout).nb_channels
        for begin in range(0, len(wave), 800):
            block = np.repeat(wave[begin : begin + 800], channels).reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(block, format="s16", layout=layout)
            frame.sample_rate, frame.pts, frame.time_base = rate, begin, Fraction(1, rate)
            clip.mux(sound.encode(frame))
        clip.mux(sound.encode(None))
    return path


def onsets(path):
    """Return when each beep of the first sound track begins, in seconds."""
    with av.open(str(path)) as clip:
        level = av.AudioResampler("s16", "mono", 48000)
        loud, first = [], None
        for frame in clip.decode(audio=0):
            first = frame.pts * frame.time_base if first is None else first
            loud += [f.to_ndarray()[0] for f in level.resample(frame)]
    wave = np.abs(np.concatenate(loud).astype(int)).reshape(-1)
    hot = np.flatnonzero(wave > 6000)
    begins = hot[np.flatnonzero(np.diff(hot, prepend=-9999) > 4800)]
    return [float(first) + begin / 48000 for begin in begins]


def codecs(path, kind="audio"):
    with av.open(str(path)) as clip:
        return [s.codec_context.codec.canonical_name for s in clip.streams if s.type == kind]


CASES = [
    ("in.mkv", "aac", "out.webm", "opus"),
    ("in.mov", "pcm_alaw", "out.mp4", "aac"),
    ("in.avi", "adpcm_ima_wav", "out.mp4", "aac"),
    ("in.avi", "wmav2", "out.mov", "aac"),
    ("in.mov", "pcm_alaw", "out.mkv", "flac"),
    ("in.avi", "wmav2", "out.mkv", "opus"),
    ("in.mkv", "flac", "out.webm", "opus"),
    ("in.mkv", "pcm_s24le", "out.mp4", "aac"),
    ("in.mkv", "tta", "out.mkv", "flac"),
]


@pytest.mark.parametrize("case", CASES, ids="-".join)
def test_sound_that_the_container_cannot_hold_is_converted_in_step(tmp_path, caplog, case):
    given, codec, name, wanted = case
    caplog.set_level(logging.WARNING, "rimlight")
    path = beeps(tmp_path / given, codec, rate=44100 if codec == "wmav2" else 48000)
    out = copy(path, tmp_path / name)
    assert codecs(out) == [wanted]
    assert len(onsets(path)) == len(onsets(out)) == 4
    assert np.allclose(onsets(out), onsets(path), atol=0.022)
    assert f"sound ({codec}) converted to" in caplog.text
    assert measure_sound_s(out) == pytest.approx(2, abs=0.09)


def measure_sound_s(path):
    """Return the length of the first sound track in seconds, as FFmpeg's command line plays it."""
    line = ["ffmpeg", "-v", "error", "-xerror", "-i", str(path), "-map", "0:a:0"]
    played = subprocess.run(
        [*line, "-f", "s16le", "-ac", "1", "-ar", "8000", "-"], capture_output=True, check=True
    )
    assert not played.stderr
    return len(played.stdout) / 2 / 8000


@pytest.mark.parametrize(
    ("codec", "name", "wanted"), [("ac3", "out.mp4", "aac"), ("aac", "out.mp4", "aac")]
)
def test_all_sound_is_converted_on_request_unless_it_is_in_that_codec(
    tmp_path, caplog, codec, name, wanted
):
    caplog.set_level(logging.WARNING, "rimlight")
    path = beeps(tmp_path / "in.mkv", codec)
    assert codecs(copy(path, tmp_path / f"copied-{name}")) == [codec]
    assert "converted" not in caplog.text
    out = copy(path, tmp_path / name, audio="convert")
    assert codecs(out) == [wanted]
    assert np.allclose(onsets(out), onsets(path), atol=0.022)
    assert ("converted to AAC" in caplog.text) == (codec != wanted)
    assert measure_sound_s(out) == pytest.approx(2, abs=0.09)


@pytest.mark.parametrize("way", WAYS, ids=["one piece", "segments"])
def test_the_sound_of_8_khz_cameras_is_converted(tmp_path, way):
    path = beeps(tmp_path / "in.mov", "pcm_mulaw", rate=8000)
    out = copy(path, tmp_path / "out.mp4", **way)
    assert codecs(out) == ["aac"]
    assert np.allclose(onsets(out), onsets(path), atol=0.065)  # packets of 8 kHz are longer


def test_a_hole_in_converted_sound_is_silence_and_the_rest_stays_in_step(tmp_path):
    whole = beeps(tmp_path / "whole.mkv", "aac", seconds=3)
    path = without(whole, tmp_path / "hole.mkv", Fraction(9, 10), Fraction(19, 10))
    out = copy(path, tmp_path / "out.webm")
    expected = [t for t in onsets(whole) if not 0.8 < t < 1.9]
    assert np.allclose(onsets(out), expected, atol=0.022)


@pytest.mark.parametrize("codec", ["pcm_s16le", "pcm_s24be", "pcm_u8", "pcm_alaw", "pcm_mulaw"])
def test_a_hole_in_uncompressed_sound_stays_a_hole_where_samples_have_no_times(tmp_path, codec):
    whole = beeps(tmp_path / "whole.mov", codec, seconds=3)
    path = without(whole, tmp_path / "hole.nut", Fraction(9, 10), Fraction(19, 10))
    out = copy(path, tmp_path / "out.mov")
    assert codecs(out) == [codec]
    expected = [t for t in onsets(whole) if not 0.8 < t < 1.9]
    assert np.allclose(onsets(out), expected, atol=0.022)


def test_small_holes_of_uncompressed_sound_add_up_to_one_that_is_filled():
    holes, made = PcmGapFiller(8000, b"\xd5"), []
    for at in (0, 21, 71, 92, 121):  # each packet lasts 21 ms
        packet = av.Packet(b"\xd5" * 171)
        packet.pts, packet.time_base = at, Fraction(1, 1000)
        made += holes.fill_gap(packet)
    times = [packet.pts * packet.time_base for packet in made]
    assert len(made) == 6 and times == sorted(set(times))
    assert sum(packet.size for packet in made) == pytest.approx(0.121 * 8000 + 171, abs=1)


def without(path, out, begin, end):
    """Copy `path` without the sound from `begin` to `end`."""
    with av.open(str(path)) as clip, av.open(str(out), "w") as result:
        streams = {s.index: result.add_stream_from_template(s, opaque=True) for s in clip.streams}
        for packet in clip.demux():
            at = None if packet.pts is None else packet.pts * packet.time_base
            if packet.size and not (packet.stream.type == "audio" and begin <= at < end):
                packet.stream = streams[packet.stream_index]
                result.mux(packet)
    return out


def test_a_run_that_is_resumed_converts_the_same_sound(tmp_path):
    path = beeps(tmp_path / "in.mov", "pcm_alaw", seconds=3)
    straight = copy(path, tmp_path / "straight.mp4", resume="a run", segment_s=1)
    options = VideoSink.Options(path=tmp_path / "out.mp4", resume="a run", segment_s=1)
    sink = VideoSink(options, source_info(path))
    for frame in list(source_frames(path))[:25]:
        sink.write(frame)
    sink.abort()
    again = VideoSink(options, source_info(path))
    assert again.resume_at is not None
    for frame in source_frames(path):
        again.write(frame)
    again.close()
    assert packets(tmp_path / "out.mp4", "audio") == packets(straight, "audio")


def test_a_track_of_an_unknown_codec_is_left_out_with_a_note(tmp_path, caplog):
    caplog.set_level(logging.WARNING, "rimlight")
    plain = make_clip(tmp_path / "in.mp4", seconds=1)
    path = unknown_second(plain, tmp_path / "two.mp4")
    out = copy(path, tmp_path / "out.mp4")
    assert codecs(out) == ["aac"]
    assert packets(out, "audio") == packets(plain, "audio")
    assert "sound (unknown codec) left out: mp4 cannot hold it" in caplog.text


def unknown_second(path, out):
    """Copy a clip with its sound twice, the second time under a name that nobody knows."""
    with av.open(str(path)) as clip, av.open(str(out), "w") as two:
        video = two.add_stream_from_template(clip.streams.video[0], opaque=True)
        sounds = [two.add_stream_from_template(clip.streams.audio[0]) for _ in range(2)]
        for packet in clip.demux():
            for stream in (video,) if packet.stream.type == "video" else sounds:
                if packet.size:
                    packet.stream = stream
                    two.mux(packet)
    data = bytearray(out.read_bytes())
    second = data.rindex(b"mp4a", 0, data.rindex(b"esds"))
    data[second : second + 4] = b"apac"
    inner = data.index(b"esds", second)
    data[inner : inner + 4] = b"dapa"
    out.write_bytes(data)
    return out


@pytest.mark.parametrize("name", ["out.mkv", "out.mp4", "out.webm"])
def test_sound_that_was_trimmed_without_encoding_stays_away(tmp_path, name):
    whole, path = beeps(tmp_path / "whole.mp4", "aac", seconds=3), tmp_path / "in.mp4"
    line = ["ffmpeg", "-v", "error", "-ss", "1.1", "-i", str(whole), "-c:v", "mpeg4"]
    subprocess.run([*line, "-c:a", "copy", str(path)], check=True)
    assert packets(path, "audio")[0][0] < -1  # an edit list hides it
    out = copy(path, tmp_path / name)
    assert packets(out, "audio")[0][0] > Fraction(-1, 5)
    heard = [at for at in onsets(out) if at > 0.1]
    assert np.allclose(heard[:3], [0.4, 0.9, 1.4], atol=0.04)


def test_sound_packets_of_one_millisecond_are_kept_a_tick_apart(tmp_path):
    path = doubled(make_clip(tmp_path / "in.mkv", seconds=1), tmp_path / "twice.mkv")
    out = copy(path, tmp_path / "out.mp4")
    given, kept = packets(path, "audio"), packets(out, "audio")
    assert len(kept) == len(given)
    assert all(b > a for a, b in pairwise([at for at, _ in kept]))


def doubled(path, out):
    """Copy `path` with two packets of sound in the same millisecond, as joining tools write."""
    with av.open(str(path)) as clip, av.open(str(out), "w") as result:
        streams = {s.index: result.add_stream_from_template(s, opaque=True) for s in clip.streams}
        before = None
        for packet in clip.demux():
            if not packet.size:
                continue
            if packet.stream.type == "audio":
                if before is not None and 500 < packet.dts < 530:
                    packet.dts = packet.pts = before
                before = packet.dts
            packet.stream = streams[packet.stream_index]
            result.mux(packet)
    return out


def test_the_sound_of_glued_files_stays_with_its_pictures(tmp_path):
    from rimlight.sources.video import VideoSource

    part = tmp_path / "a.ts"
    make_clip(part, seconds=2)
    path = tmp_path / "aaa.ts"
    path.write_bytes(part.read_bytes() * 3)
    source = VideoSource(VideoSource.Options(path=str(path)))
    sink = VideoSink(VideoSink.Options(path=tmp_path / "out.mp4"), source.info)
    for frame in source:
        sink.write(frame)
    sink.close()
    out = tmp_path / "out.mp4"
    pictures, sound = times(out), [at for at, _ in packets(out, "audio")]
    assert len(pictures) == 60
    assert all(b - a == Fraction(1, 10) for a, b in pairwise(pictures))
    assert len(sound) == 3 * len(packets(part, "audio"))
    offset = packets(part, "audio")[0][0] - times(part)[0]
    thirds = [sound[n * len(sound) // 3] - pictures[n * 20] for n in range(3)]
    assert all(abs(third - offset) < Fraction(1, 20) for third in thirds)


@pytest.mark.parametrize(("name", "codec"), [("out.mp4", "mov_text"), ("out.webm", "webvtt")])
def test_text_subtitles_are_converted(tmp_path, caplog, name, codec):
    caplog.set_level(logging.WARNING, "rimlight")
    path = add_subtitles(make_clip(tmp_path / "in.mp4", codec=None), tmp_path / "in.mkv")
    out = copy(path, tmp_path / name)
    assert codecs(out, "subtitle") == [codec]
    assert lines(out) == [(Fraction(1, 2), "Hello")]
    assert "subtitles (subrip) converted" in caplog.text
    assert "00:00:00,500" in show_as_srt(out) and "Hello" in show_as_srt(out)


def show_as_srt(path):
    """Return the first subtitle track as FFmpeg's command line reads it."""
    line = ["ffmpeg", "-v", "error", "-xerror", "-i", str(path), "-map", "0:s:0", "-f", "srt", "-"]
    return subprocess.run(line, capture_output=True, check=True, text=True).stdout


def test_timed_text_becomes_subrip(tmp_path):
    first = add_subtitles(make_clip(tmp_path / "in.mp4", codec=None), tmp_path / "in.mkv")
    path = copy(first, tmp_path / "text.mp4")
    out = copy(path, tmp_path / "out.mkv")
    assert codecs(out, "subtitle") == ["subrip"]
    assert lines(out) == [(Fraction(1, 2), "Hello")]
    assert "00:00:00,500" in show_as_srt(out) and "Hello" in show_as_srt(out)


def lines(path):
    """Return (time, text) of each subtitle that is not empty."""
    found = []
    for at, data in packets(path, "subtitle"):
        text = data
        if data[:1] == b"\0":
            (length,) = struct.unpack(">H", data[:2])
            text = data[2 : 2 + length]
        if text.strip():
            found.append((at, text.decode()))
    return found


def test_fonts_are_kept_in_mkv_and_named_elsewhere(tmp_path, caplog):
    caplog.set_level(logging.WARNING, "rimlight")
    plain, path = make_clip(tmp_path / "in.mp4", seconds=1), tmp_path / "in.mkv"
    with av.open(str(plain)) as clip, av.open(str(path), "w") as out:
        video = out.add_stream_from_template(clip.streams.video[0], opaque=True)
        out.add_attachment("font.ttf", "application/x-truetype-font", b"glyphs")
        for packet in clip.demux(video=0):
            if packet.size:
                packet.stream = video
                out.mux(packet)
    with av.open(str(copy(path, tmp_path / "out.mkv"))) as kept:
        fonts = [s for s in kept.streams if s.type == "attachment"]
        assert [(f.name, bytes(f.data)) for f in fonts] == [("font.ttf", b"glyphs")]
    copy(path, tmp_path / "out.mp4")
    assert "1 attachment left out: font.ttf" in caplog.text


def test_the_last_packet_is_as_long_as_the_one_before_where_nothing_tells(tmp_path):
    path = beeps(tmp_path / "in.mkv", "alac")  # Matroska stores no lengths, and libav knows none
    out = copy(path, tmp_path / "out.mp4")
    assert len(packets(out, "audio")) == len(packets(path, "audio"))
    with av.open(str(out)) as result:
        last = [packet.duration for packet in result.demux(audio=0) if packet.size][-1]
    assert last > 4000
