"""`rimlight eval`: mask quality and temporal stability of several setups."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rimlight.cli.flags import Overwrite, Quiet

if TYPE_CHECKING:
    from rimlight.lab.evaluation.datasets import Dataset
    from rimlight.lab.evaluation.results import Evaluation, Result
    from rimlight.lab.evaluation.run import OnSample
    from rimlight.lab.evaluation.setups import SetupConfig


OBJECTS = "objects=yolov8n-seg"
"""The default setup for data with single objects."""


def evaluate(
    data: Annotated[
        list[str],
        typer.Argument(
            metavar="DATA...",
            help="Folders with images/NAME.jpg and masks/NAME_mask.png, or labels/NAME.txt for "
            "single objects; videos, or 'test-pattern'.",
        ),
    ],
    *,
    setup: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=MODEL+REFINER+...",
            help="A setup to measure; may be repeated. Options follow a colon: "
            "smooth:previous_weight=0.5.",
        ),
    ] = None,
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="A YAML file with a list 'setups'.")
    ] = None,
    json: Annotated[
        Path | None, typer.Option("--json", help="Write all figures to this file.")
    ] = None,
    html: Annotated[
        Path | None, typer.Option("--html", help="Write an HTML report to this file.")
    ] = None,
    video: Annotated[
        Path | None,
        typer.Option("--video", help="Write a comparison video to this file or folder."),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Use the first N images of each data set."),
    ] = None,
    crop: Annotated[
        str | None, typer.Option(help="upper-body: crop standing people to the view of a webcam.")
    ] = None,
    labels: Annotated[
        str | None, typer.Option(help="Meaning of colored or numbered masks: camvid, comma10k.")
    ] = None,
    threshold: Annotated[
        float,
        typer.Option(min=0.01, max=0.99, help="Alpha from which a pixel belongs to the mask."),
    ] = 0.5,
    rate: Annotated[
        float, typer.Option(min=1, max=1000, help="Frame rate of numbered images.")
    ] = 30,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Measure mask quality and temporal stability.

    rimlight eval data/portraits --setup raw=selfie --setup smooth=selfie+smooth

    rimlight eval data/people --crop upper-body --html report.html

    rimlight eval data/coco128 --setup objects=yolov8n-seg

    rimlight eval clip.mp4 --setup raw=selfie-landscape --video side-by-side.mp4
    """
    from rimlight.lab.evaluation.datasets import open_dataset
    from rimlight.lab.evaluation.report import write_html, write_json
    from rimlight.lab.evaluation.yolo_polygons import is_outlined
    from rimlight.sinks.output_paths import check_report, check_writable_file

    for report in (json, html):
        if report:
            check_report(report, overwrite=overwrite)
    if video:
        check_writable_file(video, overwrite=overwrite)
    if any(is_outlined(Path(spec)) for spec in data):
        _refuse_with_objects({"--video": video, "--crop": crop, "--labels": labels})
        evaluation = _evaluate_objects(data, _read_setups(setup or (OBJECTS,), config), limit=limit)
    else:
        evaluation = _evaluate_masks(
            [open_dataset(spec, labels=labels, crop=crop, limit=limit, rate=rate) for spec in data],
            _read_setups(setup or (), config),
            threshold=threshold,
            video=video,
            overwrite=overwrite,
            conditions={"crop": crop or "none", "limit": limit or "none"},
            quiet=quiet,
        )
    print_evaluation(evaluation)
    if json:
        write_json(evaluation, json)
    if html:
        write_html(evaluation, html)


def _refuse_with_objects(given: Mapping[str, object]) -> None:
    from rimlight.core.errors import ConfigError

    if wrong := [flag for flag, value in given.items() if value is not None]:
        raise ConfigError(f"{wrong[0]} needs masks, not single objects", hint="remove it")


def _evaluate_objects(
    specs: Sequence[str], configs: Sequence[SetupConfig], *, limit: int | None
) -> Evaluation:
    """Measure the detection of single objects."""
    from rimlight.core.errors import ConfigError
    from rimlight.lab.evaluation.objects import ObjectDataset, apply_rules, evaluate_objects
    from rimlight.lab.evaluation.results import Evaluation
    from rimlight.lab.evaluation.setups import open_setups
    from rimlight.lab.evaluation.yolo_polygons import is_outlined

    if others := [spec for spec in specs if not is_outlined(Path(spec))]:
        raise ConfigError(
            f"{others[0]} has no labels of single objects", hint="evaluate it in a separate run"
        )
    data = [ObjectDataset(Path(spec), limit=limit) for spec in specs]
    with open_setups([apply_rules(config) for config in configs], (1, 1)) as setups:
        results = [result for one in data for result in evaluate_objects(one, setups)]
    return Evaluation(tuple(results), {"limit": limit or "none"})


def _read_setups(specs: Sequence[str], config: Path | None) -> tuple[SetupConfig, ...]:
    from rimlight.lab.evaluation.setups import parse_setup, read_setups

    named = [parse_setup(spec) for spec in specs]
    listed = read_setups(config) if config else ()
    return (*listed, *named) or (parse_setup("auto"),)


def _evaluate_masks(
    data: Sequence[Dataset],
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
        _open_comparison_video(video, overwrite=overwrite) as film,
        _show_progress(data, quiet=quiet) as advance,
    ):

        def on_sample(*shown: Any) -> None:
            for watch in (film, advance):
                if watch:
                    watch(*shown)

        return run(data, setups, threshold=threshold, on_sample=on_sample, conditions=conditions)


@contextmanager
def _open_comparison_video(path: Path | None, *, overwrite: bool) -> Iterator[OnSample | None]:
    if path is None:
        yield None
        return
    from rimlight.lab.evaluation.visualize import ComparisonVideos

    films = ComparisonVideos(path, overwrite=overwrite)
    try:
        yield films.show
    except BaseException:
        films.abort()
        raise
    films.close()
    for written in films.written:
        typer.echo(f"wrote {written}", err=True)


@contextmanager
def _show_progress(data: Sequence[Dataset], *, quiet: bool) -> Iterator[OnSample]:
    from rimlight.cli.console import open_progress

    done = 0
    counts = [one.count for one in data]
    total = None if None in counts else sum(filter(None, counts))
    with open_progress(data[0].name, quiet=quiet) as update:

        def advance(one: Dataset, _sample: Any, _shown: Any) -> None:
            nonlocal done
            done += 1
            update(done, total, one.name)

        yield advance


def print_evaluation(evaluation: Evaluation) -> None:
    """Print the figures as a table on standard output."""
    from rich.table import Table

    from rimlight.cli.console import make_table_console

    table = Table(highlight=False)
    for name in ("data", "setup"):
        table.add_column(name, overflow="fold", min_width=8)
    for measure in evaluation.measured:
        table.add_column(measure.title, justify="right", no_wrap=True)
    for result in evaluation.results:
        shown = [m.show(result.figures.get(m.key)) for m in evaluation.measured]
        table.add_row(result.data, result.setup, *shown)
    make_table_console().print(table)
    for result in evaluation.results:
        _print_class_ious(result)


def _print_class_ious(result: Result) -> None:
    known = [
        f"{name} {share:.3f}"
        for name, share in zip(result.classes, result.class_ious, strict=True)
        if share is not None
    ]
    if known:
        typer.echo(f"{result.data}, {result.setup}, IoU: {', '.join(known)}")
