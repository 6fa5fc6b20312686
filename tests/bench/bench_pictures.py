"""Pictures through `process`, against reading, model and writing alone.

    python tests/bench/bench_pictures.py [COUNT] [--background white|none|FILE] [--format webp]

Makes COUNT pictures of 2 megapixels (1632 x 1224) out of the shipped sample. Measures, in turns:
the sum of decoding, invoking the model and encoding, each alone on one thread; and the whole run,
as `rimlight process` makes it. Prints milliseconds a picture, and how near the run comes to the sum
spread over two cores without loss (1.0 would be perfect; the bar is 0.8). For a quiet machine of
two cores.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np

from rimlight.core.config import RunConfig
from rimlight.factory.pipeline import open_pipeline, open_source
from rimlight.factory.presets import background_effects, build_config
from rimlight.factory.segmenter import open_segmenter
from rimlight.imaging.image_files.read import read_image_file
from rimlight.system import app_paths

SIZE = (1632, 1224)
DISTINCT = 20
CORES = 2
ROUNDS = 3


def make_pictures(folder: Path, count: int) -> None:
    """Write `count` JPEGs with a person and some noise, as cameras have it."""
    rng = np.random.default_rng(0)
    video = cv2.VideoCapture(str(app_paths.find_data_folder("samples") / "portrait.mp4"))
    for index in range(DISTINCT):
        _, picture = video.read()
        large = cv2.resize(picture, SIZE, interpolation=cv2.INTER_CUBIC)
        noisy = np.clip(large + rng.normal(0, 3, large.shape), 0, 255).astype(np.uint8)
        data = cv2.imencode(".jpg", noisy, [cv2.IMWRITE_JPEG_QUALITY, 92])[1].tobytes()
        for number in range(index, count, DISTINCT):
            (folder / f"{number:05}.jpg").write_bytes(data)


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Return (seconds, CPU seconds of all threads)."""
    wall, cpu = time.monotonic(), time.process_time()
    work()
    return time.monotonic() - wall, time.process_time() - cpu


def alone(config: RunConfig, paths: Sequence[Path], out: Path) -> dict[str, float]:
    """Return the CPU seconds of each stage for one picture, one thread, one after the other."""
    sample = paths[: 2 * DISTINCT]
    spent = {"decode": timed(lambda: [read_image_file(path) for path in sample])[1]}
    with closing(open_source(config.source)) as source:
        frames = [frame for frame, _ in zip(source, sample, strict=False)]
        info = source.info
    with closing(open_segmenter(config.segmenter, info.size)) as segmenter:
        masks = [segmenter.segment(frame) for frame in frames]
        spent["invoke"] = timed(lambda: [segmenter.segment(frame) for frame in frames])[1]
    effects = [part.open() for part in config.effects]
    shown = []
    for given, mask in zip(frames, masks, strict=True):
        frame = given
        for effect in effects:
            frame = effect.apply(frame, mask)
        shown.append(frame)
    sink = config.sinks[0].with_options(path=str(out)).open(info)
    spent["encode"] = timed(lambda: [sink.write(frame) for frame in shown])[1]
    return {stage: seconds / len(sample) for stage, seconds in spent.items()}


def run(config: RunConfig) -> None:
    """The whole job."""
    with open_pipeline(config) as opened:
        opened.pipeline.run()


def measure(config: RunConfig, folder: Path) -> dict[str, float]:
    """Return the medians of `ROUNDS` rounds, everything for one picture, in milliseconds."""
    paths = sorted((folder / "in").iterdir())
    figures: dict[str, list[float]] = {}
    for number in range(ROUNDS):
        stages = alone(config, paths, folder / f"alone{number}")
        wall, cpu = timed(lambda: run(config))
        found = {**stages, "run": wall / len(paths), "run_cpu": cpu / len(paths)}
        for name, seconds in found.items():
            figures.setdefault(name, []).append(seconds * 1000)
    made = {name: statistics.median(values) for name, values in figures.items()}
    made["sum"] = sum(made[stage] for stage in ("decode", "invoke", "encode"))
    made["share_of_sum"] = made["sum"] / made["run"]
    made["share_of_ideal"] = made["sum"] / CORES / made["run"]
    made["share_of_ideal_by_cpu"] = made["sum"] / made["run_cpu"]
    return made


def main(arguments: Sequence[str]) -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", nargs="?", type=int, default=1000)
    parser.add_argument(
        "--background", default=str(app_paths.find_data_folder("samples") / "background.jpg")
    )
    parser.add_argument("--format", default="auto")
    said = parser.parse_args(arguments)
    cv2.setNumThreads(1)
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "in").mkdir()
        make_pictures(folder / "in", said.count)
        config = build_config(
            "process",
            source=str(folder / "in"),
            sinks=[f"{folder / 'out'}/"],
            effects=background_effects(background=said.background, blur=None),
            options={"images": {"format": said.format}},
        )
        made = measure(config, folder)
    print(json.dumps({name: round(value, 3) for name, value in made.items()}, indent=1))


if __name__ == "__main__":
    main(sys.argv[1:])
