"""What can be checked of the prose: spelling, literal translations, length of first lines."""

import ast
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


MAX_FIRST_LINE = 88
# Packages whose docstrings still begin with longer lines.
LONG_FIRST_LINES = {
    "cli", "effects", "live", "refiners", "road", "segmenters", "sinks", "sources", "web",
}  # fmt: skip


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


@pytest.mark.parametrize(
    "path",
    [p for p in FILES if p.relative_to(SOURCE).parts[0] not in LONG_FIRST_LINES],
    ids=shorten,
)
def test_docstrings_begin_with_a_short_line(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    texts = [
        ast.get_docstring(node) or "" for node in ast.walk(tree) if isinstance(node, documented)
    ]
    first = [text.partition("\n")[0] for text in texts]
    assert [line for line in first if len(line) > MAX_FIRST_LINE] == []


def find_words(path, pattern):
    """Return "line: word" of every match in a file."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [
        f"{number}: {match[0]}"
        for number, line in enumerate(lines, 1)
        for match in re.finditer(rf"\b({pattern})\b", line, re.IGNORECASE)
    ]
