import shutil

import pytest
import yaml

from rimlight.core.errors import ModelError, ModelFormatError, ModelNotFoundError
from rimlight.core.model_card import load_card
from rimlight.models.catalog import Catalog
from rimlight.system import app_paths

SHIPPED = app_paths.find_data_folder("models")
FILE = SHIPPED / "selfie_segmentation.tflite"


@pytest.fixture
def alone(monkeypatch, tmp_path):
    """A machine with nothing but rimlight: no shared folder, an empty cache."""
    monkeypatch.setenv("RIMLIGHT_SHARED", str(tmp_path / "none"))
    monkeypatch.setenv("RIMLIGHT_CACHE", str(tmp_path / "cache"))
    return tmp_path


@pytest.fixture
def mine(alone):
    """A folder with a card of the user's own, and its file."""
    folder = alone / "mine"
    folder.mkdir()
    write_card(folder, "mine")
    shutil.copy(FILE, folder / "mine.tflite")
    return folder


def write_card(folder, name, **changes):
    data = load_card(SHIPPED / "selfie.yaml").model_dump(mode="json")
    data |= {"name": name, "files": [{"file": f"{name}.tflite"}]} | changes
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(data))


def test_the_models_of_the_catalog_have_cards(alone):
    known = {"cityscapes", "deeplab-voc", "road", "road-lite"}
    known |= {"selfie", "selfie-landscape", "yolov8n-seg"}
    known |= {"selfie-multiclass", "u2netp", "modnet"}
    assert known <= {card.name for card in Catalog().list_cards()}


@pytest.mark.parametrize("name", ["selfie", "selfie-landscape", "selfie-multiclass", "road-lite"])
def test_the_shipped_models_are_always_here(alone, name):
    card, path = Catalog().resolve(name)
    assert card.name == name and path.parent == SHIPPED


def test_an_unknown_name_suggests_the_nearest(alone):
    with pytest.raises(ModelNotFoundError, match="unknown model 'selfi'") as caught:
        Catalog().resolve("selfi")
    assert "did you mean 'selfie'" in caught.value.hint


def test_a_name_too_long_for_a_file_is_no_model(alone):
    with pytest.raises(ModelNotFoundError, match="no model file"):
        Catalog().resolve("a" * 300 + ".tflite")


def test_the_ending_of_a_model_or_a_card_may_be_in_capitals(mine, monkeypatch):
    monkeypatch.chdir(mine)
    shutil.copy(FILE, mine / "BARE.TFLITE")
    (mine / "mine.yaml").rename(mine / "mine.YAML")
    assert Catalog().resolve("BARE.TFLITE")[1].name == "BARE.TFLITE"
    assert Catalog().resolve("mine.YAML")[0].name == "mine"


def test_a_path_is_no_name(alone):
    with pytest.raises(ModelNotFoundError, match=r"no model file run/best\.kers"):
        Catalog().resolve("run/best.kers")


def test_a_model_that_is_not_here_says_how_to_fetch_it(alone):
    with pytest.raises(ModelNotFoundError, match="not on this machine") as caught:
        Catalog().resolve("cityscapes")
    assert "rimlight models pull cityscapes" in caught.value.hint


@pytest.mark.parametrize(("name", "part"), [("road", "imported")])
def test_a_model_that_cannot_run_yet_names_the_missing_part(alone, name, part):
    with pytest.raises(ModelError, match=part):
        Catalog().resolve(name)


def test_a_model_in_the_shared_folder_is_found(shared):
    card, path = Catalog().resolve("deeplab-voc")
    assert path == shared / "models" / card.files[0].file


def test_both_files_of_a_model_are_found_in_the_layout_of_the_open_model_zoo(shared):
    catalog = Catalog()
    found = catalog.find_files(catalog.find_card("road"))
    assert [path.parent.name for path in found.paths] == ["FP32", "FP32"]


def test_a_model_put_into_the_cache_is_found(alone):
    cache = Catalog().cache
    cache.mkdir(parents=True)
    write_card(cache, "trained")
    shutil.copy(FILE, cache / "trained.tflite")
    assert Catalog().resolve("trained")[1] == cache / "trained.tflite"


def test_a_card_of_the_users_own_comes_before_the_shipped_one(mine):
    write_card(mine, "selfie", summary="mine")
    shutil.copy(FILE, mine / "selfie.tflite")
    card, path = Catalog(mine).resolve("selfie")
    assert card.summary == "mine" and path == mine / "selfie.tflite"


def test_a_card_may_be_named_by_its_path(mine):
    card, path = Catalog().resolve(str(mine / "mine.yaml"))
    assert card.name == "mine" and path == mine / "mine.tflite"


def test_a_file_that_is_not_what_the_card_promises_is_refused(mine):
    write_card(mine, "mine", files=[{"file": "mine.tflite", "sha256": "0" * 64}])
    with pytest.raises(ModelFormatError, match="damaged or another file"):
        Catalog(mine).resolve("mine")


def test_a_card_with_another_name_than_its_file_is_refused(mine):
    shutil.copy(mine / "mine.yaml", mine / "other.yaml")
    with pytest.raises(ModelFormatError, match="named 'mine', its file 'other'"):
        Catalog(mine).find_card("other")


def test_a_missing_models_folder_is_an_error(tmp_path):
    with pytest.raises(ModelNotFoundError, match="there is no folder"):
        Catalog(tmp_path / "none")


@pytest.mark.parametrize("name", ["none.tflite", "none.keras", "none.yaml"])
def test_a_path_to_nothing_is_not_found(alone, name):
    with pytest.raises(ModelNotFoundError, match="none"):
        Catalog().resolve(str(alone / name))


def test_a_model_of_another_framework_is_refused(alone):
    (alone / "m.pt").write_bytes(b"torch")
    with pytest.raises(ModelFormatError, match=r"must be \.tflite, \.keras or \.onnx"):
        Catalog().resolve(str(alone / "m.pt"))


def test_a_bare_file_uses_the_card_beside_it(mine):
    write_card(mine, "mine", summary="beside")
    assert Catalog().resolve(str(mine / "mine.tflite"))[0].summary == "beside"


def test_a_bare_file_whose_bytes_are_known_uses_their_card(alone):
    shutil.copy(FILE, alone / "renamed.tflite")
    card, path = Catalog().resolve(str(alone / "renamed.tflite"))
    assert card.name == "selfie" and card.files[0].file == path.name == "renamed.tflite"


@pytest.mark.parametrize("name", [path.stem for path in sorted(SHIPPED.glob("*.yaml"))])
def test_every_card_of_ours_says_what_it_was_trained_on_and_what_it_measured(name):
    card = load_card(SHIPPED / f"{name}.yaml")
    assert card.trained_on != "not stated" and card.measured
