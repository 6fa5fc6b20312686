"""Videos written in segments: the same as in one go, and to be gone on with after a break."""

import json
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from fakes import make_frame, make_info
from media import make_clip, packets, pictures, source_frames, source_info, times

from rimlight.core.errors import SinkError
from rimlight.sinks.video import segment_index
from rimlight.sinks.video.segment_index import SegmentIndex, is_partial_result
from rimlight.sinks.video.sink import VideoSink
from rimlight.system.av import av

SIZE = (128, 96)  # x264 does not give the same bytes twice for pictures of 64x48
UNEVEN = [Fraction(n, 30) for n in range(7, 200) if n % 7 not in (3, 4)]


def frames_at(moments, size=SIZE):
    return [replace(make_frame(i, size), pts=pts) for i, pts in enumerate(moments)]


def open_sink(path, info=None, **options):
    options = {"resume": "a run", "segment_s": 1, **options}
    return VideoSink(VideoSink.Options(path=path, **options), info or make_info())


def write(sink, frames):
    for frame in frames:
        sink.write(frame)


def record(path, frames, info=None, **options):
    sink = open_sink(path, info, **options)
    write(sink, frames)
    sink.close()
    return path


def break_off(path, frames, **options):
    """Write frames and end as after kill -9: nothing is closed in order, only the lock goes."""
    sink = open_sink(path, **options)
    write(sink, frames)
    sink.abort()


def index_folder_of(path):
    return path.with_name(f".{path.name}.rimlight")


def stream_facts(path):
    with av.open(str(path)) as clip:
        video = clip.streams.video[0]
        return video.duration, video.average_rate, video.frames, video.sample_aspect_ratio


def hashes(path):
    return [hash(picture.tobytes()) for picture in pictures(path, pixels="yuv420p")]


CODECS = [
    ("a.mp4", "h264"), ("a.mp4", "h265"), ("a.mp4", "av1"), ("a.m4v", "vp9"), ("a.mov", "prores"),
    ("a.mkv", "h264"), ("a.mkv", "ffv1"), ("a.webm", "vp9"), ("a.mkv", "h265"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "codec"), CODECS)
def test_times_and_length_are_those_of_a_video_in_one_piece(tmp_path, name, codec):
    joined = record(tmp_path / name, frames_at(UNEVEN), codec=codec)
    whole = record(tmp_path / f"whole-{name}", frames_at(UNEVEN), codec=codec, resume=None)
    assert times(joined) == times(whole)
    assert stream_facts(joined) == stream_facts(whole)
    assert len(pictures(joined)) == len(UNEVEN)


@pytest.mark.parametrize(("name", "codec"), CODECS)
def test_a_run_that_is_gone_on_with_gives_the_same_pictures(tmp_path, name, codec):
    frames = frames_at(UNEVEN)
    straight = record(tmp_path / f"straight-{name}", frames, codec=codec)
    path = tmp_path / name
    break_off(path, frames[:70], codec=codec)
    sink = open_sink(path, codec=codec)
    assert frames[0].pts < sink.resume_at <= frames[70].pts
    write(sink, [frames[0], *(f for f in frames[1:] if f.pts >= sink.resume_at - Fraction(1, 5))])
    sink.close()
    assert times(path) == times(straight)
    assert hashes(path) == hashes(straight)


@pytest.mark.parametrize("codec", ["h264", "h265"])
def test_parts_made_apart_are_joined_to_the_same_video(tmp_path, codec):
    frames, path = frames_at(UNEVEN), tmp_path / "a.mp4"
    straight = record(tmp_path / "straight.mp4", frames, codec=codec)
    segments = []
    for begin, end in ((None, 2), (2, 5), (5, None)):
        part = tmp_path / f"from-{begin}" / path.name
        part.parent.mkdir()
        later = [f for f in frames if f.pts >= (begin or 0) - Fraction(1, 5)]
        record(part, [frames[0], *later[1:]], codec=codec, part=(begin, end))
        assert not part.exists()
        segments.append(index_folder_of(part))
    gather(SegmentIndex(path, "a run"), segments)
    sink = open_sink(path, codec=codec)
    assert sink.is_complete
    sink.close()
    assert times(path) == times(straight)
    assert hashes(path) == hashes(straight)


