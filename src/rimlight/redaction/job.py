"""A redaction as runs of the pipeline: the search of a film, and the run that covers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import Any

from rimlight.core.config import RunConfig, SegmenterConfig, SinkConfig
from rimlight.core.protocols import Segmenter
from rimlight.factory.presets import build_config, make_overwrite_options
from rimlight.factory.segmenter import open_segmenter
from rimlight.redaction.covers import CoverSegmenter, SearchSegmenter, look_up_covers
from rimlight.redaction.inputs import RedactionJob
from rimlight.redaction.models import FACE_MODEL, RedactionModels, open_detectors
from rimlight.redaction.tracking import Cover

OpenModel = Callable[[SegmenterConfig, tuple[int, int]], Segmenter]


def build_redaction(
    job: RedactionJob,
    models: RedactionModels,
    *,
    cover: Mapping[str, Any],
    video: Mapping[str, Any],
    overwrite: bool,
    source_options: Mapping[str, Any],
    runtime: Mapping[str, Any],
    config: Path | None = None,
    settings: Sequence[str] = (),
) -> RunConfig:
    """Return the run that covers: it reads the job's source and writes its output.

    Args:
        job: what is read and written.
        models: what finds things.
        cover: options of the effect: style, shape, color.
        video: options of the film that is written.
        overwrite: files may be replaced.
        source_options: more options of the source.
        runtime: options of the models, such as threads and tiles.
        config: a YAML file of the user's own.
        settings: "key=value" texts of the user.
    """
    replaced = make_overwrite_options(overwrite=overwrite)
    return build_config(
        "road",
        source=job.source,
        sinks=[job.output],
        segmenter={
            "model": "+".join((*models.detectors, *filter(None, [models.areas]))),
            **runtime,
        },
        effects=_make_effects(models, cover),
        options={**replaced, "video": {**replaced["video"], **video}},
        source_options=source_options,
        config=config,
        settings=settings,
    )


def _make_effects(models: RedactionModels, cover: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the effects: what was tracked needs no memory, areas do."""
    effects: list[dict[str, Any]] = []
    if models.classes:
        tracked = {"max_age": 0, "hold_s": 0, "margin": 0}
        effects.append({"kind": "redact", "classes": models.classes, **tracked, **cover})
    if models.names:
        effects.append({"kind": "redact", "classes": models.names, **cover})
    return effects


def make_search(run: RunConfig) -> RunConfig:
    """Return the run that reads the frames of `run` and writes nothing."""
    null = SinkConfig.model_validate({"kind": "null"})
    return run.model_copy(update={"effects": (), "refiners": (), "sinks": (null,)})


def open_search(models: RedactionModels, runtime: Mapping[str, Any]) -> SearchSegmenter:
    """Open the detectors for the search of a film."""
    return SearchSegmenter(open_detectors(models.detectors, **runtime))


def make_film_opener(models: RedactionModels, covers: Mapping[int, Sequence[Cover]]) -> OpenModel:
    """Return what opens the segmenter that covers a film that was searched."""
    look_up = look_up_covers(covers)

    def open_film(part: SegmenterConfig, size: tuple[int, int]) -> Segmenter:
        del part
        areas = _open_areas(models, size)
        return CoverSegmenter(look_up, models.classes, areas=areas, names=models.names)

    return open_film


def make_image_opener(models: RedactionModels, runtime: Mapping[str, Any]) -> OpenModel:
    """Return what opens the segmenter that covers images, each by itself."""

    def open_images(part: SegmenterConfig, size: tuple[int, int]) -> Segmenter:
        del part
        with ExitStack() as on_error:
            detectors = on_error.enter_context(closing(open_detectors(models.detectors, **runtime)))
            areas = _open_areas(models, size)
            on_error.pop_all()
        return CoverSegmenter(
            detectors.detect,
            models.classes,
            areas=areas,
            names=models.names,
            close=partial(detectors.close),
        )

    return open_images


def build_check(path: str) -> RunConfig:
    """Return the run that searches a film, an image or a folder of images and writes nothing."""
    run = build_config(
        "road",
        source=path,
        segmenter={"model": FACE_MODEL},
        effects=[],
        analysis_only=True,
    )
    return make_search(run)


def _open_areas(models: RedactionModels, size: tuple[int, int]) -> Segmenter | None:
    if not models.areas:
        return None
    part = SegmenterConfig.model_validate({"kind": "model", "model": models.areas})
    return open_segmenter(part, size)
