"""Every command of the README and the guide has flags and keys that exist."""

import re
import shlex
from itertools import pairwise
from pathlib import Path

import pytest
import typer

from rimlight.cli import app
from rimlight.lab.training.compression_options import DistillOptions
from rimlight.lab.training.options import TrainOptions

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "models" / "README.md", *sorted(ROOT.glob("docs/**/*.md"))]
OPTIONS = {"train": TrainOptions, "distill": DistillOptions}


def find_commands(page):
    """Return the words of each command in an indented block of a page, or between backquotes."""
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    found = re.findall(r"^    (?:.*&& )?(rimlight .*)$", text, re.MULTILINE)
    found += re.findall(r"`(rimlight [^`\n]*)`", text)
    return [shlex.split(line, comments=True) for line in found if line.count("'") % 2 == 0]


def find_command(words):
    """Return the command that words begin with, and the words after it."""
    command, rest = typer.main.get_command(app), words[1:]
    while rest and hasattr(command, "commands") and rest[0] in command.commands:
        command, rest = command.commands[rest[0]], rest[1:]
    return command, rest


def find_unknown(words):
    """Return the flags and training keys of a command that there are not."""
    command, rest = find_command(words)
    rest = rest[: rest.index("--")] if "--" in rest else rest
    known = {name for param in command.params for name in param.opts + param.secondary_opts}
    flags = [word.split("=")[0] for word in rest if re.match(r"--?[A-Za-z]", word)]
    unknown = [flag for flag in flags if flag not in known | {"-h", "--help"}]
    options = OPTIONS.get(words[1] if len(words) > 1 else "")
    keys = [value for flag, value in pairwise(rest) if flag == "--set"]
    return unknown + [
        key for key in keys if options and re.split("[.=]", key)[0] not in options.model_fields
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_documented_flag_and_training_key_exists(page):
    assert {" ".join(words): find_unknown(words) for words in find_commands(page)} == {
        " ".join(words): [] for words in find_commands(page)
    }


def test_a_flag_or_a_key_that_there_is_not_is_found():
    assert find_unknown(shlex.split("rimlight process a.mp4 --backdrop b.jpg")) == ["--backdrop"]
    assert find_unknown(shlex.split("rimlight distill -o s/ --set soft=0")) == ["soft=0"]
