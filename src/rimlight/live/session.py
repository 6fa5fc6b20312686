"""The keys, the signal and the socket of a live run.

They are heard on a thread of their own, so that panic is not held up by a sink that blocks or a
model that is being opened; what changes the run's parts waits for a place between two frames.
"""

from __future__ import annotations

import os
import select
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

from rimlight.core.errors import ConfigError
from rimlight.core.protocols import SupportsKeyboard
from rimlight.live.command_queue import Answer, Errand, Errands
from rimlight.live.commands import KEYS, URGENT, Controls
from rimlight.live.control_socket import ControlSocket, default_socket
from rimlight.live.governor import Governor
from rimlight.pipeline.live import LivePipeline
from rimlight.sources.reconnect import ReconnectingSource

if TYPE_CHECKING:
    from types import FrameType

    from rimlight.core.config import RunConfig
    from rimlight.factory.pipeline import OpenPipeline
    from rimlight.live.on_demand import OnDemand


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
def live_session(
    run: OpenPipeline, config: RunConfig, wishes: Wishes, *, notify: Callable[[str], None]
) -> Iterator[Controls | None]:
    """Let keys, SIGUSR1 (panic) and a socket control `run`; yield None if nothing can.

    Args:
        run: the open run.
        config: what it was opened from.
        wishes: how it is controlled.
        notify: receives messages for the user, such as a key that had no effect.

    Raises:
        ConfigError: the socket that was asked for cannot be made, or `run` cannot be on demand.
    """
    if not isinstance(run.pipeline, LivePipeline) or sys.platform == "win32":
        yield None
        return
    with ExitStack() as stack:
        controls = Controls(run, config)
        stack.callback(controls.close)
        errands = Errands(partial(answer, controls), URGENT)
        server = _server(wishes.socket, errands, notify)
        if server:
            stack.callback(server.close)
        look = _demand(run, stack) if wishes.on_demand else None
        has_keyboard = stack.enter_context(_keyboard())
        panicked = stack.enter_context(_panic_on_signal())
        pressed: list[Errand] = []

        def attend() -> None:
            if panicked():
                errands.hear(["panic", "on"])
            if server:
                server.poll()
            if look:
                look.poll()
            _press(_typed() if has_keyboard else "", errands, pressed)

        govern = _governor(controls, wishes)

        def poll() -> None:
            if govern:
                govern.poll()
            keys = (sink.take_keys() for sink in run.sinks if isinstance(sink, SupportsKeyboard))
            _press("".join(keys), errands, pressed)
            errands.work()
            _complain(pressed, notify)

        run.pipeline.attend, run.pipeline.poll = attend, poll
        yield controls


def answer(controls: Controls, words: Sequence[str]) -> Answer:
    """Do what `rimlight ctl` says."""
    if list(words[:1]) == ["status"]:
        return {"ok": True, "status": controls.status().as_dict()}
    return {"ok": True, "text": controls.do(words)}


def _governor(controls: Controls, wishes: Wishes) -> Governor | None:
    if wishes.most_cpu is None and wishes.least_fps is None:
        return None
    return controls.govern(most_cpu=wishes.most_cpu, least_fps=wishes.least_fps)


def _demand(run: OpenPipeline, stack: ExitStack) -> OnDemand:
    from rimlight.live.on_demand import OnDemand, watchers_of

    watchers = watchers_of(run)
    for each in watchers:
        stack.callback(each.close)
    return OnDemand(cast(ReconnectingSource, run.source), [each.count for each in watchers])


def _server(
    path: Path | None, errands: Errands, notify: Callable[[str], None]
) -> ControlSocket | None:
    try:
        return ControlSocket(path or default_socket(), errands.hear)
    except ConfigError as exc:
        if path is not None:
            raise
        notify(f"note: `rimlight ctl` will not reach this run: {exc}")
        return None


def _press(keys: str, errands: Errands, pressed: list[Errand]) -> None:
    pressed += [errands.hear(KEYS[key]) for key in keys if key in KEYS]


def _complain(pressed: list[Errand], notify: Callable[[str], None]) -> None:
    """Say which keys did not do what they should, once they are done."""
    for errand in tuple(pressed):
        if errand.answer is None:
            continue
        pressed.remove(errand)
        if not errand.answer["ok"]:
            notify(f"note: {errand.answer['text']}")


def _typed() -> str:
    """Return what was typed, without waiting; "" from a terminal that was closed."""
    if not select.select([sys.stdin], [], [], 0)[0]:
        return ""
    with suppress(OSError):
        return os.read(sys.stdin.fileno(), 64).decode(errors="replace")
    return ""


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
        with suppress(termios.error):  # a terminal that was closed
            termios.tcsetattr(handle, termios.TCSADRAIN, before)


def _is_ours() -> bool:
    """Say whether standard input is a terminal, and we are not in its background."""
    if not sys.stdin.isatty():
        return False
    with suppress(OSError):  # a terminal that is not the one we were started from, as by setsid
        return os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
    return False


@contextmanager
def _panic_on_signal() -> Iterator[Callable[[], bool]]:
    """Yield a function that says whether SIGUSR1 came since it was last asked.

    Python runs a handler on the main thread only, and not while that is inside a library; but it
    writes each signal's number into this pipe at once.
    """
    ear, mouth = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    handler = signal.signal(signal.SIGUSR1, _heard)
    before = signal.set_wakeup_fd(mouth, warn_on_full_buffer=False)
    try:
        yield partial(_came, ear)
    finally:
        signal.set_wakeup_fd(before)
        signal.signal(signal.SIGUSR1, handler)
        os.close(ear)
        os.close(mouth)


def _heard(_: int, __: FrameType | None) -> None:
    """Without a handler of its own the signal would end the run."""


def _came(ear: int) -> bool:
    with suppress(BlockingIOError):
        return signal.SIGUSR1 in os.read(ear, 64)
    return False
