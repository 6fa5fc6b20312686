from fractions import Fraction

import pytest
from fakes import HalfSegmenter, ListSource, RecordingSink

from rimlight.core.errors import ModelError
from rimlight.core.frame_queue import Overflow
from rimlight.effects.blur import BlurEffect
from rimlight.effects.replace import ReplaceEffect
from rimlight.live.governor import (
    CHECK_INTERVAL_S,
    UP_AFTER,
    Governor,
    QualityStep,
    build_quality_ladder,
)
from rimlight.pipeline.live import LivePipeline
from rimlight.pipeline.settings import Settings


class Machine:
    """Work that costs `cost` of the processor, less for each step that is given up."""

    def __init__(self, cost, relief=0.1, steps=4, rate=30.0, camera=30.0, **limits):
        self.cost, self.relief, self.rate, self.camera = cost, relief, rate, camera
        self.now = self.used = self.frames = self.came = 0.0
        self.given, self.changes = 0, []
        rungs = [QualityStep(f"step {i}", self.give, self.take) for i in range(steps)]
        self.governor = Governor(
            rungs,
            lambda: int(self.frames),
            count_input=lambda: int(self.came),
            get_cpu_s=lambda: self.used,
            clock=lambda: self.now,
            **limits,
        )

    def give(self):
        self.given += 1
        self.changes.append(self.now)

    def take(self):
        self.given -= 1
        self.changes.append(self.now)

    def share(self):
        return self.cost - self.relief * self.given

    def run(self, looks):
        for _ in range(looks):
            self.now += CHECK_INTERVAL_S
            self.used += CHECK_INTERVAL_S * self.share()
            slowed = min(1.0, 1.0 / self.share()) if self.share() > 1 else 1.0
            self.came += CHECK_INTERVAL_S * self.camera
            self.frames += CHECK_INTERVAL_S * min(self.rate * slowed, self.camera)
            self.governor.poll()
        return self


def test_what_is_within_the_limit_is_left_alone():
    assert Machine(0.3, max_cpu=0.4).run(100).changes == []


@pytest.mark.parametrize("cost", [0.45, 0.55, 0.75])
def test_the_limit_is_held(cost):
    machine = Machine(cost, max_cpu=0.4).run(30)
    assert machine.share() <= 0.4
    assert len(machine.governor.degraded) == machine.given > 0


def test_steps_are_taken_back_when_there_is_room_again():
    machine = Machine(0.75, max_cpu=0.4).run(30)
    machine.cost = 0.2
    machine.run(100)
    assert machine.given == 0
    assert machine.governor.degraded == ()


@pytest.mark.parametrize("camera", [0.4, 5, 7.5, 15])
def test_nothing_is_given_up_for_frames_that_the_camera_does_not_give(camera):
    machine = Machine(0.07, camera=30.0, min_fps=25).run(10)
    machine.camera = camera
    assert machine.run(100).changes == []


def test_a_camera_that_falls_behind_its_wish_does_not_hide_a_model_that_is_too_slow():
    machine = Machine(0.9, rate=10.0, camera=20.0, min_fps=25).run(30)
    assert machine.given == 4


def test_it_does_not_swing():
    machine = Machine(0.45, relief=0.2, max_cpu=0.4).run(1000)
    assert machine.share() <= 0.4
    assert len(machine.changes) < 1000 / UP_AFTER / 5


def test_a_rate_is_held_too():
    machine = Machine(1.3, min_fps=30).run(50)
    assert machine.governor.fps >= 0.95 * 30


def test_when_nothing_is_left_to_give_up_it_goes_on():
    machine = Machine(3.0, max_cpu=0.4).run(100)
    assert machine.given == 4


def test_a_short_peak_changes_nothing():
    machine = Machine(0.3, max_cpu=0.4)
    for _ in range(20):
        machine.cost = 0.9
        machine.run(1)
        machine.cost = 0.3
        machine.run(1)
    assert machine.changes == []


