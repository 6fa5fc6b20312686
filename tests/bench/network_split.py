"""Makes three folders of links: the pictures that training keeps back, and the rest in two parts.

    python tests/bench/network_split.py people portraits -o split

`split/held` has just what `rimlight train` with these folders validates on, the fifth that a hash
of the names keeps back: for `rimlight eval` and `bench --networks`, or as `validation_paths`. Every
fourth of all others is in `split/labeled`, the rest in `split/unlabeled`, whose masks a teacher
stands in for: see configs/distill-person.yaml.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from rimlight.lab.training.data.find import find_samples
from rimlight.lab.training.data.options import DataOptions
from rimlight.lab.training.data.samples import Sample


def link(samples: Sequence[Sample], folder: Path) -> None:
    """Link pictures and masks into `folder`, named SET-NAME."""
    for sample in samples:
        name = sample.name.replace("/", "-")
        mask = sample.picture.parents[1] / "masks" / f"{sample.picture.stem}_mask.png"
        for file, new in (
            (sample.picture, folder / "images" / f"{name}{sample.picture.suffix}"),
            (mask, folder / "masks" / f"{name}_mask.png"),
        ):
            new.parent.mkdir(parents=True, exist_ok=True)
            new.symlink_to(file.resolve(strict=True))


def main() -> None:
    """Read the command line, link, and say how many pictures went where."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER")
    parser.add_argument("-o", "--out", type=Path, required=True)
    said = parser.parse_args()
    found = find_samples(DataOptions(paths=tuple(said.folders), check=False))
    parts = {
        "held": found.validation,
        "labeled": found.train[::4],
        "unlabeled": [sample for at, sample in enumerate(found.train) if at % 4],
    }
    for name, samples in parts.items():
        link(samples, said.out / name)
        print(name, len(samples))


if __name__ == "__main__":
    main()
