import logging
from fractions import Fraction

import numpy as np
import pytest
from clip_maker import (
    SEE_THROUGH,
    packet_times,
    picture,
    planes_of,
    write_half_transparent,
    write_video,
)

from rimlight.core.errors import SourceReadError
from rimlight.imaging.color import ColorSpace, split_planes
from rimlight.media.frame_conversion import YuvConverter
from rimlight.sources.video import VideoSource
from rimlight.system.av import av


def open_video(path, **more):
    return VideoSource(VideoSource.Options(path=str(path), **more))


def read_all(source):
    """Every frame, and the error at the end, if there was one."""
    frames = []
    try:
        frames.extend(source)
    except SourceReadError as exc:
        return frames, exc
    finally:
        source.close()
    return frames, None


CLIPS = ["outdoor-360p.mp4", "road-city-360p.mp4", "road-highway-720p.mp4", "walking-432p.mp4"]


@pytest.mark.parametrize("name", CLIPS)
def test_every_frame_of_a_real_clip_has_the_time_of_its_packet(shared, name):
    path = shared / "clips" / name
    source = open_video(path)
    times = [frame.pts for frame in source]
    assert times == packet_times(path)
    assert len(times) == source.info.count
    assert source.info.media_path == path


@pytest.mark.parametrize(
    "stamps",
    [[0, 40, 50, 200, 201, 900], [5000, 5040, 5080], [0, 1, 2]],
    ids=["variable rate", "late start", "fast"],
)
@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_times_are_exactly_those_that_were_written(tmp_path, stamps, suffix):
    codec = "ffv1" if suffix == ".mkv" else "libx264"
    path = write_video(tmp_path / f"a{suffix}", stamps=stamps, codec=codec)
    frames, error = read_all(open_video(path))
    assert error is None
    assert [frame.pts for frame in frames] == [Fraction(stamp, 1000) for stamp in stamps]


def test_frames_that_an_edit_list_hides_are_neither_shown_nor_missed(tmp_path):
    path = write_video(tmp_path / "a.mp4", stamps=[-80, -40, 0, 40], codec="libx264")
    source = open_video(path)
    frames, error = read_all(source)
    assert error is None
    assert [frame.pts for frame in frames] == [0, Fraction(1, 25)]
    assert source.info.count == 2


@pytest.mark.parametrize("size", [(64, 48), (641, 361), (1, 48), (64, 1), (1, 1), (3, 3)])
def test_planes_come_through_exactly_and_odd_sides_repeat_their_edge(tmp_path, size):
    path = write_video(tmp_path / "a.mkv", size=size, codec="rawvideo", stamps=[0, 40])
    _, last = read_all(open_video(path))[0]
    assert last.size == size
    for plane, written in zip(split_planes(last.i420), planes_of(1, size), strict=True):
        short = [(0, plane.shape[i] - written.shape[i]) for i in (0, 1)]
        assert (plane == np.pad(written, short, mode="edge")).all()
    assert last.bgr.shape == (size[1], size[0], 3)


@pytest.mark.parametrize(
    ("rotation", "mirrored", "turn"),
    [
        (0, False, lambda p: p),
        (90, False, np.rot90),
        (180, False, lambda p: p[::-1, ::-1]),
        (270, False, lambda p: np.rot90(p, 3)),
        (0, True, lambda p: p[:, ::-1]),
    ],
    ids=["0", "90", "180", "270", "mirrored"],
)
@pytest.mark.parametrize("size", [(64, 48), (65, 47)])
def test_a_turned_video_is_put_upright(tmp_path, rotation, mirrored, turn, size):
    path = write_video(
        tmp_path / "a.mkv", size=size, rotation=rotation, mirrored=mirrored, codec="rawvideo"
    )
    source = open_video(path)
    frame = next(iter(source))
    luma = turn(planes_of(0, size)[0])
    assert source.info.size == frame.size == (luma.shape[1], luma.shape[0])
    assert (split_planes(frame.i420)[0][: luma.shape[0], : luma.shape[1]] == luma).all()


def test_pixels_that_are_not_square_turn_with_the_picture(tmp_path):
    how = {"aspect": Fraction(4, 3), "codec": "libx264"}
    flat = open_video(write_video(tmp_path / "a.mp4", **how))
    turned = open_video(write_video(tmp_path / "b.mp4", rotation=90, **how))
    assert (flat.info.sample_aspect, turned.info.sample_aspect) == (Fraction(4, 3), Fraction(3, 4))


