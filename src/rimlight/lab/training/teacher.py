"""Predictions of a teacher, in the classes of its student, computed once and cached."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rimlight.core.config import SegmenterConfig
from rimlight.core.errors import ConfigError, ModelError
from rimlight.core.frame import Frame, Mask
from rimlight.factory.segmenter import open_segmenter
from rimlight.lab.training.compression_options import TeacherOptions
from rimlight.lab.training.data.samples import Sample, read_image
from rimlight.models.catalog import Catalog, compute_sha256
from rimlight.segmenters.ensemble import EnsembleSegmenter
from rimlight.system.atomic_io import atomic_write, make_folder

Scores = NDArray[np.float32]


class TeacherPredictions:
    """A teacher's probabilities by sample.

    Args:
        folder: where they are kept.
        options: who teaches.
        classes: the student's; the first one takes what means no other.

    Raises:
        ConfigError: `means` names a class that one of the two does not have.
        ModelError: the teacher does not open.
    """

    def __init__(self, folder: Path, options: TeacherOptions, classes: Sequence[str]) -> None:
        card, file = Catalog(options.models_dir).resolve(options.model)
        self._options = options
        self._classes = tuple(classes)
        self._columns = map_columns(card.classes, self._classes, options.means)
        said = (
            compute_sha256(file),
            options.flip_tta,
            self._classes,
            sorted(options.means.items()),
        )
        self._folder = folder / hashlib.sha256(repr(said).encode()).hexdigest()[:12]

    def prepare(
        self, samples: Sequence[Sample], on_picture: Callable[[int, int], None] = lambda *_: None
    ) -> None:
        """Ask the teacher about every sample that it has not been asked about yet.

        Args:
            samples: all that `read` will be called for.
            on_picture: told of how many of how many pictures are done.

        Raises:
            ConfigError: a picture cannot be read.
            ModelError: an answer cannot be kept.
        """
        missing = [sample for sample in samples if not self._locate(sample).exists()]
        if not missing:
            return
        make_folder(self._folder, ModelError)
        with closing(self._open()) as teacher:
            for done, sample in enumerate(missing):
                self._store(sample, self._predict(teacher, sample))
                on_picture(done + 1, len(missing))

    def read(self, sample: Sample) -> Scores:
        """Return float32 (h, w, classes) of the whole picture, which add up to 1.

        Raises:
            ConfigError: `prepare` was not called for it.
        """
        try:
            kept: NDArray[np.float16] = np.load(self._locate(sample))
        except (OSError, ValueError) as exc:
            raise ConfigError(f"the teacher's answer to {sample.name} is not there") from exc
        return kept.astype(np.float32)

    def _open(self) -> Any:
        said = {"model": self._options.model, "models_dir": self._options.models_dir}
        segmenter = open_segmenter(SegmenterConfig.model_validate({"kind": "model", **said}))
        return (
            EnsembleSegmenter([segmenter], flip_tta=True) if self._options.flip_tta else segmenter
        )

    def _predict(self, teacher: Any, sample: Sample) -> Scores:
        frame = Frame.from_bgr(
            read_image(sample.picture), index=0, pts=Fraction(0), captured_at=time.monotonic()
        )
        return convert_to_classes(teacher.segment(frame), self._columns, len(self._classes))

    def _store(self, sample: Sample, scores: Scores) -> None:
        with atomic_write(self._locate(sample), ModelError) as part:
            np.save(part, scores.astype(np.float16))

    def _locate(self, sample: Sample) -> Path:
        state = sample.picture.stat()
        marks = (str(sample.picture.resolve()), state.st_size, state.st_mtime_ns)
        return self._folder / f"{hashlib.sha256(repr(marks).encode()).hexdigest()[:20]}.npy"


def map_columns(
    taught: Sequence[str], learnt: Sequence[str], means: dict[str, str]
) -> tuple[int, ...]:
    """Return which of the student's classes each of the teacher's is; 0 where it is none.

    Raises:
        ConfigError: `means` names a class that one of the two does not have.
    """
    for theirs, ours in means.items():
        if theirs not in taught or ours not in learnt:
            raise ConfigError(
                f"teacher.means: {theirs!r} -> {ours!r} is not of the teacher's and student's",
                hint=f"the teacher has {', '.join(taught)}; the student {', '.join(learnt)}",
            )
    names = [means.get(name, name) for name in taught]
    return tuple(learnt.index(name) if name in learnt else 0 for name in names)


def convert_to_classes(mask: Mask, columns: Sequence[int], classes: int) -> Scores:
    """Return the scores of a mask as float32 (h, w, classes) that add up to 1.

    What the teacher's scores leave of 1, as those of a model of one class do, is class 0.
    """
    result = np.zeros((*mask.shape, classes), np.float32)
    for score, column in zip(np.moveaxis(mask.scores, -1, 0), columns, strict=True):
        result[..., column] += score
    result[..., 0] += np.maximum(0, 1 - result.sum(-1))
    total: Scores = result.sum(-1, keepdims=True)
    result /= total
    return result
