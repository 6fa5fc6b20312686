"""A preview in the browser, or in OBS as a media source: MJPEG over HTTP, on this machine only."""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, ClassVar

import cv2
from pydantic import Field

from rimlight.core import options
from rimlight.core.errors import SinkError
from rimlight.core.frame import Frame, SourceInfo

HOST = "127.0.0.1"
_HOST_NAMES = ("127.0.0.1", "localhost")
_MAX_CLIENTS = 16
_MAX_REQUEST_BYTES = 8192
_TIMEOUT_S = 10.0
"""A connection on which nothing moves for so long is closed."""

_ALLOWED_SITES = ("same-origin", "none")
"""What Sec-Fetch-Site says of this server's own page, and of an address that was typed."""

_SECURITY_HEADERS = (
    "Cache-Control: no-store\r\nConnection: close\r\nX-Content-Type-Options: nosniff\r\n"
    "Cross-Origin-Resource-Policy: same-origin\r\nX-Frame-Options: SAMEORIGIN\r\n"
)
"""Headers that keep other pages of the browser from showing the picture."""

_PAGE = (
    b"<!doctype html><title>rimlight</title><style>body{margin:0;background:#222}"
    b"img{display:block;margin:auto;max-width:100%;max-height:100vh}</style>"
    b'<img src="/stream" alt="what rimlight shows">'
)
_STREAM = (
    b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=frame\r\n"
    + _SECURITY_HEADERS.encode()
    + b"\r\n"
)


@dataclass
class _Client:
    """One connection: when it last moved, what it has said, is still to be sent, and wants."""

    connection: socket.socket
    moved_at: float
    received: bytes = b""
    unsent: bytes = b""
    is_streaming: bool = False
    is_last: bool = False


