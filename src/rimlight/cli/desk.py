"""The keys, the signal and the socket of a live run, read between its frames."""

from __future__ import annotations

import os
import select
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from rimlight.cli.run import console
from rimlight.controls import KEYS, Controls
from rimlight.errors import ConfigError, RimlightError
from rimlight.pipeline.governor import Governor
from rimlight.pipeline.live import LivePipeline
from rimlight.pipeline.parts import Keyed
from rimlight.remote import Answer, ControlSocket, default_socket
from rimlight.sources.reconnect import ReconnectingSource

if TYPE_CHECKING:
    from types import FrameType

    from rimlight.build import OpenRun
    from rimlight.config import RunConfig
    from rimlight.demand import OnDemand


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the user said about how a live run is led.

    Attributes:
        socket: where `rimlight ctl` finds it; None for the usual place, which may be taken.
        on_demand: open the camera only while somebody watches.
        most_cpu: the share of one processor that it may take; see `Controls.govern`.
        least_fps: the rate that it should have.
    """

    socket: Path | None = None
    on_demand: bool = False
    most_cpu: float | None = None
    least_fps: float | None = None


@contextmanager
def desk(run: OpenRun, config: RunConfig, wishes: Wishes) -> Iterator[Controls | None]:
    """Let keys, SIGUSR1 (panic) and a socket control `run`; None if nothing can.

    Raises:
        ConfigError: the socket that was asked for cannot be made, or `run` cannot be on demand.
    """
    if not isinstance(run.pipeline, LivePipeline) or sys.platform == "win32":
        yield None
        return
    with ExitStack() as stack:
        controls = Controls(run, config)
        stack.callback(controls.close)
        server = _server(wishes.socket, controls)
        if server:
            stack.callback(server.close)
        look = _demand(run, stack) if wishes.on_demand else None
        govern = _governor(controls, wishes)
        has_keyboard = stack.enter_context(_keyboard())
        stack.enter_context(_panic_on_signal(controls))

        def poll() -> None:
            if server:
                server.poll()
            if look:
                look.poll()
            if govern:
                govern.poll()
            keys = _typed() if has_keyboard else ""
            for sink in run.sinks:
                keys += sink.take_keys() if isinstance(sink, Keyed) else ""
            for key in keys:
                _press(controls, key)

        run.pipeline.poll = poll
        yield controls


def answer(controls: Controls, words: Sequence[str]) -> Answer:
    """Do what `rimlight ctl` says."""
    if list(words) == ["status"]:
        return {"ok": True, "status": controls.status().as_dict()}
    return {"ok": True, "text": controls.do(words)}


def _governor(controls: Controls, wishes: Wishes) -> Governor | None:
    if wishes.most_cpu is None and wishes.least_fps is None:
        return None
    return controls.govern(most_cpu=wishes.most_cpu, least_fps=wishes.least_fps)


def _demand(run: OpenRun, stack: ExitStack) -> OnDemand:
    from rimlight.demand import OnDemand, watchers_of

    watchers = watchers_of(run)
    for each in watchers:
        stack.callback(each.close)
    return OnDemand(cast(ReconnectingSource, run.source), [each.count for each in watchers])


def _server(path: Path | None, controls: Controls) -> ControlSocket | None:
    try:
        return ControlSocket(path or default_socket(), lambda words: answer(controls, words))
    except ConfigError as exc:
        if path is not None:
            raise
        console.print(f"note: `rimlight ctl` will not reach this run: {exc}")
        return None


def _press(controls: Controls, key: str) -> None:
    if key not in KEYS:
        return
    try:
        controls.do(KEYS[key])
    except RimlightError as exc:
        console.print(f"note: {exc}")


def _typed() -> str:
    """Return what was typed, without waiting."""
    if not select.select([sys.stdin], [], [], 0)[0]:
        return ""
    return os.read(sys.stdin.fileno(), 64).decode(errors="replace")


@contextmanager
def _keyboard() -> Iterator[bool]:
    """Read single keys from the terminal, unshown; False where there is none that is ours."""
    if sys.platform == "win32" or not _is_ours():
        yield False
        return
    import termios
    import tty

    handle = sys.stdin.fileno()
    before = termios.tcgetattr(handle)
    tty.setcbreak(handle)
    try:
        yield True
    finally:
        termios.tcsetattr(handle, termios.TCSADRAIN, before)


def _is_ours() -> bool:
    """Say whether standard input is a terminal, and we are not in its background."""
    if not sys.stdin.isatty():
        return False
    return os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()


@contextmanager
def _panic_on_signal(controls: Controls) -> Iterator[None]:
    def handle(_: int, __: FrameType | None) -> None:
        controls.do(["panic", "on"])

    before = signal.signal(signal.SIGUSR1, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGUSR1, before)