def gather(index, folders):
    for folder in folders:
        other = SegmentIndex(folder.with_name("a.mp4"), "a run")
        for segment in other.segments:
            (folder / segment.name).rename(index.folder / segment.name)
            index.add(segment)
        other.close()
    index.is_complete = True
    index.save()
    index.close()


def test_nothing_is_left_beside_a_whole_video(tmp_path):
    record(tmp_path / "a.mp4", frames_at(UNEVEN))
    assert [p.name for p in tmp_path.iterdir()] == ["a.mp4"]


def test_before_the_first_whole_segment_nothing_is_kept(tmp_path):
    break_off(tmp_path / "a.mp4", frames_at(UNEVEN[:5]))
    assert list(tmp_path.iterdir()) == []


def test_another_run_starts_anew(tmp_path):
    break_off(tmp_path / "a.mp4", frames_at(UNEVEN[:70]))
    sink = open_sink(tmp_path / "a.mp4", resume="another run")
    assert sink.resume_at is None
    sink.abort()
    assert list(tmp_path.iterdir()) == []


def test_two_runs_do_not_write_one_video(tmp_path):
    sink = open_sink(tmp_path / "a.mp4")
    with pytest.raises(SinkError, match="another run is writing"):
        open_sink(tmp_path / "a.mp4")
    sink.abort()


def test_sound_is_copied_once_and_whole(tmp_path):
    source = make_clip(tmp_path / "in.mp4", seconds=4)
    frames = list(source_frames(source))
    path = record(tmp_path / "out.mp4", frames, source_info(source))
    assert packets(path, "audio") == packets(source, "audio")
    assert times(path) == times(source)


def test_a_break_between_the_last_segment_and_the_joining_costs_no_frame(tmp_path, monkeypatch):
    path, frames = tmp_path / "a.mp4", frames_at(UNEVEN)
    sink = open_sink(path)
    write(sink, frames)
    index_folder_of(path).joinpath("joined.mp4").mkdir()  # joining fails as on a full disk
    with pytest.raises(SinkError):
        sink.close()
    index_folder_of(path).joinpath("joined.mp4").rmdir()
    again = open_sink(path)
    assert again.is_complete
    again.close()
    assert times(path) == UNEVEN
    assert [p.name for p in tmp_path.iterdir()] == ["a.mp4"]


def test_a_stopped_run_leaves_a_video_and_what_it_takes_to_go_on(tmp_path):
    path, frames = tmp_path / "a.mp4", frames_at(UNEVEN)
    sink = open_sink(path, overwrite=False)
    write(sink, frames[:70])
    sink.mark_partial()
    sink.close()
    assert times(path) == UNEVEN[:70]
    again = open_sink(path, overwrite=False)
    write(again, frames)
    again.close()
    assert times(path) == UNEVEN
    assert hashes(path) == hashes(record(tmp_path / "b.mp4", frames))


def test_an_existing_video_is_not_replaced_unless_allowed(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"precious")
    with pytest.raises(SinkError, match="exists"):
        open_sink(tmp_path / "a.mp4", overwrite=False)
    assert [p.name for p in tmp_path.iterdir()] == ["a.mp4"]


def test_alpha_survives_the_joining(tmp_path):
    def see_through(frame):
        alpha = np.full((96, 128), 255, np.uint8)
        alpha[:, :64] = 0
        return frame.with_alpha(alpha)

    frames = [see_through(frame) for frame in frames_at(UNEVEN)]
    path = record(tmp_path / "a.webm", frames, transparent=True)
    shown = pictures(path, pixels="rgba", decoder="libvpx-vp9")
    assert len(shown) == len(UNEVEN)
    assert all(p[48, 16, 3] < 40 and p[48, 112, 3] > 215 for p in shown)


