"""The command line: the only place that prints, reads argv or exits.

Commands are imported when they are used, and import heavy modules when they run.
"""

from __future__ import annotations

import os
import sys
from typing import Annotated, Any

from rimlight.cli import interrupts

_before = interrupts.leave_while_loading()

import typer  # noqa: E402
from typer.exceptions import TyperException  # noqa: E402

from rimlight.cli import hints, streams  # noqa: E402
from rimlight.cli.commands import Commands  # noqa: E402
from rimlight.cli.interrupts import INTERRUPTED  # noqa: E402
from rimlight.core.addresses import hide_secrets_in  # noqa: E402
from rimlight.core.errors import ConfigError, RimlightError  # noqa: E402
from rimlight.core.printable import make_printable  # noqa: E402

interrupts.loaded(_before)

BUG = 70
"""The exit code of a bug in rimlight (EX_SOFTWARE of sysexits.h)."""

_NO_MEMORY = -4  # OpenCV's StsNoMem, which is no MemoryError

app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Replace, blur or remove the background of people, objects and roads in video.",
    epilog="Start with: rimlight demo",
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from rimlight import __version__

        typer.echo(f"rimlight {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Replace, blur or remove the background of people, objects and roads in video."""
    try:
        os.getcwd()
    except OSError as exc:  # removed since the shell went there; relative names lead nowhere
        raise ConfigError("the working folder is gone", hint="cd to one that exists") from exc


def main() -> None:
    """Run the app; a failure prints two lines and sets the exit code, without a traceback."""
    interrupts.raise_from_now_on()
    try:
        streams.prepare()
        raise SystemExit(streams.finish(run_words(sys.argv[1:])))
    except KeyboardInterrupt:
        raise SystemExit(INTERRUPTED) from None


def run_words(words: list[str]) -> int:
    """Run the app on a command line without the program; return its exit code."""
    group = typer.main.get_command(app)
    try:
        code = group.main(args=words, prog_name="rimlight", standalone_mode=False)
    except RimlightError as exc:
        return _fail(exc, exc.hint, exc.exit_code, hints.find_command(group, words))
    except TyperException as exc:  # a command line that cannot be parsed
        return _fail_usage(exc, words)
    except (Exception, typer.Abort) as exc:
        return _fail_unexpected(exc)
    return code if isinstance(code, int) else 0


def _fail_unexpected(error: BaseException) -> int:
    """Print what the machine lacks, or that this is a bug; return the exit code."""
    if isinstance(error, typer.Abort) or interrupts.was_asked():
        return INTERRUPTED
    if isinstance(error, BrokenPipeError):  # the reader of our output has gone, as `| head` does
        return 1
    if isinstance(error, MemoryError) or _is_opencv_error(error, _NO_MEMORY):
        return _fail("there is not enough memory", "close other programs, or try smaller input", 1)
    if isinstance(error, ImportError):
        hint = "install rimlight again, or raise the limit of memory (ulimit -v)"
        return _fail(f"a library cannot be loaded: {error}", hint, 6)
    if isinstance(error, OSError):
        hint = "check the disk, the permissions and the limits (ulimit -a)"
        return _fail(_format_system_error(error), hint, 1)
    if os.environ.get("RIMLIGHT_DEBUG"):
        raise error
    what = f"rimlight failed unexpectedly: {type(error).__name__}: {error}"
    return _fail(what, "this is a bug; RIMLIGHT_DEBUG=1 shows where it happened", BUG)


def _is_opencv_error(error: BaseException, code: int) -> bool:
    """Return True for an error of OpenCV with this code, without importing it."""
    return type(error).__module__ == "cv2" and getattr(error, "code", None) == code


def _fail(error: object, hint: str | None, code: int, command: Any = None) -> int:
    text = make_printable(hide_secrets_in(" ".join(str(error).splitlines())))
    typer.secho(f"error: {text}", err=True, fg="red", color=_color())
    if hint := hints.fit_hint(make_printable(hint or ""), command):
        typer.echo(f"hint:  {hint}", err=True)
    return code


def _fail_usage(error: Any, words: list[str]) -> int:
    if hasattr(error, "show"):
        error.message = make_printable(hide_secrets_in(str(error.message)))
        error.show()
    if hint := hints.hint_for_usage(error, words):
        typer.echo(f"hint:  {hint}", err=True)
    return int(error.exit_code)


def _format_system_error(error: OSError) -> str:
    names = " and ".join(str(name) for name in (error.filename, error.filename2) if name)
    return f"{names}: {error.strerror}" if names else str(error.strerror or error)


def _color() -> bool | None:
    """Return False if NO_COLOR is set (https://no-color.org), else None for the default."""
    return False if os.environ.get("NO_COLOR") else None
