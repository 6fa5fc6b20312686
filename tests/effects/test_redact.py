import cv2
import numpy as np
import pytest
from fakes import make_frame

from rimlight.core.errors import ConfigError
from rimlight.core.frame import Frame, Mask
from rimlight.effects.redact import RedactEffect

SIZE = (64, 48)


def person(left, right):
    scores = np.zeros((24, 32, 1), np.float32)
    scores[4:20, left:right] = 1
    return Mask(scores, ("person",))


def black(frame):
    return frame.bgr.max(axis=2) < 24


def as_i420(frame):
    stamp = {"index": frame.index, "pts": frame.pts, "captured_at": frame.captured_at}
    return Frame.from_i420(frame.i420, size=frame.size, **stamp)


def redactor(**options):
    return RedactEffect(RedactEffect.Options(classes=("person",), style="fill", **options))


@pytest.fixture(params=["bgr", "i420"])
def bright(request):
    def make(index):
        frame = make_frame(index, SIZE)
        frame = frame.with_bgr(np.full_like(frame.image, 200))
        return frame if request.param == "bgr" else as_i420(frame)

    return make


def test_the_region_is_covered_and_the_rest_is_untouched(bright):
    shown = redactor().apply(bright(0), person(8, 16))
    assert black(shown)[8:40, 16:32].all()
    assert not black(shown)[:, 44:].any()


def test_a_region_missed_for_as_long_as_the_memory_stays_covered(bright):
    effect, nobody = redactor(max_age=3), person(0, 0)
    effect.apply(bright(0), person(8, 16))
    covered = [black(effect.apply(bright(i), nobody))[8:40, 16:32].all() for i in range(1, 6)]
    assert covered == [True, True, True, False, False]


def test_a_region_is_remembered_when_another_is_found(bright):
    effect = redactor(max_age=3)
    effect.apply(bright(0), person(2, 8))
    shown = black(effect.apply(bright(1), person(20, 28)))
    assert shown[8:40, 4:16].all() and shown[8:40, 40:56].all()


def test_somebody_of_whom_a_part_is_found_stays_covered_whole_for_a_while(bright):
    effect = redactor(max_age=3, hold_s=1)
    effect.apply(bright(0), person(8, 24))
    covered = [
        black(effect.apply(bright(i), person(8, 11)))[8:40, 16:48].all() for i in range(1, 50)
    ]
    assert covered.index(False) == 30 + 3 and not any(covered[33:])


def test_whoever_is_found_again_is_held_anew(bright):
    effect = redactor(max_age=3, hold_s=1)
    for index in range(60):
        shown = black(effect.apply(bright(index), person(8, 11 if index % 20 else 24)))
        assert shown[8:40, 16:48].all()


def test_a_walker_leaves_no_longer_trail_than_the_memory(bright):
    effect = redactor(max_age=3, hold_s=10)
    shown = [black(effect.apply(bright(index), person(index, index + 6))) for index in range(24)]
    assert not shown[-1][:, :30].any() and shown[-1][8:40, 46:58].all()


def test_after_a_cut_nothing_is_remembered(bright):
    effect = redactor(max_age=30)
    effect.apply(bright(0), person(8, 16))
    assert not black(effect.apply(bright(60), person(0, 0))).any()


def test_a_blurred_region_holds_no_detail():
    noise = np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8)
    frame = make_frame(0, (640, 480)).with_bgr(noise)
    shown = RedactEffect(RedactEffect.Options(classes=("person",))).apply(frame, person(0, 32))
    inside = shown.bgr[120:360, 100:540]
    assert cv2.Laplacian(inside, cv2.CV_32F).std() < 5


def test_never_changes_the_frame_it_is_given(bright):
    frame = bright(0)
    before = frame.image.copy()
    redactor().apply(frame, person(8, 16))
    assert (frame.image == before).all()


def test_an_unknown_class_suggests_the_nearest():
    with pytest.raises(ConfigError, match="no class 'person'") as caught:
        redactor().apply(make_frame(0, SIZE), Mask(person(0, 4).data, ("persons",), ("persons",)))
    assert "persons" in caught.value.hint


@pytest.mark.parametrize(("shape", "share"), [("box", 1.0), ("ellipse", 0.785)])
def test_a_region_is_covered_in_its_shape(bright, shape, share):
    scores = np.zeros((24, 32, 1), np.float32)
    scores[6:18, 8:24] = np.eye(12, 16, dtype=np.float32)[..., None]
    scores[17, 23] = scores[6, 8] = 1
    scores[6:18, 16] = scores[12, 8:24] = 1
    shown = black(redactor(shape=shape, margin=0).apply(bright(0), Mask(scores, ("person",))))
    assert share - 0.03 < shown[12:36, 16:48].mean()


def test_a_region_that_fills_the_frame_is_coarser_than_a_small_one():
    rng = np.random.default_rng(1)
    frame = make_frame(0, (480, 480)).with_bgr(rng.integers(0, 255, (480, 480, 3), np.uint8))
    effect = RedactEffect(RedactEffect.Options(style="pixelate", margin=0))
    shown = effect.apply(frame, Mask(np.ones((24, 24, 1), np.float32), ("person",)))
    assert len(np.unique(shown.bgr.reshape(-1, 3), axis=0)) <= 8 * 8
