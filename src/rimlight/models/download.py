"""Downloads the files of a model: verified, resumable, within time limits."""

from __future__ import annotations

import http.client
import io
import os
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPResponse, HTTPSConnection
from pathlib import Path
from typing import Any, BinaryIO, NoReturn
from urllib.parse import urlsplit

from rimlight.core.errors import ConfigError, ModelError, ModelFormatError, ModelNotFoundError
from rimlight.core.model_card import ModelCard, ModelFile
from rimlight.models.catalog import compute_sha256, verify
from rimlight.system.locks import is_open_file_at, wait_for_lock

Progress = Callable[[int, int], None]

_CHUNK_BYTES = 1 << 16
_MIN_TIMEOUT_S = 60.0
_MIN_BYTES_PER_S = 10_000
"""The time limit of a download is the minimum plus the size at this rate."""
_RESUME_HINT = "run the same command again: it resumes where it stopped"

_READ_TIMEOUT_S = 30.0


def pull_model(
    card: ModelCard, *, accept_license: bool, progress: Progress | None = None, cache: Path
) -> Path:
    """Download the missing files of a model.

    Args:
        card: its files have a url.
        accept_license: the user accepts the license; required if the card asks for consent.
        progress: called with (bytes present, bytes in total) of all files together.
        cache: the destination folder; created if missing.

    Returns:
        The model's first file. Files that are present are verified and kept.

    Raises:
        ConfigError: the license must be accepted first.
        ModelNotFoundError: a file has no URL, or it cannot be reached.
        ModelFormatError: a download does not match its card; it was deleted.
        ModelError: the transfer ended early, or the folder cannot be written.
    """
    _check_allowed(card, accept_license)
    done = 0
    with _translate_write_errors(cache):
        cache.mkdir(parents=True, exist_ok=True)
        for file in card.files:
            _pull_file(file, cache, _offset_progress(progress, done, card.size_bytes))
            done += file.size_bytes or 0
    return cache / card.files[0].file


def _check_allowed(card: ModelCard, accept_license: bool) -> None:
    missing = [file.file for file in card.files if not file.url]
    if missing:
        raise ModelNotFoundError(
            f"model {card.name!r} cannot be pulled: its card has no url for {missing[0]}",
            hint=f"its origin: {card.origin}" if card.origin else None,
        )
    if card.consent and not accept_license:
        raise ConfigError(
            f"model {card.name!r} is licensed under {card.license}, which must be accepted first",
            hint="read the license, then run this again with --accept-license",
        )


def _offset_progress(progress: Progress | None, before: int, total: int) -> Progress:
    """Return a progress callback for one file, offset by the bytes of those before it."""

    def report(done: int, _size: int) -> None:
        if progress is not None:
            progress(before + done, total)

    return report


def _pull_file(file: ModelFile, cache: Path, progress: Progress) -> None:
    target, part = cache / file.file, cache / f"{file.file}.part"
    size = file.size_bytes or 0
    while not _is_complete(file, target):
        with _open_part(part) as part_file:
            wait_for_lock(part_file.fileno())  # another process may be downloading this file
            if not is_open_file_at(part_file.fileno(), part):
                continue  # that process has finished or failed
            if os.fstat(part_file.fileno()).st_size < size:
                _download(file, part_file, target, progress)
            _check_part(file, part, cache)
            part.replace(target)
            return
    progress(size, size)


@contextmanager
def _open_part(part: Path) -> Iterator[BinaryIO]:
    """Open a file to append to; remove it if the block fails and it is empty."""
    descriptor = os.open(part, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o666)
    with open(descriptor, "ab") as part_file:
        try:
            yield part_file
        except BaseException:
            if not os.fstat(descriptor).st_size and is_open_file_at(descriptor, part):
                part.unlink()
            raise


def _is_complete(file: ModelFile, target: Path) -> bool:
    return target.is_file() and compute_sha256(target) == file.sha256


def _check_part(file: ModelFile, part: Path, cache: Path) -> None:
    """Verify a download; delete it if it is wrong."""
    try:
        verify(file, part)
    except ModelFormatError as exc:
        part.unlink()
        raise ModelFormatError(
            f"{file.url} does not match the checksum of the card; the download was deleted",
            hint=f"try again later, or put the correct {file.file} into {cache}",
        ) from exc


def _download(file: ModelFile, out: BinaryIO, target: Path, progress: Progress) -> None:
    """Append the missing bytes to `out`."""
    size = file.size_bytes or 0
    present = os.fstat(out.fileno()).st_size
    limit_s = _MIN_TIMEOUT_S + (size - present) / _MIN_BYTES_PER_S
    with (
        _translate_network_errors(file, target, limit_s),
        open_url(_make_request(file, present), timeout_s=limit_s) as response,
    ):
        is_resumed = response.status == http.HTTPStatus.PARTIAL_CONTENT
        done = present if is_resumed else 0
        out.truncate(done)
        progress(done, size)
        # One byte more than expected is enough to detect another file.
        while done <= size and (chunk := response.read1(_CHUNK_BYTES)):
            out.write(chunk)
            done += len(chunk)
            progress(min(done, size), size)
        out.flush()
    if done < size:
        raise ModelError(
            f"the transfer of {file.file} ended after {done} of {size} bytes", hint=_RESUME_HINT
        )


