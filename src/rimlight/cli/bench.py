"""`rimlight bench`: how fast this machine is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rimlight.cli.flags import Overwrite

if TYPE_CHECKING:
    from rich.table import Table

    from rimlight.lab.bench.rounds import Cost
    from rimlight.lab.bench.suite import Report


def bench(
    clip: Annotated[
        Path | None, typer.Argument(help="A video of a person; the shipped sample without it.")
    ] = None,
    *,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write all figures to a file.")
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Frames per way of working.")] = 200,
    memory: Annotated[
        int, typer.Option(min=0, metavar="FRAMES", help="Watch memory over that many frames.")
    ] = 0,
    compare: Annotated[
        Path | None,
        typer.Option(metavar="PYTHON", help="A Python with mediapipe, to run on the same frames."),
    ] = None,
    networks: Annotated[
        bool,
        typer.Option(
            "--networks", help="Instead: one table of networks, large, small, converted, shipped."
        ),
    ] = False,
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model", "-m", help="With --networks: one more, a name or a file; may be repeated."
        ),
    ] = None,
    pictures: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="With --networks: images/ and masks/, for the IoU."),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="With --pictures: use the first so many.")
    ] = None,
    overwrite: Overwrite = False,
    quick: Annotated[
        bool, typer.Option("--quick", help="A tenth of everything: a look, no figures to quote.")
    ] = False,
) -> None:
    """Measure this machine: milliseconds per stage, and the pipeline against the bare model.

    Everything is measured in turns in one run, so that ratios hold on a busy machine too. The
    figures are explained in docs/benchmarks/speed.md.

      rimlight bench --json speed.json

      rimlight bench talk.mp4 --memory 20000 --compare peer/bin/python

      rimlight bench --networks -m person/best.keras --pictures data/people --json networks.json
    """
    from rimlight.sinks.paths import check_report

    if json_file:
        check_report(json_file, overwrite=overwrite)
    share = 10 if quick else 1
    if networks:
        from rimlight.cli.bench_networks import bench_networks

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

    from rimlight.cli.run import console
    from rimlight.lab.bench.footage import sample_clip
    from rimlight.lab.bench.suite import Plan, run_suite
    from rimlight.system.atomic_io import MADE_BY, write_text

    plan = Plan(
        clip=clip or sample_clip(),
        rounds=max(5, rounds // share),
        clip_frames=300 // share,
        clip_rounds=1 if quick else 3,
        live_s=5 / share,
        memory_frames=memory,
        peer=compare,
    )
    with console.status("starting", spinner="line") as status:
        report = run_suite(plan, status.update)
    if json_file:
        from rimlight.core.interchange import to_json

        write_text(json_file, to_json(MADE_BY | report.as_dict(), indent=2) + "\n")
    _print(report)


def _refuse_without_networks(said: dict[str, object]) -> None:
    from rimlight.core.errors import ConfigError

    if wrong := [name for name, value in said.items() if value is not None]:
        raise ConfigError(f"--{wrong[0]} says nothing without --networks", hint="add --networks")


def _print(report: Report) -> None:
    from rimlight.cli.run import table_console

    out = table_console()
    out.print("  ".join(f"{key}: {value}" for key, value in report.machine.items()))
    for name in report.costs:
        out.print(_cost_table(f"one frame at {name}, on one thread", report.costs[name]))
        out.print(_cost_table(f"its stages at {name}", report.stages[name]))
    if report.peers:
        out.print(_cost_table("others, the same frames at 720p", report.peers))
    _print_runs(report)
    for key, value in report.ratios.items():
        out.print(f"{key:28} {value:6.2f}")


def _cost_table(title: str, costs: dict[str, Cost]) -> Table:
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
