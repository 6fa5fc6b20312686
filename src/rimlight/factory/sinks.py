"""Open the sinks of a run, and close or abort them when it ends."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import cast

from rimlight.core.config import EffectConfig, RunConfig, SinkConfig
from rimlight.core.errors import PartialOutputError, SinkError, SourceReadError
from rimlight.core.frame import SourceInfo
from rimlight.core.protocols import (
    HasFixedRate,
    HasNotes,
    Sink,
    SupportsParallelWrites,
    SupportsPlanning,
)
from rimlight.sinks.threaded import ConstantRateSink, ThreadedSink


def open_sink(part: SinkConfig, info: SourceInfo) -> Sink:
    """Open a sink for the frames of a source.

    A virtual camera gets them at a steady rate; picture files are written by several threads.
    """
    sink = cast(Sink, part.open(info))
    if info.is_live and isinstance(sink, HasFixedRate):
        return ConstantRateSink(sink, sink.rate)
    writers = sink.writers if isinstance(sink, SupportsParallelWrites) and not info.is_live else 1
    if not part.thread and writers == 1:
        return sink
    return ThreadedSink(sink, info, writers=writers)


def check_sinks(config: RunConfig) -> None:
    """Check that each output can hold what it gets, without opening it.

    Raises:
        ConfigError: a container cannot hold the codec, or alpha.
    """
    transparent = is_transparent(config.effects)
    for part in config.sinks:
        sink = _with_alpha(part) if transparent else part
        if issubclass(sink.component_class, SupportsPlanning):
            sink.component_class.plan(sink.options)


def open_sinks(
    config: RunConfig, info: SourceInfo, stack: ExitStack
) -> tuple[list[Sink], list[str], list[str]]:
    """Open all sinks; optional ones that do not open are left out, but one must remain.

    Returns:
        The sinks, where each one's results go, and what the user should know.
    """
    transparent = is_transparent(config.effects, has_alpha=info.has_alpha)
    opened: list[tuple[SinkConfig, Sink]] = []
    failures: list[tuple[SinkConfig, SinkError]] = []
    for part in config.sinks:
        if any(part.unless == other.kind for other, _ in opened):
            continue
        try:
            sink = open_sink(_with_alpha(part) if transparent else part, info)
        except SinkError as exc:
            if not part.optional:
                raise
            failures.append((part, exc))
        else:
            stack.push(_finisher(sink))
            opened.append((part, sink))
    if not opened:
        raise _explain_no_output([exc for _, exc in failures])
    places = [_place_of(part, sink) for part, sink in opened]
    return [sink for _, sink in opened], places, [*_make_notes(opened, failures)]


def _explain_no_output(failures: Sequence[SinkError]) -> SinkError:
    """Return the error of a run none of whose optional sinks opened: why, and what needs none."""
    causes = "; ".join(dict.fromkeys(exc.message for exc in failures))
    ways = "in the browser: --sink http; into a file: --sink video:rec.mp4"
    hint = failures[0].hint
    return SinkError(causes, hint=f"{hint}   # or {ways}" if hint else ways)


def _make_notes(
    opened: Sequence[tuple[SinkConfig, Sink]], failures: Sequence[tuple[SinkConfig, SinkError]]
) -> Iterator[str]:
    """Yield what the user should know: which sinks have no substitute, and what others say."""
    substituted = {part.unless for part, _ in opened}
    for part, exc in failures:
        if part.kind not in substituted:
            yield f"left out: {exc}" + (f" ({exc.hint})" if exc.hint else "")
    for _, sink in opened:
        worker = _get_worker(sink)
        yield from worker.notes if isinstance(worker, HasNotes) else ()


def predict_track_changes(config: RunConfig) -> list[str]:
    """Return what will become of sound and subtitles that are not copied as they are.

    Args:
        config: a run; nothing is written.

    Raises:
        ConfigError: an option of a sink is wrong.
    """
    from rimlight.sinks.video.stream_copy import (
        describe_track_changes,  # opens FFmpeg, which most runs do later
    )

    path = Path(os.path.expanduser(config.source.path))
    if config.source.kind != "video" or not path.is_file():
        return []
    notes: list[str] = []
    for sink in make_private(config).sinks:
        if sink.kind == "video":
            options = sink.options
            if options.audio == "none":
                continue
            plan = sink.component_class.plan(options)
            found = describe_track_changes(
                path,
                plan.format,
                private=options.private,
                convert=options.audio == "convert",
                codec=plan.audio,
            )
            notes += [f"{path.name}: {note}" for note in found]
    return notes


def make_private(config: RunConfig) -> RunConfig:
    """Return `config` with every video private where something is covered for privacy.

    A covered film must not say in its tags or subtitles where and when it was taken, unless a sink
    says `private: false`.
    """
    effects = [*config.effects, *(part for sink in config.sinks for part in sink.effects)]
    if not any(part.component_class.redacts for part in effects):
        return config
    sinks = tuple(
        sink.with_options(private=sink.given.get("private", True))
        if hasattr(sink.options, "private")
        else sink
        for sink in config.sinks
    )
    return config.model_copy(update={"sinks": sinks})


def choose_dynamic_range(config: RunConfig) -> RunConfig:
    """Return `config` with HDR read as SDR, unless an offline run writes a video."""
    keeps = config.pipeline.overflow == "block" and any(s.kind == "video" for s in config.sinks)
    if keeps or config.source.kind != "video":
        return config
    return config.model_copy(update={"source": config.source.with_options(tone_map=True)})


def _place_of(part: SinkConfig, sink: Sink) -> str:
    """Name where the results of a sink go: its file or device, or what it is."""
    named = part.path or getattr(part.options, "device", None) or part.kind
    return str(getattr(_get_worker(sink), "path", named))


def _get_worker(sink: Sink) -> Sink:
    """Return the sink that does the work of one on a thread of its own."""
    return sink.sink if isinstance(sink, ThreadedSink | ConstantRateSink) else sink


def is_transparent(effects: Iterable[EffectConfig], *, has_alpha: bool = False) -> bool:
    """Return True if these effects give frames with alpha.

    Args:
        effects: in the order that they are applied.
        has_alpha: the source's frames have alpha.
    """
    for effect in effects:
        has_alpha = effect.component_class.outputs_alpha(effect.options, has_alpha=has_alpha)
    return has_alpha


def _with_alpha(part: SinkConfig) -> SinkConfig:
    if not hasattr(part.options, "transparent") or "transparent" in part.given:
        return part
    return part.with_options(transparent=True)


def _finisher(sink: Sink) -> Callable[..., None]:
    """Close a sink that did well; let one go without a result when something else broke."""

    def finish(
        kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if error is None or isinstance(error, SourceReadError | PartialOutputError):
            sink.close()
        else:
            sink.abort()

    return finish
