"""What a user with pictures of something else does: train, export, and let the pipeline find it."""

import subprocess
import sys

import cv2
import numpy as np
import pytest
import yaml
from lesions import lesion, write_lesions

SAID = {
    "name": "lesions",
    "network": {"name": "light", "size": "64x48", "width_multiplier": 0.25},
    "data": {"paths": ["lesions"], "classes": ["skin", "lesion"]},
    "optimizer": {"learning_rate": 0.01},
    "ema_decay": 0.8,
    "epochs": 25,
    "batch_size": 4,
}


def overlap(folder, seed):
    """Intersection over union of the alpha that was written and the truth."""
    alpha = cv2.imread(str(folder / f"{seed:04d}.png"), cv2.IMREAD_UNCHANGED)[..., 3] > 127
    truth = lesion(seed)[1] > 0
    return (alpha & truth).sum() / (alpha | truth).sum()


@pytest.mark.slow
@pytest.mark.parametrize(
    "how", [["float16"], ["int8", "--calibration", "lesions"]], ids=["float16", "int8"]
)
def test_spots_on_skin_are_learnt_exported_and_cut_out(rimlight, tmp_path, trained, how):
    made = rimlight(
        "export",
        trained / "run/best.keras",
        "--quantize",
        *how,
        "-o",
        "model.tflite",
        "--overwrite",
        cwd=trained,
        timeout=600,
    )
    assert made.returncode == 0, made.stderr
    assert "same class on" in made.stdout
    new = write_lesions(tmp_path / "new", 4, first=900)
    card = trained / "model.yaml"
    done = rimlight(
        "process", new / "images", "--model", card, "--background", "none", "-o", "cut/"
    )
    assert done.returncode == 0, done.stderr
    assert np.mean([overlap(tmp_path / "cut", seed) for seed in range(900, 904)]) > 0.6


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with a trained model of lesions; its command is run as a user would."""
    folder = tmp_path_factory.mktemp("skin")
    write_lesions(folder / "lesions")
    (folder / "lesions.yaml").write_text(yaml.safe_dump(SAID))
    command = [sys.executable, "-m", "rimlight", "train", "-c", "lesions.yaml", "-o", "run"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=900)
    return folder
