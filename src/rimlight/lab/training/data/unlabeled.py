"""Images and videos without masks: to be labeled by a teacher, or to calibrate on."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

from rimlight.core.config import SourceConfig
from rimlight.core.errors import ConfigError, SourceError
from rimlight.core.frame import Frame
from rimlight.factory.pipeline import open_source
from rimlight.imaging.geometry import UPRIGHT, Orientation
from rimlight.lab.training.data.folders import index_images
from rimlight.lab.training.data.options import IGNORED
from rimlight.lab.training.data.samples import Labels, Sample
from rimlight.sources import guess_source

_QUALITY = 95  # of the JPEG that a frame is kept as
_STARTED = ".unfinished"


@dataclass(frozen=True, slots=True)
class NoTruth:
    """Nobody knows: no pixel counts."""

    def read(self, size: tuple[int, int], turned: Orientation = UPRIGHT) -> Labels:
        """Return `IGNORED` everywhere."""
        return np.full((size[1], size[0]), IGNORED, np.uint8)

    def problems(self, size: tuple[int, int], turned: Orientation = UPRIGHT) -> list[str]:
        """Return none."""
        return []


def find_unlabeled_samples(
    paths: Sequence[Path], cache: Path, *, every: int = 10, limit: int | None = None
) -> tuple[Sample, ...]:
    """Return pictures and frames of clips as samples whose labels do not count.

    Args:
        paths: folders of pictures (also those with a folder `images`), pictures, and clips.
        cache: where frames of clips are kept as pictures; a clip that is there is not read again.
        every: use every Nth frame of a clip.
        limit: of each path, that many at most, evenly chosen.

    Raises:
        ConfigError: a folder holds no pictures, or `cache` cannot be written.
        SourceError: a clip does not open or breaks off.
    """
    found = [sample for path in paths for sample in _find_in_path(path, cache, every, limit)]
    return tuple(sorted(found, key=lambda sample: sample.name))


def extract_frames(paths: Sequence[Path], *, limit: int) -> Iterator[Frame]:
    """Yield pictures and frames of clips, `limit` of each path at most, evenly chosen.

    Raises:
        ConfigError: a folder holds no pictures.
        SourceError: a clip or a picture does not open or breaks off.
    """
    for path in paths:
        place = path / "images" if (path / "images").is_dir() else path
        if place.is_dir():
            index_images(place)  # says what lies there instead
        source = open_source(SourceConfig.model_validate(guess_source(str(place))))
        try:
            step = max(1, (source.info.count or limit) // limit)
            yield from islice(source, 0, limit * step, step)
        finally:
            source.close()


def _find_in_path(path: Path, cache: Path, every: int, limit: int | None) -> Sequence[Sample]:
    if guess_source(str(path))["kind"] == "images":
        files = _find_images(path)
    else:
        files = _cache_frames(path, cache, every)
    step = max(1, len(files) // limit) if limit else 1
    prefix = path.resolve().stem
    return [Sample(f"{prefix}/{name}", files[name], NoTruth()) for name in [*files][::step][:limit]]


def _find_images(path: Path) -> dict[str, Path]:
    if not path.is_dir():
        return {path.stem: path}
    return index_images(path / "images" if (path / "images").is_dir() else path)


def _cache_frames(clip: Path, cache: Path, every: int) -> dict[str, Path]:
    """Return one frame in `every` as a picture file, written unless all of them are there."""
    state = clip.stat() if clip.is_file() else None  # a missing one is for the source to report
    marks = (clip.resolve(), every, state and (state.st_size, state.st_mtime_ns))
    digest = hashlib.sha256(repr(marks).encode()).hexdigest()[:8]
    folder = cache / f"{clip.stem}-{digest}"
    if not folder.is_dir():
        unfinished = folder.with_name(folder.name + _STARTED)
        try:
            unfinished.mkdir(parents=True, exist_ok=True)
            _write_frames(clip, unfinished, every)
            os.replace(unfinished, folder)
        except SourceError:  # an OSError too
            raise
        except OSError as exc:
            raise ConfigError(f"cannot keep frames in {folder}: {exc.strerror or exc}") from exc
    return index_images(folder)


def _write_frames(clip: Path, folder: Path, every: int) -> None:
    source = open_source(SourceConfig.model_validate({**guess_source(str(clip)), "stride": every}))
    try:
        for frame in source:
            path = folder / f"{frame.index:06d}.jpg"
            _, data = cv2.imencode(".jpg", frame.bgr, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
            path.write_bytes(data.tobytes())
    finally:
        source.close()
