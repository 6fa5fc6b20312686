import json

import pytest

from rimlight.core.interchange import escape_csv_cell, to_json


def test_numbers_that_json_does_not_know_become_null():
    data = {"a": float("nan"), "b": [1.5, (float("inf"), True)], "c": "NaN"}
    assert json.loads(to_json(data)) == {"a": None, "b": [1.5, [None, True]], "c": "NaN"}


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", " =1"])
def test_a_cell_is_no_formula(text):
    assert escape_csv_cell(text) == f"'{text}"


def test_other_cells_stay_as_they_are():
    assert escape_csv_cell("car:2 person:1") == "car:2 person:1" and escape_csv_cell("") == ""
