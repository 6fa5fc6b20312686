"""Controls a live run over a Unix socket: one line of JSON each way.

{"command": ["blur", "20"]}  ->  {"ok": true, "text": "blur 20"}
{"command": ["status"]}      ->  {"ok": true, "status": {...}}
otherwise                ->  {"ok": false, "text": "...", "hint": "..."}
"""

from __future__ import annotations

import json
import os
import selectors
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from rimlight.core.errors import ConfigError
from rimlight.live.command_queue import Answer, Command
from rimlight.system import app_paths
from rimlight.system.locks import wait_for_lock

_MAX_LINE_BYTES = 4096
_MAX_CLIENTS = 8
_TIMEOUT_S = 5.0

_MAX_ANSWER_BYTES = 1 << 20

_NOT_A_COMMAND: Answer = {
    "ok": False,
    "text": 'must be a line such as {"command": ["panic"]}',
    "hint": "",
}
_TOO_LONG: Answer = {
    "ok": False,
    "text": f"more than {_MAX_LINE_BYTES} characters",
    "hint": "",
}


class NoLiveRunError(ConfigError):
    """No live run listens at a socket."""


def get_default_socket() -> Path:
    """Return the path of the socket that a live run listens at by default."""
    return app_paths.get_runtime_folder() / "rimlight.sock"


class ControlServer:
    """Listens for the commands of one user; `poll` reads and answers them, and never waits.

    Args:
        path: of the socket; only the user may open it (mode 0600).
        submit: takes a command; the client gets the answer once the command has one.

    Raises:
        ConfigError: another run listens there, or the socket cannot be created.
    """

    def __init__(self, path: Path, submit: Callable[[Sequence[str]], Command]) -> None:
        self.path = path
        self._submit = submit
        self._running: dict[socket.socket, Command] = {}
        self._received: dict[socket.socket, bytes] = {}
        self._listener = _listen(path)
        self._file_id = _read_file_id(path)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)

    def poll(self) -> None:
        """Read what clients have sent, and answer the commands that have run."""
        for key, _ in self._selector.select(0):
            if key.fileobj is self._listener:
                self._accept()
            elif key.fileobj in self._received:  # not dropped for another client just now
                self._receive(key.fileobj)
        for client, command in tuple(self._running.items()):
            if command.answer is not None:
                self._answer(client, command.answer)

    def close(self) -> None:
        """Stop listening and remove the socket, unless another run has replaced it."""
        for client in tuple(self._received):
            self._drop(client)
        if self._listener.fileno() >= 0:
            self._selector.close()
            self._listener.close()
            if self._file_id is not None and _read_file_id(self.path) == self._file_id:
                self.path.unlink(missing_ok=True)

    def _accept(self) -> None:
        with suppress(OSError):  # the client has disconnected
            client, _ = self._listener.accept()
            client.setblocking(False)
            if len(self._received) >= _MAX_CLIENTS:  # drop the one that has waited longest
                self._drop(next(iter(self._received)))
            self._received[client] = b""
            self._selector.register(client, selectors.EVENT_READ)

    def _receive(self, client: socket.socket) -> None:
        try:
            received = client.recv(_MAX_LINE_BYTES)
        except OSError:
            received = b""
        line = self._received[client] = self._received[client] + received
        if not received:
            self._drop(client)
        elif len(line) > _MAX_LINE_BYTES:
            self._answer(client, _TOO_LONG)
        elif b"\n" in line and client not in self._running:
            self._parse(client, line)

    def _parse(self, client: socket.socket, line: bytes) -> None:
        try:
            words = [str(word) for word in json.loads(line)["command"]]
        except (ValueError, KeyError, TypeError, RecursionError):
            self._answer(client, _NOT_A_COMMAND)
        else:
            self._running[client] = self._submit(words)

    def _answer(self, client: socket.socket, answer: Answer) -> None:
        with suppress(OSError):  # the client did not wait for the answer
            client.sendall(json.dumps(answer).encode() + b"\n")
        self._drop(client)

    def _drop(self, client: socket.socket) -> None:
        del self._received[client]
        self._running.pop(client, None)
        self._selector.unregister(client)
        client.close()


def send_command(path: Path, words: Sequence[str]) -> Answer:
    """Send `words` to the run that listens at `path`, and return its answer.

    Raises:
        NoLiveRunError: no run listens there.
        ConfigError: the run does not answer, or the words are too long.
    """
    line = json.dumps({"command": list(words)}).encode() + b"\n"
    if len(line) > _MAX_LINE_BYTES:
        raise ConfigError(
            f"the command is too long: {len(line)} characters, at most {_MAX_LINE_BYTES}",
            hint="name a file by a shorter path",
        )
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(_TIMEOUT_S)
        try:
            client.connect(str(path))
            client.sendall(line)
            with client.makefile("rb") as answers:
                answer = answers.readline(_MAX_ANSWER_BYTES)
        except TimeoutError as exc:
            raise ConfigError(
                f"the live run at {path} is busy; it runs the command as soon as it can",
                hint="show its state: rimlight ctl status",
            ) from exc
        except OSError as exc:
            raise NoLiveRunError(
                f"no live run listens at {path}", hint="start one with: rimlight live"
            ) from exc
    if not answer:
        raise ConfigError("the live run ended before it answered")
    return _parse_answer(answer, path)


def _parse_answer(line: bytes, path: Path) -> Answer:
    """Return an answer that has the keys of this protocol.

    Raises:
        ConfigError: it does not: something else listens there.
    """
    try:
        answer = json.loads(line)
        ok, text, status = (answer.get(key) for key in ("ok", "text", "status"))
    except (ValueError, AttributeError, RecursionError):
        ok = text = status = None
    if ok is False and isinstance(text, str):
        return {"ok": False, "text": text, "hint": str(answer.get("hint") or "")}
    if ok is True and isinstance(text, str):
        return {"ok": True, "text": text}
    if ok is True and isinstance(status, dict) and status:
        return {"ok": True, "status": status}
    raise ConfigError(
        f"the process that listens at {path} is not a live run of this version",
        hint="check the path of the socket and XDG_RUNTIME_DIR; start a run with: rimlight live",
    )


def _listen(path: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _lock_folder(path.parent):
            _remove_stale(path)
            before = os.umask(0o177)
            try:
                listener.bind(str(path))
            finally:
                os.umask(before)
            listener.listen(_MAX_CLIENTS)
        listener.setblocking(False)
    except OSError as exc:
        listener.close()
        raise ConfigError(
            f"cannot listen for controls at {path}: {exc.strerror or exc}",
            hint="choose another path for the control socket",
        ) from exc
    return listener


@contextmanager
def _lock_folder(folder: Path) -> Iterator[None]:
    """Keep other runs from creating or removing sockets in `folder`, where locks work."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        wait_for_lock(descriptor)
        yield
    finally:
        os.close(descriptor)


def _read_file_id(path: Path) -> tuple[int, int] | None:
    """Return what distinguishes a file from another of the same name; None if it is missing."""
    try:
        status = path.lstat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _remove_stale(path: Path) -> None:
    """Remove the socket of a run that was killed.

    Raises:
        OSError: a run listens there.
    """
    if not path.is_socket():
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
            return
    raise OSError("another live run listens there")
