"""Files of a drive are ordered by one kind of clock."""

from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

from rimlight.sources.recording_time import RecordingTime, sort_by_time

TEN = datetime(2026, 5, 1, 10, 15, tzinfo=UTC)


def file(name, inside=None, named=None, length=4):
    return RecordingTime(Path(name), Fraction(length), inside, named)


def told(*files):
    ordered, notes = sort_by_time(files)
    return [(one.path.stem, one.clock) for one in ordered], notes


def test_a_chapter_that_carries_the_start_of_its_recording_follows_on_the_one_before():
    later = TEN.replace(minute=20)
    found, notes = told(file("GX010002", later), file("GX020001", TEN), file("GX010001", TEN))
    assert found == [
        ("GX010001", TEN),
        ("GX020001", TEN.replace(second=4)),
        ("GX010002", later),
    ]
    assert "GX020001" in notes[0]


def test_chapters_are_in_order_without_any_clock():
    names = ("GP010001", "GX010002", "GOPR0001", "GX020002")
    found, _ = told(*map(file, names))
    assert [name for name, _ in found] == ["GOPR0001", "GP010001", "GX010002", "GX020002"]


def test_three_files_of_one_clock_follow_on_each_other():
    found, _ = told(file("a", TEN), file("b", TEN), file("c", TEN))
    assert [clock.second for _, clock in found] == [0, 4, 8]


def test_local_times_in_names_become_utc_where_a_file_tells_both():
    files = [file(f"20260501_10{m}00", named=TEN.replace(minute=m)) for m in (15, 17)]
    both = file("20260501_101600", TEN.replace(hour=8, minute=16), TEN.replace(minute=16))
    found, notes = told(*files, both)
    assert [(c.hour, c.minute) for _, c in found] == [(8, 15), (8, 16), (8, 17)]
    assert "UTC+2 h" in notes[0]


def test_two_kinds_of_clock_that_cannot_be_compared_leave_the_order_to_the_names():
    found, notes = told(file("b", named=TEN), file("c", named=TEN), file("a", TEN.replace(hour=8)))
    assert [name for name, _ in found] == ["a", "b", "c"] and found[0][1] is None
    assert "1 of 3 files" in notes[0]


def test_folders_of_a_card_count_on():
    found, _ = told(file("101MEDIA/DJI_0001"), file("100MEDIA/DJI_0999"))
    assert [name for name, _ in found] == ["DJI_0999", "DJI_0001"]
