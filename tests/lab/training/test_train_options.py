"""What a training may say, and that the shipped files say nothing else."""

from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from rimlight.cli import app
from rimlight.core.errors import ConfigError
from rimlight.core.options import validate
from rimlight.lab.training.compression_options import load_distill
from rimlight.lab.training.options import TrainOptions, load_train
from rimlight.system import app_paths

PERSON = app_paths.find_data_folder("configs") / "train-person.yaml"


@pytest.mark.parametrize(
    "path",
    sorted(app_paths.find_data_folder("configs").glob("train-*.yaml")),
    ids=lambda path: path.stem,
)
def test_shipped_trainings_are_valid(path):
    assert load_train(path).built_network.classes == len(load_train(path).data.classes)


def test_settings_and_data_go_over_the_file():
    options = load_train(PERSON, ["network.size=64x32", "epochs=3"], data=[Path("mine")])
    assert (options.network.size, options.epochs) == ((64, 32), 3)
    assert options.data.paths == (Path("mine"),)


def test_an_unknown_key_is_refused_with_the_nearest_one():
    with pytest.raises(ConfigError, match=r"data\.augment\.flop") as error:
        load_train(PERSON, ["data.augment.flop=1"])
    assert "flip" in error.value.hint


def test_a_network_with_another_number_of_classes_is_refused():
    with pytest.raises(ConfigError, match=r"network\.classes is 5, data\.classes names 2"):
        load_train(PERSON, ["network.classes=5"])


@pytest.mark.parametrize(
    ("said", "match"),
    [
        (["network.name=road", "network.size=240x176"], "multiples of 32, such as 256x192"),
        (["network.name=road", "network.downscale=2"], "multiples of 64, such as 192x128"),
        (
            ["network.name=deeplab-xception", "network.width_multiplier=0.5"],
            "width_multiplier of deeplab-xception",
        ),
        (["network.backbone_weights=a.h5"], "light has no backbone"),
    ],
)
def test_a_network_that_cannot_be_built_is_refused(said, match):
    sized = [] if "size" in said[-1] else ["network.size=192x160"]
    with pytest.raises(ConfigError, match=match):
        load_train(PERSON, [*sized, *said])


def test_an_unknown_foreground_is_refused():
    with pytest.raises(ConfigError, match="'dog', which is not"):
        load_train(PERSON, ["foreground=[dog]"])


def test_limits_may_change_when_a_run_goes_on():
    longer = load_train(PERSON, ["epochs=500", "max_minutes=5", "data.check=false"])
    assert longer.identity == load_train(PERSON).identity
    assert load_train(PERSON, ["seed=5"]).identity != longer.identity


@pytest.mark.parametrize("config", [PERSON, PERSON.with_name("train-camvid.yaml")])
def test_a_dry_run_prints_the_whole_training(config):
    arguments = ["train", "-c", str(config), "mine", "-o", "nowhere", "--dry-run"]
    result = CliRunner().invoke(app, arguments)
    printed = yaml.safe_load(result.stdout)
    again = validate(TrainOptions, printed, where="what was printed")
    assert again.data == load_train(config, data=[Path("mine")]).data
    assert {"loss", "epochs", "seed"} <= printed.keys()  # said or not
    assert not Path("nowhere").exists()


def test_a_student_must_learn_from_somebody():
    with pytest.raises(ConfigError, match="soft_weight or hard_weight"):
        load_distill(PERSON, ["soft_weight=0", "hard_weight=0"], teacher="selfie")


def test_where_a_teacher_is_looked_for_may_change_when_a_run_goes_on():
    found = [load_distill(PERSON, s, teacher="x") for s in ([], ["teacher.models_dir=there"])]
    assert found[0].identity == found[1].identity


def test_a_dry_run_of_a_distillation_prints_it():
    student = str(app_paths.find_data_folder("configs") / "distill-road-lite.yaml")
    arguments = ["distill", "-c", student, "a.mp4", "--teacher", "t", "-o", "nowhere", "--dry-run"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0 and "model: t" in result.stdout and "a.mp4" in result.stdout
