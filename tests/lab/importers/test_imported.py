"""An imported model takes the place of the card that asked for its import."""

import yaml

from rimlight.core.model_card import load_card
from rimlight.models.catalog import Catalog
from rimlight.system import app_paths


def imported(folder):
    """A card as an import writes it, with a file beside it."""
    data = load_card(app_paths.find_data_folder("models") / "selfie.yaml").model_dump(mode="json")
    data |= {"name": "road", "files": [{"file": "road.tflite"}]}
    folder.mkdir()
    (folder / "road.yaml").write_text(yaml.safe_dump(data))
    (folder / "road.tflite").write_bytes(b"model")


def test_before_its_import_the_shipped_card_says_what_is_needed(tmp_path):
    assert Catalog(cache=tmp_path).find_card("road").needs == "import-openvino"


def test_after_its_import_the_imported_one_is_found(tmp_path):
    imported(tmp_path / "models")
    card, path = Catalog(cache=tmp_path / "models").resolve("road")
    assert not card.needs and path == tmp_path / "models" / "road.tflite"
