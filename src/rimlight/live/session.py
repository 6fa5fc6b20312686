"""The controls of one live run: keys, a signal, a socket, limits, and a camera on demand.

They are served on a thread of their own, so that a sink that blocks or a model that is being
opened does not delay `panic`; commands that change components wait for a place between two frames.
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
from rimlight.core.protocols import SupportsCommands, SupportsKeyboard
from rimlight.live.command_queue import Answer, Command, CommandQueue
from rimlight.live.commands import KEY_LINE, KEYS, URGENT, LiveCommands
from rimlight.live.control_socket import ControlServer, get_default_socket
from rimlight.pipeline.live import LivePipeline
from rimlight.sources.reconnect import ReconnectingSource

if TYPE_CHECKING:
    from types import FrameType

    from rimlight.core.config import RunConfig
    from rimlight.factory.pipeline import OpenPipeline

Notify = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class LiveOptions:
    """How a live run is controlled.

    Attributes:
        socket: where `rimlight ctl` finds the run; None for the default path, which may be taken.
        on_demand: open the camera only while a program reads the virtual one.
        max_cpu: maximum share of one core; see `LiveCommands.make_governor`.
        min_fps: minimum frame rate.
    """

    socket: Path | None = None
    on_demand: bool = False
    max_cpu: float | None = None
    min_fps: float | None = None


class LiveSession:
    """Controls one live run through its two callbacks, which do nothing until it is attached.

    Args:
        options: what the user chose.
        notify: receives messages for the user, such as a key that had no effect.
    """

    def __init__(self, options: LiveOptions, *, notify: Notify) -> None:
        self._options = options
        self._notify = notify
        self._frame_tasks: Sequence[Callable[[], None]] = ()
        self._control_tasks: Sequence[Callable[[], None]] = ()

    def on_frame_tick(self) -> None:
        """Run pending commands. For the thread that runs the pipeline, between two frames."""
        for task in self._frame_tasks:
            task()

    def on_control_tick(self) -> None:
        """Serve the controls. For the control thread."""
        for task in self._control_tasks:
            task()

    @contextmanager
    def attach(self, run: OpenPipeline, config: RunConfig) -> Iterator[LiveCommands | None]:
        """Control `run` within the block; yield None if it cannot be controlled.

        Args:
            run: opened with the callbacks of this session.
            config: what it was opened from.

        Raises:
            ConfigError: the requested socket cannot be created, or `run` cannot be on demand.
        """
        if not isinstance(run.pipeline, LivePipeline) or sys.platform == "win32":
            yield None
            return
        with ExitStack() as stack:
            commands = LiveCommands(run, config)
            stack.callback(commands.close)
            queue = CommandQueue(partial(execute, commands), URGENT)
            keys = KeyCommands(queue, self._notify)
            frame_tasks = [
                lambda: keys.press(_take_window_keys(run)),
                queue.run_pending,
                keys.report_failed,
            ]
            control_tasks = list(self._open_server(queue, stack))
            if self._options.on_demand:
                control_tasks.append(_open_on_demand(run, stack))
            keyboard = stack.enter_context(open_keyboard())
            _describe_keys(run)
            if keyboard:
                self._notify(f"keys: {KEY_LINE}")
                control_tasks.append(lambda: keys.press(keyboard()))
            was_signaled = stack.enter_context(receive_panic_signal())
            control_tasks.insert(0, lambda: _panic_if(was_signaled(), queue))
            limits = self._options.max_cpu, self._options.min_fps
            frame_tasks.insert(0, commands.make_governor(*limits).poll)
            _connect_panels(run, queue, stack)
            self._frame_tasks, self._control_tasks = frame_tasks, control_tasks
            stack.callback(self._detach)
            yield commands

    def _detach(self) -> None:
        self._frame_tasks = self._control_tasks = ()

    def _open_server(self, queue: CommandQueue, stack: ExitStack) -> Iterator[Callable[[], None]]:
        path = self._options.socket
        try:
            server = ControlServer(path or get_default_socket(), queue.submit)
        except ConfigError as exc:
            if path is not None:
                raise
            self._notify(f"note: `rimlight ctl` cannot reach this run: {exc}")
        else:
            stack.callback(server.close)
            yield server.poll


class KeyCommands:
    """Submits the commands of pressed keys, and reports those that failed.

    Args:
        queue: runs the commands.
        notify: receives the error of a command.
    """

    def __init__(self, queue: CommandQueue, notify: Notify) -> None:
        self._queue = queue
        self._notify = notify
        self._pressed: list[Command] = []

    def press(self, keys: str) -> None:
        """Submit the command of each key that has one. Any thread."""
        self._pressed += [self._queue.submit(KEYS[key]) for key in keys if key in KEYS]

    def report_failed(self) -> None:
        """Report the commands that have failed since the last call."""
        for command in tuple(self._pressed):
            if command.answer is None:
                continue
            self._pressed.remove(command)
            if not command.answer["ok"]:
                self._notify(f"note: {command.answer['text']}")


def execute(commands: LiveCommands, words: Sequence[str]) -> Answer:
    """Execute what `rimlight ctl` sends."""
    if list(words[:1]) == ["status"]:
        return {"ok": True, "status": commands.get_status().as_dict()}
    if list(words[:1]) == ["choices"]:
        return {"ok": True, "status": commands.list_choices()}
    return {"ok": True, "text": commands.execute(words)}


@contextmanager
def open_keyboard() -> Iterator[Callable[[], str] | None]:
    """Read single keys from the terminal, without echo; yield the function that reads them.

    It yields None if standard input is no terminal, or this process is in its background.
    """
    if sys.platform == "win32" or not _is_in_foreground():
        yield None
        return
    import termios
    import tty

    handle = sys.stdin.fileno()
    before = termios.tcgetattr(handle)
    tty.setcbreak(handle)
    try:
        yield _read_typed
    finally:
        with suppress(termios.error):  # a terminal that was closed
            termios.tcsetattr(handle, termios.TCSADRAIN, before)


@contextmanager
def receive_panic_signal() -> Iterator[Callable[[], bool]]:
    """Yield a function that returns True if SIGUSR1 was received since its last call.

    Python runs a handler on the main thread only, and not while that is inside a library; but it
    writes the number of each signal into this pipe immediately.
    """
    read_fd, write_fd = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    handler = signal.signal(signal.SIGUSR1, _ignore_signal)
    before = signal.set_wakeup_fd(write_fd, warn_on_full_buffer=False)
    try:
        yield partial(_read_panic_signal, read_fd)
    finally:
        signal.set_wakeup_fd(before)
        signal.signal(signal.SIGUSR1, handler)
        os.close(read_fd)
        os.close(write_fd)


def _open_on_demand(run: OpenPipeline, stack: ExitStack) -> Callable[[], None]:
    from rimlight.live.on_demand import OnDemandCamera, open_consumer_counters

    counters = open_consumer_counters(run)
    for counter in counters:
        stack.callback(counter.close)
    source = cast(ReconnectingSource, run.source)
    return OnDemandCamera(source, counters).poll


def _connect_panels(run: OpenPipeline, queue: CommandQueue, stack: ExitStack) -> None:
    for sink in run.sinks:
        if isinstance(sink, SupportsCommands):
            sink.accept_commands(queue.submit)
            stack.callback(sink.accept_commands, None)


def _take_window_keys(run: OpenPipeline) -> str:
    return "".join(sink.take_keys() for sink in run.sinks if isinstance(sink, SupportsKeyboard))


def _describe_keys(run: OpenPipeline) -> None:
    for sink in run.sinks:
        if isinstance(sink, SupportsKeyboard):
            sink.describe_keys(KEY_LINE)


def _panic_if(was_signaled: bool, queue: CommandQueue) -> None:
    if was_signaled:
        queue.submit(["panic", "on"])


def _read_typed() -> str:
    """Return what was typed, without waiting; "" from a terminal that was closed."""
    if not select.select([sys.stdin], [], [], 0)[0]:
        return ""
    with suppress(OSError):
        return os.read(sys.stdin.fileno(), 64).decode(errors="replace")
    return ""


def _is_in_foreground() -> bool:
    """Return True if standard input is a terminal, and this process is in its foreground."""
    if not sys.stdin.isatty():
        return False
    with suppress(OSError):  # not the controlling terminal of this process, e.g. after setsid
        return os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
    return False


def _ignore_signal(_: int, __: FrameType | None) -> None:
    """Do nothing: without a handler the signal would end the process."""


def _read_panic_signal(read_fd: int) -> bool:
    with suppress(BlockingIOError):
        return signal.SIGUSR1 in os.read(read_fd, 64)
    return False
