"""`rimlight eval`: how good masks are and how still they hold, several set-ups side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rimlight.cli.flags import Overwrite

if TYPE_CHECKING:
    from rimlight.lab.evaluation.datasets import Data
    from rimlight.lab.evaluation.results import Evaluation, Result
    from rimlight.lab.evaluation.run import OnSample
    from rimlight.lab.evaluation.setups import SetupConfig


OBJECTS = "objects=yolov8n-seg"
"""What is measured where the data holds single objects."""


def evaluate(
    data: Annotated[
        list[str],
        typer.Argument(
            metavar="DATA...",
            help="Folders with images/NAME.jpg and masks/NAME_mask.png, or labels/NAME.txt for "
            "single objects; clips, or 'pattern'.",
        ),
    ],
    *,
    setup: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=MODEL+REFINER+...",
            help="What to measure; may be given again. Options follow a colon: smooth:ratio=0.5.",
        ),
    ] = None,
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="A YAML file with a list 'setups'.")
    ] = None,
    json: Annotated[Path | None, typer.Option("--json", help="Write all figures here.")] = None,
    html: Annotated[Path | None, typer.Option("--html", help="Write a page here.")] = None,
    video: Annotated[
        Path | None, typer.Option("--video", help="Write sequences side by side here.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Use the first so many pictures of each.")
    ] = None,
    crop: Annotated[
        str | None, typer.Option(help="upper-body: cut standing people to a webcam's view.")
    ] = None,
    labels: Annotated[
        str | None, typer.Option(help="What colored or numbered masks mean: camvid, comma10k.")
    ] = None,
    threshold: Annotated[
        float, typer.Option(min=0.01, max=0.99, help="From this alpha up a pixel is mask.")
    ] = 0.5,
    rate: Annotated[
        float, typer.Option(min=1, max=1000, help="Frames a second of numbered pictures.")
    ] = 30,
    overwrite: Overwrite = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
) -> None:
    """Measure masks against the truth, and over time.

    rimlight eval data/portraits --setup raw=selfie --setup smooth=selfie+smooth

    rimlight eval data/people --crop upper-body --html report.html

    rimlight eval data/coco128 --setup objects=yolov8n-seg

    rimlight eval clip.mp4 --setup raw=selfie-landscape --video side-by-side.mp4
    """
    from rimlight.lab.evaluation.opening import open_data
    from rimlight.lab.evaluation.outlines import is_outlined
    from rimlight.lab.evaluation.report import write_html, write_json
    from rimlight.sinks.paths import check_folder, check_report

    for report in (json, html):
        if report:
            check_report(report, overwrite=overwrite)
    if video:
        check_folder(video, overwrite=overwrite)
    if any(is_outlined(Path(spec)) for spec in data):
        _refuse_for_objects({"--video": video, "--crop": crop, "--labels": labels})
        evaluation = _objects(data, _configs(setup or (OBJECTS,), config), limit=limit)
    else:
        evaluation = _run(
            [open_data(spec, labels=labels, crop=crop, limit=limit, rate=rate) for spec in data],
            _configs(setup or (), config),
            threshold=threshold,
            video=video,
            overwrite=overwrite,
            conditions={"crop": crop or "none", "limit": limit or "none"},
            quiet=quiet,
        )
    _print_table(evaluation)
    if json:
        write_json(evaluation, json)
    if html:
        write_html(evaluation, html)


def _refuse_for_objects(said: Mapping[str, object]) -> None:
    from rimlight.core.errors import ConfigError

    if wrong := [flag for flag, value in said.items() if value is not None]:
        raise ConfigError(f"{wrong[0]} is for masks, not for single objects", hint="leave it out")


def _objects(
    specs: Sequence[str], configs: Sequence[SetupConfig], *, limit: int | None
) -> Evaluation:
    """Measure how well single objects are found."""
    from rimlight.core.errors import ConfigError
    from rimlight.lab.evaluation.objects import ObjectData, evaluate_objects, with_rules
    from rimlight.lab.evaluation.outlines import is_outlined
    from rimlight.lab.evaluation.results import Evaluation
    from rimlight.lab.evaluation.setups import open_setups

    if others := [spec for spec in specs if not is_outlined(Path(spec))]:
        raise ConfigError(
            f"{others[0]} has no labels of single objects", hint="measure it in a run of its own"
        )
    data = [ObjectData(Path(spec), limit=limit) for spec in specs]
    with open_setups([with_rules(config) for config in configs], (1, 1)) as setups:
        results = [result for one in data for result in evaluate_objects(one, setups)]
    return Evaluation(tuple(results), {"limit": limit or "none"})


def _configs(specs: Sequence[str], config: Path | None) -> tuple[SetupConfig, ...]:
    from rimlight.lab.evaluation.setups import parse_setup, read_setups

    named = [parse_setup(spec) for spec in specs]
    listed = read_setups(config) if config else ()
    return (*listed, *named) or (parse_setup("auto"),)


def _run(
    data: Sequence[Data],
    configs: Sequence[SetupConfig],
    *,
    threshold: float,
    video: Path | None,
    overwrite: bool,
    conditions: Mapping[str, Any],
    quiet: bool,
) -> Evaluation:
    from rimlight.lab.evaluation.run import evaluate as run
    from rimlight.lab.evaluation.setups import open_setups

    with (
        open_setups(configs, data[0].size) as setups,
        _filming(video, overwrite=overwrite) as film,
        _progress(data, quiet=quiet) as advance,
    ):

        def on_sample(*shown: Any) -> None:
            for watch in (film, advance):
                if watch:
                    watch(*shown)

        return run(data, setups, threshold=threshold, on_sample=on_sample, conditions=conditions)


@contextmanager
def _filming(path: Path | None, *, overwrite: bool) -> Iterator[OnSample | None]:
    if path is None:
        yield None
        return
    from rimlight.lab.evaluation.film import Films

    films = Films(path, overwrite=overwrite)
    try:
        yield films.show
    except BaseException:
        films.abort()
        raise
    films.close()
    for written in films.written:
        typer.echo(f"wrote {written}", err=True)


@contextmanager
def _progress(data: Sequence[Data], *, quiet: bool) -> Iterator[OnSample | None]:
    if quiet:
        yield None
        return
    from rich.progress import Progress

    from rimlight.cli.run import console

    with Progress(console=console, transient=True) as bar:
        tasks = {one.name: bar.add_task(one.name, total=one.count) for one in data}
        yield lambda one, _sample, _shown: bar.advance(tasks[one.name])


def _print_table(evaluation: Evaluation) -> None:
    from rich.table import Table

    from rimlight.cli.run import table_console

    table = Table(highlight=False)
    for name in ("data", "set-up"):
        table.add_column(name, overflow="fold", min_width=8)
    for measure in evaluation.measured:
        table.add_column(measure.title, justify="right", no_wrap=True)
    for result in evaluation.results:
        shown = [m.show(result.figures.get(m.key)) for m in evaluation.measured]
        table.add_row(result.data, result.setup, *shown)
    table_console().print(table)
    for result in evaluation.results:
        _print_classes(result)


def _print_classes(result: Result) -> None:
    known = [
        f"{name} {share:.3f}"
        for name, share in zip(result.classes, result.class_ious, strict=True)
        if share is not None
    ]
    if known:
        typer.echo(f"{result.data}, {result.setup}, IoU: {', '.join(known)}")
