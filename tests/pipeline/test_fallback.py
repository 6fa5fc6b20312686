import os
from contextlib import closing
from dataclasses import replace
from fractions import Fraction
from itertools import islice

import cv2
import numpy as np
import pytest
from fakes import make_frame
from faulty import DARK, replace_effect, rimlight_threads, run_schedule

from rimlight import open_source
from rimlight.core.frame import Frame, Mask
from rimlight.effects.blur import BlurEffect
from rimlight.pipeline.fallback import FallbackFrame, is_mask_valid_for
from rimlight.system import app_paths

QUICK, THOROUGH = 300, 10_000


def mask_of(level=0.0):
    return Mask(np.full((2, 2, 1), level, np.float32), ("person",))


def at(second, size=(64, 48)):
    picture = np.zeros((size[1], size[0], 3), np.uint8)
    return Frame.from_bgr(picture, index=0, pts=Fraction(0), captured_at=second)


@pytest.fixture(scope="module")
def portrait():
    """Each of 20 frames of the shipped sample, as if they came at once."""
    clip = app_paths.find_data_folder("samples") / "portrait.mp4"
    with closing(open_source(str(clip))) as source:
        return [replace(frame, captured_at=0.0) for frame in islice(source, 20)]


def prove_that_no_room_is_ever_shown(seeds):
    handles = len(os.listdir("/proc/self/fd"))
    shown = 0
    for seed in seeds:
        sink, witness, _ = run_schedule(seed)
        assert sink.brightest < DARK, f"schedule {seed} shows the room"
        assert witness.wrong == [], f"schedule {seed} shows a frame under a wrong mask"
        assert sink.times == sorted(set(sink.times)), f"schedule {seed}: times do not rise"
        assert rimlight_threads() == [], f"schedule {seed} leaves threads behind"
        shown += len(sink.times)
    assert len(os.listdir("/proc/self/fd")) == handles
    assert shown > len(seeds)  # a run that shows nothing proves nothing


@pytest.fixture(autouse=True)
def no_pause(monkeypatch):
    monkeypatch.setattr("rimlight.sources.reconnect.FIRST_PAUSE_S", 0.001)
    monkeypatch.setattr("rimlight.sources.reconnect.LONGEST_PAUSE_S", 0.002)
    monkeypatch.setattr("rimlight.pipeline.live.TICK_S", 0.001)


@pytest.mark.filterwarnings("ignore:invalid value")  # the injected NaN
def test_whatever_fails_no_frame_of_the_room_is_shown():
    prove_that_no_room_is_ever_shown(range(QUICK))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:invalid value")
def test_whatever_fails_no_frame_of_the_room_is_shown_in_ten_thousand_schedules():
    prove_that_no_room_is_ever_shown(range(QUICK, QUICK + THOROUGH))


def test_a_mask_covers_its_own_frame():
    assert is_mask_valid_for((at(5), mask_of()), at(5), 0.5)


def test_a_mask_that_is_too_old_covers_nothing():
    assert not is_mask_valid_for((at(5), mask_of()), at(5.6), 0.5)


def test_a_mask_of_another_size_covers_nothing():
    assert not is_mask_valid_for((at(5), mask_of()), at(5, size=(48, 64)), 0.5)


def test_a_mask_goes_on_covering_while_people_move(portrait):
    pairs = list(zip(portrait, portrait[6:], strict=False))
    assert all(
        is_mask_valid_for((old, mask_of()), new, 0.5, max_scene_change=0.1) for old, new in pairs
    )
    assert all((old.i420 != new.i420).mean() > 0.1 for old, new in pairs)


@pytest.mark.parametrize("layout", ["bgr", "i420"])
def test_a_mask_of_a_torn_picture_covers_no_whole_one(portrait, layout):
    whole = portrait[0]
    jpeg = cv2.imencode(".jpg", whole.bgr)[1]
    torn = cv2.imdecode(np.delete(jpeg, slice(len(jpeg) // 3, len(jpeg) // 2)), cv2.IMREAD_COLOR)
    frame = replace(whole.with_bgr(torn), captured_at=whole.captured_at)
    if layout == "i420":
        frame = Frame.from_i420(
            frame.i420, size=frame.size, index=0, pts=frame.pts, captured_at=frame.captured_at
        )
    assert not is_mask_valid_for((frame, mask_of()), whole, 0.5, max_scene_change=0.1)
    assert is_mask_valid_for((frame, mask_of()), whole, 0.5)
    assert is_mask_valid_for((frame, mask_of()), frame, 0.5, max_scene_change=0.1)


def test_scores_that_are_not_numbers_cover_nothing():
    assert not is_mask_valid_for((at(5), mask_of(np.nan)), at(5), 0.5)


@pytest.mark.parametrize("how", ["last", "blur", "background"])
def test_before_the_first_safe_picture_the_holding_picture_is_plain_or_background(how):
    picture = FallbackFrame((64, 48), how).make([replace_effect()], Fraction(0))
    assert picture.size == (64, 48)
    assert len(np.unique(picture.bgr.reshape(-1, 3), axis=0)) == 1


def test_the_background_alone_shows_nobody():
    fallback = FallbackFrame((64, 48), "background")
    fallback.update(make_frame(3), make_frame(3), mask_of())
    picture = fallback.make([replace_effect("#0000ff")], Fraction(0))
    assert (picture.bgr == (255, 0, 0)).all()


def test_a_blurred_holding_picture_is_made_of_the_last_safe_one():
    fallback = FallbackFrame((64, 48), "blur")
    checks = np.indices((48, 64)).sum(axis=0) % 2 * 255
    safe = make_frame(0).with_bgr(np.repeat(checks[..., None], 3, axis=2).astype(np.uint8))
    fallback.update(safe, safe, mask_of())
    picture = fallback.make([], Fraction(0)).bgr.astype(int)
    assert abs(picture - 127).max() < 10


def test_a_blur_of_a_moment_ago_is_no_background_that_shows_nobody():
    room = np.random.default_rng(0).integers(0, 255, (48 * 3 // 2, 64), np.uint8)
    frame = Frame.from_i420(room, size=(64, 48), index=0, pts=Fraction(1), captured_at=1.0)
    blur = BlurEffect(BlurEffect.Options(radius_px=1, refresh_hz=15))
    fallback = FallbackFrame((64, 48), "background")
    mask = Mask(np.zeros((9, 16, 1), np.float32), ("person",))
    fallback.update(blur.apply(frame, mask), frame, mask)
    picture = fallback.make([blur], Fraction(101, 100))
    assert picture.bgr.std(axis=(0, 1)).max() < 1


def test_a_background_that_fails_leaves_a_plain_picture():
    class Broken:
        def apply(self, frame, mask):
            raise OSError("gone")

        def close(self): ...

    picture = FallbackFrame((64, 48), "background").make([Broken()], Fraction(0))
    assert picture.size == (64, 48)
