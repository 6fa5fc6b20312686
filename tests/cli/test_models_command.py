import hashlib

import pytest
import yaml

ALONE = {"RIMLIGHT_SHARED": "/nowhere"}


@pytest.fixture
def alone(tmp_path):
    """The environment of a machine with nothing but rimlight."""
    return ALONE | {"RIMLIGHT_CACHE": str(tmp_path / "cache")}


def test_list_shows_every_model_and_where_it_is(rimlight, alone):
    lines = rimlight("models", "list", env=alone).stdout.splitlines()
    state = {line.split()[0]: line for line in lines}
    assert "shipped" in state["selfie"] and "not here" in state["cityscapes"]
    assert "AGPL-3.0" in state["yolov8n-seg"]


def test_list_shows_what_each_model_measured_and_whether_it_may_be_sold(rimlight, alone):
    lines = rimlight("models", "list", env=alone).stdout.splitlines()
    state = {line.split()[0]: line.split() for line in lines}
    assert state["name"][3:7] == ["commercial", "IoU", "F", "ms"]
    license, commercial, iou, f, ms = state["selfie-multiclass"][3:8]
    assert (license, commercial) == ("Apache-2.0", "yes")
    assert 0.8 < float(iou) < 1 and 0.7 < float(f) < 1 and float(ms) > 0


def test_commercial_leaves_out_what_is_restricted_or_unclear(rimlight, alone):
    lines = rimlight("models", "list", "--commercial", env=alone).stdout.splitlines()
    names = {line.split()[0] for line in lines[1:]}
    assert {"selfie", "selfie-multiclass", "road-lite"} <= names
    assert not names & {"yolov8n-seg", "u2netp", "modnet", "cityscapes"}


def test_show_says_what_a_model_was_trained_on(rimlight, alone):
    assert "trained_on: DUTS-TR" in rimlight("models", "show", "u2netp", env=alone).stdout


def test_a_wrong_card_is_a_line_of_the_list_and_no_more(rimlight, alone, tmp_path):
    (tmp_path / "broken.yaml").write_text("name: [broken\n")
    lines = rimlight("models", "list", "--models-dir", tmp_path, env=alone).stdout.splitlines()
    state = {line.split()[0]: line for line in lines}
    assert "wrong card" in state["broken"] and "is not a model card" in state["broken"]
    assert "shipped" in state["selfie"]


def test_show_prints_the_card_and_the_file(rimlight, alone):
    shown = rimlight("models", "show", "selfie", env=alone).stdout
    assert "license: Apache-2.0" in shown and "selfie_segmentation.tflite" in shown
    assert "state: shipped" in shown


def test_show_of_an_unknown_model_suggests_one(refused, alone):
    refused(
        "models", "show", "selfy", env=alone,
        code=4, says="unknown model 'selfy'", hint="did you mean 'selfie'",
    )  # fmt: skip


def test_a_license_must_be_accepted_before_anything_is_fetched(refused, alone):
    done = refused(
        "models", "pull", "yolov8n-seg", env=alone,
        code=2, says="AGPL-3.0", hint="--accept-license",
    )  # fmt: skip
    assert "license AGPL-3.0" in done.stdout


def test_a_shipped_model_need_not_be_pulled(rimlight, alone):
    assert "already here (shipped)" in rimlight("models", "pull", "selfie", env=alone).stdout


def test_without_network_one_error_says_where_to_put_the_file(rimlight, alone, tmp_path):
    card = yaml.safe_load(rimlight("models", "show", "selfie", env=alone).stdout.split("state:")[0])
    body = hashlib.sha256(b"").hexdigest()
    entry = {"file": "far.tflite", "sha256": body, "size_bytes": 9, "url": "http://127.0.0.1:9/far"}
    (tmp_path / "far.yaml").write_text(yaml.safe_dump(card | {"name": "far", "files": [entry]}))
    done = rimlight("models", "pull", "far", "--models-dir", tmp_path, env=alone)
    assert done.returncode == 4 and "cannot fetch http://127.0.0.1:9/far" in done.stderr
    assert f"put it at {tmp_path / 'far.tflite'}" in done.stderr
