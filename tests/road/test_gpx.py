import gzip

import pytest

from rimlight.core.errors import ConfigError
from rimlight.road.gpx import Fix, Track, read_gpx, read_tracks

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
    assert track.interpolate(10) == pytest.approx((52.5, 13.4)) and track.interpolate(20.5) == (
        52.6,
        13.5,
    )


def test_points_without_a_time_or_place_are_left_out(tmp_path):
    points = [(1, 2, ""), (1, 2, at("yesterday")), ("north", 2, at("1970-01-01T00:00:01Z"))]
    good = (3, 4, at("1970-01-01T00:00:05Z"))
    assert read_gpx(gpx(tmp_path / "a.gpx", *points, good)).span_s == (5, 5)


def test_between_two_fixes_the_way_is_straight():
    track = Track([Fix(10, 1.0, 2.0), Fix(0, 0.0, 0.0)])
    assert track.interpolate(2.5) == pytest.approx((0.25, 0.5))


def test_no_place_is_made_up_outside_the_track_or_in_a_long_gap():
    track = Track([Fix(0, 0, 0), Fix(10, 1, 1), Fix(100, 2, 2)])
    assert [track.interpolate(time) for time in (-1, 50, 101)] == [None] * 3


def test_the_date_line_is_crossed_the_short_way():
    track = Track([Fix(0, 0, 179.9), Fix(10, 0, -179.9)])
    assert abs(track.interpolate(5)[1]) == pytest.approx(180)


@pytest.mark.parametrize(
    ("lat", "lon", "time"),
    [
        ("nan", 2, "2026-05-01T10:00:00Z"),
        (1, "inf", "2026-05-01T10:00:00Z"),
        (0, 0, "2026-05-01T10:00:00Z"),
        (91, 2, "2026-05-01T10:00:00Z"),
        (1, 181, "2026-05-01T10:00:00Z"),
        ("47,3", "8,5", "2026-05-01T10:00:00Z"),
        (1, 2, "0001-01-01T00:00:00+14:00"),
        (1, 2, "9999-12-31T23:59:59-14:00"),
        (1, 2, "9999-12-31T23:59:59Z"),
    ],
)
def test_points_where_no_receiver_can_have_been_are_left_out_and_counted(tmp_path, lat, lon, time):
    good = (3, 4, at("1970-01-01T00:00:05Z"))
    track = read_gpx(gpx(tmp_path / "a.gpx", (lat, lon, at(time)), good))
    assert track.span_s == (5, 5) and "points skipped: 1 " in track.notes[0]
    with pytest.raises(ConfigError, match=r"no track points .*: 1 "):
        read_gpx(gpx(tmp_path / "a.gpx", (lat, lon, at(time))))


def test_of_a_track_that_breaks_off_what_is_whole_is_read(tmp_path):
    points = [(1, 2, at(f"1970-01-01T00:00:0{second}Z")) for second in range(1, 4)]
    path = gpx(tmp_path / "a.gpx", *points)
    path.write_text(path.read_text()[:-80])
    assert read_gpx(path).span_s == (1, 2) and "truncated" in read_gpx(path).notes[0]


def test_a_track_packed_with_gzip_is_read(tmp_path):
    plain = gpx(tmp_path / "a.gpx", (1, 2, at("1970-01-01T00:00:05Z")))
    packed = tmp_path / "a.gpx.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert read_gpx(packed).span_s == (5, 5)
    packed.write_bytes(packed.read_bytes()[:-20])
    with pytest.raises(ConfigError, match="cannot unpack"):
        read_gpx(packed)


def test_several_tracks_are_one(tmp_path):
    paths = [
        gpx(tmp_path / f"{second}.gpx", (1, 2, at(f"1970-01-01T00:00:0{second}Z")))
        for second in (7, 5)
    ]
    assert read_tracks(paths).span_s == (5, 7)


@pytest.mark.parametrize(
    ("content", "form"),
    [
        (b"$GPRMC,101500,A,4700.0000,N\n", "nmea"),
        (b'<kml xmlns="http://www.opengis.net/kml/2.2"/>', "kml"),
        (b"\x0e\x10\x00\x00\x00\x00\x00\x00.FIT", "garmin_fit"),
    ],
)
def test_another_form_is_named_with_what_makes_gpx_of_it(tmp_path, content, form):
    (tmp_path / "a.bin").write_bytes(content)
    with pytest.raises(ConfigError, match="not GPX") as caught:
        read_gpx(tmp_path / "a.bin")
    assert f"gpsbabel -i {form} -f" in caught.value.hint


ODD = '<?xml version="1.0" encoding="odd"?><gpx/>'


@pytest.mark.parametrize("text", ["", "no xml", "<gpx></gpx>", "<gpx><rtept/></gpx>", ODD])
def test_a_file_without_a_track_is_refused(tmp_path, text):
    (tmp_path / "a.gpx").write_text(text)
    with pytest.raises(ConfigError, match=r"not a GPX|no track points"):
        read_gpx(tmp_path / "a.gpx")


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="cannot read"):
        read_gpx(tmp_path / "a.gpx")


def test_a_time_with_small_letters_and_space_before_the_declaration_are_read(tmp_path):
    path = gpx(tmp_path / "a.gpx", (1, 2, at("1970-01-01t00:00:05z")))
    path.write_text(f'\r\n  <?xml version="1.0"?>{path.read_text()}')
    assert read_gpx(path).span_s == (5, 5)


def test_a_track_that_breaks_off_before_its_first_point_says_where(tmp_path):
    path = gpx(tmp_path / "a.gpx", (1, 2, at("1970-01-01T00:00:05Z")))
    path.write_text(path.read_text().replace("<trkseg>", "<name>a\x01b</name><trkseg>"))
    with pytest.raises(ConfigError, match=r"no track points .*truncated \(.*line 1"):
        read_gpx(path)