def change(**fields):
    return lambda state: json.dumps({**json.loads(state), **fields})


def change_segments(**fields):
    return lambda state: change(segments=[{**s, **fields} for s in json.loads(state)["segments"]])(
        state
    )


SPOILT = {
    "empty": lambda _: "",
    "cut": lambda state: state[:40],
    "list": lambda _: "[1]",
    "number": lambda _: "7",
    "deep": lambda _: "[" * 100_000,
    "no segments": change(segments=None),
    "empty segment": change(segments=[{}]),
    "more keys": change_segments(z=1),
    "text for a number": change_segments(end="x"),
    "other times": change_segments(begin=10**9),
    "foreign name": change_segments(name="../in.mp4"),
    "complete too early": change(complete=True),
    "without complete": lambda state: state.replace('"complete": false, ', ""),
    "no text": lambda state: state.encode("utf-16"),
}


@pytest.mark.parametrize("spoil", SPOILT)
def test_a_spoilt_journal_means_a_new_start(tmp_path, spoil):
    path, frames = tmp_path / "a.mp4", frames_at(UNEVEN)
    break_off(path, frames[:70])
    state = index_folder_of(path) / "state.json"
    spoilt = SPOILT[spoil](state.read_text())
    state.write_bytes(spoilt if isinstance(spoilt, bytes) else spoilt.encode())
    sink = open_sink(path)
    assert sink.resume_at is None and "starting over" in sink.notes[0]
    sink.abort()
    assert list(tmp_path.iterdir()) == []


DAMAGES = {
    "emptied": lambda file: file.write_bytes(b""),
    "cut": lambda file: file.write_bytes(file.read_bytes()[:500]),
    "changed": lambda file: file.write_bytes(file.read_bytes()[:-9] + b"123456789"),
    "removed": lambda file: file.unlink(),
    "a link": lambda file: (file.unlink(), file.symlink_to(file.with_name("state.json"))),
    "a folder": lambda file: (file.unlink(), file.mkdir()),
}


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_segment_is_made_again_with_all_that_follow(tmp_path, damage, number):
    path, frames = tmp_path / "a.mp4", frames_at(UNEVEN)
    break_off(path, frames[:100])
    damaged = sorted(index_folder_of(path).glob("0*.mp4"))[number]
    DAMAGES[damage](damaged)
    if damage == "a folder":
        with pytest.raises(SinkError):
            record(path, frames)
        damaged.rmdir()
    record(path, frames)
    assert times(path) == UNEVEN
    assert hashes(path) == hashes(record(tmp_path / "b.mp4", frames))


def test_a_journal_that_is_a_link_is_refused(tmp_path):
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "00000000.mp4").write_bytes(b"thesis")
    index_folder_of(tmp_path / "a.mp4").symlink_to("precious")
    with pytest.raises(SinkError, match="is a link") as caught:
        open_sink(tmp_path / "a.mp4")
    assert "rm " in caught.value.hint
    assert [p.name for p in (tmp_path / "precious").iterdir()] == ["00000000.mp4"]


def test_only_files_that_rimlight_made_are_removed_from_a_journal(tmp_path):
    path = tmp_path / "a.mp4"
    break_off(path, frames_at(UNEVEN[:70]))
    (index_folder_of(path) / "thesis.txt").write_bytes(b"mine")
    (index_folder_of(path) / "deep").mkdir()
    record(path, frames_at(UNEVEN))
    assert times(path) == UNEVEN
    assert sorted(p.name for p in index_folder_of(path).iterdir()) == ["deep", "thesis.txt"]


def stop(path, frames, **options):
    """Write frames and end as after Ctrl-C."""
    sink = open_sink(path, overwrite=False, **options)
    write(sink, frames)
    sink.mark_partial()
    sink.close()
    return sink


