"""Runs a pipeline for a person at a terminal: progress, signals, a closing line."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from rimlight.cli import interrupts
from rimlight.core.addresses import hide_secrets, hide_secrets_in
from rimlight.core.errors import SourceReadError
from rimlight.core.printable import make_printable

if TYPE_CHECKING:
    from types import FrameType

    from rimlight.core.config import RunConfig
    from rimlight.core.frame import Frame, SourceInfo
    from rimlight.core.protocols import Refiner
    from rimlight.pipeline.pipeline import Pipeline
    from rimlight.pipeline.stats import Stats

STOPPED = interrupts.INTERRUPTED
"""The exit code of a run that the user ended before its time, as shells have it."""

_SAME_S = 0.3
"""A second Ctrl-C within this time is the same one: `timeout -s INT` sends it twice."""


class _Printable(Console):
    """A console on which the name of a file cannot steer the terminal."""

    def render_str(self, text: str, **options: Any) -> Text:
        """Make `text`, printed as it is or in a table, ready with control characters escaped."""
        return super().render_str(make_printable(text, spared="\t"), **options)


# Standard output may carry raw frames or a table, so everything about the run goes to stderr.
console = _Printable(stderr=True, highlight=False, markup=False)


_PIPED_COLUMNS = 240
"""What a file or another program gets: nothing has to be cut for it."""


def table_console() -> Console:
    """Return a console on standard output, for tables."""
    out = _Printable(markup=False)
    if not out.is_terminal:
        out.width = _PIPED_COLUMNS
    return out


@dataclass
class Stop:
    """Whether a signal asked the run to end, and when, in monotonic seconds."""

    asked: bool = False
    asked_at: float = 0.0


@contextmanager
def stop_on_signals(pipeline: Pipeline) -> Iterator[Stop]:
    """Let Ctrl-C, SIGTERM, SIGHUP and SIGQUIT end the run in order; a second Ctrl-C at once.

    A run that was started with SIGHUP ignored, as nohup does, goes on through it.
    """
    stop = Stop()

    def handle(number: int, _: FrameType | None) -> None:
        now = time.monotonic()
        if stop.asked and number == signal.SIGINT and now - stop.asked_at > _SAME_S:
            raise KeyboardInterrupt
        if not stop.asked:
            stop.asked, stop.asked_at = True, now
        pipeline.stop()

    before = {number: signal.signal(number, handle) for number in interrupts.ending_signals()}
    try:
        interrupts.check()
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def run_to_end(
    config: RunConfig,
    *,
    label: str,
    watchers: Sequence[Refiner] = (),
    quiet: bool = False,
    keep_going: bool = False,
    endless: bool = False,
    place: str | None = None,
) -> Stats | None:
    """Run with a progress bar; what is done when the user stops it, or the source breaks, is kept.

    Args:
        config: the run.
        label: what to call it in the progress bar.
        watchers: see `open_pipeline`.
        quiet: say nothing when all goes well.
        keep_going: a source that breaks is a warning; nothing is returned then.
        endless: only the user ends it, so that is no stop before its time.
        place: where the results are, if not only in the outputs of the run.

    Raises:
        typer.Exit: the user stopped it; code 130.
        RimlightError: whatever went wrong.
    """
    try:
        stopped, stats = _run(config, label, watchers, quiet)
    except SourceReadError as exc:
        if made := place or _made(config):
            exc.hint = f"{exc.hint or ''} (what could be read is in {made})".strip()
        if not keep_going:
            raise
        console.print(f"warning: {exc}; {exc.hint}")
        return None
    stopped = stopped and not endless
    if stopped or not quiet:
        console.print(summary(config, stats, place))
    if stopped:
        console.print("stopped before the end; " + _what_next(config))
        raise typer.Exit(STOPPED)
    return stats


def _made(config: RunConfig) -> str:
    """Name the results that are there."""
    paths = [str(part.options.get("path", "")) for part in config.sinks]
    return ", ".join(path for path in paths if path and Path(path).exists())


def _what_next(config: RunConfig) -> str:
    """Say whether the same command resumes the run."""
    from rimlight.sinks.journal import folder_of

    paths = [Path(str(part.options.get("path", ""))) for part in config.sinks]
    kept = any(folder_of(path).is_dir() for path in paths if path.name)
    return "the same command goes on from here" if kept else "what is done is kept"


def summary(config: RunConfig, stats: Stats, place: str | None = None) -> str:
    """Say in one line what came out, and how fast."""
    return f"{place or outputs(config)}: {figures(stats)}"


def figures(stats: Stats) -> str:
    """Say in one line how many frames there were, and how fast."""
    text = f"{stats.earlier + stats.frames} frames"
    if stats.earlier:
        text += f", {stats.frames} of them now"
    if stats.elapsed_s:
        text += f" in {stats.elapsed_s:.1f} s ({stats.per_second:.1f} a second)"
    lost = sum(stats.dropped.values())
    return text + (f", {lost} dropped" if lost else "")


def outputs(config: RunConfig) -> str:
    """Name where the results of a run go."""
    named = (part.options.get("path") or part.options.get("device") for part in config.sinks)
    return ", ".join(
        hide_secrets(str(n)) if n else p.kind for n, p in zip(named, config.sinks, strict=True)
    )


def name_of(source: str) -> str:
    """Return what to call a source in a progress bar or a title."""
    shown = hide_secrets(source)
    return Path(shown).name or shown


def tell(notes: Sequence[str]) -> None:
    """Print what the user should know before the run."""
    for note in notes:
        console.print(f"note: {hide_secrets_in(note)}")


def print_plan(config: RunConfig) -> None:
    """Check a run and print it as YAML, for `--dry-run`; addresses lose their passwords.

    Raises:
        RimlightError: what the run would raise for its options, its places and its backgrounds.
    """
    import yaml

    from rimlight.factory.pipeline import open_effect
    from rimlight.factory.validation import validate_config

    validate_config(config)
    for part in (*config.effects, *(part for sink in config.sinks for part in sink.effects)):
        open_effect(part).close()
    data = config.model_dump(mode="json", exclude_defaults=True)
    shown = _without_secrets(data)
    if shown != data:
        tell(["passwords in addresses are left out: put them back before you use this"])
    typer.echo(yaml.safe_dump(shown, sort_keys=False, allow_unicode=True), nl=False)


def _without_secrets(value: Any) -> Any:
    """Return plain values with the secrets in addresses hidden."""
    if isinstance(value, dict):
        return {key: _without_secrets(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_secrets(item) for item in value]
    return hide_secrets(value) if isinstance(value, str) else value


def _run(
    config: RunConfig, label: str, watchers: Sequence[Refiner], quiet: bool
) -> tuple[bool, Stats]:
    from rimlight.factory import resume
    from rimlight.factory.pipeline import open_pipeline

    with (
        progress_bar(label, quiet=quiet) as (start, tick),
        open_pipeline(config, observers=watchers, on_frame=tick) as run,
    ):
        tell(run.notes)
        start(run.info)
        with stop_on_signals(run.pipeline) as stop:
            stats = run.pipeline.run()
        stats = resume.count_frames(stats, run.sinks)
        cut = run.pipeline.cut_short
        unfinished = resume.is_unfinished(run.source, run.sinks, cut_short=cut)
    return stop.asked or unfinished, stats


@contextmanager
def progress_bar(
    label: str, *, quiet: bool
) -> Iterator[tuple[Callable[[SourceInfo], None], Callable[[Frame], None]]]:
    """Yield (start, tick): say how much there is, count one frame."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[speed]}"),
        TimeRemainingColumn(),
    )
    shown = not quiet and console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=not shown) as progress:
        task = progress.add_task(label, total=None, speed="")

        def start(info: SourceInfo) -> None:
            progress.update(task, total=info.count)

        def tick(_: Frame) -> None:
            speed = progress.tasks[0].speed
            progress.update(task, advance=1, speed=f"{speed:.0f}/s" if speed else "")

        yield start, tick
