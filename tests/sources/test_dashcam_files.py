"""The files of a dashcam's cameras are kept apart by their names."""

from pathlib import Path

import pytest

from rimlight.sources.dashcam_files import group_by_camera, select_drive


def grouped(*names):
    return {
        name: [str(file) for file in files]
        for name, files in group_by_camera([Path(n) for n in names]).items()
    }


CAMERAS = [
    ("2026_0501_101500_0015F.MP4", "2026_0501_101500_0015R.MP4"),
    ("2022_0101_120000_000123F.MP4", "2022_0101_120001_000124R.MP4"),
    ("20260501_101500_NF.mp4", "20260501_101500_NR.mp4"),
    ("20230101_120000_0001_N_A.MP4", "20230101_120000_0001_N_B.MP4"),
    ("2019-10-27_15-43-12-front.mp4", "2019-10-27_15-43-12-back.mp4"),
    ("NO20230101-120000-000001F.MP4", "NO20230101-120000-000001B.MP4"),
    ("230101_120000_001_FH.MP4", "230101_120000_001_RH.MP4"),
    ("20260501_101500.MP4", "20260501_101500_R.MP4"),
    ("ch01_20260501101500.mp4", "ch02_20260501101500.mp4"),
    ("Movie_F/1.MP4", "Movie_R/1.MP4"),
    ("Movie_A/1.MP4", "Movie_B/1.MP4"),
    ("front/x.mp4", "rear/x.mp4"),
    ("REC_F_001.mp4", "REC_R_001.mp4"),
    ("VideoFront001.mp4", "VideoRear001.mp4"),
    ("VID_20230101_120000_00_001.insv", "VID_20230101_120000_10_001.insv"),
]


@pytest.mark.parametrize("names", CAMERAS, ids="/".join)
def test_two_cameras_are_two_groups_the_front_one_first(names):
    assert list(grouped(*reversed(names)).values()) == [[names[0]], [names[1]]]


PARTS = [
    ("a.mp4", "b.mp4"),
    ("A.MP4", "B.MP4"),
    ("trip1a.mp4", "trip1b.mp4"),
    ("GX010001.MP4", "GX020001.MP4", "GOPR0001.MP4"),
    ("CAM0001.MP4", "CAM0002.MP4"),
    ("turn left 1.mp4", "turn right 2.mp4"),
    ("part 1 of 3.mp4", "part 2 of 3.mp4", "end.mp4"),
    ("20260501_101500_1.MP4", "20260501_101500_2.MP4"),
]


@pytest.mark.parametrize("names", PARTS, ids="/".join)
def test_parts_of_one_camera_are_one_group(names):
    assert list(grouped(*names).values()) == [list(names)]


def test_files_that_name_no_camera_stay_with_the_front_one():
    found = grouped("1F.MP4", "1R.MP4", "other.MP4")
    assert found == {"front": ["1F.MP4", "other.MP4"], "rear": ["1R.MP4"]}


def test_what_is_left_out_is_told_with_its_number():
    names = ["1F.MP4", "2F.MP4", "1R.MP4", "2R.MP4", "photo.JPG", "1F.LRV", "1F.GPS"]
    drive = select_drive(map(Path, names))
    assert [file.name for file in drive.files] == ["1F.MP4", "2F.MP4"]
    told = " ".join(drive.notes)
    assert "2 files of another camera (rear" in told and "1 low-resolution file" in told
    assert "photo.JPG" in told and "1F.GPS" in told


def test_low_resolution_copies_alone_are_a_drive():
    assert len(select_drive(map(Path, ["GL010001.LRV", "GL010002.LRV"])).files) == 2
    assert (
        len(select_drive(map(Path, ["230101_120000_1_FH.MP4", "230101_120000_1_FL.MP4"])).files)
        == 1
    )
