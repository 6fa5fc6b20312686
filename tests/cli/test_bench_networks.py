"""`rimlight bench --networks`: every network has a line; the figures are nobody's to assert."""

from dataclasses import replace

import numpy as np
import pytest
from fakes import make_frame

from rimlight.core.model_card import load_card
from rimlight.lab.evaluation.datasets import Sample


@pytest.fixture
def selfie():
    from rimlight.lab.bench.networks import load_given

    return list(load_given("selfie-landscape", None, ()))


def frames():
    pictures = (np.full((90, 160, 3), level, np.uint8) for level in (30, 200))
    return [make_frame().with_bgr(picture) for picture in pictures]


def test_a_shipped_model_is_measured(selfie):
    from rimlight.lab.bench.networks import measure

    [line] = measure(selfie, frames(), rounds=2)
    assert (line.name, line.size, line.iou) == ("selfie-landscape", (256, 144), None)
    assert line.file_bytes > line.packed_bytes > 100_000
    assert line.wall_ms > 0 and line.memory_mb > 1


def test_quality_is_the_mean_over_pictures_whose_truth_is_known(selfie):
    from rimlight.lab.bench.networks import measure

    dark, bright = frames()
    nobody = np.zeros((90, 160), np.float32)
    [line] = measure(selfie, [dark], rounds=1, pictures=[Sample(dark, nobody), Sample(bright)])
    assert line.iou == 1.0


def test_two_models_of_one_name_have_a_line_each(selfie):
    from rimlight.lab.bench.networks import measure

    dark, _ = frames()
    untrained = replace(selfie[0], trained=False)
    nobody = Sample(dark, np.zeros((90, 160), np.float32))
    lines = measure([*selfie, untrained], [dark], rounds=1, pictures=[nobody])
    assert [line.iou for line in lines] == [1.0, None]


def test_a_table_is_not_measured_for_a_folder_that_is_not_there(refused):
    flags = ("--networks", "--json", "nowhere/a.json")
    refused("bench", *flags, code=5, says="no folder nowhere", hint="mkdir")


def test_flags_of_the_table_are_refused_without_it(refused):
    refused("bench", "-m", "selfie", code=2, says="without --networks", hint="--networks")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras 3.15's
def test_a_trained_file_is_measured_in_three_variants(tmp_path):
    pytest.importorskip("keras")
    from rimlight.lab.bench.networks import load_given
    from rimlight.lab.training.cards import write_card
    from rimlight.lab.training.networks import build_network
    from rimlight.lab.training.networks.options import NetworkOptions

    folder = tmp_path / "own"
    folder.mkdir()
    build_network(NetworkOptions(size=(64, 32), width_multiplier=0.25)).save(folder / "best.keras")
    write_card(folder / "best.keras", size=(64, 32), classes=("background", "person"))
    (tmp_path / "made").mkdir()
    found = list(load_given(str(folder / "best.keras"), tmp_path / "made", frames()))
    assert [one.name for one in found] == ["own/best", "own/best, float16", "own/best, int8"]
    sizes = [one.file.stat().st_size for one in found]
    assert max(sizes[1:]) < sizes[0]  # so small a network has more scales than numbers in int8
    assert load_card(folder / "best.yaml").input == found[0].card.input
