"""The command line: the only place that prints, reads argv or exits.

Every command imports what it needs when it runs, so that `--help` answers at once.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Annotated, Any

from rimlight.cli import interrupts

_before = interrupts.leave_while_loading()

import typer  # noqa: E402
from typer.exceptions import TyperException  # noqa: E402

from rimlight.cli import (  # noqa: E402
    batch,
    bench,
    ctl,
    demo,
    devices,
    distill,
    doctor,
    evaluate,
    export,
    hints,
    live,
    models,
    objects,
    process,
    prune,
    road,
    service,
    streams,
    train,
)
from rimlight.cli.interrupts import INTERRUPTED  # noqa: E402
from rimlight.core.addresses import hide_secrets_in  # noqa: E402
from rimlight.core.errors import ConfigError, RimlightError  # noqa: E402
from rimlight.core.printable import make_printable  # noqa: E402

interrupts.loaded(_before)

BUG = 70
"""The exit code of a mistake of ours (EX_SOFTWARE of sysexits.h)."""

_NO_MEMORY = -4  # OpenCV's StsNoMem, which is no MemoryError

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Cut people, things and roads out of video as it plays.",
    epilog="Start with: rimlight demo",
)


def _add(name: str, function: Callable[..., None], **settings: Any) -> None:
    app.command(name, help=_help_of(function), **settings)(function)


def _help_of(function: Callable[..., None]) -> str | None:
    """Return a command's docstring; from its source under `python -OO`, which drops docstrings."""
    if function.__doc__ is not None or sys.flags.optimize < 2:
        return function.__doc__
    import ast
    import inspect

    definition = ast.parse(inspect.getsource(function)).body[0]
    return ast.get_docstring(definition) if isinstance(definition, ast.FunctionDef) else None


_add("demo", demo.demo)
_add("process", process.process)
_add("batch", batch.batch)
_add("live", live.live)
_add("ctl", ctl.ctl, context_settings={"ignore_unknown_options": True})
_add("doctor", doctor.doctor)
_add("setup-camera", doctor.setup_camera)
_add("road", road.road)
_add("objects", objects.objects)
_add("devices", devices.devices)
_add("eval", evaluate.evaluate)
_add("bench", bench.bench)
_add("train", train.train)
_add("distill", distill.distill)
_add("prune", prune.prune)
_add("export", export.export)
app.add_typer(models.app, name="models")
app.add_typer(service.app, name="service")


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
    """Cut people, things and roads out of video as it plays."""
    try:
        os.getcwd()
    except OSError as exc:  # removed since the shell went there; relative names lead nowhere
        raise ConfigError("the working folder is gone", hint="cd to one that exists") from exc


def main() -> None:
    """Run the app; a failure is two lines and an exit code, never a traceback."""
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
        return _fail_unexpectedly(exc)
    return code if isinstance(code, int) else 0


def _fail_unexpectedly(error: BaseException) -> int:
    """Say what the machine lacks, or that it is our mistake; return the exit code."""
    if isinstance(error, typer.Abort) or interrupts.was_asked():
        return INTERRUPTED
    if isinstance(error, BrokenPipeError):  # the reader of our output has gone, as `| head` does
        return 1
    if isinstance(error, MemoryError) or _is_of_opencv(error, _NO_MEMORY):
        return _fail("there is not enough memory", "close other programs, or try smaller input", 1)
    if isinstance(error, ImportError):
        hint = "install rimlight again, or raise the limit of memory (ulimit -v)"
        return _fail(f"a library cannot be loaded: {error}", hint, 6)
    if isinstance(error, OSError):
        hint = "check the disk, the permissions and the limits (ulimit -a)"
        return _fail(_system_error(error), hint, 1)
    if os.environ.get("RIMLIGHT_DEBUG"):
        raise error
    what = f"rimlight failed unexpectedly: {type(error).__name__}: {error}"
    return _fail(what, "this is a bug; RIMLIGHT_DEBUG=1 shows where it happened", BUG)


def _is_of_opencv(error: BaseException, code: int) -> bool:
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


def _system_error(error: OSError) -> str:
    names = " and ".join(str(name) for name in (error.filename, error.filename2) if name)
    return f"{names}: {error.strerror}" if names else str(error.strerror or error)


def _color() -> bool | None:
    """Return False where the user wants no colors (https://no-color.org), None to let it depend."""
    return False if os.environ.get("NO_COLOR") else None
