"""Serves an application on 127.0.0.1 with uvicorn, on a thread of its own.

uvicorn has no limit on connections that stay silent; `_BoundedProtocol` adds one.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import threading
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Any, cast

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from rimlight.core.errors import SinkError

if TYPE_CHECKING:
    from starlette.types import ASGIApp

log = logging.getLogger(__name__)

HOST = "127.0.0.1"
MAX_CONNECTIONS = 32
MAX_HEADER_BYTES = 16 << 10
TIMEOUT_S = 10.0
"""How long a connection may make no request that is let in, or take nothing of what it gets."""
SEND_BUFFER_BYTES = 256 << 10
"""What the system holds for a client that reads slowly: more would be old pictures."""
_JOIN_TIMEOUT_S = 3.0


class WebServer:
    """Serves one application until it is closed.

    Args:
        listener: a socket of `listen`; closed at the end.
        make_app: makes the application, given what it must call with the (address, port) of a
            client whose request it lets in.
        timeout_s: how long a connection may be silent or stuck.
    """

    def __init__(
        self,
        listener: socket.socket,
        make_app: Callable[[Callable[[tuple[str, int]], None]], ASGIApp],
        *,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self._listener = listener
        self.port: int = listener.getsockname()[1]
        """Where it serves."""
        self._loop = asyncio.new_event_loop()
        connections = _Connections(timeout_s)
        self._server = uvicorn.Server(_make_config(make_app(connections.trust), connections))
        self._thread = threading.Thread(target=self._run, name="rimlight-web", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Hang up and end the thread."""
        self._server.should_exit = True
        self._thread.join(_JOIN_TIMEOUT_S)
        if self._thread.is_alive():
            log.warning("the web server does not end; left to itself")
        else:
            self._loop.close()
        self._listener.close()

    def _run(self) -> None:
        self._loop.run_until_complete(self._server.serve(sockets=[self._listener]))


def listen(port: int, *, alternatives: Iterable[int] = ()) -> socket.socket:
    """Return a socket that listens at 127.0.0.1.

    Args:
        port: 0 for any that is free.
        alternatives: ports to try in turn if `port` is taken.

    Raises:
        SinkError: none of the ports can be had.
    """
    first: OSError | None = None
    for each in (port, *alternatives):
        try:
            listener = socket.create_server((HOST, each), backlog=MAX_CONNECTIONS)
        except OSError as exc:
            first = first or exc
            if exc.errno != errno.EADDRINUSE:
                break
        else:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
            return listener
    raise SinkError(
        f"cannot serve at {HOST}:{port}: {first and first.strerror}",
        hint=f"choose another port, such as {port + 1}",
    ) from first


def _make_config(app: ASGIApp, connections: _Connections) -> uvicorn.Config:
    return uvicorn.Config(
        cast(Callable[..., Awaitable[None]], app),
        http=connections.make_protocol,  # type: ignore[arg-type]
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        log_level=logging.CRITICAL,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        h11_max_incomplete_event_size=MAX_HEADER_BYTES,
        timeout_graceful_shutdown=1,
    )


class _Connections:
    """The open connections; beyond `MAX_CONNECTIONS`, one that was never let in is closed first."""

    def __init__(self, timeout_s: float) -> None:
        self.timeout_s = timeout_s
        self._open: dict[tuple[str, int], _BoundedProtocol] = {}
        self._trusted: dict[tuple[str, int], None] = {}

    def trust(self, client: tuple[str, int]) -> None:
        """Note that the request of this client was let in just now."""
        self._trusted.pop(client, None)
        if client in self._open:
            self._trusted[client] = None

    def is_trusted(self, client: tuple[str, int]) -> bool:
        """Return True if a request of this client was let in."""
        return client in self._trusted

    def make_protocol(self, **given: Any) -> _BoundedProtocol:
        """Return the protocol of a new connection, as uvicorn wants it."""
        return _BoundedProtocol(self, **given)

    def add(self, client: tuple[str, int], protocol: _BoundedProtocol) -> None:
        """Add a connection; close the one that is missed least if there are too many."""
        if len(self._open) >= MAX_CONNECTIONS:
            untrusted = (each for each in self._open if each not in self._trusted)
            dropped = next(untrusted, None) or next(iter(self._trusted))
            self._open.pop(dropped).transport.abort()
            self._trusted.pop(dropped, None)
        self._open[client] = protocol

    def discard(self, client: tuple[str, int]) -> None:
        """Forget a connection."""
        self._open.pop(client, None)
        self._trusted.pop(client, None)


class _BoundedProtocol(H11Protocol):
    """uvicorn's HTTP protocol, which also closes connections that ask for nothing."""

    def __init__(self, connections: _Connections, **given: Any) -> None:
        super().__init__(**given)
        self._known = connections
        self._unsent = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if self.client is None:  # it has left already
            transport.abort()
            return
        self._known.add(self.client, self)
        self.loop.call_later(self._known.timeout_s, self._check_progress)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self.client is not None:
            self._known.discard(self.client)

    def _check_progress(self) -> None:
        """Hang up if nothing was let in, or nothing that waits was taken since the last check."""
        if self.client is None or self.transport.is_closing():
            return
        unsent = self.transport.get_write_buffer_size()
        if not self._known.is_trusted(self.client) or (unsent and unsent == self._unsent):
            self.transport.abort()
            return
        self._unsent = unsent
        self.loop.call_later(self._known.timeout_s, self._check_progress)
