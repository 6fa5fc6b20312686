"""Requests that stay on the web, and that no server can hold up without end."""

from __future__ import annotations

import io
import socket
import time
import urllib.error
import urllib.request
from http.client import HTTPConnection, HTTPResponse, HTTPSConnection
from typing import Any, NoReturn

_SILENCE_S = 30.0


class TooSlowError(Exception):
    """The time of a request was over before its answer was."""


def opened(request: urllib.request.Request, *, within_s: float) -> Any:
    """Send a request, and return the response, to be read and closed.

    Args:
        request: to an http or https address; it is followed to no others.
        within_s: seconds for all of it, redirects and the reading of the response included.

    Raises:
        TooSlowError: the time is over; reading the response may raise it too.
        urllib.error.URLError: the address cannot be reached, or leads away from the web.
    """
    until = time.monotonic() + within_s
    opener = urllib.request.build_opener(_NoFtp, _Http(until), _Https(until))
    return opener.open(request, timeout=min(_SILENCE_S, within_s))


class _NoFtp(urllib.request.FTPHandler):
    """Refuses the one redirect away from the web that urllib would follow."""

    def ftp_open(self, req: urllib.request.Request) -> NoReturn:
        raise urllib.error.URLError(f"redirection to {req.full_url} is not allowed")


class _Http(urllib.request.HTTPHandler):
    def __init__(self, until: float) -> None:
        super().__init__()
        self._until = until

    def http_open(self, req: urllib.request.Request) -> HTTPResponse:
        return self.do_open(_timed(HTTPConnection, self._until), req)


class _Https(urllib.request.HTTPSHandler):
    def __init__(self, until: float) -> None:
        super().__init__()
        self._until = until

    def https_open(self, req: urllib.request.Request) -> HTTPResponse:
        return self.do_open(_timed(HTTPSConnection, self._until), req)


def _timed(kind: type[HTTPConnection], until: float) -> Any:
    """Return a kind of connection whose responses, their headers too, end at a moment."""

    class Timed(kind):  # type: ignore[valid-type, misc]
        def response_class(self, sock: socket.socket, *args: Any, **more: Any) -> HTTPResponse:
            return HTTPResponse(_TimedSocket(sock, until), *args, **more)  # type: ignore[arg-type]

    return Timed


class _TimedSocket:
    """As much of a socket as a response takes of it."""

    def __init__(self, sock: socket.socket, until: float) -> None:
        self._sock, self._until = sock, until

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_TimedReader(self._sock, self._until))


class _TimedReader(io.RawIOBase):
    """Reads a socket until a moment."""

    def __init__(self, sock: socket.socket, until: float) -> None:
        self._sock, self._until = sock, until
        self._raw = sock.makefile("rb", buffering=0)  # as long as it is open, so is the socket

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        """Fill `buffer` with what comes first; no wait outlasts the moment."""
        left = self._until - time.monotonic()
        if left <= 0:
            raise TooSlowError
        self._sock.settimeout(min(_SILENCE_S, left))
        try:
            return self._raw.readinto(buffer)
        except TimeoutError as exc:
            if time.monotonic() >= self._until:
                raise TooSlowError from exc
            raise

    def close(self) -> None:
        self._raw.close()
        super().close()
