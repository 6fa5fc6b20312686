"""Ctrl-C and the other signals that end a command, from its first moment on.

Ctrl-C ends a command at once while it is loaded, because nothing has been done yet. Afterwards it
raises KeyboardInterrupt. Code that is called from C, such as a callback during an import, may
swallow that exception; the run looks for it with `check` before it begins.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

INTERRUPTED = 130
"""The exit code of a command that Ctrl-C ended, as shells have it."""

_asked = threading.Event()


def leave_while_loading() -> object:
    """Let Ctrl-C end the process without a word; return what `loaded` needs."""
    return _replace(_leave)


def loaded(before: object) -> None:
    """Let Ctrl-C do again what it did before `leave_while_loading`."""
    _replace(before)


def raise_from_now_on() -> None:
    """Let Ctrl-C raise KeyboardInterrupt, and be remembered where that is swallowed."""
    _replace(_raise)
    sys.unraisablehook = _report_swallowed


def was_asked() -> bool:
    """Return True if Ctrl-C was pressed since `raise_from_now_on`."""
    return _asked.is_set()


def check() -> None:
    """Raise KeyboardInterrupt if an earlier one was swallowed."""
    if _asked.is_set():
        raise KeyboardInterrupt


def hangup() -> tuple[signal.Signals, ...]:
    """Return SIGHUP, unless it is ignored, as nohup does, or unknown here."""
    number = getattr(signal, "SIGHUP", None)
    return () if number is None or signal.getsignal(number) is signal.SIG_IGN else (number,)


@contextmanager
def interrupted_by_signals() -> Iterator[None]:
    """Let SIGTERM and `hangup` raise KeyboardInterrupt in the block, as Ctrl-C does.

    Raises:
        KeyboardInterrupt: one of them came, or an earlier Ctrl-C was swallowed.
    """
    numbers = (signal.SIGTERM, *hangup())
    before = {number: signal.signal(number, signal.default_int_handler) for number in numbers}
    try:
        check()
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def ending_signals() -> tuple[signal.Signals, ...]:
    """Return the signals that end a run in order: Ctrl-C, SIGTERM, SIGQUIT and `hangup`."""
    quits = getattr(signal, "SIGQUIT", None)
    return (signal.SIGINT, signal.SIGTERM, *(() if quits is None else (quits,)), *hangup())


def _replace(handler: object) -> object:
    """Handle SIGINT, unless it is ignored or this is no main thread; return what did before."""
    before = signal.getsignal(signal.SIGINT)
    if before is not signal.SIG_IGN and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, handler)  # type: ignore[arg-type]
    return before


def _leave(_: int, __: FrameType | None) -> None:
    os._exit(INTERRUPTED)


def _report_swallowed(swallowed: sys.UnraisableHookArgs) -> None:
    """Report what code called from C could not raise, but for a Ctrl-C, which is remembered."""
    if not isinstance(swallowed.exc_value, KeyboardInterrupt):
        sys.__unraisablehook__(swallowed)


def _raise(_: int, __: FrameType | None) -> None:
    _asked.set()
    raise KeyboardInterrupt
