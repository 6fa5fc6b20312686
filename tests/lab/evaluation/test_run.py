"""Set-ups that are known to be wrong in a known way, over data whose truth is known."""

import numpy as np
import pytest

from rimlight.core.errors import ConfigError
from rimlight.core.frame import Mask
from rimlight.lab.evaluation.datasets import FolderDataset, SourceDataset
from rimlight.lab.evaluation.run import evaluate
from rimlight.lab.evaluation.setups import (
    Setup,
    open_setups,
    parse_setup,
    read_setups,
    upscale_as_composited,
    upscale_labels,
    upscale_raw,
)
from rimlight.sources.test_pattern import PatternSource


class Oracle:
    """Knows the truth of the pattern source, and tells it `delay` frames late."""

    def __init__(self, options, delay=0):
        self.source, self.delay = PatternSource(options), delay

    def segment(self, frame):
        truth = self.source.draw_mask(max(0, frame.index - self.delay))
        return Mask((truth / np.float32(255)).astype(np.float32)[..., None], ("person",))

    def close(self): ...


class Still:
    """Gives the same scores for every picture."""

    def __init__(self, scores, classes=("person",)):
        self.mask = Mask(scores, classes)

    def segment(self, _):
        return self.mask

    def close(self): ...


class Averager:
    """Mixes every mask with the one before, as a smoothing refiner does."""

    def __init__(self):
        self.before, self.forgotten = None, 0

    def refine(self, mask, _):
        mixed = mask.scores if self.before is None else (mask.scores + self.before) / 2
        self.before = mixed
        return mask.with_scores(mixed)

    def close(self):
        self.before, self.forgotten = None, self.forgotten + 1


@pytest.fixture
def pattern():
    options = PatternSource.Options(size=(160, 96), count=40, speed=0.5)
    return SourceDataset(lambda: PatternSource(options), name="pattern"), options


def test_the_truth_itself_gets_the_best_figures(pattern):
    data, options = pattern
    (result,) = evaluate([data], [Setup("truth", Oracle(options))]).results
    assert result.figures["pictures"] == 40
    assert result.figures["iou"] == result.figures["boundary_f"] == 1
    assert result.figures["alpha_error"] == 0 == result.figures["ghosts"]
    assert result.figures["lag_ms"] == pytest.approx(0, abs=1)


def test_lag_is_told_in_milliseconds_of_the_data(pattern):
    data, options = pattern
    (result,) = evaluate([data], [Setup("late", Oracle(options, delay=3))]).results
    assert result.figures["lag_ms"] == pytest.approx(100, abs=2)
    assert result.figures["ghosts"] > 0.01 and result.figures["iou"] < 1


def test_setups_run_side_by_side_on_the_same_frames(pattern):
    data, options = pattern
    late = Setup("late", Oracle(options, delay=2))
    smooth = Setup("smooth", Oracle(options), (("average", Averager()),))
    seen = []
    evaluation = evaluate(
        [data], [late, smooth], on_sample=lambda _, sample, shown: seen.append((sample, shown))
    )
    assert evaluation.setups == ("late", "smooth")
    assert [sample.frame.index for sample, _ in seen] == list(range(40))
    assert all(list(shown) == ["late", "smooth"] for _, shown in seen)


def test_two_data_sets_of_one_name_are_refused(pattern):
    data, options = pattern
    with pytest.raises(ConfigError, match="different names, got pattern, pattern"):
        evaluate([data, data], [Setup("truth", Oracle(options))])


def test_every_stage_is_timed(pattern):
    data, options = pattern
    setup = Setup("smooth", Oracle(options), (("average", Averager()),))
    (result,) = evaluate([data], [setup]).results
    assert list(result.stages_ms) == ["segment", "average", "finish"]
    assert result.figures["ms"] == pytest.approx(sum(result.stages_ms.values()))


def test_refiners_forget_between_single_pictures_but_not_within_a_sequence(pattern, make_folder):
    picture = np.zeros((40, 60, 3), np.uint8)
    mask = np.full((40, 60), 255, np.uint8)
    stills = FolderDataset(make_folder(dict.fromkeys("abc", (picture, mask))))
    averager = Averager()
    setup = Setup("s", Still(np.ones((4, 4, 1), np.float32)), (("average", averager),))
    evaluate([stills], [setup])
    after_stills = averager.forgotten
    evaluate([pattern[0]], [setup])
    assert after_stills >= 3
    assert averager.forgotten == after_stills + 2


def test_a_blinking_mask_flickers_more_than_a_moving_one(pattern):
    data, options = pattern

    class Blinking(Oracle):
        def segment(self, frame):
            mask = super().segment(frame)
            return mask.with_scores(mask.scores * np.float32(frame.index % 2))

    setups = [Setup("steady", Oracle(options)), Setup("blinking", Blinking(options))]
    steady, blinking = evaluate([data], setups).results
    assert blinking.figures["flicker"] > 20 * steady.figures["flicker"]


def test_empty_scenes_count_apart(make_folder):
    picture, nobody = np.zeros((40, 60, 3), np.uint8), np.zeros((40, 60), np.uint8)
    someone = nobody.copy()
    someone[:20] = 255
    data = FolderDataset(make_folder({"a": (picture, nobody), "b": (picture, someone)}))
    half = np.zeros((4, 4, 1), np.float32)
    half[:2] = 1
    results = evaluate([data], [Setup("half", Still(half)), Setup("none", Still(half * 0))]).results
    assert [r.figures["empty_filled"] for r in results] == [1, 0]
    assert results[0].figures["iou"] > 0.9 and results[1].figures["iou"] == 0


