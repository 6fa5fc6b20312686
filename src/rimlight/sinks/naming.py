"""Names of results: a name of its own for each input, as the file system compares names."""

from __future__ import annotations

import os
import secrets
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import count
from pathlib import Path, PurePosixPath

NameKey = Callable[[str], str]
"""Returns what two names that a file system takes for one have in common."""


def plan_names(
    names: Sequence[str],
    suffix_of: Callable[[str], str],
    *,
    key: NameKey = str,
    taken: Iterable[str] = (),
) -> dict[str, str]:
    """Return the result's name for each input's name; no two results share one.

    An input that has the very name of a result keeps it. Of the others, a.jpg becomes a.png, then
    a.jpg.png where a.png is taken. The same inputs always give the same names.

    Args:
        names: paths of the inputs, relative to their folder, with "/".
        suffix_of: returns the suffix of the result for an input's name.
        key: tells which names the folder of the results takes for one.
        taken: names that no result may have.
    """
    used = set(map(key, taken))
    results: dict[str, str] = {}
    own = [name for name in names if PurePosixPath(name).suffix == suffix_of(name)]
    for name in (*own, *names):
        if name not in results:
            results[name] = next(
                n for n in generate_names(name, suffix_of(name)) if key(n) not in used
            )
            used.add(key(results[name]))
    return results


def generate_names(name: str, suffix: str) -> Iterator[str]:
    """Yield names for the result of an input: talk.mp4, talk.mov.mp4, talk-2.mp4, ..."""
    path = PurePosixPath(name)
    yield str(path.with_suffix(suffix))
    if path.suffix != suffix:
        yield f"{name}{suffix}"
    yield from (str(path.with_name(f"{path.stem}-{number}{suffix}")) for number in count(2))


def find_name_key(folder: Path, names: Iterable[str]) -> NameKey:
    """Return how the file system of `folder` compares names.

    Only where some of `names` differ in nothing but case or composition, it is tried with an empty
    file, which goes at once. A folder that is missing is taken to be like the one above it.
    """
    folded = Counter(map(_fold_case, set(names)))
    if all(number == 1 for number in folded.values()):
        return str
    while not folder.is_dir() and folder != folder.parent:
        folder = folder.parent
    return _try_folder(folder)


def _try_folder(folder: Path) -> NameKey:
    """Write a file into `folder` and look for it under other names; if in doubt, take all alike."""
    name = f".rimlight-é-{secrets.token_hex(6)}"
    file = folder / name
    try:
        os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600))
    except OSError:
        return _fold_case
    try:
        is_folded = os.path.lexists(folder / name.upper())
        is_composed = os.path.lexists(folder / unicodedata.normalize("NFD", name))
    finally:
        file.unlink(missing_ok=True)
    if is_folded:
        return _fold_case
    return _compose if is_composed else str


def _fold_case(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", name).casefold())


def _compose(name: str) -> str:
    return unicodedata.normalize("NFC", name)
