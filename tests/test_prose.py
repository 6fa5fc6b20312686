"""What can be checked of the prose: American spelling, and no literal translations in the pages."""

import re
from pathlib import Path

import pytest

import rimlight

SOURCE = Path(rimlight.__file__).parent
ROOT = SOURCE.parents[1]
GENERATED = ROOT / "docs" / "reference"
PAGES = sorted(
    path
    for name in ("README.md", "CONTRIBUTING.md", "docs", "models", "samples")
    for path in ([ROOT / name] if name.endswith(".md") else (ROOT / name).rglob("*.md"))
    if GENERATED not in path.parents
)
FILES = sorted(SOURCE.rglob("*.py"))

# Literal translations, and what plain technical English says instead.
CALQUES = {
    r"anew": "again",
    r"gone? on with|goes on with": "resume, continue",
    r"likewise": "also",
    r"so (many|often|few)\b(?! (that|as))": "N, every N",
    r"beside": "next to",
    r"for want of": "for lack of",
    r"at a word": "immediately",
    r"be it\b": "whether it is",
    r"whoever": "anyone who",
    r"may be left out": "optional",
}
# Spellings that are American everywhere else.
BRITISH = (
    r"\w*(colour|grey(?!\": \"808080)|licence|centre|neighbour|behaviour|normalis|quantis|recognis)"
    r"\w*"
)


def shorten(path):
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", PAGES, ids=shorten)
def test_pages_are_written_in_plain_english(path):
    assert not find_words(path, "|".join(CALQUES)), CALQUES


@pytest.mark.parametrize(
    "path", [*PAGES, *FILES], ids=lambda path: path.relative_to(ROOT).as_posix()
)
def test_spelling_is_american(path):
    assert not find_words(path, BRITISH)


def find_words(path, pattern):
    """Return "line: word" of every match in a file."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [
        f"{number}: {match[0]}"
        for number, line in enumerate(lines, 1)
        for match in re.finditer(rf"\b({pattern})\b", line, re.IGNORECASE)
    ]
