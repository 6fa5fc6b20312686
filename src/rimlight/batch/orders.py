"""A job made ready to leave this machine."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path, PurePosixPath
from typing import Any

from rimlight import __version__
from rimlight.batch import storage
from rimlight.batch.pieces import Staging
from rimlight.batch.secret import secret
from rimlight.batch.steps import Files, Order
from rimlight.system.atomic_io import make_hidden_name


def order_for(
    run: Mapping[str, Any], *, threads: int, piece_s: Fraction, made_of: Sequence[Any] = ()
) -> Order:
    """Return what a worker needs to know.

    Args:
        run: a RunConfig as data, with paths as the user gave them.
        threads: what a task may use.
        piece_s: about how long a piece is.
        made_of: what tells the files that the run names, such as its model, from others.
    """
    rooted: dict[str, Any] = {key: _rooted(value) for key, value in run.items()}
    source, (sink, *more) = rooted["source"], rooted["sinks"]
    rooted["source"] = {**source, "path": _from_root(source["path"])}
    changed = {key: _from_root(sink[key]) for key in ("path", "record") if sink.get(key)}
    rooted["sinks"] = [{**sink, **changed}, *more]
    return Order(rooted, threads, _staging(rooted, made_of), piece_s)


def files_named_by(runs: Iterable[Mapping[str, Any]]) -> Files:
    """Return the files that the effects of `runs` name, such as backgrounds, with their content."""
    named = {value for run in runs for effect in run["effects"] for value in effect.values()}
    paths = {_rooted(value) for value in named if _is_file(value)}
    return {path: Path(path).read_bytes() for path in sorted(paths)}


def _staging(run: Mapping[str, Any], made_of: Sequence[Any]) -> Staging:
    """Return a folder next to the result whose name says how it is made, and of what."""
    source, sink = run["source"]["path"], run["sinks"][0]
    target = sink["path"].rstrip("/")
    try:
        facts = storage.facts(source)
    except OSError:  # the worker will say so
        facts = []
    asked = {**run, "sinks": [{**sink, "overwrite": None}, *run["sinks"][1:]]}
    made = json.dumps([__version__, asked, facts, made_of], sort_keys=True)
    name = hashlib.sha256(made.encode()).hexdigest()[:32]
    # Next to a bucket nothing can lie, only in it.
    top = target if storage.is_bucket(target) else storage.parent(target)
    place = storage.below(top, _hidden(target), name)
    key = hmac.new(secret(), place.encode(errors="surrogateescape"), hashlib.sha256).digest()
    return Staging(place, key, PurePosixPath(target).suffix)


def _hidden(target: str) -> str:
    if storage.is_url(target):
        return f".{PurePosixPath(target).name}.pieces"
    return make_hidden_name(Path(target), ".pieces")


def _from_root(place: str) -> str:
    return place if storage.is_url(place) else _absolute(place)


def _absolute(place: str) -> str:
    # A slash at the end says that a folder is meant; pathlib drops it.
    return str(Path(os.path.expanduser(place)).absolute()) + "/" * place.endswith("/")


def _rooted(value: Any) -> Any:
    """Return `value` with every path of a file in it counted from the root."""
    if isinstance(value, dict):
        return {key: _rooted(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_rooted(item) for item in value]
    return _absolute(value) if _is_file(value) else value


def _is_file(value: Any) -> bool:
    is_text = isinstance(value, str) and 0 < len(value) <= 4096
    return is_text and os.path.isfile(os.path.expanduser(value))
