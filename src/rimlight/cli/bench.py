"""`rimlight bench`: the speed of this machine and of networks on it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rimlight.cli.flags import Overwrite

if TYPE_CHECKING:
    from rich.table import Table

    from rimlight.core.frame import Frame
    from rimlight.lab.bench.interleaved_timing import Cost
    from rimlight.lab.bench.networks import Contender, Measured
    from rimlight.lab.bench.suite import Report

NETWORKS = "Networks"
TIMED_FRAMES = 8
CALIBRATION_FRAMES = 40


def bench(
    clip: Annotated[
        Path | None, typer.Argument(help="A video of a person (default: the included sample).")
    ] = None,
    *,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write all figures to this file.")
    ] = None,
    overwrite: Overwrite = False,
    rounds: Annotated[
        int, typer.Option(min=1, metavar="N", help="Number of frames per measurement.")
    ] = 200,
    memory: Annotated[
        int, typer.Option(min=0, metavar="N", help="Measure memory over N frames; 0: not at all.")
    ] = 0,
    mediapipe_python: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH", help="A Python with mediapipe, which processes the same frames."
        ),
    ] = None,
    networks: Annotated[
        bool,
        typer.Option(
            "--networks",
            help="Measure networks instead of the pipeline.",
            rich_help_panel=NETWORKS,
        ),
    ] = False,
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model",
            "-m",
            help="Another network, a name or a file; may be repeated.",
            rich_help_panel=NETWORKS,
        ),
    ] = None,
    pictures: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="A folder with images/ and masks/, to measure the IoU on.",
            rich_help_panel=NETWORKS,
        ),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Use the first N images of --pictures.",
            rich_help_panel=NETWORKS,
        ),
    ] = None,
    quick: Annotated[
        bool,
        typer.Option("--quick", help="Measure a tenth of everything, for a rough impression."),
    ] = False,
) -> None:
    """Measure the speed of the pipeline and its stages on this machine.

    All measurements are interleaved, so their ratios also hold on a busy machine.
    docs/benchmarks/speed.md explains the figures.

      rimlight bench --json speed.json

      rimlight bench talk.mp4 --memory 20000 --mediapipe-python peer/bin/python

      rimlight bench --networks -m person/best.keras --pictures data/people --json networks.json
    """
    from rimlight.sinks.output_paths import check_report

    if json_file:
        check_report(json_file, overwrite=overwrite)
    share = 10 if quick else 1
    if networks:
        bench_networks(
            clip,
            models=model or (),
            pictures=pictures,
            limit=limit,
            rounds=max(3, rounds // (10 * share)),
            json_file=json_file,
        )
        return
    _refuse_without_networks({"model": model, "pictures": pictures, "limit": limit})

    from rimlight.cli.console import console
    from rimlight.lab.bench.clips import get_sample_clip
    from rimlight.lab.bench.suite import Plan, run_suite
    from rimlight.system.atomic_io import MADE_BY, write_text

    plan = Plan(
        clip=clip or get_sample_clip(),
        rounds=max(5, rounds // share),
        clip_frames=300 // share,
        clip_rounds=1 if quick else 3,
        live_s=5 / share,
        memory_frames=memory,
        peer=mediapipe_python,
    )
    with console.status("starting", spinner="line") as status:
        report = run_suite(plan, status.update)
    if json_file:
        from rimlight.core.interchange import to_json

        write_text(json_file, to_json(MADE_BY | report.to_dict(), indent=2) + "\n")
    _print_report(report)


def _refuse_without_networks(given: dict[str, object]) -> None:
    from rimlight.core.errors import ConfigError

    if wrong := [name for name, value in given.items() if value is not None]:
        raise ConfigError(f"--{wrong[0]} has no effect without --networks", hint="add --networks")


def _print_report(report: Report) -> None:
    from rimlight.cli.console import make_table_console

    out = make_table_console()
    out.print("  ".join(f"{key}: {value}" for key, value in report.machine.items()))
    for name in report.costs:
        out.print(_make_cost_table(f"one frame at {name}, on one thread", report.costs[name]))
        out.print(_make_cost_table(f"its stages at {name}", report.stages[name]))
    if report.peers:
        out.print(_make_cost_table("others, the same frames at 720p", report.peers))
    _print_runs(report)
    for key, value in report.ratios.items():
        out.print(f"{key:28} {value:6.2f}")


def _make_cost_table(title: str, costs: dict[str, Cost]) -> Table:
    from rich.table import Table

    table = Table("what", title=title, title_justify="left")
    for heading in ("CPU ms", "wall ms", "p95 ms"):
        table.add_column(heading, justify="right")
    for name, cost in costs.items():
        figures = (cost.cpu_ms, cost.wall_ms, cost.wall_p95_ms)
        table.add_row(name, *(f"{ms:.2f}" for ms in figures))
    return table


def _print_runs(report: Report) -> None:
    process = report.process
    typer.echo(
        f"process, 720p file to file: {process['per_second']:.0f} frames a second, "
        f"{process['dropped']} dropped; at 1080p {process['peak_mb_1080p']:.0f} MB at most"
    )
    for name, stage in process["stages"].items():
        typer.echo(
            f"  {name:10} median {stage['median_ms']:6.2f} ms, p95 {stage['p95_ms']:6.2f} ms"
        )
    if report.live:
        live = report.live
        typer.echo(
            f"live, 60 ms a mask: {live.per_second:.1f} fps out, latency {live.latency_ms:.0f} ms "
            f"({live.latency_growth_ms:+.1f} in the second half), mask {live.mask_age_ms:.0f} ms "
            f"older, {live.dropped} dropped"
        )
    if report.memory:
        peaks = ", ".join(f"{mb:.0f}" for mb in report.memory.quarters_mb)
        typer.echo(f"memory over {report.memory.frames} frames, peak of each quarter: {peaks} MB")


def bench_networks(
    clip: Path | None,
    *,
    models: Sequence[str],
    pictures: Path | None,
    limit: int | None,
    rounds: int,
    json_file: Path | None,
) -> None:
    """Build, convert and measure all networks of the table, then print it.

    Args:
        clip: what time is measured on, and int8 is calibrated on; None for the sample.
        models: the user's own, by name, card or file, besides those of the table.
        pictures: a folder of pictures with masks; None leaves the quality out.
        limit: how many of them count.
        rounds: how many frames each network gets.
        json_file: where all figures go; checked by the caller.

    Raises:
        SinkError: `json_file` cannot be written.
    """
    import tempfile
    from dataclasses import asdict

    from rimlight.cli.console import console
    from rimlight.lab.bench.clips import get_sample_clip, load_frames
    from rimlight.lab.bench.networks import measure
    from rimlight.lab.bench.suite import describe_machine
    from rimlight.lab.evaluation.datasets import open_dataset
    from rimlight.system.atomic_io import MADE_BY, write_text

    data = open_dataset(str(pictures), limit=limit) if pictures else ()
    frames = load_frames(clip or get_sample_clip(), (1280, 720), CALIBRATION_FRAMES)
    with (
        tempfile.TemporaryDirectory() as folder,
        console.status("building and converting", spinner="line") as status,
    ):
        contenders = _open_contenders(Path(folder), models, frames)
        status.update(f"measuring {len(contenders)} networks in turns")
        table = measure(contenders, frames[:TIMED_FRAMES], rounds=rounds, pictures=data)
    if json_file:
        content = MADE_BY | {
            "machine": describe_machine(),
            "networks": [asdict(line) for line in table],
        }
        from rimlight.core.interchange import to_json

        write_text(json_file, to_json(content, indent=2) + "\n")
    _print_networks(table, describe_machine())


def _open_contenders(
    folder: Path, models: Sequence[str], frames: Sequence[Frame]
) -> list[Contender]:
    from rimlight.cli.training import check_tensorflow
    from rimlight.lab.bench.networks import build_untrained, list_shipped, load_given

    check_tensorflow()
    own = [one for model in models for one in load_given(model, folder, frames)]
    named = {one.name for one in own}
    others = [one for one in list_shipped() if one.name not in named]
    return [*build_untrained(folder, frames), *own, *others]


def _print_networks(table: Sequence[Measured], machine: dict[str, Any]) -> None:
    from rich.table import Table

    from rimlight.cli.console import make_table_console

    shown = Table(box=None, pad_edge=False)
    shown.add_column("network", no_wrap=True)
    for heading in ("input", "ms", "CPU ms", "memory MB", "file MB", "gzip MB", "IoU"):
        shown.add_column(heading, justify="right", no_wrap=heading == "input")
    for line in table:
        figures = (line.wall_ms, line.cpu_ms, line.memory_mb)
        sizes = (line.file_bytes / 1e6, line.packed_bytes / 1e6)
        shown.add_row(
            line.name,
            f"{line.size[0]}x{line.size[1]}",
            *(f"{figure:.1f}" for figure in figures),
            *(f"{size:.2f}" for size in sizes),
            "-" if line.iou is None else f"{line.iou:.4f}",
        )
    out = make_table_console()
    out.print("  ".join(f"{key}: {value}" for key, value in machine.items()))
    out.print(shown)
