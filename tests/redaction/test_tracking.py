"""Faces followed through a film: covered before, between and after their detections."""

from fractions import Fraction

import numpy as np

from rimlight.redaction.tracking import HOLD_FRAMES, FoundFrame, cover_tracks
from rimlight.segmenters.detections import Detections


def film(places, count=60, score=0.8, *, fps=25, scores=None, jump_at=None):
    """Frames with one face of 0.1 x 0.1 at x for each {frame: x}."""
    frames = []
    for number in range(count):
        boxes = [[places[number], 0.4, places[number] + 0.1, 0.5]] if number in places else []
        late = 100 if jump_at is not None and number >= jump_at else 0
        frames.append(
            FoundFrame(
                Fraction(number, fps) + late,
                Detections(
                    np.array(boxes, np.float32).reshape(-1, 4),
                    np.array([(scores or {}).get(number, score)] * len(boxes), np.float32),
                    np.zeros(len(boxes), np.intp),
                ),
            )
        )
    return frames


def covered(covers, x, y=0.45):
    """Return the frames in which a point is covered."""
    return [
        number
        for number, found in enumerate(covers)
        if any(c.box[0] <= x <= c.box[2] and c.box[1] <= y <= c.box[3] for c in found)
    ]


def test_a_face_is_covered_before_it_is_first_and_after_it_is_last_found():
    hold = max(HOLD_FRAMES, 15)
    covers = cover_tracks(film({30: 0.3, 31: 0.3}))
    assert covered(covers, 0.35) == list(range(30 - hold, 32 + hold))


def test_a_face_that_is_missed_in_between_is_covered_on_its_way():
    places = {n: 0.1 + 0.01 * n for n in range(40) if not 15 <= n < 25}
    covers = cover_tracks(film(places, count=40))
    for number in range(15, 25):
        assert number in covered(covers, 0.15 + 0.01 * number)


def test_a_face_that_walks_out_of_the_detections_is_followed_by_its_speed():
    places = {n: 0.1 + 0.01 * n for n in range(20)}
    covers = cover_tracks(film(places, count=30))
    assert 26 in covered(covers, 0.15 + 0.01 * 26)


def test_a_weak_detection_alone_covers_nothing():
    assert not any(cover_tracks(film({10: 0.3, 11: 0.3}, score=0.35)))


def test_weak_detections_continue_a_sure_one_in_both_directions():
    weak = dict.fromkeys(range(60), 0.3)
    covers = cover_tracks(film(weak, score=0.35, scores={30: 0.9}))
    assert covered(covers, 0.35) == list(range(60))
    assert not any(cover.is_held for found in covers for cover in found)


def test_nothing_is_held_across_a_gap_in_time():
    covers = cover_tracks(film(dict.fromkeys(range(20), 0.3), jump_at=20))
    assert covered(covers, 0.35) == list(range(20))


def test_two_faces_that_pass_each_other_are_both_covered():
    frames = []
    for number in range(40):
        x = 0.1 + 0.02 * number
        boxes = [[x, 0.4, x + 0.1, 0.5], [0.9 - x, 0.4, 1.0 - x, 0.5]]
        frames.append(
            FoundFrame(
                Fraction(number, 25),
                Detections(
                    np.array(boxes, np.float32), np.full(2, 0.9, np.float32), np.zeros(2, int)
                ),
            )
        )
    for number, found in enumerate(cover_tracks(frames)):
        x = 0.1 + 0.02 * number
        for center in (x + 0.05, 0.95 - x):
            assert any(cover.box[0] <= center <= cover.box[2] for cover in found)


def test_a_film_without_faces_has_no_covers():
    assert cover_tracks(film({}, count=3)) == [[], [], []]
