"""Options are written once: the index, the reference and the flags agree with the classes."""

import json
from pathlib import Path

import pytest
import typer

from rimlight import cli
from rimlight.cli import flags
from rimlight.cli.commands import COMMANDS, SUMMARIES, read_summaries
from rimlight.cli.options import build_index, find_field, format_options, load_index
from rimlight.cli.reference import make_reference
from rimlight.core.errors import ConfigError
from rimlight.core.option_fields import OptionField, describe_fields, parse_attributes

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
AGAIN = "run `python tests/golden/make.py reference`"
FAMILIES = ("sources", "segmenters", "refiners", "effects", "sinks")

# Flags that are called like an option and mean something else.
OTHERS = {
    ("process", "quality"),
    ("batch", "quality"),
    ("live", "quality"),
    ("process", "resume"),
    ("process", "shadow"),
    ("road", "ego_path"),
    ("ctl", "path"),
    ("models pull", "models_dir"),
    ("eval", "rate"),
    ("bench", "memory"),
    ("bench", "model"),
    ("compare", "quality"),
    ("compare", "model"),
}

for module in {target.partition(":")[0] for target in COMMANDS.values()}:
    __import__(f"rimlight.cli.{module}")


def commands():
    """Every command that runs, with its name."""

    def walk(name, command):
        inner = getattr(command, "commands", None)
        if inner is None:
            yield name, command
        for word in inner or ():
            yield from walk(f"{name} {word}".strip(), inner[word])

    return dict(walk("", typer.main.get_command(cli.app)))


def test_the_index_is_current():
    assert build_index() == load_index(), AGAIN


def test_the_summaries_of_the_commands_are_current():
    assert json.loads(SUMMARIES.read_text(encoding="utf-8")) == read_summaries(), AGAIN


def test_the_reference_is_current():
    for name, text in make_reference().items():
        assert (REFERENCE / name).read_text(encoding="utf-8") == text, f"{name}: {AGAIN}"


def test_every_option_has_a_description():
    options = {
        f"{family}.{component}.{name}": option.get("description", "")
        for family, components in load_index().items()
        for component, about in components.items()
        for name, option in about["options"].items()
    }
    assert len(options) > 250
    assert [address for address, description in options.items() if not description] == []


@pytest.mark.parametrize("address", sorted(set(flags.FIELDS.values())))
def test_a_flag_names_an_option_that_exists(address):
    family, component, option = address.split(".", 2)
    assert option in load_index()[family][component]["options"]


def test_a_flag_that_is_called_like_an_option_is_described_by_it():
    names = {o for f in FAMILIES for c in load_index()[f].values() for o in c["options"]}
    descriptions = {find_field(address).description for address in flags.FIELDS.values()}
    restated = [
        (name, param.name)
        for name, command in commands().items()
        for param in command.params
        if param.param_type_name == "option"
        and param.name in names
        and not any(text[1:] in param.help for text in descriptions)
    ]
    assert [flag for flag in restated if flag not in OTHERS] == []


@pytest.mark.parametrize("words", [["process"], ["live"], ["models", "list"], []])
def test_help_is_plain_and_fits_a_terminal_when_it_is_piped(rimlight, words):
    text = rimlight(*words, "--help", env={"COLUMNS": "80"}).stdout
    assert max(map(len, text.splitlines())) <= 80
    assert "\x1b" not in text and "│" not in text


def test_help_shows_choices_range_and_default_in_panels(rimlight):
    text = rimlight("process", "--help", env={"COLUMNS": "200"}).stdout
    assert "[fill, fit, stretch, tile; default: fill]" in " ".join(text.split())
    assert "[0<=x<=63]" in text
    assert "\nBackground:\n" in text and "\nModel and masks:\n" in text


def test_a_value_out_of_range_is_refused_with_the_range(rimlight):
    done = rimlight("process", "test-pattern", "-b", "white", "-o", "o.mp4", "--crf", "64")
    assert done.returncode == 2 and "0<=x<=63" in done.stderr


def test_a_value_that_is_no_choice_is_refused_with_the_nearest(rimlight):
    done = rimlight("process", "test-pattern", "-b", "white", "-o", "o.mp4", "--codec", "h246")
    assert done.returncode == 2 and "did you mean 'h265'?" in " ".join(done.stderr.split())


def test_the_options_of_a_component_are_listed(rimlight):
    done = rimlight("options", "sinks.video")
    assert done.returncode == 0
    assert "crf  integer [0<=x<=63]" in done.stdout


@pytest.mark.parametrize("name", ["effects", "replace", "segment_s", "training.train", "card"])
def test_families_components_and_options_are_found_by_name(name):
    assert len(format_options(name).splitlines()) > 1


def test_without_a_name_every_component_is_listed(rimlight):
    text = rimlight("options").stdout
    assert all(component in text for family in load_index().values() for component in family)


def test_an_unknown_name_is_one_error_with_a_suggestion(refused):
    refused("options", "repalce", code=2, says="'repalce'", hint="did you mean 'replace'?")


def test_what_is_not_known_raises_an_error():
    with pytest.raises(ConfigError, match="nothing-like-it"):
        format_options("nothing-like-it")


def test_the_reference_is_written_into_a_folder(rimlight, tmp_path):
    assert rimlight("options", "--markdown", "pages").returncode == 0
    written = {path.name for path in (tmp_path / "pages").iterdir()}
    assert written == set(make_reference())


@pytest.mark.parametrize(
    ("schema", "shown"),
    [
        ({"type": "integer", "minimum": 0, "maximum": 63}, "0<=x<=63"),
        ({"type": "number", "exclusiveMinimum": 0}, "x>0"),
        ({"type": "number", "minimum": 1}, "x>=1"),
        ({"type": "number", "exclusiveMaximum": 1}, "x<1"),
        ({"type": "number", "maximum": 10**9}, ""),
        ({"type": "string"}, ""),
    ],
)
def test_bounds_are_shown_as_a_range(schema, shown):
    assert describe_fields({"properties": {"a": schema}})["a"].range == shown


def test_nested_options_have_dotted_names():
    inner = {"properties": {"b": {"type": "boolean", "default": True}}}
    schema = {"properties": {"a": {"$ref": "#/$defs/A"}}, "$defs": {"A": inner}}
    assert describe_fields(schema) == {"a.b": OptionField("boolean", default="true")}


def test_a_field_survives_json():
    field = OptionField("number", "a", default="1", ge=0.0, lt=2.0, choices=("x",))
    assert OptionField.from_dict(field.to_dict()) == field
    assert field.is_within(0) and not field.is_within(2)


def test_a_description_may_stand_in_the_docstring():
    docstring = "A thing.\n\nAttributes:\n    a: one,\n        and more.\n    b: two.\n\nThe end."
    assert parse_attributes(docstring) == {"a": "one, and more", "b": "two"}
    schema = {"description": docstring, "properties": {"a": {"type": "string"}}}
    assert describe_fields(schema)["a"].description == "one, and more"