@pytest.mark.parametrize("count", [1, 5])
def test_after_a_stop_in_the_first_segment_the_same_run_goes_on(tmp_path, count):
    path, frames = tmp_path / "a.mp4", frames_at(UNEVEN)
    stop(path, frames[:count])
    assert times(path) == UNEVEN[:count] and is_partial_result(path)
    stop(path, frames[: 2 * count])
    assert times(path) == UNEVEN[: 2 * count]
    assert times(record(path, frames, overwrite=False)) == UNEVEN
    assert [p.name for p in tmp_path.iterdir()] == ["a.mp4"]


def test_another_run_may_replace_the_part_that_a_stop_left_and_says_so(tmp_path):
    path, frames = tmp_path / "a.mp4", frames_at(UNEVEN)
    stop(path, frames[:70])
    sink = open_sink(path, overwrite=False, resume="another run")
    assert "left by an earlier run" in sink.notes[0] and sink.resume_at is None
    sink.abort()  # as when this one is killed
    sink = open_sink(path, overwrite=False, resume="another run")
    write(sink, frames)
    sink.close()
    assert times(path) == UNEVEN


@pytest.mark.parametrize("name", ["a run", "another run"])
def test_a_file_that_took_the_place_of_a_part_is_not_replaced(tmp_path, name):
    path = tmp_path / "a.mp4"
    stop(path, frames_at(UNEVEN[:70]))
    path.write_bytes(b"precious")
    assert not is_partial_result(path)
    with pytest.raises(SinkError, match="exists"):
        open_sink(path, overwrite=False, resume=name)
    assert path.read_bytes() == b"precious"


def test_a_kill_after_the_last_rename_leaves_nothing_to_do(tmp_path, monkeypatch):
    path, frames = tmp_path / "a.mp4", frames_at(UNEVEN)
    monkeypatch.setattr(SegmentIndex, "remove", SegmentIndex.close)
    record(path, frames, overwrite=False)
    monkeypatch.undo()
    assert index_folder_of(path).exists()
    before = path.stat().st_ino
    again = open_sink(path, overwrite=False)
    assert again.is_complete
    again.close()
    assert path.stat().st_ino == before
    assert [p.name for p in tmp_path.iterdir()] == ["a.mp4"]


def test_segments_that_are_links_are_not_followed(tmp_path):
    path = tmp_path / "a.mp4"
    (tmp_path / "v.txt").write_bytes(b"mine")
    index_folder_of(path).mkdir()
    for name in ("part.mp4", "state.json.part", "joined.mp4", "00000000.mp4"):
        (index_folder_of(path) / name).symlink_to(tmp_path / "v.txt")
    record(path, frames_at(UNEVEN))
    assert (tmp_path / "v.txt").read_bytes() == b"mine"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.mp4", "v.txt"]


def test_a_file_that_appears_during_the_run_is_not_replaced(tmp_path):
    path, frames = tmp_path / "a.mp4", frames_at(UNEVEN)
    sink = open_sink(path, overwrite=False)
    write(sink, frames)
    path.write_bytes(b"precious")
    with pytest.raises(SinkError, match="exists") as caught:
        sink.close()
    assert "overwrite=true" in caught.value.hint and path.read_bytes() == b"precious"
    path.unlink()
    again = open_sink(path, overwrite=False)
    assert again.is_complete
    again.close()
    assert times(path) == UNEVEN


@pytest.mark.parametrize("whole", [False, True])
def test_a_kill_just_before_the_last_rename_leaves_the_part_replaceable(
    tmp_path, monkeypatch, whole
):
    path, frames = tmp_path / "a.mp4", frames_at(UNEVEN)
    stop(path, frames[:70])

    def killed(*_, **__):
        raise KeyboardInterrupt

    sink = open_sink(path, overwrite=False)
    write(sink, frames if whole else frames[:100])
    if not whole:
        sink.mark_partial()
    monkeypatch.setattr(segment_index, "move_into_place", killed)
    with pytest.raises(KeyboardInterrupt):
        sink.close()
    monkeypatch.undo()
    sink.abort()  # the lock goes
    assert times(path) == UNEVEN[:70] and is_partial_result(path)
    assert times(record(path, frames, overwrite=False)) == UNEVEN
