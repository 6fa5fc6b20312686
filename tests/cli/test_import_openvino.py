"""`rimlight models import-openvino`: from a pair of files to models and cards."""

import pytest

from rimlight.core.model_card import load_card


@pytest.fixture
def xml(shared):
    return shared / "models/road-segmentation-adas-0001/FP32/road-segmentation-adas-0001.xml"


@pytest.mark.slow
def test_a_local_network_becomes_a_model_with_its_card(rimlight, xml, tmp_path):
    words = ("models", "import-openvino", xml, "--size", "224x128", "--output", "models")
    done = rimlight(*words, timeout=300)
    assert done.returncode == 0, done.stderr
    card = load_card(tmp_path / "models" / "road-224x128.yaml")
    file = tmp_path / "models" / card.files[0].file
    assert (card.input.size, card.files[0].size_bytes) == ((224, 128), file.stat().st_size)
    assert "made road-224x128" in done.stdout


def test_a_size_off_the_grid_is_refused(refused, xml):
    refused(
        "models", "import-openvino", xml, "--size", "450x256", "--output", "models",
        code=2, says="450x256 is not made of multiples of 32", hint="",
    )  # fmt: skip


def test_missing_weights_are_named(refused, tmp_path):
    refused(
        "models", "import-openvino", "net.xml", "--bin", "net.bin", "--output", "models",
        code=4, says="net.xml", hint="",
    )  # fmt: skip