@pytest.mark.parametrize(
    ("declared", "size", "expected"),
    [
        ((1, 1), (64, 48), ColorSpace("bt709")),
        ((6, 1), (1280, 720), ColorSpace("bt601")),
        ((9, 2), (64, 48), ColorSpace("bt2020", full_range=True)),
        (None, (1280, 720), ColorSpace("bt709")),
        (None, (640, 480), ColorSpace("bt601")),
    ],
)
def test_the_color_space_is_the_declared_one_or_what_players_assume(
    tmp_path, declared, size, expected
):
    path = write_video(
        tmp_path / "a.mp4", size=size, color=declared, codec="libx264", stamps=[0, 40]
    )
    source = open_video(path)
    assert source.info.color == next(iter(source)).color == expected


@pytest.mark.parametrize("pix_fmt", ["yuv422p", "yuv444p", "yuv420p10le"])
def test_other_yuv_formats_keep_their_luma_and_are_noted(tmp_path, pix_fmt):
    source = open_video(write_video(tmp_path / "a.mkv", pix_fmt=pix_fmt))
    luma = split_planes(next(iter(source)).i420)[0].astype(int)
    assert abs(luma - planes_of(0, (64, 48))[0]).max() <= 1
    assert source.info.notes == (f"{pix_fmt} is converted to 8-bit yuv420p",)


def test_motion_jpeg_keeps_its_full_range(tmp_path):
    path = write_video(tmp_path / "a.mkv", codec="mjpeg", pix_fmt="yuvj422p")
    source = open_video(path)
    frame = next(iter(source))
    assert source.info.color == ColorSpace("bt601", full_range=True)
    with av.open(str(path)) as container:
        raw = next(container.decode(video=0)).to_ndarray(format="gray")
    assert abs(frame.bgr.mean() - raw.mean()) < 12
    assert abs(split_planes(frame.i420)[0].astype(int) - raw).max() <= 1


@pytest.mark.parametrize("size", [(64, 48), (1280, 720)], ids=["bt601", "bt709"])
def test_rgb_and_gray_videos_keep_their_colors(tmp_path, size):
    for pix_fmt in ("bgr0", "gray"):
        path = write_video(tmp_path / "a.mkv", size=size, pix_fmt=pix_fmt, stamps=[0, 40])
        wanted = picture(0, size, pix_fmt).to_ndarray(format="bgr24").astype(int)
        got = next(iter(open_video(path))).bgr
        assert abs(got - wanted).mean() < 3


def joined(path, sizes, *, codec="libx264"):
    """A film whose frames change their size: ten of each."""
    with path.open("wb") as whole:
        for number, size in enumerate(sizes):
            stamps = range(number * 400, number * 400 + 400, 40)
            part = write_video(path.with_name("p.ts"), size=size, stamps=stamps, codec=codec)
            whole.write(part.read_bytes())
    return path


def test_a_video_that_grows_is_shown_in_its_larger_size(tmp_path):
    source = open_video(joined(tmp_path / "a.ts", [(64, 48), (128, 96)]))
    assert "grows from 64x48 to 128x96" in source.info.notes[-1]
    frames, _ = read_all(source)
    assert [frame.size for frame in frames] == [(128, 96)] * 20


def test_a_video_that_is_turned_keeps_its_shape_between_bars(tmp_path, caplog):
    path = joined(tmp_path / "a.ts", [(64, 32), (32, 64)])
    with caplog.at_level(logging.WARNING):
        frames, _ = read_all(open_video(path))
    assert [frame.size for frame in frames] == [(64, 32)] * 20
    last = frames[-1].bgr
    assert last[:, :20].max() <= 3
    assert last[:, 44:].max() <= 3
    assert last[:, 26:38].mean() > 30
    assert sum("are letterboxed" in r.getMessage() for r in caplog.records) == 1


def test_a_transparent_film_may_change_its_size_too():
    reader = YuvConverter(half_clear((64, 32)))
    image, alpha = reader.convert(half_clear((32, 64)))
    assert image.shape == (32, 64, 3)
    assert not alpha[:, :20].any()
    assert not alpha[:, 44:].any()
    assert alpha.max() == 255


