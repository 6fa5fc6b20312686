"""`rimlight bench --networks`: one table of networks, measured on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rimlight.core.frame import Frame
    from rimlight.lab.bench.contenders import Contender
    from rimlight.lab.bench.networks import Measured

FRAMES = 8
CALIBRATED_ON = 40


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

    from rimlight.cli.run import console
    from rimlight.lab.bench.footage import load_frames, sample_clip
    from rimlight.lab.bench.networks import measure
    from rimlight.lab.bench.suite import machine
    from rimlight.lab.evaluation.opening import open_data
    from rimlight.system.atomic_io import MADE_BY, write_text

    data = open_data(str(pictures), limit=limit) if pictures else ()
    frames = load_frames(clip or sample_clip(), (1280, 720), CALIBRATED_ON)
    with (
        tempfile.TemporaryDirectory() as folder,
        console.status("building and converting", spinner="line") as status,
    ):
        contenders = _contenders(Path(folder), models, frames)
        status.update(f"measuring {len(contenders)} networks in turns")
        table = measure(contenders, frames[:FRAMES], rounds=rounds, pictures=data)
    if json_file:
        content = MADE_BY | {"machine": machine(), "networks": [asdict(line) for line in table]}
        from rimlight.core.interchange import to_json

        write_text(json_file, to_json(content, indent=2) + "\n")
    _print(table, machine())


def _contenders(folder: Path, models: Sequence[str], frames: Sequence[Frame]) -> list[Contender]:
    from rimlight.cli.train import needs_tensorflow
    from rimlight.lab.bench.contenders import given, shipped, untrained

    needs_tensorflow()
    own = [one for model in models for one in given(model, folder, frames)]
    named = {one.name for one in own}
    others = [one for one in shipped() if one.name not in named]
    return [*untrained(folder, frames), *own, *others]


def _print(table: Sequence[Measured], machine: dict[str, Any]) -> None:
    from rich.table import Table

    from rimlight.cli.run import table_console

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
    out = table_console()
    out.print("  ".join(f"{key}: {value}" for key, value in machine.items()))
    out.print(shown)
