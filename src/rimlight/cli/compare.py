"""`rimlight compare`: presets, models and other tools on the user's own video, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rimlight.cli import interrupts
from rimlight.cli.evaluate import print_evaluation
from rimlight.cli.flags import Overwrite, Quiet
from rimlight.cli.interrupts import INTERRUPTED

if TYPE_CHECKING:
    from rimlight.lab.compare.moments import Moments
    from rimlight.lab.compare.run import Comparison
    from rimlight.lab.compare.worker import Contender
    from rimlight.lab.evaluation.datasets import Dataset
    from rimlight.lab.evaluation.results import Evaluation

QUALITIES = ("fast", "balanced", "best")
LIMIT = 300


def compare(
    data: Annotated[
        list[str],
        typer.Argument(
            metavar="DATA...",
            help="Videos, images or folders of images; folders with images/ and masks/ also get "
            "their accuracy measured.",
        ),
    ],
    *,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="The HTML page to write.")
    ],
    quality: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="A preset to compare; may be repeated (default: all three, if no --model is "
            "given).",
        ),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model",
            "-m",
            metavar="[NAME=]MODEL+REFINER+...",
            help="A model to compare, as in rimlight eval --setup; may be repeated.",
        ),
    ] = None,
    peer: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=PYTHON",
            help="Another tool, mediapipe or rembg (u2netp), and a Python in which it is "
            "installed; may be repeated.",
        ),
    ] = None,
    limit: Annotated[
        int, typer.Option(min=1, metavar="N", help="Use the first N frames of each input.")
    ] = LIMIT,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Compare masks on your own video or images, as one HTML page.

    Each contender runs in a process of its own, on one thread, on the same frames. Ctrl-C ends the
    comparison and keeps what was measured.

      rimlight compare talk.mp4 -o talk.html

      rimlight compare photos/ --quality best --peer rembg=peer/bin/python -o photos.html
    """
    from rimlight.lab.compare.report import to_html
    from rimlight.lab.compare.run import Comparison, check_names, open_workers
    from rimlight.lab.evaluation.datasets import open_dataset
    from rimlight.sinks.output_paths import check_report
    from rimlight.system.atomic_io import write_text

    check_report(output, overwrite=overwrite)
    opened = [open_dataset(spec, limit=limit) for spec in data]
    check_names("data", [one.name for one in opened])
    contenders = _make_contenders(quality, model or (), peer or (), opened[0].size)
    with open_workers(contenders) as workers:
        comparisons = [Comparison(one, workers) for one in opened]
        is_complete = _run(comparisons, quiet=quiet)
        versions = {worker.contender.name: worker.version for worker in workers}
    done = [comparison for comparison in comparisons if comparison.count]
    if done:
        evaluation = _collect(done, is_complete=is_complete)
        write_text(output, to_html(evaluation, _get_moments(done), versions=versions))
        print_evaluation(evaluation)
        typer.echo(f"wrote {output}", err=True)
    if not is_complete:
        raise typer.Exit(INTERRUPTED)


def _make_contenders(
    qualities: Sequence[str] | None,
    models: Sequence[str],
    peers: Sequence[str],
    size: tuple[int, int],
) -> list[Contender]:
    from rimlight.lab.compare.contenders import make_model, make_peer, make_quality

    presets = QUALITIES if not qualities and not models else qualities or ()
    return [
        *(make_quality(name) for name in presets),
        *(make_model(text) for text in models),
        *(make_peer(text, size) for text in peers),
    ]


def _run(comparisons: Sequence[Comparison], *, quiet: bool) -> bool:
    """Run the comparisons; return False if Ctrl-C ended them."""
    from rimlight.cli.console import open_progress

    done = 0
    counts = [comparison.data.count for comparison in comparisons]
    total = None if None in counts else sum(filter(None, counts))
    with open_progress("comparing", quiet=quiet) as update:

        def advance(data: Dataset) -> None:
            nonlocal done
            done += 1
            update(done, total, data.name)

        try:
            with interrupts.interrupted_by_signals():
                for comparison in comparisons:
                    comparison.run(advance)
        except KeyboardInterrupt:
            return False
    return True


def _collect(comparisons: Sequence[Comparison], *, is_complete: bool) -> Evaluation:
    from rimlight.lab.evaluation.results import Evaluation
    from rimlight.lab.evaluation.run import describe_machine

    results = tuple(result for one in comparisons for result in one.results())
    stopped = {} if is_complete else {"stopped": "before the end"}
    return Evaluation(results, stopped | describe_machine())


def _get_moments(comparisons: Sequence[Comparison]) -> dict[str, Moments]:
    return {comparison.data.name: comparison.moments for comparison in comparisons}
