"""`rimlight ctl` talks to a live run over a Unix socket: one line of JSON each way.

{"say": ["blur", "20"]}  ->  {"ok": true, "text": "blur 20"}
{"say": ["status"]}      ->  {"ok": true, "status": {...}}
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
from rimlight.live.command_queue import Answer, Errand
from rimlight.system import app_paths
from rimlight.system.locks import wait_for_lock

_LONGEST = 4096
_CLIENTS = 8
_PATIENCE_S = 5.0

_LONGEST_ANSWER = 1 << 20

_NONSENSE: Answer = {"ok": False, "text": 'must be a line such as {"say": ["panic"]}', "hint": ""}
_TOO_LONG: Answer = {"ok": False, "text": f"that is more than {_LONGEST} characters", "hint": ""}


def default_socket() -> Path:
    """Return where a live run listens if nothing else is said."""
    return app_paths.get_runtime_folder() / "rimlight.sock"


class ControlSocket:
    """Listens for one user's words; `poll` hears and answers them, without ever waiting.

    Args:
        path: the socket's place; only the user may open it (mode 0600).
        hear: takes the words; whoever said them gets the answer when the errand has one.

    Raises:
        ConfigError: another run listens there, or it cannot be made.
    """

    def __init__(self, path: Path, hear: Callable[[Sequence[str]], Errand]) -> None:
        self.path = path
        self._hear_words = hear
        self._owed: dict[socket.socket, Errand] = {}
        self._heard: dict[socket.socket, bytes] = {}
        self._listener = _listen(path)
        self._place = _identity(path)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)

    def poll(self) -> None:
        """Hear whoever has said something, and answer whose errand is done."""
        for key, _ in self._selector.select(0):
            if key.fileobj is self._listener:
                self._accept()
            elif key.fileobj in self._heard:  # and has not made room for another just now
                self._hear(key.fileobj)
        for client, errand in tuple(self._owed.items()):
            if errand.answer is not None:
                self._tell(client, errand.answer)

    def close(self) -> None:
        """Stop listening and remove the socket, unless another run has taken its place."""
        for client in tuple(self._heard):
            self._leave(client)
        if self._listener.fileno() >= 0:
            self._selector.close()
            self._listener.close()
            if self._place is not None and _identity(self.path) == self._place:
                self.path.unlink(missing_ok=True)

    def _accept(self) -> None:
        with suppress(OSError):  # it went away again
            client, _ = self._listener.accept()
            client.setblocking(False)
            if len(self._heard) >= _CLIENTS:  # those that never finish a line make room
                self._leave(next(iter(self._heard)))
            self._heard[client] = b""
            self._selector.register(client, selectors.EVENT_READ)

    def _hear(self, client: socket.socket) -> None:
        try:
            said = client.recv(_LONGEST)
        except OSError:
            said = b""
        line = self._heard[client] = self._heard[client] + said
        if not said:
            self._leave(client)
        elif len(line) > _LONGEST:
            self._tell(client, _TOO_LONG)
        elif b"\n" in line and client not in self._owed:
            self._take(client, line)

    def _take(self, client: socket.socket, line: bytes) -> None:
        try:
            words = [str(word) for word in json.loads(line)["say"]]
        except (ValueError, KeyError, TypeError, RecursionError):
            self._tell(client, _NONSENSE)
        else:
            self._owed[client] = self._hear_words(words)

    def _tell(self, client: socket.socket, answer: Answer) -> None:
        with suppress(OSError):  # whoever asked did not wait for the answer
            client.sendall(json.dumps(answer).encode() + b"\n")
        self._leave(client)

    def _leave(self, client: socket.socket) -> None:
        del self._heard[client]
        self._owed.pop(client, None)
        self._selector.unregister(client)
        client.close()


def ask(path: Path, words: Sequence[str]) -> Answer:
    """Say `words` to the run that listens at `path`, and return its answer.

    Raises:
        ConfigError: no run listens there, it does not answer, or the words are too long.
    """
    said = json.dumps({"say": list(words)}).encode() + b"\n"
    if len(said) > _LONGEST:
        raise ConfigError(
            f"that is too long for a live run: {len(said)} characters, at most {_LONGEST}",
            hint="name a file by a shorter path",
        )
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as talk:
        talk.settimeout(_PATIENCE_S)
        try:
            talk.connect(str(path))
            talk.sendall(said)
            with talk.makefile("rb") as answers:
                line = answers.readline(_LONGEST_ANSWER)
        except TimeoutError as exc:
            raise ConfigError(
                f"the live run at {path} is busy, and does that when it can",
                hint="see how it stands: rimlight ctl status",
            ) from exc
        except OSError as exc:
            raise ConfigError(
                f"no live run listens at {path}", hint="start one with: rimlight live"
            ) from exc
    if not line:
        raise ConfigError("the live run ended before it answered")
    return _checked(line, path)


def _checked(line: bytes, path: Path) -> Answer:
    """Return an answer that has what this module's own text says.

    Raises:
        ConfigError: it has not: something else listens there.
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
        f"what listens at {path} is no live run of this version",
        hint="check the path of the socket and XDG_RUNTIME_DIR; start a run with: rimlight live",
    )


def _listen(path: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _alone_in(path.parent):
            _remove_stale(path)
            before = os.umask(0o177)
            try:
                listener.bind(str(path))
            finally:
                os.umask(before)
            listener.listen(_CLIENTS)
        listener.setblocking(False)
    except OSError as exc:
        listener.close()
        raise ConfigError(
            f"cannot listen for controls at {path}: {exc.strerror or exc}",
            hint="choose another path for the control socket",
        ) from exc
    return listener


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Let no other run look at, remove or make sockets in `folder` meanwhile, where locks work."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        wait_for_lock(descriptor)
        yield
    finally:
        os.close(descriptor)


def _identity(path: Path) -> tuple[int, int] | None:
    """Return what tells a file from another of the same name; None where there is none."""
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