def half_clear(size):
    """A picture whose right half is opaque blue, and whose left half is clear over red."""
    bgra = np.zeros((size[1], size[0], 4), np.uint8)
    bgra[:, : size[0] // 2] = (0, 0, 255, 0)
    bgra[:, size[0] // 2 :] = (255, 0, 0, 255)
    return av.VideoFrame.from_ndarray(bgra, "bgra")


@pytest.mark.parametrize(("name", "codec", "pix_fmt"), SEE_THROUGH[:-1])
def test_the_alpha_of_a_film_comes_with_its_frames(tmp_path, name, codec, pix_fmt):
    source = open_video(write_half_transparent(tmp_path / name, codec=codec, pix_fmt=pix_fmt))
    assert source.info.has_alpha
    frame = next(iter(source))
    source.close()
    assert frame.layout == "bgr"
    assert frame.alpha[:, :24].max() <= 2
    assert frame.alpha[:, 40:].min() >= 253


def test_a_film_that_could_be_transparent_and_is_not_has_no_alpha(tmp_path):
    source = open_video(write_video(tmp_path / "a.mov", codec="qtrle", pix_fmt="argb"))
    assert not source.info.has_alpha
    frames, _ = read_all(source)
    assert all(frame.alpha is None for frame in frames)


def combed(path):
    """Interlaced frames of a bar that moves between the two fields of each."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream("mpeg2video", rate=25, options={"flags": "+ilme+ildct"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.bit_rate = 4_000_000
        graph = av.filter.Graph()
        source = graph.add_buffer(
            width=64, height=48, format=av.VideoFormat("yuv420p"), time_base=Fraction(1, 25)
        )
        graph.link_nodes(
            source, graph.add("setfield", "mode=tff"), graph.add("buffersink")
        ).configure()
        for index in range(6):
            luma = np.full((48, 64), 16, np.uint8)
            for row in range(48):
                at = 4 * (2 * index + row % 2)
                luma[row, at : at + 4] = 235
            array = np.concatenate([luma, np.full((24, 64), 128, np.uint8)])
            frame = av.VideoFrame.from_ndarray(array, "yuv420p")
            frame.pts, frame.time_base = index, Fraction(1, 25)
            graph.push(frame)
            out.mux(stream.encode(graph.vpull()))
        out.mux(stream.encode(None))
    return path


def comb_of(frames):
    """How much each row differs from the two around it."""
    lumas = [split_planes(frame.i420)[0].astype(int) for frame in frames]
    return np.mean([np.abs(2 * y[1:-1] - y[:-2] - y[2:]).mean() for y in lumas])


def test_interlaced_frames_are_made_progressive_at_their_times(tmp_path):
    path = combed(tmp_path / "a.ts")
    plain_source, source = open_video(path, deinterlace=False), open_video(path)
    assert "left as they are" in plain_source.info.notes[-1]
    assert "made progressive" in source.info.notes[-1]
    plain, _ = read_all(plain_source)
    frames, _ = read_all(source)
    assert [frame.pts for frame in frames] == [frame.pts for frame in plain]
    assert comb_of(frames) < comb_of(plain) / 2


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_truncated_file_gives_all_it_holds_then_says_how_much_is_lost(tmp_path, suffix):
    codec = {".mp4": "libx264", ".mkv": "ffv1"}[suffix]
    how = {"movflags": "faststart"} if suffix == ".mp4" else {}
    # A B-frame that the cut falls into would leave a hole before its reference.
    plain = {"bf": "0"} if suffix == ".mp4" else None
    whole = write_video(
        tmp_path / f"a{suffix}",
        codec=codec,
        stamps=range(0, 4000, 40),
        container_options=how,
        options=plain,
    )
    cut = tmp_path / f"cut{suffix}"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    frames, error = read_all(open_video(cut))
    assert 10 < len(frames) < 90
    assert [frame.pts for frame in frames] == [Fraction(i, 25) for i in range(len(frames))]
    assert f"{len(frames)} of 100 frames could be read" in str(error)
    assert error.hint


def test_half_of_a_real_clip_gives_what_ffmpeg_decodes_of_it(shared, tmp_path):
    cut = tmp_path / "cut.mp4"
    whole = (shared / "clips" / "desk-540p.mp4").read_bytes()
    cut.write_bytes(whole[: len(whole) // 2])
    frames, error = read_all(open_video(cut))
    assert len(frames) == 353  # as ffprobe -count_frames says
    assert "353 of 760" in str(error)


def test_damaged_frames_are_shown_and_told_of_once(tmp_path, caplog):
    path = write_video(tmp_path / "a.mp4", codec="libx264", stamps=range(0, 4000, 40))
    data = bytearray(path.read_bytes())
    for place in range(data.index(b"mdat") + 2000, data.index(b"moov"), 97):
        data[place] ^= 0x5A
    path.write_bytes(data)
    with caplog.at_level(logging.WARNING):
        frames, error = read_all(open_video(path))
    assert len(frames) > 50
    told = [r for r in caplog.records if "are damaged" in r.getMessage()]
    assert len(told) == 1 or error is not None
    assert [f.pts for f in frames] == sorted({f.pts for f in frames})


def test_a_closed_video_ends_without_an_error(tmp_path):
    source = open_video(write_video(tmp_path / "a.mkv"))
    frames = iter(source)
    next(frames)
    source.close()
    assert list(frames) == []
