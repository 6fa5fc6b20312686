"""Fetches the files of a model: from fixed addresses, checked, resumable, all or nothing."""

from __future__ import annotations

import http.client
import os
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

from rimlight.core.errors import ConfigError, ModelError, ModelFormatError, ModelNotFoundError
from rimlight.core.model_card import ModelCard, ModelFile
from rimlight.models.catalog import sha256_of, verify
from rimlight.models.web import TooSlowError, opened
from rimlight.system.locks import is_open_file_at, wait_for_lock

Progress = Callable[[int, int], None]

_CHUNK_BYTES = 1 << 16
_PATIENCE_S = 60.0
_LEAST_BYTES_PER_S = 10_000
"""A server that is slower for longer than our patience is given up."""
_GOES_ON = "run the same command again: it goes on where it stopped"


def pull(
    card: ModelCard, *, accept_license: bool, progress: Progress | None = None, cache: Path
) -> Path:
    """Fetch what is missing of a model.

    Args:
        card: whose files carry a url.
        accept_license: the user accepts the license; needed where the card asks for consent.
        progress: called with (bytes here, bytes in all) of all files together.
        cache: the folder to put them into; made if it is not there.

    Returns:
        The model's first file. A file that is there already is checked and kept.

    Raises:
        ConfigError: the license must be accepted first.
        ModelNotFoundError: a file has no address, or it cannot be reached.
        ModelFormatError: what came is not what the card says; it was deleted.
        ModelError: the transfer broke off, or the folder cannot be written.
    """
    _check_allowed(card, accept_license)
    done = 0
    with _writing_to(cache):
        cache.mkdir(parents=True, exist_ok=True)
        for file in card.files:
            _pull_file(file, cache, _shifted(progress, done, card.size_bytes))
            done += file.size_bytes or 0
    return cache / card.files[0].file


def _check_allowed(card: ModelCard, accept_license: bool) -> None:
    missing = [file.file for file in card.files if not file.url]
    if missing:
        raise ModelNotFoundError(
            f"model {card.name!r} cannot be pulled: its card has no url for {missing[0]}",
            hint=f"it comes from: {card.origin}" if card.origin else None,
        )
    if card.consent and not accept_license:
        raise ConfigError(
            f"model {card.name!r} is licensed under {card.license}, which must be accepted first",
            hint="read the license; if it suits you, run this again with --accept-license",
        )


def _shifted(progress: Progress | None, before: int, total: int) -> Progress:
    """Return a progress callback for one file, given what the files before it add up to."""

    def report(done: int, _size: int) -> None:
        if progress is not None:
            progress(before + done, total)

    return report


def _pull_file(file: ModelFile, cache: Path, progress: Progress) -> None:
    target, part = cache / file.file, cache / f"{file.file}.part"
    size = file.size_bytes or 0
    while not _is_here(file, target):
        with _held(part) as held:
            wait_for_lock(held.fileno())  # another process may fetch this very file
            if not is_open_file_at(held.fileno(), part):
                continue  # it has finished, or failed: look again
            if os.fstat(held.fileno()).st_size < size:
                _download(file, held, target, progress)
            _check_part(file, part, cache)
            part.replace(target)
            return
    progress(size, size)


@contextmanager
def _held(part: Path) -> Iterator[BinaryIO]:
    """Open a file to append to; when the block fails, an empty one goes."""
    descriptor = os.open(part, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o666)
    with open(descriptor, "ab") as held:
        try:
            yield held
        except BaseException:
            if not os.fstat(descriptor).st_size and is_open_file_at(descriptor, part):
                part.unlink()
            raise


def _is_here(file: ModelFile, target: Path) -> bool:
    return target.is_file() and sha256_of(target) == file.sha256


def _check_part(file: ModelFile, part: Path, cache: Path) -> None:
    """Check what was fetched, and delete what is wrong."""
    try:
        verify(file, part)
    except ModelFormatError as exc:
        part.unlink()
        raise ModelFormatError(
            f"{file.url} did not give the bytes that the card promises; they were deleted",
            hint=f"try again later, or put the right {file.file} into {cache}",
        ) from exc


def _download(file: ModelFile, out: BinaryIO, target: Path, progress: Progress) -> None:
    """Append to `out` what is missing of it."""
    size = file.size_bytes or 0
    here = os.fstat(out.fileno()).st_size
    limit_s = _PATIENCE_S + (size - here) / _LEAST_BYTES_PER_S
    with (
        _reachable(file, target, limit_s),
        opened(_request(file, here), within_s=limit_s) as answer,
    ):
        resumed = answer.status == http.HTTPStatus.PARTIAL_CONTENT
        done = here if resumed else 0
        out.truncate(done)
        progress(done, size)
        # One byte more than promised is enough to see that it is another file.
        while done <= size and (chunk := answer.read1(_CHUNK_BYTES)):
            out.write(chunk)
            done += len(chunk)
            progress(min(done, size), size)
        out.flush()
    if done < size:
        raise ModelError(
            f"the transfer of {file.file} broke off after {done} of {size} bytes", hint=_GOES_ON
        )


def _request(file: ModelFile, here: int) -> urllib.request.Request:
    """Ask for what follows `here` bytes; a server may send all instead."""
    headers = {"User-Agent": "rimlight"} | ({"Range": f"bytes={here}-"} if here else {})
    return urllib.request.Request(file.url or "", headers=headers)


@contextmanager
def _reachable(file: ModelFile, target: Path, limit_s: float) -> Iterator[None]:
    try:
        yield
    except TooSlowError as exc:
        raise ModelError(
            f"{file.url} is too slow: {file.file} is not here after {limit_s:.0f} seconds",
            hint=_GOES_ON,
        ) from exc
    except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as exc:
        if isinstance(exc, urllib.error.HTTPError):
            exc.close()  # it is the response too, and holds its connection
        by_hand = f"try again online, or fetch it elsewhere and put it at {target}"
        raise ModelNotFoundError(
            f"cannot fetch {file.url}: {getattr(exc, 'reason', None) or exc}",
            hint=_proxy_hint(file) + by_hand,
        ) from exc


def _proxy_hint(file: ModelFile) -> str:
    """Return what to do about the proxy that the address is asked through, "" without one."""
    address = urlsplit(file.url or "")
    host = address.hostname or ""
    if address.scheme not in urllib.request.getproxies() or urllib.request.proxy_bypass(host):
        return ""
    name = f"{address.scheme}_proxy"
    return f"it goes through the proxy in {name}: check that, or set no_proxy={host}; "


@contextmanager
def _writing_to(cache: Path) -> Iterator[None]:
    try:
        yield
    except ModelError:
        raise
    except OSError as exc:
        raise ModelError(
            f"cannot write to {cache}: {exc.strerror}",
            hint="free some space, or name another folder with RIMLIGHT_CACHE or --models-dir",
        ) from exc