class HttpSink:
    """Serves http://127.0.0.1:PORT/ while frames are written; waits for no client.

    `/` is a page, `/stream` the moving picture. A client that is too slow misses frames, a silent
    one is closed. Requests whose Host is another name, or that another page makes, are refused, so
    that a web page elsewhere cannot look in.

    Raises:
        SinkError: the port is taken.
    """

    class Options(options.Options):
        """Where, and how good."""

        positional: ClassVar[str | None] = "port"

        port: Annotated[int, Field(ge=0, le=65535, description="0: any that is free")] = 8787
        quality: Annotated[int, Field(ge=1, le=100, description="of the JPEG pictures")] = 80

    def __init__(
        self, options: Options, info: SourceInfo, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._clock = clock
        self._quality = options.quality
        self._clients: dict[socket.socket, _Client] = {}
        self._closed = False
        try:
            self._listener = socket.create_server((HOST, options.port), backlog=_MAX_CLIENTS)
        except OSError as exc:
            raise SinkError(
                f"cannot serve at {HOST}:{options.port}: {exc.strerror}",
                hint="choose another port, such as http:8788",
            ) from exc
        self._listener.setblocking(False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self.port: int = self._listener.getsockname()[1]
        """Where it serves."""

    def write(self, frame: Frame) -> None:
        """Answer who has asked, and send `frame` to those that stream.

        Raises:
            SinkError: the frame is transparent, which no JPEG picture is.
            ValueError: the sink is closed.
        """
        if self._closed:
            raise ValueError("write to a closed sink")
        if frame.alpha is not None:
            raise SinkError(
                "a stream of JPEG pictures cannot show transparency",
                hint="put a picture, a color or a blur behind the person",
            )
        self._handle_events()
        waiting = [c for c in self._clients.values() if c.is_streaming and not c.unsent]
        if waiting:
            part = self._encode_part(frame)
            for client in waiting:
                client.unsent = part
        for client in tuple(self._clients.values()):
            self._send(client)
        for client in tuple(self._clients.values()):
            if self._clock() - client.moved_at > _TIMEOUT_S:
                self._drop(client)

    def close(self) -> None:
        """Hang up."""
        if self._closed:
            return
        self._closed = True
        for client in tuple(self._clients.values()):
            self._drop(client)
        self._selector.close()
        self._listener.close()

    def abort(self) -> None:
        """Hang up."""
        self.close()

    def _encode_part(self, frame: Frame) -> bytes:
        _, jpeg = cv2.imencode(".jpg", frame.bgr, [cv2.IMWRITE_JPEG_QUALITY, self._quality])
        data = jpeg.tobytes()
        head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
        return head.encode() + data + b"\r\n"

    def _handle_events(self) -> None:
        for key, _ in self._selector.select(0):
            if key.fileobj is self._listener:
                self._accept()
            elif isinstance(key.fileobj, socket.socket) and key.fileobj in self._clients:
                self._read(self._clients[key.fileobj])  # it has not made room just now

    def _accept(self) -> None:
        with suppress(OSError):  # it went away again
            connection, _ = self._listener.accept()
            if len(self._clients) >= _MAX_CLIENTS and not self._make_room():
                connection.close()
                return
            connection.setblocking(False)
            self._clients[connection] = _Client(connection, self._clock())
            self._selector.register(connection, selectors.EVENT_READ)

    def _make_room(self) -> bool:
        """Close the connection that has kept silent longest; False if all are being served."""
        silent = [c for c in self._clients.values() if not (c.is_streaming or c.is_last)]
        if not silent:
            return False
        self._drop(min(silent, key=lambda client: client.moved_at))
        return True

    def _read(self, client: _Client) -> None:
        try:
            said = client.connection.recv(_MAX_REQUEST_BYTES)
        except OSError:
            said = b""
        client.received += said
        if not said or len(client.received) > _MAX_REQUEST_BYTES:
            self._drop(client)
        elif b"\r\n\r\n" in client.received and not (client.is_streaming or client.is_last):
            self._answer(client)

    def _answer(self, client: _Client) -> None:
        line, *headers = client.received.decode("latin-1").split("\r\n")
        method, target = (*line.split(" "), "", "")[:2]
        path = target.partition("?")[0]
        fields = {name.strip().lower(): value.strip() for name, _, value in _split_headers(headers)}
        if not self._is_own(fields):
            answer = _build_response("403 Forbidden", b"this machine, and this page only")
        elif method not in ("GET", "HEAD"):
            answer = _build_response("404 Not Found", b"try /")
        elif path == "/stream":
            answer, client.is_streaming = _STREAM, method == "GET"
        elif path == "/":
            answer = _build_response("200 OK", _PAGE)
        else:
            answer = _build_response("404 Not Found", b"try /")
        if method == "HEAD":
            answer = answer.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
        client.unsent, client.is_last = answer, not client.is_streaming

    def _is_own(self, fields: Mapping[str, str]) -> bool:
        """Return True if no web page of another origin makes this request."""
        host = fields.get("host", "")
        origin = fields.get("origin", f"http://{host}")
        is_named = host.partition(":")[0] in _HOST_NAMES and origin == f"http://{host}"
        return is_named and fields.get("sec-fetch-site", "none") in _ALLOWED_SITES

    def _send(self, client: _Client) -> None:
        try:
            if client.unsent:
                client.unsent = client.unsent[client.connection.send(client.unsent) :]
                client.moved_at = self._clock()
        except BlockingIOError:
            return
        except OSError:
            self._drop(client)
            return
        if client.is_last and not client.unsent:
            self._drop(client)

    def _drop(self, client: _Client) -> None:
        del self._clients[client.connection]
        self._selector.unregister(client.connection)
        client.connection.close()


def _split_headers(headers: list[str]) -> list[tuple[str, str, str]]:
    return [header.partition(":") for header in headers]


def _build_response(status: str, body: bytes) -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: text/html\r\nContent-Length: {len(body)}\r\n"
    return f"{head}{_SECURITY_HEADERS}\r\n".encode() + body
