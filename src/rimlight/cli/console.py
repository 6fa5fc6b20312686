"""Runs a pipeline at a terminal: progress, signals, summary, and printing of notes and plans."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import typer
from rich.console import Console
from rich.text import Text

from rimlight.cli import interrupts
from rimlight.core.addresses import hide_secrets, hide_secrets_in
from rimlight.core.errors import SourceReadError
from rimlight.core.printable import make_printable

if TYPE_CHECKING:
    from types import FrameType

    from rimlight.core.config import RunConfig, SegmenterConfig
    from rimlight.core.frame import Frame, SourceInfo
    from rimlight.core.protocols import Refiner, Segmenter
    from rimlight.pipeline.live import LivePipeline
    from rimlight.pipeline.pipeline import Pipeline
    from rimlight.pipeline.stats import Stats

    OpenModel = Callable[[SegmenterConfig, tuple[int, int]], Segmenter]

STOPPED = interrupts.INTERRUPTED
"""The exit code of a run that the user stopped, by the convention of shells."""

_SAME_S = 0.3
"""A second Ctrl-C within this time is the same one: `timeout -s INT` sends it twice."""


class _Printable(Console):
    """A console that escapes control characters, such as those in file names."""

    def render_str(self, text: str, **options: Any) -> Text:
        """Render `text` with its control characters escaped."""
        return super().render_str(make_printable(text, spared="\t"), **options)


# Standard output may carry raw frames or a table, so everything about the run goes to stderr.
console = _Printable(stderr=True, highlight=False, markup=False)


_PIPED_COLUMNS = 240
"""Width of tables in files and pipes: wide enough that nothing is cut."""


def make_table_console() -> Console:
    """Return a console on standard output, for tables."""
    out = _Printable(markup=False)
    if not out.is_terminal:
        out.width = _PIPED_COLUMNS
    return out


@dataclass
class Stop:
    """A request by a signal to end the run; times are monotonic seconds."""

    asked: bool = False
    asked_at: float = 0.0


@contextmanager
def stop_on_signals(pipeline: Pipeline | LivePipeline) -> Iterator[Stop]:
    """End the run in order on Ctrl-C, SIGTERM, SIGHUP or SIGQUIT; a second Ctrl-C interrupts it.

    SIGHUP stays ignored where it was, such as under nohup.
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


def run_with_progress(
    config: RunConfig,
    *,
    label: str,
    observers: Sequence[Refiner] = (),
    quiet: bool = False,
    keep_going: bool = False,
    endless: bool = False,
    results: str | None = None,
    is_search: bool = False,
    open_model: OpenModel | None = None,
) -> Stats | None:
    """Run with a progress bar; keep what is done if the user stops it or the source fails.

    Args:
        config: the run.
        label: the label of the progress bar.
        observers: see `open_pipeline`.
        quiet: print errors only.
        keep_going: warn about a source that fails, and return None.
        endless: only the user ends it, so stopping it is a success.
        results: where the results are, if not only in the outputs of the run.
        is_search: frames are only searched, for a run that follows: there is nothing to report.
        open_model: opens the segmenter instead of `open_segmenter`.

    Raises:
        typer.Exit: the user stopped it (exit code 130).
        RimlightError: the run failed.
    """
    try:
        stopped, stats = _run(config, label, observers, quiet, open_model)
    except SourceReadError as exc:
        if is_search:
            raise
        if existing := results or _list_existing_results(config):
            exc.hint = f"{exc.hint or ''} (what could be read is in {existing})".strip()
        if not keep_going:
            raise
        console.print(f"warning: {exc}; {exc.hint}")
        return None
    stopped = stopped and not endless
    if (stopped or not quiet) and not is_search:
        console.print(format_summary(config, stats, results), soft_wrap=True)
    if stopped and is_search:
        console.print("stopped before anything was written")
        raise typer.Exit(STOPPED)
    if stopped:
        console.print("stopped before the end; " + _make_resume_hint(config))
        raise typer.Exit(STOPPED)
    return stats


def _list_existing_results(config: RunConfig) -> str:
    """Return the paths of the results that exist, separated by commas."""
    paths = [str(sink.given.get("path", "")) for sink in config.sinks]
    return ", ".join(path for path in paths if path and Path(path).exists())


def _make_resume_hint(config: RunConfig) -> str:
    """Return what becomes of a stopped run: whether the same command resumes it."""
    from rimlight.sinks.video.segment_index import get_index_folder

    paths = [sink.path or Path() for sink in config.sinks]
    can_resume = any(get_index_folder(path).is_dir() for path in paths if path.name)
    return "the same command resumes here" if can_resume else "what is done is kept"


def format_summary(config: RunConfig, stats: Stats, results: str | None = None) -> str:
    """Return one line with the results and their figures."""
    return f"{results or list_outputs(config)}: {format_figures(stats)}"


