"""Hints name flags of the command that failed, and no others."""

import pytest
import typer

from rimlight import cli
from rimlight.cli.hints import find_command, fit_hint

GROUP = typer.main.get_command(cli.app)


@pytest.mark.parametrize(
    ("words", "hint", "fitted"),
    [
        (
            "process",
            "choose another name, or set overwrite=true",
            "choose another name, or add --overwrite",
        ),
        ("batch", "or leave the sound out: audio=none", "or leave the sound out: --audio none"),
        (
            "live",
            "leave it out, or set audio=none",
            "leave it out, or add --set sinks.0.audio=none",
        ),
        ("process", "write png images: set format=png", "write png images: add --format png"),
        ("batch", "pictures: format=png", "pictures: --set sinks.0.format=png"),
        ("models show", "correct the value; --dry-run prints the run", "correct the value"),
        ("ctl", "set audio=none", ""),
        ("ctl", "start one with: rimlight live --blur 20", None),
    ],
)
def test_a_hint_fits_its_command(words, hint, fitted):
    command = find_command(GROUP, words.split())
    assert fit_hint(hint, command) == (hint if fitted is None else fitted)


def test_an_unknown_command_keeps_the_hint():
    assert fit_hint("add --anything", find_command(GROUP, ["nope"])) == "add --anything"
