"""`rimlight models`: lists, describes, downloads and imports models."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rimlight.cli.commands import Command
from rimlight.cli.flags import RUN, ImportSize, flag
from rimlight.core.printable import make_printable

if TYPE_CHECKING:
    from rimlight.core.model_card import ModelCard
    from rimlight.models.catalog import Catalog

_COLUMNS = ("name", "size", "license", "commercial", "IoU", "F", "ms", "state", "summary")

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="List, show and download models. A model is a file and a card; --model takes its name.",
)

Name = Annotated[str, typer.Argument(help="A name from `rimlight models list`.")]
ModelsDir = Annotated[Path | None, flag("segmenters.model.models_dir", panel=RUN, metavar="FOLDER")]
Target = Annotated[
    Path | None,
    typer.Option(metavar="FOLDER", help="Write the files here instead of into the cache."),
]
Output = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FOLDER",
        help="Write the models here instead of into the cache.",
    ),
]
Commercial = Annotated[
    bool,
    typer.Option(
        "--commercial",
        help="Only models whose weights and training data are known to allow commercial use.",
    ),
]
Accept = Annotated[
    bool,
    typer.Option("--accept-license", help="Accept the license of the model."),
]


@app.command("list", cls=Command)
def list_models(models_dir: ModelsDir = None, commercial: Commercial = False) -> None:
    """List all models with their size, license, measured quality and state.

    IoU, F: agreement of masks and outlines with labeled pictures. ms: time of one frame on one
    thread. `rimlight models show NAME` names the pictures, and what the model was trained on.
    commercial: yes, restricted by the license of the weights, or unclear because of the pictures
    that the model was trained on.

    shipped: part of rimlight. shared: in RIMLIGHT_SHARED. cached: downloaded before. models-dir:
    in your own folder. not here: download it with `rimlight models pull NAME`.
    """
    from rich.table import Table

    from rimlight.cli.console import make_table_console
    from rimlight.core.errors import ModelError
    from rimlight.models.catalog import Catalog

    catalog = Catalog(models_dir)
    table = Table(*_COLUMNS, box=None, pad_edge=False)
    for name in catalog.list_names():
        try:
            card = catalog.find_card(name)
        except ModelError as exc:
            table.add_row(name, *["?"] * 6, "wrong card", str(exc))
        else:
            if not commercial or card.commercial == "yes":
                table.add_row(*_format_row(catalog, card))
    make_table_console().print(table)


@app.command("show", cls=Command)
def show_model(name: Name, models_dir: ModelsDir = None) -> None:
    """Show the card of one model: input, output, classes and license."""
    import yaml

    from rimlight.models.catalog import Catalog

    catalog = Catalog(models_dir)
    card = catalog.find_card(name)
    data = card.model_dump(mode="json", exclude_defaults=True)
    found = catalog.find_files(card)
    typer.echo(yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=96).rstrip())
    typer.echo(f"state: {_format_state(catalog, card)}")
    for path in found.paths if found else ():
        typer.echo(f"at: {path}")


@app.command("pull", cls=Command)
def pull_model(name: Name, accept_license: Accept = False, models_dir: Target = None) -> None:
    """Download the files of a model, after which it works offline.

    The files are verified. Running the command again resumes an interrupted download. Some
    licenses must be accepted with --accept-license.
    """
    from rimlight.models.catalog import Catalog, verify

    catalog = Catalog(cache=models_dir)
    card = catalog.find_card(name)
    about = f"{card.name}: {_format_size(card)}, license {card.license}, {card.origin}"
    typer.echo(make_printable(about, spared=""))
    found = catalog.find_files(card)
    made_here = not any(file.url for file in card.files)
    if found and (made_here or found.folder.path != catalog.cache):
        for file, path in zip(card.files, found.paths, strict=True):
            verify(file, path)
        typer.echo(f"already here ({found.folder.name}): {found.paths[0]}")
        paths = found.paths
    else:
        first = _download(card, accept_license, catalog.cache)
        typer.echo(f"kept at {first}")
        paths = tuple(first.with_name(file.file) for file in card.files)
    if card.needs:
        _import_openvino(paths, catalog.cache)


@app.command("import-openvino", cls=Command)
def import_openvino(
    xml: Annotated[Path, typer.Argument(help="The .xml file of the network, next to its .bin.")],
    *,
    weights: Annotated[
        Path | None,
        typer.Option("--bin", metavar="FILE", help="The .bin file, if it is elsewhere."),
    ] = None,
    size: ImportSize = None,
    float32: Annotated[
        bool, typer.Option("--float32", help="Keep float32 weights; the files are twice as large.")
    ] = False,
    output: Output = None,
) -> None:
    """Convert OpenVINO's road-segmentation-adas-0001 from your files into models.

    rimlight models import-openvino road-segmentation-adas-0001.xml --size 448x256
    """
    from rimlight.core.options import validate
    from rimlight.lab.importers.road import ImportOptions, import_road
    from rimlight.sinks.output_paths import check_can_be_folder
    from rimlight.system import app_paths

    given = {"sizes": size} if size else {}
    sizes = validate(ImportOptions, given, where="--size").sizes
    folder = output or app_paths.get_cache_folder() / "models"
    check_can_be_folder(folder)
    bin_file = weights or xml.with_suffix(".bin")
    for made in import_road(xml, bin_file, folder, sizes=sizes, float16=not float32):
        typer.echo(f"made {made.stem}: --model {made.stem if output is None else made}")


def _import_openvino(paths: Sequence[Path], folder: Path) -> None:
    """Convert an OpenVINO network into models, whose cards replace its own."""
    from rimlight.lab.importers.road import import_road

    typer.echo("importing it, which takes a minute")
    for made in import_road(paths[0], paths[1], folder):
        typer.echo(f"made {made.stem}: --model {made.stem}")


def _download(card: ModelCard, accept_license: bool, folder: Path) -> Path:
    from rimlight.cli.console import open_progress
    from rimlight.models import download

    def format_progress(done: float, total: float | None, speed: float) -> str:
        return f"{done / 1e6:.1f}/{(total or 0) / 1e6:.1f} MB {speed / 1e6:.1f} MB/s"

    with open_progress(card.name, figures=format_progress) as update:
        return download.pull_model(
            card,
            accept_license=accept_license,
            progress=update,
            cache=folder,
        )


def _format_row(catalog: Catalog, card: ModelCard) -> tuple[str, ...]:
    """Return the cells of a model's line; its figures are those that it was measured with first."""
    first = card.measured[0] if card.measured else None
    figures = (first.iou, first.boundary_f) if first else (None, None)
    ms = first.ms if first else None
    return (
        card.name,
        _format_size(card),
        card.license,
        card.commercial,
        *("-" if figure is None else f"{figure:.3f}" for figure in figures),
        "-" if ms is None else f"{ms:.3g}",
        _format_state(catalog, card),
        card.summary,
    )


def _format_size(card: ModelCard) -> str:
    return f"{card.size_bytes / 1e6:.1f} MB" if card.size_bytes else "?"


def _format_state(catalog: Catalog, card: ModelCard) -> str:
    found = catalog.find_files(card)
    here = found.folder.name if found else "not here"
    return f"{here}, needs {card.needs}" if card.needs else here