def format_figures(stats: Stats) -> str:
    """Return the number of frames, the time and the rate in one line."""
    text = f"{stats.earlier + stats.frames} frames"
    if stats.earlier:
        text += f", {stats.frames} of them now"
    if stats.elapsed_s:
        text += f" in {stats.elapsed_s:.1f} s ({stats.per_second:.1f} a second)"
    lost = sum(stats.dropped.values())
    return text + (f", {lost} dropped" if lost else "")


def list_outputs(config: RunConfig) -> str:
    """Return where the results of a run go, separated by commas."""
    named = (sink.given.get("path") or sink.given.get("device") for sink in config.sinks)
    return ", ".join(
        hide_secrets(str(n)) if n else p.kind for n, p in zip(named, config.sinks, strict=True)
    )


def format_source_name(source: str) -> str:
    """Return the name of a source for a progress bar or a title."""
    shown = hide_secrets(source)
    return Path(shown).name or shown


def print_notes(notes: Sequence[str]) -> None:
    """Print notes about a run to standard error."""
    for note in notes:
        console.print(f"note: {hide_secrets_in(note)}")


def print_plan(config: RunConfig) -> None:
    """Check a run and print it as YAML without the passwords in its addresses.

    Raises:
        RimlightError: the run would fail because of an option, a path or a background.
    """
    import yaml

    from rimlight.factory.validation import validate_config

    validate_config(config)
    for part in (*config.effects, *(part for sink in config.sinks for part in sink.effects)):
        part.open().close()
    data = config.model_dump(mode="json", exclude_defaults=True)
    shown = _hide_secrets(data)
    if shown != data:
        print_notes(["passwords in addresses are removed: add them again before you use this"])
    typer.echo(yaml.safe_dump(shown, sort_keys=False, allow_unicode=True), nl=False)


def _hide_secrets(value: Any) -> Any:
    """Return plain data with the secrets in addresses hidden."""
    if isinstance(value, dict):
        return {key: _hide_secrets(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_hide_secrets(item) for item in value]
    return hide_secrets(value) if isinstance(value, str) else value


def _run(
    config: RunConfig,
    label: str,
    observers: Sequence[Refiner],
    quiet: bool,
    open_model: OpenModel | None = None,
) -> tuple[bool, Stats]:
    from rimlight.factory import resume
    from rimlight.factory.pipeline import open_pipeline
    from rimlight.factory.segmenter import open_segmenter

    with (
        open_run_progress(label, quiet=quiet) as (start, tick),
        open_pipeline(
            config, observers=observers, on_frame=tick, open_model=open_model or open_segmenter
        ) as run,
    ):
        print_notes(run.notes)
        start(run.info)
        with stop_on_signals(run.pipeline) as stop:
            stats = run.pipeline.run()
        stats = resume.count_frames(stats, run.sinks)
        cut = run.pipeline.cut_short
        unfinished = resume.is_unfinished(run.source, run.sinks, cut_short=cut)
    return stop.asked or unfinished, stats


@contextmanager
def open_run_progress(
    label: str, *, quiet: bool
) -> Iterator[tuple[Callable[[SourceInfo], None], Callable[[Frame], None]]]:
    """Yield (start, tick): set the number of frames, count one frame."""
    total, done = None, 0
    with open_progress(label, quiet=quiet) as update:

        def start(info: SourceInfo) -> None:
            nonlocal total
            total = info.count
            update(0, total)

        def tick(_: Frame) -> None:
            nonlocal done
            done += 1
            update(done, total)

        yield start, tick


class UpdateProgress(Protocol):
    """Shows how far something is."""

    def __call__(self, done: float, total: float | None, label: str | None = None) -> None:
        """Show `done` of `total` steps; None where the total is unknown."""


def format_steps(done: float, total: float | None, speed: float) -> str:
    """Return the figures of a progress bar: steps and speed."""
    rate = f" {speed:.0f}/s" if speed else ""
    return f"{done:.0f}/{'?' if total is None else f'{total:.0f}'}{rate}"


@contextmanager
def open_progress(
    label: str,
    *,
    quiet: bool = False,
    figures: Callable[[float, float | None, float], str] = format_steps,
) -> Iterator[UpdateProgress]:
    """Yield a function that shows progress on standard error; on a terminal only.

    Args:
        label: what is in progress.
        quiet: show nothing.
        figures: returns the text for steps done, their total and steps per second.
    """
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[figures]}"),
        TimeRemainingColumn(),
    )
    shown = not quiet and console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=not shown) as bar:
        task = bar.add_task(label, total=None, figures="")

        def update(done: float, total: float | None, label: str | None = None) -> None:
            if shown:
                text = figures(done, total, bar.tasks[0].speed or 0.0)
                bar.update(task, completed=done, total=total, description=label, figures=text)

        yield update
