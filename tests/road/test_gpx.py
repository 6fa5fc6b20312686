import pytest

from rimlight.errors import ConfigError
from rimlight.road.gpx import Fix, Track, read_gpx

POINT = '<trkpt lat="{}" lon="{}">{}</trkpt>'


def gpx(path, *points, version="1/1"):
    inner = "".join(POINT.format(*point) for point in points)
    head = f'<gpx xmlns="http://www.topografix.com/GPX/{version}"><trk><trkseg>'
    path.write_text(f"{head}{inner}</trkseg></trk></gpx>")
    return path


def at(moment):
    return f"<ele>3</ele><time>{moment}</time>"


@pytest.mark.parametrize("version", ["1/0", "1/1"])
def test_points_are_read_with_their_times(tmp_path, version):
    first = (52.5, 13.4, at("1970-01-01T00:00:10Z"))
    second = (52.6, 13.5, at("1970-01-01T01:00:20.5+01:00"))
    track = read_gpx(gpx(tmp_path / "a.gpx", first, second, version=version))
    assert track.span_s == (10, 20.5)
    assert track.at(10) == pytest.approx((52.5, 13.4)) and track.at(20.5) == (52.6, 13.5)


def test_points_without_a_time_or_place_are_left_out(tmp_path):
    points = [(1, 2, ""), (1, 2, at("yesterday")), ("north", 2, at("1970-01-01T00:00:01Z"))]
    good = (3, 4, at("1970-01-01T00:00:05Z"))
    assert read_gpx(gpx(tmp_path / "a.gpx", *points, good)).span_s == (5, 5)


def test_between_two_fixes_the_way_is_straight():
    track = Track([Fix(10, 1.0, 2.0), Fix(0, 0.0, 0.0)])
    assert track.at(2.5) == pytest.approx((0.25, 0.5))


def test_no_place_is_made_up_outside_the_track_or_in_a_long_gap():
    track = Track([Fix(0, 0, 0), Fix(10, 1, 1), Fix(100, 2, 2)])
    assert [track.at(time) for time in (-1, 50, 101)] == [None] * 3


def test_the_date_line_is_crossed_the_short_way():
    track = Track([Fix(0, 0, 179.9), Fix(10, 0, -179.9)])
    assert abs(track.at(5)[1]) == pytest.approx(180)


ODD = '<?xml version="1.0" encoding="odd"?><gpx/>'


@pytest.mark.parametrize("text", ["", "no xml", "<gpx></gpx>", "<gpx><rtept/></gpx>", ODD])
def test_a_file_without_a_track_is_refused(tmp_path, text):
    (tmp_path / "a.gpx").write_text(text)
    with pytest.raises(ConfigError, match=r"not a GPX|no track points"):
        read_gpx(tmp_path / "a.gpx")


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="cannot read"):
        read_gpx(tmp_path / "a.gpx")