def _make_request(file: ModelFile, offset: int) -> urllib.request.Request:
    """Return a request for the bytes from `offset`; the server may send all instead."""
    headers = {"User-Agent": "rimlight"} | ({"Range": f"bytes={offset}-"} if offset else {})
    return urllib.request.Request(file.url or "", headers=headers)


@contextmanager
def _translate_network_errors(file: ModelFile, target: Path, limit_s: float) -> Iterator[None]:
    try:
        yield
    except TooSlowError as exc:
        raise ModelError(
            f"{file.url} is too slow: {file.file} is incomplete after {limit_s:.0f} seconds",
            hint=_RESUME_HINT,
        ) from exc
    except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as exc:
        if isinstance(exc, urllib.error.HTTPError):
            exc.close()  # it is also the response, which owns the connection
        manual = f"try again online, or download it elsewhere and put it at {target}"
        raise ModelNotFoundError(
            f"cannot fetch {file.url}: {getattr(exc, 'reason', None) or exc}",
            hint=_make_proxy_hint(file) + manual,
        ) from exc


def _make_proxy_hint(file: ModelFile) -> str:
    """Return advice about the proxy of a URL, "" without one."""
    address = urlsplit(file.url or "")
    host = address.hostname or ""
    if address.scheme not in urllib.request.getproxies() or urllib.request.proxy_bypass(host):
        return ""
    name = f"{address.scheme}_proxy"
    return f"it uses the proxy in {name}: check that, or set no_proxy={host}; "


@contextmanager
def _translate_write_errors(cache: Path) -> Iterator[None]:
    try:
        yield
    except ModelError:
        raise
    except OSError as exc:
        raise ModelError(
            f"cannot write to {cache}: {exc.strerror}",
            hint="free some space, or set another folder with RIMLIGHT_CACHE",
        ) from exc


class TooSlowError(Exception):
    """A request exceeded its time limit."""


def open_url(request: urllib.request.Request, *, timeout_s: float) -> Any:
    """Send a request and return the response, which the caller reads and closes.

    Args:
        request: of an http or https URL; redirects to other schemes are refused.
        timeout_s: for all of it, including redirects and reading the response.

    Raises:
        TooSlowError: the time limit is exceeded; reading the response may raise it too.
        urllib.error.URLError: the URL cannot be reached, or redirects to another scheme.
    """
    deadline = time.monotonic() + timeout_s
    opener = urllib.request.build_opener(_NoFtp, _Http(deadline), _Https(deadline))
    return opener.open(request, timeout=min(_READ_TIMEOUT_S, timeout_s))


class _NoFtp(urllib.request.FTPHandler):
    """Refuses redirects to FTP, the only other scheme that urllib follows."""

    def ftp_open(self, req: urllib.request.Request) -> NoReturn:
        raise urllib.error.URLError(f"redirection to {req.full_url} is not allowed")


class _Http(urllib.request.HTTPHandler):
    def __init__(self, deadline: float) -> None:
        super().__init__()
        self._deadline = deadline

    def http_open(self, req: urllib.request.Request) -> HTTPResponse:
        return self.do_open(_make_timed(HTTPConnection, self._deadline), req)


class _Https(urllib.request.HTTPSHandler):
    def __init__(self, deadline: float) -> None:
        super().__init__()
        self._deadline = deadline

    def https_open(self, req: urllib.request.Request) -> HTTPResponse:
        return self.do_open(_make_timed(HTTPSConnection, self._deadline), req)


def _make_timed(kind: type[HTTPConnection], deadline: float) -> Any:
    """Return a connection class whose responses, including headers, have a deadline."""

    class Timed(kind):  # type: ignore[valid-type, misc]
        def response_class(self, sock: socket.socket, *args: Any, **more: Any) -> HTTPResponse:
            return HTTPResponse(_TimedSocket(sock, deadline), *args, **more)  # type: ignore[arg-type]

    return Timed


class _TimedSocket:
    """The part of the socket interface that a response uses."""

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self._sock, self._deadline = sock, deadline

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_TimedReader(self._sock, self._deadline))


class _TimedReader(io.RawIOBase):
    """Reads a socket until a deadline."""

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self._sock, self._deadline = sock, deadline
        self._raw = sock.makefile("rb", buffering=0)  # keeps the socket open

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        """Fill `buffer` with the next bytes; wait until the deadline at most."""
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TooSlowError
        self._sock.settimeout(min(_READ_TIMEOUT_S, left))
        try:
            return self._raw.readinto(buffer)
        except TimeoutError as exc:
            if time.monotonic() >= self._deadline:
                raise TooSlowError from exc
            raise

    def close(self) -> None:
        self._raw.close()
        super().close()
