"""The loops of a dashcam, joined in time."""

from datetime import UTC, datetime
from fractions import Fraction
from itertools import pairwise

import pytest
from clip_maker import write_video

from rimlight.core.errors import SourceOpenError, SourceReadError
from rimlight.sources.concat import ConcatSource, find_common_tick, order_clips
from rimlight.system.av import av

STEP = Fraction(40, 1000)


def drive(*paths):
    return ConcatSource(ConcatSource.Options(paths=tuple(map(str, paths))))


def loop(folder, name, **more):
    return write_video(folder / f"{name}.mkv", **more)


def stamped(source, target, moment):
    """Copy a video, with the time that it was recorded at."""
    with av.open(str(source)) as old, av.open(str(target), "w") as new:
        new.metadata["creation_time"] = moment
        stream = new.add_stream_from_template(old.streams.video[0])
        for packet in old.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                new.mux(packet)
    return target


def test_each_file_begins_where_the_one_before_ends(tmp_path):
    source = drive(loop(tmp_path, "a"), loop(tmp_path, "b"), loop(tmp_path, "c"))
    frames = list(source)
    assert [frame.index for frame in frames] == list(range(30))
    assert {b.pts - a.pts for a, b in pairwise(frames)} == {STEP}


def test_times_within_a_file_stay_exact_also_where_they_are_uneven(tmp_path):
    uneven = loop(tmp_path, "b", stamps=[0, 13, 200, 207])
    pts = [frame.pts for frame in drive(loop(tmp_path, "a"), uneven)][10:]
    assert [float(at - pts[0]) for at in pts] == [0, 0.013, 0.2, 0.207]


def test_names_sort_by_their_numbers(tmp_path):
    paths = [loop(tmp_path, name) for name in ("10", "2", "1")]
    assert [part.path.stem for part in order_clips(paths).clips] == ["1", "2", "10"]


def test_the_time_of_recording_goes_before_the_name(tmp_path):
    plain = loop(tmp_path, "plain")
    early = stamped(plain, tmp_path / "z.mkv", "2026-05-01T10:00:00Z")
    late = stamped(plain, tmp_path / "a.mkv", "2026-05-01T12:03:00+02:00")
    parts = order_clips([late, early]).clips
    assert [part.path.stem for part in parts] == ["z", "a"]
    assert parts[1].recorded == datetime(2026, 5, 1, 10, 3, tzinfo=UTC)


def test_a_name_may_say_when_it_was_recorded(tmp_path):
    (part,) = order_clips([loop(tmp_path, "2026_0501_101502_003")]).clips
    assert part.recorded == datetime(2026, 5, 1, 10, 15, 2, tzinfo=UTC)


@pytest.mark.parametrize("name", ["20269999_101502", "holiday"])
def test_other_names_say_nothing_of_time(tmp_path, name):
    assert order_clips([loop(tmp_path, name)]).clips[0].recorded is None


def test_a_damaged_file_is_named_after_all_others_were_read(tmp_path):
    (tmp_path / "b.mkv").write_bytes(b"no video")
    source, frames = drive(loop(tmp_path, "a"), tmp_path / "b.mkv", loop(tmp_path, "c")), []
    with pytest.raises(SourceReadError, match=r"b\.mkv"):
        frames.extend(source)
    assert len(frames) == 20


def test_a_file_of_another_size_is_left_out(tmp_path):
    source = drive(loop(tmp_path, "a"), loop(tmp_path, "b", size=(32, 32)))
    with pytest.raises(SourceReadError, match="another size"):
        assert {frame.size for frame in source} == {(64, 48)}


def test_nothing_but_damaged_files_does_not_open(tmp_path):
    (tmp_path / "b.mkv").write_bytes(b"no video")
    with pytest.raises(SourceOpenError, match="none of 2 files"):
        drive(tmp_path / "b.mkv", tmp_path / "c.mkv")
    with pytest.raises(SourceOpenError, match="no such file"):
        drive(tmp_path / "c.mkv")


def test_a_common_tick_divides_all():
    assert find_common_tick([Fraction(1, 15360), Fraction(1, 12800)]) == Fraction(1, 76800)


def test_gaps_and_overlaps_are_told_in_seconds(tmp_path):
    plain = loop(tmp_path, "plain", stamps=[0, 3960])
    times = ("10:15:00", "10:15:03", "10:25:00")
    paths = [
        stamped(plain, tmp_path / f"{name}.mkv", f"2026-05-01T{time}Z")
        for name, time in zip("abc", times, strict=True)
    ]
    gap, overlap = order_clips(paths).notes
    assert "593 s after b.mkv" in gap and "a.mkv and b.mkv by 1 s" in overlap


def test_all_files_that_cannot_be_read_are_named(tmp_path):
    bad = [tmp_path / f"bad{number}.mkv" for number in range(5)]
    for path in bad:
        path.write_bytes(b"no video")
    with pytest.raises(SourceReadError) as caught:
        list(drive(loop(tmp_path, "a"), *bad))
    assert all(path.name in str(caught.value) for path in bad)


def test_a_glob_or_a_folder_keeps_cameras_apart(tmp_path):
    for name in ("20260501_101500F", "20260501_101500R"):
        loop(tmp_path, name)
    for named in (tmp_path, tmp_path / "*.mkv"):
        source = ConcatSource(ConcatSource.Options(paths=str(named)))
        assert len(list(source)) == 10 and "another camera" in source.info.notes[0]
