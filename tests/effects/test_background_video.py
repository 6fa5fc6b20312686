"""The background video: which of its pictures shows at which moment of the foreground."""

import itertools
from fractions import Fraction

import numpy as np
import pytest
from clip_maker import write_video
from flats import flat, number_of, person, save_levels

from rimlight.core.errors import ConfigError
from rimlight.effects.backgrounds import LoopingVideo
from rimlight.effects.replace import ReplaceEffect
from rimlight.sources.video import VideoSource
from rimlight.system.av import av

NTSC = Fraction(30000, 1001)


def shown(path, moments):
    """The numbers of the background's pictures at those moments of the foreground."""
    effect = ReplaceEffect(ReplaceEffect.Options(background=str(path)))
    frames = [flat(pts=pts, index=i) for i, pts in enumerate(moments)]
    numbers = [number_of(effect.apply(frame, person()).bgr) for frame in frames]
    effect.close()
    return numbers


@pytest.mark.parametrize("foreground", [Fraction(30), Fraction(25), NTSC, Fraction(7)], ids=str)
@pytest.mark.parametrize("rate", [10, 25, 50])
def test_it_repeats_at_its_own_pace(tmp_path, rate, foreground):
    path = save_levels(tmp_path / "a.mkv", 5, rate=rate)
    moments = [n / foreground for n in range(40)]
    assert shown(path, moments) == [int(at * rate) % 5 for at in moments]


def test_the_first_moment_asked_for_is_its_start(tmp_path):
    path = save_levels(tmp_path / "a.mkv", 5, rate=10)
    assert shown(path, [Fraction(1001, 10) + n * Fraction(1, 10) for n in range(7)]) == [
        *range(5),
        0,
        1,
    ]


def test_a_picture_shows_from_its_own_moment_on(tmp_path):
    path = save_levels(tmp_path / "a.mkv", 5, rate=10)
    just_before = Fraction(1, 10) - Fraction(1, 90000)
    assert shown(path, [Fraction(0), just_before, Fraction(1, 10)]) == [0, 0, 1]


def test_a_long_gap_costs_no_replay_and_keeps_the_pace(tmp_path):
    path = save_levels(tmp_path / "a.mkv", 5, rate=10)
    day = Fraction(24 * 3600)
    assert shown(path, [Fraction(0), day + Fraction(3, 10), day + Fraction(6, 10)]) == [0, 3, 1]


def test_going_back_in_time_starts_it_anew(tmp_path):
    path = save_levels(tmp_path / "a.mkv", 5, rate=10)
    moments = [Fraction(n, 10) for n in (20, 21, 22, 5, 6, 12)]
    assert shown(path, moments) == [0, 1, 2, 0, 1, 2]


@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt"),
    [
        ("a.mp4", "libx264", "yuv420p"),
        ("a.webm", "libvpx-vp9", "yuv420p"),
        ("a.gif", "gif", "gray"),
    ],
)
def test_the_usual_formats_are_read_and_repeated(tmp_path, name, codec, pix_fmt):
    path = save_levels(tmp_path / name, 8, rate=10, codec=codec, pix_fmt=pix_fmt)
    assert shown(path, [Fraction(n, 10) for n in range(20)]) == [n % 8 for n in range(20)]


def test_a_file_whose_times_do_not_begin_at_zero_is_no_different(tmp_path):
    path = save_levels(tmp_path / "a.mkv", 5, rate=10, start_s=7)
    assert shown(path, [Fraction(n, 10) for n in range(12)]) == [n % 5 for n in range(12)]


def test_a_video_of_one_picture_shows_it_for_ever(tmp_path):
    path = save_levels(tmp_path / "a.mkv", 1)
    assert shown(path, [Fraction(n, 7) for n in range(20)]) == [0] * 20


def test_uneven_times_are_kept(tmp_path):
    path = write_video(tmp_path / "a.mkv", stamps=[0, 40, 400, 440])
    video = LoopingVideo(path)
    pictures = [video.read_frame(Fraction(ms, 1000)).copy() for ms in (0, 40, 399, 400, 440)]
    assert (pictures[1] == pictures[2]).all()
    changes = [(a != b).any() for a, b in itertools.pairwise(pictures)]
    assert changes == [True, False, True, True]
    video.close()


def test_the_same_array_comes_as_long_as_the_picture_lasts(tmp_path):
    video = LoopingVideo(tmp_path / save_levels(tmp_path / "a.mkv", 5, rate=10))
    first = video.read_frame(Fraction(0))
    assert video.read_frame(Fraction(99, 1000)) is first
    assert video.read_frame(Fraction(1, 10)) is not first
    video.close()


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_a_turned_video_is_shown_upright(tmp_path, rotation):
    path = write_video(tmp_path / "a.mp4", codec="libx264", rotation=rotation, stamps=[0, 40])
    video, source = LoopingVideo(path), VideoSource(VideoSource.Options(path=str(path)))
    expected = next(iter(source)).bgr
    assert np.abs(video.read_frame(Fraction(0)).astype(int) - expected).mean() < 3
    video.close()
    source.close()


def test_a_video_that_breaks_off_is_repeated_up_to_there(tmp_path):
    whole = tmp_path / "a.mkv"
    save_levels(whole, 10, rate=10)
    part = tmp_path / "part.mkv"
    part.write_bytes(whole.read_bytes()[: whole.stat().st_size * 6 // 10])
    numbers = shown(part, [Fraction(n, 10) for n in range(30)])
    kept = numbers.index(0, 1)
    assert kept > 2
    assert numbers == [n % kept for n in range(30)]


def test_a_file_with_sound_alone_is_a_config_error(tmp_path):
    path = tmp_path / "a.wav"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("pcm_s16le", rate=8000, layout="mono")
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), "s16", "mono")
        sound.sample_rate = 8000
        out.mux(stream.encode(sound))
    with pytest.raises(ConfigError, match="no video") as caught:
        LoopingVideo(path)
    assert "picture, a video, or a color" in caught.value.hint


def test_closing_twice_is_fine(tmp_path):
    video = LoopingVideo(tmp_path / save_levels(tmp_path / "a.mkv", 2))
    video.close()
    video.close()
