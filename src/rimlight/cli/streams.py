"""Makes standard input, output and error safe to use, whatever the caller left of them."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Iterator
from typing import IO, Any

import typer

from rimlight.core.errors import RimlightError, SinkError
from rimlight.core.printable import keep_log_printable

_FLAGS = {0: os.O_WRONLY, 1: os.O_RDONLY, 2: os.O_WRONLY}  # what must fail is made to fail


class _Log(io.TextIOWrapper):
    """Standard error whose reader may vanish and whose disk may fill: a log never ends a run."""

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError):
            return super().write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError):
            super().flush()


class _Output(io.TextIOWrapper):
    """Standard output that says what it is when it cannot be written to."""

    def write(self, text: str) -> int:
        with _naming_output():
            return super().write(text)

    def flush(self) -> None:
        with _naming_output():
            super().flush()


@contextlib.contextmanager
def _naming_output() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:  # `| head` has read what it wanted
        raise
    except OSError as exc:
        raise SinkError(
            f"cannot write to standard output: {exc.strerror}",
            hint="leave it open, and make room where it goes",
        ) from exc


def prepare() -> None:
    """Open closed descriptors 0 to 2, and let no character or full log end the program.

    A closed standard input can be opened by nobody else afterwards, and reading it fails; a closed
    standard output fails when it is written to as a file, and swallows what is printed.
    """
    for number, flags in _FLAGS.items():
        if not _is_open(number):
            os.open(os.devnull, flags)  # takes the lowest free number, which is this one
    sys.stdin = sys.stdin or open(os.devnull, encoding="utf-8")  # noqa: SIM115
    sys.stdout = sys.stdout or _printed_to(open(os.devnull, "wb"))  # noqa: SIM115
    if type(sys.stdout) is io.TextIOWrapper and sys.stdout.fileno() == 1:
        encoding, is_live = sys.stdout.encoding, sys.stdout.line_buffering
        # Names of files that are not text are printed with escapes.
        buffer: Any = sys.stdout.detach()
        sys.stdout = _Output(buffer, encoding, "backslashreplace", line_buffering=is_live)
    # Unbuffered, so that nothing that could not be written waits to fail when Python exits.
    encoding = getattr(sys.stderr, "encoding", None) or "utf-8"
    raw: Any = open(2, "wb", buffering=0, closefd=False)  # noqa: SIM115
    sys.stderr = _Log(raw, encoding, "backslashreplace", write_through=True)
    keep_log_printable()


def finish(code: int) -> int:
    """Pass on what standard output still holds; return the exit code, 1 when that fails.

    Args:
        code: the exit code so far.
    """
    try:
        sys.stdout.flush()
    except (OSError, RimlightError) as exc:
        # What is left would fail again when Python exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        if code == 0 and not isinstance(exc, BrokenPipeError):
            typer.echo(f"error: {exc}", err=True)
        return code or 1
    return code


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def _printed_to(file: IO[bytes]) -> io.TextIOWrapper:
    return io.TextIOWrapper(file, "utf-8", "backslashreplace", write_through=True)
