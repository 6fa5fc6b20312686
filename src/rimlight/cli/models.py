"""`rimlight models`: which models there are, what they are, and how to get them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rimlight.core.printable import make_printable

if TYPE_CHECKING:
    from rimlight.core.model_card import ModelCard
    from rimlight.models.catalog import Catalog

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="List, show and fetch models. A model is a file and a card; --model takes its name.",
)

Name = Annotated[str, typer.Argument(help="A name from `rimlight models list`.")]
ModelsDir = Annotated[
    Path | None,
    typer.Option(metavar="FOLDER", help="A folder of cards and models, searched first."),
]
Target = Annotated[
    Path | None,
    typer.Option(metavar="FOLDER", help="Put the files here instead of into the cache."),
]
Accept = Annotated[
    bool,
    typer.Option("--accept-license", help="You have read the model's license and accept it."),
]


@app.command("list")
def list_models(models_dir: ModelsDir = None) -> None:
    """List all models: their size, license, and whether their files are here.

    shipped: part of rimlight. shared: in RIMLIGHT_SHARED. cached: pulled before. models-dir: in
    your own folder. not here: fetch it with `rimlight models pull NAME`.
    """
    from rich.table import Table

    from rimlight.cli.run import table_console
    from rimlight.core.errors import ModelError
    from rimlight.models.catalog import Catalog

    catalog = Catalog(models_dir)
    table = Table("name", "size", "license", "state", "summary", box=None, pad_edge=False)
    for name in catalog.names():
        try:
            card = catalog.card(name)
        except ModelError as exc:
            table.add_row(name, "?", "?", "wrong card", str(exc))
        else:
            row = (card.name, _megabytes(card), card.license, _state(catalog, card), card.summary)
            table.add_row(*row)
    table_console().print(table)


@app.command()
def show(name: Name, models_dir: ModelsDir = None) -> None:
    """Show the card of one model: how it is fed, what it gives, its classes and its license."""
    import yaml

    from rimlight.models.catalog import Catalog

    catalog = Catalog(models_dir)
    card = catalog.card(name)
    data = card.model_dump(mode="json", exclude_defaults=True)
    found = catalog.find(card)
    typer.echo(yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=96).rstrip())
    typer.echo(f"state: {_state(catalog, card)}")
    for path in found.paths if found else ():
        typer.echo(f"at: {path}")


@app.command()
def pull(name: Name, accept_license: Accept = False, models_dir: Target = None) -> None:
    """Fetch a model's files, so that it works offline from then on.

    The address is fixed and the bytes are checked. A transfer that breaks off goes on where it
    stopped when you run the command again. Some licenses must be accepted with --accept-license.
    """
    from rimlight.models.catalog import Catalog, verify

    catalog = Catalog(cache=models_dir)
    card = catalog.card(name)
    about = f"{card.name}: {_megabytes(card)}, license {card.license}, {card.origin}"
    typer.echo(make_printable(about, spared=""))
    found = catalog.find(card)
    made_here = not any(file.url for file in card.files)
    if found and (made_here or found.place.folder != catalog.cache):
        for file, path in zip(card.files, found.paths, strict=True):
            verify(file, path)
        typer.echo(f"already here ({found.place.name}): {found.paths[0]}")
        paths = found.paths
    else:
        first = _fetch(card, accept_license, catalog.cache)
        typer.echo(f"kept at {first}")
        paths = tuple(first.with_name(file.file) for file in card.files)
    if card.needs:
        _import(paths, catalog.cache)


@app.command("import-openvino")
def import_openvino(
    xml: Annotated[Path, typer.Argument(help="The network's .xml; its .bin lies beside it.")],
    *,
    weights: Annotated[
        Path | None, typer.Option("--bin", metavar="FILE", help="The .bin, where it does not.")
    ] = None,
    size: Annotated[
        list[str] | None,
        typer.Option(
            metavar="WIDTHxHEIGHT",
            help="Sizes to run at, in multiples of 32; may be given again. Without: 448x256, "
            "672x384 and 896x512.",
        ),
    ] = None,
    float32: Annotated[
        bool, typer.Option("--float32", help="Keep weights exactly; files twice the size.")
    ] = False,
    out: Target = None,
) -> None:
    """Turn OpenVINO's road-segmentation-adas-0001 from files of yours into models that run.

    rimlight models import-openvino road-segmentation-adas-0001.xml --size 448x256
    """
    from rimlight.core.options import validate
    from rimlight.lab.importers.road import ImportOptions, import_road
    from rimlight.sinks.paths import check_can_be_folder
    from rimlight.system import app_paths

    said = {"sizes": size} if size else {}
    sizes = validate(ImportOptions, said, where="--size").sizes
    folder = out or app_paths.get_cache_folder() / "models"
    check_can_be_folder(folder)
    bin_file = weights or xml.with_suffix(".bin")
    for made in import_road(xml, bin_file, folder, sizes=sizes, float16=not float32):
        typer.echo(f"made {made.stem}: --model {made.stem if out is None else made}")


def _import(paths: Sequence[Path], folder: Path) -> None:
    """Turn an OpenVINO network into models that run; its own card then gives way to theirs."""
    from rimlight.lab.importers.road import import_road

    typer.echo("importing it, which takes a minute")
    for made in import_road(paths[0], paths[1], folder):
        typer.echo(f"made {made.stem}: --model {made.stem}")


def _fetch(card: ModelCard, accept_license: bool, folder: Path) -> Path:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    from rimlight.models import download as puller

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    console = Console(stderr=True)
    with Progress(*columns, TransferSpeedColumn(), console=console, transient=True) as bar:
        task = bar.add_task(card.name, total=card.size_bytes)
        return puller.pull(
            card,
            accept_license=accept_license,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
            cache=folder,
        )


def _megabytes(card: ModelCard) -> str:
    return f"{card.size_bytes / 1e6:.1f} MB" if card.size_bytes else "?"


def _state(catalog: Catalog, card: ModelCard) -> str:
    found = catalog.find(card)
    here = found.place.name if found else "not here"
    return f"{here}, needs {card.needs}" if card.needs else here
