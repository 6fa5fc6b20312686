import gc
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from clip_maker import SEE_THROUGH, write_half_transparent, write_video

from rimlight.core.errors import ConfigError
from rimlight.effects.backgrounds import LoopingVideo
from rimlight.system.av import av


def test_declared_colors_are_followed(tmp_path):
    bgr = []
    for matrix in (1, 5):
        path = write_video(
            tmp_path / f"{matrix}.mkv", stamps=[0], codec="libx264", color=(matrix, 1)
        )
        video = LoopingVideo(path)
        bgr.append(video.read_frame(Fraction(0)).astype(int))
        video.close()
    assert np.abs(bgr[0] - bgr[1]).max() > 8


def test_a_file_that_vanishes_goes_on_repeating(tmp_path):
    path = Path(write_video(tmp_path / "ten.mkv"))
    video = LoopingVideo(path)
    first = video.read_frame(Fraction(0))
    path.unlink()
    assert (video.read_frame(Fraction(4, 10)) == first).all()
    video.close()


def live_frames():
    """The pictures of FFmpeg's that are in memory."""
    return sum(isinstance(thing, av.VideoFrame) for thing in gc.get_objects())


def test_pictures_of_earlier_rounds_are_let_go_of(tmp_path):
    video = LoopingVideo(Path(write_video(tmp_path / "ten.mkv")))
    gc.collect()
    gc.disable()
    try:
        before = live_frames()
        for index in range(60):
            video.read_frame(Fraction(index, 25))
        assert live_frames() <= before + 3
    finally:
        gc.enable()
    video.close()


def test_a_cover_picture_is_not_the_film(tmp_path):
    film = write_video(tmp_path / "film.mkv", codec="mjpeg", pix_fmt="yuvj420p")
    path = with_cover(film, tmp_path / "cover.mp4")
    video = LoopingVideo(path)
    pictures = [video.read_frame(Fraction(ms, 1000)).copy() for ms in (0, 200)]
    assert np.abs(pictures[0].astype(int) - pictures[1]).max() > 5
    video.close()


def with_cover(film, path):
    """A copy of `film` with a still picture as its first stream."""
    with av.open(str(film)) as source, av.open(str(path), "w") as out:
        cover = out.add_stream_from_template(source.streams.video[0])
        cover.disposition = av.stream.Disposition.attached_pic
        moving = out.add_stream_from_template(source.streams.video[0])
        for index, packet in enumerate(source.demux(source.streams.video[0])):
            if packet.size and not index:
                still = av.Packet(bytes(packet))
                still.stream, still.pts, still.dts = cover, 0, 0
                still.is_keyframe, still.time_base = True, packet.time_base
                out.mux(still)
            if packet.size:
                packet.stream = moving
                out.mux(packet)
    return path


def test_the_shape_of_its_pixels_is_known(tmp_path):
    path = write_video(tmp_path / "a.mkv", codec="libx264", aspect=Fraction(4, 3), stamps=[0])
    assert LoopingVideo(path).aspect == Fraction(4, 3)


def test_a_colon_in_the_name_is_no_protocol(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_video(tmp_path / "a.mkv", stamps=[0]).rename("16:9.mkv")
    LoopingVideo(Path("16:9.mkv")).close()


def test_hdr_is_refused_as_it_is_for_sources(tmp_path):
    path = write_video(tmp_path / "a.mkv", stamps=[0], codec="libx264", transfer=18)
    with pytest.raises(ConfigError, match="is HDR") as caught:
        LoopingVideo(path)
    assert "tone-map" in (caught.value.hint or "")


@pytest.mark.parametrize(("name", "codec", "pix_fmt"), SEE_THROUGH)
def test_the_backdrop_shows_through_a_transparent_film(tmp_path, name, codec, pix_fmt):
    path = write_half_transparent(tmp_path / name, codec=codec, pix_fmt=pix_fmt)
    video = LoopingVideo(path, (255, 0, 255))
    shown = video.read_frame(Fraction(0)).astype(int)
    assert np.abs(shown[24, 8] - (255, 0, 255)).max() <= 2
    assert np.abs(shown[24, 56] - (255, 0, 255)).max() > 50
    video.close()
