"""A preview in the browser, or in OBS as a media source: MJPEG over HTTP, on this machine only."""

from __future__ import annotations

import selectors
import socket
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, ClassVar

import cv2
from pydantic import Field

from rimlight import options
from rimlight.errors import SinkError
from rimlight.frame import Frame, SourceInfo

HOST = "127.0.0.1"
_NAMES = ("127.0.0.1", "localhost")
_CLIENTS = 16
_LONGEST_REQUEST = 8192
_PAGE = (
    b"<!doctype html><title>rimlight</title><style>body{margin:0;background:#222}"
    b"img{display:block;margin:auto;max-width:100%;max-height:100vh}</style>"
    b'<img src="/stream" alt="what rimlight shows">'
)
_STREAM = (
    b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=frame\r\n"
    b"Cache-Control: no-store\r\nConnection: close\r\n\r\n"
)


@dataclass
class _Client:
    """One connection: what it has said, what it is still to be sent, and what it wants."""

    connection: socket.socket
    said: bytes = b""
    unsent: bytes = b""
    streams: bool = False
    ends: bool = False


class HttpSink:
    """Serves http://127.0.0.1:PORT/ while frames are written; waits for no client.

    `/` is a page, `/stream` the moving picture. A client that is too slow misses frames. Requests
    whose Host is another name are refused, so that a web page elsewhere cannot look in.

    Raises:
        SinkError: the port is taken.
    """

    class Options(options.Options):
        """Where, and how good."""

        main: ClassVar[str | None] = "port"

        port: Annotated[int, Field(ge=0, le=65535, description="0: any that is free")] = 8787
        quality: Annotated[int, Field(ge=1, le=100, description="of the JPEG pictures")] = 80

    def __init__(self, options: Options, info: SourceInfo) -> None:
        self._quality = options.quality
        self._clients: dict[socket.socket, _Client] = {}
        self._closed = False
        try:
            self._listener = socket.create_server((HOST, options.port), backlog=_CLIENTS)
        except OSError as exc:
            raise SinkError(
                f"cannot serve at {HOST}:{options.port}: {exc.strerror}",
                hint="choose another port: --sink http:8788",
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
                hint="put a picture, a colour or a blur behind the person",
            )
        self._listen()
        waiting = [c for c in self._clients.values() if c.streams and not c.unsent]
        if waiting:
            part = self._part(frame)
            for client in waiting:
                client.unsent = part
        for client in tuple(self._clients.values()):
            self._send(client)

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

    def _part(self, frame: Frame) -> bytes:
        _, jpeg = cv2.imencode(".jpg", frame.bgr, [cv2.IMWRITE_JPEG_QUALITY, self._quality])
        data = jpeg.tobytes()
        head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
        return head.encode() + data + b"\r\n"

    def _listen(self) -> None:
        for key, _ in self._selector.select(0):
            if key.fileobj is self._listener:
                self._accept()
            elif isinstance(key.fileobj, socket.socket):
                self._read(self._clients[key.fileobj])

    def _accept(self) -> None:
        with suppress(OSError):  # it went away again
            connection, _ = self._listener.accept()
            if len(self._clients) >= _CLIENTS:
                connection.close()
                return
            connection.setblocking(False)
            self._clients[connection] = _Client(connection)
            self._selector.register(connection, selectors.EVENT_READ)

    def _read(self, client: _Client) -> None:
        try:
            said = client.connection.recv(_LONGEST_REQUEST)
        except OSError:
            said = b""
        client.said += said
        if not said or len(client.said) > _LONGEST_REQUEST:
            self._drop(client)
        elif b"\r\n\r\n" in client.said and not (client.streams or client.ends):
            self._answer(client)

    def _answer(self, client: _Client) -> None:
        line, *headers = client.said.decode("latin-1").split("\r\n")
        method, path = (*line.split(" "), "", "")[:2]
        fields = {name.strip().lower(): value.strip() for name, _, value in _split(headers)}
        if fields.get("host", "").partition(":")[0] not in _NAMES:
            client.unsent, client.ends = _whole("403 Forbidden", b"this machine only"), True
        elif method == "GET" and path == "/stream":
            client.unsent, client.streams = _STREAM, True
        elif method == "GET" and path == "/":
            client.unsent, client.ends = _whole("200 OK", _PAGE), True
        else:
            client.unsent, client.ends = _whole("404 Not Found", b"try /"), True

    def _send(self, client: _Client) -> None:
        try:
            if client.unsent:
                client.unsent = client.unsent[client.connection.send(client.unsent) :]
        except BlockingIOError:
            return
        except OSError:
            self._drop(client)
            return
        if client.ends and not client.unsent:
            self._drop(client)

    def _drop(self, client: _Client) -> None:
        del self._clients[client.connection]
        self._selector.unregister(client.connection)
        client.connection.close()


def _split(headers: list[str]) -> list[tuple[str, str, str]]:
    return [header.partition(":") for header in headers]


def _whole(status: str, body: bytes) -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: text/html\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + b"Connection: close\r\n\r\n" + body
