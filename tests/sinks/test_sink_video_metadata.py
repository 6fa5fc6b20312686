"""What a video carries besides pictures and sound: tags, chapters, what its colors mean."""

from dataclasses import replace
from fractions import Fraction

import pytest
from fakes import make_frame, make_info
from media import make_clip, packets, source_frames, source_info

from rimlight.core.frame import Frame
from rimlight.imaging.color import ColorSpace
from rimlight.sinks.video.sink import VideoSink
from rimlight.system.av import av

WAYS = [{"resume": None}, {"resume": "a run", "segment_s": 1}]
CHAPTERS = [("Hello", 0, 1500), ("More", 1500, 4000)]


@pytest.fixture(params=WAYS, ids=["one piece", "segments"])
def way(request):
    return request.param


@pytest.fixture
def told(tmp_path):
    """A clip with a title and two chapters."""
    plain, path = make_clip(tmp_path / "plain.mp4", seconds=4), tmp_path / "in.mp4"
    with av.open(str(plain)) as source, av.open(str(path), "w") as out:
        streams = {s.index: out.add_stream_from_template(s) for s in source.streams}
        out.metadata["title"] = "A talk"
        out.set_chapters([
            {"id": i, "start": begin, "end": end, "time_base": Fraction(1, 1000),
             "metadata": {"title": title}}
            for i, (title, begin, end) in enumerate(CHAPTERS)
        ])  # fmt: skip
        for packet in source.demux():
            if packet.size:
                packet.stream = streams[packet.stream_index]
                out.mux(packet)
    return path


def record(path, frames, info, **options):
    sink = VideoSink(VideoSink.Options(path=path, **options), info)
    for frame in frames:
        sink.write(frame)
    sink.close()
    return path


def chapters(path):
    with av.open(str(path)) as clip:
        return [
            (
                c["metadata"]["title"],
                *(round(1000 * c[k] * c["time_base"]) for k in ("start", "end")),
            )
            for c in clip.chapters()
        ]


@pytest.mark.parametrize("name", ["out.mp4", "out.mkv"])
def test_title_and_chapters_are_kept(tmp_path, told, way, name):
    path = record(tmp_path / name, source_frames(told), source_info(told), **way)
    with av.open(str(path)) as clip:
        assert clip.metadata["title"] == "A talk"
    assert chapters(path) == CHAPTERS


def test_a_part_takes_its_sound_and_chapters_along(tmp_path, told, way):
    frames = [f for f in source_frames(told) if f.pts >= 2]
    info = replace(source_info(told), start_offset=Fraction(2), duration_s=2.0)
    moved = [replace(frame, pts=frame.pts - 2) for frame in frames]
    path = record(tmp_path / "out.mp4", moved, info, **way)
    assert chapters(path) == [("More", 0, 2000)]
    later = [(pts - 2, data) for pts, data in packets(told, "audio") if pts >= 2]
    assert packets(path, "audio") == later


def test_colors_keep_their_meaning(tmp_path, way):
    color = ColorSpace("bt709", full_range=True)
    info = replace(make_info(), color=color, primaries=12, transfer=13)
    frames = [
        Frame.from_i420(
            make_frame(i, (128, 96)).i420, size=(128, 96), index=i, pts=Fraction(i, 30),
            captured_at=0.0, color=color,
        )
        for i in range(40)
    ]  # fmt: skip
    path = record(tmp_path / "out.mp4", frames, info, **way)
    with av.open(str(path)) as clip:
        shown = next(clip.decode(video=0))
        found = (shown.color_primaries, shown.color_trc, shown.colorspace, shown.color_range)
    assert [int(code) for code in found] == [12, 13, 1, 2]