def test_the_threshold_decides_what_is_mask(make_folder):
    truth = np.full((40, 60), 255, np.uint8)
    data = FolderDataset(make_folder({"a": (np.zeros((40, 60, 3), np.uint8), truth)}))
    setup = Setup("unsure", Still(np.full((4, 4, 1), 0.4, np.float32)))
    ious = [evaluate([data], [setup], threshold=t).results[0].figures["iou"] for t in (0.3, 0.5)]
    assert ious == [1, 0]


def test_the_ten_worst_pictures_are_kept_worst_first(make_folder):
    pairs = {}
    for index in range(14):
        truth = np.zeros((40, 60), np.uint8)
        truth[:, : 60 - 3 * ((index * 5) % 14)] = 255
        pairs[f"p{index}"] = (np.zeros((40, 60, 3), np.uint8), truth)
    data = FolderDataset(make_folder(pairs))
    (result,) = evaluate([data], [Setup("full", Still(np.ones((4, 4, 1), np.float32)))]).results
    values = sorted(score.figures["iou"] for score in result.scores)
    assert [bad.value for bad in result.worst] == values[:10]
    assert all(bad.strip.shape == (220, 990, 3) for bad in result.worst)


def test_classes_are_compared_by_name(make_folder):
    truth = np.full((4, 6), 3, np.uint8)
    truth[2:], truth[0, 0] = 8, 11
    data = FolderDataset(make_folder({"a": (np.zeros((4, 6, 3), np.uint8), truth)}))
    scores = np.zeros((4, 6, 2), np.float32)
    scores[:3, :, 1] = 1
    scores[3:, :, 0] = 1
    setup = Setup("m", Still(scores, ("car", "road")))
    (result,) = evaluate([data], [setup]).results
    ious = dict(zip(result.classes, result.class_ious, strict=True))
    # 12 car pixels of which 6 are called road; 11 road pixels, one more is void.
    assert ious["car"] == 6 / 12 and ious["road"] == 11 / 17
    assert result.figures["accuracy"] == 17 / 23
    assert result.figures["miou"] == pytest.approx((6 / 12 + 11 / 17) / 2)
    assert ious["sky"] is None and result.figures["iou"] is None


def test_raw_and_composited_finish_by_hand():
    frame = next(iter(PatternSource(PatternSource.Options(size=(4, 2), count=1))))
    mask = Mask(np.full((1, 2, 1), 0.35, np.float32), ("person",), alpha_range=(0.2, 0.5))
    assert upscale_raw(mask, frame) == pytest.approx(np.full((2, 4), 0.35))
    assert upscale_as_composited(mask, frame) == pytest.approx(np.full((2, 4), 0.5), abs=0.01)


def test_labels_of_scores_and_of_labels_reach_the_pictures_size():
    scores = np.zeros((1, 2, 2), np.float32)
    scores[0, 0, 0] = scores[0, 1, 1] = 1
    labels = np.array([[0, 1]], np.uint8)
    for mask in (Mask(scores, ("a", "b")), Mask.from_labels(labels, ("a", "b"))):
        assert upscale_labels(mask, (4, 2)).tolist() == [[0, 0, 1, 1]] * 2


def test_a_setup_is_read_from_one_line():
    setup = parse_setup("mine=selfie:threads=2+smooth:previous_weight=0.5+clean+composited")
    assert setup.name == "mine" and setup.finish == "composited"
    assert setup.segmenter.given == {"model": "selfie", "threads": 2}
    assert [part.kind for part in setup.refiners] == ["smooth", "clean"]
    assert setup.refiners[0].given == {"previous_weight": 0.5}


def test_a_setup_without_a_name_is_called_what_it_is():
    setup = parse_setup("selfie:threads=2")
    assert setup.name == "selfie:threads=2" and setup.segmenter.given["model"] == "selfie"


def test_a_colon_in_a_models_path_is_no_option():
    assert parse_setup("a=C:/models/own.tflite").segmenter.given == {
        "model": "C:/models/own.tflite"
    }


@pytest.mark.parametrize("text", ["=selfie", "name=", ""])
def test_a_setup_without_name_or_model_is_refused(text):
    with pytest.raises(ConfigError, match="must be NAME=MODEL"):
        parse_setup(text)


def test_an_unknown_refiner_gets_a_suggestion():
    with pytest.raises(ConfigError) as caught:
        parse_setup("a=selfie+smoth")
    assert "did you mean 'smooth'" in caught.value.hint


def test_setups_of_a_file_open_and_close(tmp_path):
    file = tmp_path / "setups.yaml"
    file.write_text(
        "setups:\n"
        "  - {name: raw, segmenter: {kind: model, model: selfie}}\n"
        "  - {name: new, segmenter: {kind: threshold}, refiners: [{kind: smooth}], "
        "finish: composited}\n"
    )
    with open_setups(read_setups(file), (64, 48)) as (raw, new):
        assert [name for name, _ in new.refiners] == [
            "smooth"
        ] and new.finish is upscale_as_composited
    frame = next(iter(PatternSource(PatternSource.Options(size=(64, 48), count=1))))
    with pytest.raises(ValueError, match="closed"):
        raw.segmenter.segment(frame)


def test_two_setups_of_one_name_are_refused():
    both = [parse_setup("a=selfie"), parse_setup("a=selfie-landscape")]
    with pytest.raises(ConfigError, match="different names"), open_setups(both, (64, 48)):
        pass
