"""Each input has a result of its own, under a name that does not depend on chance."""

import unicodedata
from pathlib import PurePosixPath

import pytest

from rimlight.sinks.output_paths import find_name_key, plan_names


def to_png(name):
    return ".png"


def as_it_is(name):
    return PurePosixPath(name).suffix.lower()


def test_an_input_that_has_the_name_of_a_result_keeps_it():
    names = ["a.JPG", "a.jpeg", "a.jpg", "a.png"]
    assert plan_names(names, as_it_is)["a.jpg"] == "a.jpg"
    assert plan_names(names, to_png)["a.png"] == "a.png"


@pytest.mark.parametrize("suffix_of", [to_png, as_it_is])
def test_no_two_results_share_a_name(suffix_of):
    names = ["a.JPG", "a.jpeg", "a.jpg", "a.jpg.png", "a.png", "a.png.jpg", "a-2.png", "b/a.jpg"]
    results = plan_names(names, suffix_of)
    assert len(set(results.values())) == len(names) == len(results)
    assert results == plan_names(names, suffix_of)


def test_names_that_a_folder_takes_for_one_stay_apart():
    results = plan_names(["a.jpg", "A.jpg"], as_it_is, key=str.casefold)
    assert len({name.casefold() for name in results.values()}) == 2


def test_no_result_has_a_name_that_is_taken():
    assert plan_names(["a.webp"], to_png, taken=["a.png"]) == {"a.webp": "a.webp.png"}


def test_a_folder_is_asked_how_it_compares_names(tmp_path):
    names = ["a", "A", "é", unicodedata.normalize("NFD", "é")]
    for name in names:
        (tmp_path / name).touch()
    apart = len(list(tmp_path.iterdir()))
    key = find_name_key(tmp_path / "missing", names)
    assert len(set(map(key, names))) == apart
    assert len(list(tmp_path.iterdir())) == apart
