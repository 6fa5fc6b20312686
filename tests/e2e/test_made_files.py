"""Difficult files through a whole run in segments: times, frame count and sound come out equal."""

from fractions import Fraction

import pytest
from clip_maker import write_video
from media_files import decoded, frame_times, sound_packets

from rimlight.factory.pipeline import open_pipeline
from rimlight.factory.presets import build_config
from rimlight.system.av import av

UNEVEN = [t for t in range(0, 4000, 33) if t % 7]


def run(source, out, **options):
    config = build_config(
        "process", source=str(source), sinks=[str(out)], segmenter={"kind": "threshold"},
        effects=[{"kind": "replace", "background": "white"}],
        options={"video": {"resume": "auto", "segment_s": 1, "preset": "ultrafast", **options}},
    )  # fmt: skip
    with open_pipeline(config) as opened:
        opened.pipeline.run()
    return out


def with_sound(video, path, *, begin_s, end_s):
    """Put a tone beside the pictures of `video`, for a part of the time."""
    with av.open(str(video)) as source, av.open(str(path), "w") as out:
        copy = out.add_stream_from_template(source.streams.video[0])
        sound = out.add_stream("aac", rate=48000, layout="mono")
        for packet in source.demux(source.streams.video[0]):
            if packet.size:
                packet.stream = copy
                out.mux(packet)
        for block in range(int((end_s - begin_s) * 46)):
            frame = av.AudioFrame(format="fltp", layout="mono", samples=1024)
            frame.planes[0].update(bytes(frame.planes[0].buffer_size))
            frame.sample_rate, frame.time_base = 48000, Fraction(1, 48000)
            frame.pts = int(begin_s * 48000) + block * 1024
            out.mux(sound.encode(frame))
        out.mux(sound.encode(None))
    return path


MADE = {
    "variable rate": {"stamps": UNEVEN},
    "B-frames": {"stamps": range(0, 4000, 40), "options": {"bf": "3", "g": "50"}},
    "start offset": {"stamps": range(5000, 8000, 40)},
    "rotated": {"stamps": range(0, 2500, 40), "rotation": 90},
    "10-bit": {"stamps": range(0, 2500, 40), "pix_fmt": "yuv420p10le"},
    "4:4:4": {"stamps": range(0, 2500, 40), "pix_fmt": "yuv444p"},
}


@pytest.mark.parametrize("name", MADE)
def test_times_and_count_are_those_of_the_input(tmp_path, name):
    source = write_video(tmp_path / "in.mp4", codec="libx264", size=(128, 96), **MADE[name])
    out = run(source, tmp_path / "out.mp4")
    assert frame_times(out) == frame_times(source)
    assert len(decoded(out)) == len(MADE[name]["stamps"])


def test_odd_sizes(tmp_path):
    source = write_video(tmp_path / "in.mkv", size=(127, 95), stamps=range(0, 2500, 40))
    assert frame_times(run(source, tmp_path / "out.mp4")) == frame_times(source)


def test_a_stream_without_an_index(tmp_path):
    source = write_video(
        tmp_path / "in.ts", codec="libx264", size=(128, 96), stamps=range(0, 2500, 40)
    )
    assert frame_times(run(source, tmp_path / "out.mp4")) == frame_times(source)


@pytest.mark.parametrize(("begin_s", "end_s"), [(0, 1), (1, 2), (1, 4)])
def test_sound_in_a_part_of_the_time_only(tmp_path, begin_s, end_s):
    plain = write_video(
        tmp_path / "plain.mp4", codec="libx264", size=(128, 96), stamps=range(0, 3000, 40)
    )
    source = with_sound(plain, tmp_path / "in.mp4", begin_s=begin_s, end_s=end_s)
    out = run(source, tmp_path / "out.mp4")
    assert sound_packets(source) and sound_packets(out) == sound_packets(source)
    assert frame_times(out) == frame_times(source)
