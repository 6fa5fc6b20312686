"""What a covered film may not say: where, when and with what it was taken."""

import logging
from contextlib import ExitStack
from fractions import Fraction

import pytest
from media import make_clip, source_frames, source_info
from test_sink_video_stream_copy import add_subtitles

from rimlight.core.config import parse_run
from rimlight.factory.sinks import make_private, open_sinks
from rimlight.system.av import av

PLACE = "+47.3769+008.5417"
NAMES = ["out.mp4", "out.mov", "out.mkv", "out.webm"]


@pytest.fixture
def told(tmp_path):
    """A film with tags of place and camera, a chapter, a subtitle and sound."""
    first = add_subtitles(make_clip(tmp_path / "in.mp4", seconds=1), tmp_path / "text.mkv")
    path = tmp_path / "in.mov"
    how = {"movflags": "use_metadata_tags"}
    with av.open(str(first)) as source, av.open(str(path), "w", container_options=how) as out:
        kept = [s for s in source.streams if s.type != "subtitle"]
        streams = {s.index: out.add_stream_from_template(s, opaque=True) for s in kept}
        out.metadata.update({"location": PLACE, "com.apple.quicktime.model": "Phone 1"})
        out.metadata["creation_time"] = "2026-05-01T10:15:00Z"
        chapter = {"id": 1, "start": 0, "end": 900, "time_base": Fraction(1, 1000)}
        out.set_chapters([{**chapter, "metadata": {"title": "Elm Street"}}])
        for packet in source.demux(kept):
            if packet.size:
                packet.stream = streams[packet.stream_index]
                out.mux(packet)
    return path


def record(path, sink, effects):
    run = parse_run(
        {
            "source": {"kind": "video", "path": str(path)},
            "segmenter": {"kind": "whole"},
            "effects": effects,
            "sinks": [{"kind": "video", **sink}],
        },
        where="a test",
    )
    with ExitStack() as stack:
        (opened,), *_ = open_sinks(make_private(run), source_info(path), stack)
        for frame in source_frames(path):
            opened.write(frame)


COVERED = [{"kind": "redact", "classes": ["person"]}]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("way", [{}, {"resume": "a run"}], ids=["one piece", "segments"])
def test_a_covered_film_keeps_nothing_but_its_sound(tmp_path, caplog, told, name, way):
    caplog.set_level(logging.WARNING, "rimlight")
    out = tmp_path / name
    record(told, {"path": str(out), **way}, COVERED)
    data = out.read_bytes()
    for word in (PLACE, "Phone 1", "2026-05-01", "Elm Street"):
        assert word.encode() not in data
    with av.open(str(out)) as clip:
        assert [s.type for s in clip.streams] == ["video", "audio"]
        assert clip.chapters() == []
        assert "creation_time" not in clip.metadata
    assert "its tags are left out: com.apple.quicktime.model, creation_time" in caplog.text
    assert "its sound is kept; audio=none leaves it out" in caplog.text


def test_a_film_that_is_not_covered_keeps_its_place_and_says_so(tmp_path, caplog, told):
    caplog.set_level(logging.WARNING, "rimlight")
    record(told, {"path": str(tmp_path / "out.mp4")}, [])
    with av.open(str(tmp_path / "out.mp4")) as clip:
        assert clip.metadata["location"].startswith(PLACE)
    assert "says where it was taken (location" in caplog.text


def test_a_video_sink_can_be_asked_to_be_private(tmp_path, told):
    record(told, {"path": str(tmp_path / "out.mp4"), "private": True}, [])
    assert PLACE.encode() not in (tmp_path / "out.mp4").read_bytes()