def test_a_step_that_would_not_help_is_passed_over():
    machine = Machine(0.55, max_cpu=0.4)
    machine.governor._steps[0] = QualityStep("nothing", machine.give, machine.take, lambda: False)
    machine.run(30)
    assert machine.governor.degraded == ("step 1", "step 2")
    machine.cost = 0.1
    machine.run(100)
    assert machine.governor.degraded == ()
    assert machine.given == 0


def test_a_step_that_cannot_be_made_is_passed_over():
    def fail():
        raise ModelError("the smaller model is gone")

    machine = Machine(0.45, max_cpu=0.4)
    machine.governor._steps[0] = QualityStep("the larger model", fail, fail)
    machine.run(30)
    assert machine.governor.degraded == ("step 1",)


def test_a_step_that_cannot_even_be_judged_is_passed_over():
    def fail():
        raise ModelError("the model's card is gone")

    machine = Machine(0.45, max_cpu=0.4)
    machine.governor._steps[0] = QualityStep("the larger model", machine.give, machine.take, fail)
    machine.run(30)
    assert machine.governor.degraded == ("step 1",)


def test_nothing_is_given_up_while_there_are_no_pictures_to_judge():
    machine = Machine(0.2, rate=0.0, min_fps=30, is_idle=lambda: machine.now < 100)
    machine.run(40)
    assert machine.changes == []
    machine.run(40)
    assert machine.changes != []


def test_what_is_given_up_and_taken_up_again_is_said(caplog):
    machine = Machine(0.45, max_cpu=0.4).run(30)
    machine.cost = 0.1
    machine.run(100)
    said = [record.getMessage() for record in caplog.records]
    assert [text.split(": ")[1] for text in said] == [
        "continuing without step 0",
        "restored step 0",
    ]
    assert said[0].startswith("45% of a core, 30 frames per second")


NEWEST = Settings(overflow=Overflow.DROP_OLDEST, mask_sync="latest")


def names_of(effect, settings=NEWEST, **more):
    parts = (ListSource(1), HalfSegmenter(), [RecordingSink()])
    pipeline = LivePipeline(*parts, effects=[effect], settings=settings)
    return pipeline, [
        step.name for step in build_quality_ladder(pipeline, (), **more) if step.can_degrade()
    ]


def test_the_ladder_holds_what_there_is_to_give_up():
    masks = ["the mask of every 2nd frame", "two masks of three", "three masks of four"]
    _, names = names_of(ReplaceEffect(ReplaceEffect.Options(background="white")))
    assert names == masks
    model, size = (QualityStep(name, print, print) for name in ("the larger model", "full size"))
    blur = BlurEffect(BlurEffect.Options(refresh_hz=15))
    _, names = names_of(blur, lighter_model=model, downscale=size)
    assert names == [
        masks[0], "the larger model", "a blur that keeps up", masks[1], masks[2], "full size"
    ]  # fmt: skip


def test_masks_are_not_given_up_where_each_frame_wears_its_own():
    _, names = names_of(BlurEffect(BlurEffect.Options()), settings=Settings(mask_sync="exact"))
    assert names == ["a blur that keeps up"]


def test_an_eased_blur_stays_so_when_the_effects_are_swapped():
    pipeline, _ = names_of(BlurEffect(BlurEffect.Options()))
    pipeline.components.set_reduced_rate(on=True)
    new = BlurEffect(BlurEffect.Options(refresh_hz=15))
    pipeline.components.replace_effects([new])
    eased = new._interval_s
    pipeline.components.set_reduced_rate(on=False)
    assert (eased, new._interval_s) == (Fraction(1, 4), Fraction(1, 15))


def test_another_limit_is_kept_and_none_gives_everything_back():
    machine = Machine(0.75).run(10)
    assert machine.given == 0
    machine.governor.set_max_cpu(0.5)
    assert machine.run(30).share() <= 0.5
    machine.governor.set_max_cpu(None)
    assert machine.run(100).given == 0


def test_everything_can_be_given_back_at_once():
    machine = Machine(0.75, max_cpu=0.4).run(30)
    machine.governor.restore_all()
    assert (machine.given, machine.governor.degraded) == (0, ())
    assert machine.run(30).share() <= 0.4
