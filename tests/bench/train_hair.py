"""Trains `models/hair.npz`, the network of the refiner hair: an hour or less of one CPU.

    python tests/bench/train_hair.py PEOPLE EMPTY [--count 300] [--epochs 40] [--cache samples.pkl]

PEOPLE holds pictures and `sources.csv` (file, kind, where each is from, its license). Strands of
hair are drawn over the masks that `roi: multi` gives; then the picture is enlarged, compressed and
made noisy by chance, and the mask is made again. What the network should say is known wherever a
strand was drawn; a rim around the first mask, whose own hair nobody labeled, is left out. Each
person is also pasted before one of the pictures of EMPTY, a third of them without strands.
Needs TensorFlow (`rimlight[keras]`). Seeds are fixed; the order of floating-point sums is not.
"""

from __future__ import annotations

import argparse
import csv
import pickle
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from strands import Floats, Image, draw_strands, has_head

from rimlight.core.config import SegmenterConfig
from rimlight.core.frame import Frame
from rimlight.core.protocols import Segmenter
from rimlight.factory.segmenter import open_segmenter
from rimlight.imaging.hair.features import compute_features, find_surroundings

MODELS = Path(__file__).parents[2] / "models"
SEED = 5
LEAST_PX = 300
MOST_OF_A_KIND, MOST_OFFICIAL = 140, 60
EMPTY = np.empty((0, 0), np.uint8)
"""The first mask of a pasted person, whose whole outline is known."""
NEAR, ELSEWHERE = 3000, 3000
"""Pixels of a picture that are learned, close to strands and elsewhere."""
RIM_PX = 2.5
LAYERS = (64, 32)
BATCH, RATE = 2048, 3e-3

Sample = tuple[Image, Image, Floats, Floats]


def choose_pictures(folder: Path, rng: np.random.Generator) -> Iterator[dict[str, str]]:
    """Yield the rows of the sources by chance, not too many of one kind."""
    rows = list(csv.DictReader((folder / "sources.csv").open()))
    rng.shuffle(rows)
    seen: Counter[str] = Counter()
    for row in rows:
        seen[row["kind"]] += 1
        if seen[row["kind"]] <= (MOST_OFFICIAL if "official" in row["kind"] else MOST_OF_A_KIND):
            yield row


def make_samples(folder: Path, count: int) -> tuple[list[Sample], list[dict[str, str]]]:
    """Return (picture, first mask, truth, scores) of each picture, and the rows used."""
    rng = np.random.default_rng(SEED)
    samples, used = [], []
    part = SegmenterConfig.model_validate({"kind": "model", "model": "auto", "roi": "multi"})
    with closing(open_segmenter(part)) as segmenter:
        for row in choose_pictures(folder, rng):
            picture = cv2.imread(str(folder / row["file"]))
            sample = make_sample(picture, segmenter, rng)
            if sample is not None:
                samples.append(sample)
                used.append(row)
            if len(samples) == count:
                break
    return samples, used


def make_sample(picture: Image, segmenter: Segmenter, rng: np.random.Generator) -> Sample | None:
    """Return a picture with strands and what is known of it; None where no head is seen."""
    factor = rng.uniform(1.0, 1.7)
    large = cv2.resize(picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
    mask = ((find_people(large, segmenter) > 0.5) * 255).astype(np.uint8)
    if not has_head(mask, LEAST_PX):
        return None
    lens_px, head = rng.uniform(0.3, 0.9), rng.uniform(0.25, 0.5)
    seed = int(rng.integers(1 << 30))
    truth = draw_strands(large, mask, seed=seed, lens_px=lens_px, head=head)
    shown = truth.picture
    if rng.random() < 0.4:
        quality = int(rng.integers(70, 96))
        data = cv2.imencode(".jpg", shown, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        shown = cv2.imdecode(data, cv2.IMREAD_COLOR)
    if rng.random() < 0.5:
        noisy = shown + rng.normal(0, rng.uniform(1, 4), shown.shape)
        shown = np.clip(noisy, 0, 255).astype(np.uint8)
    return shown, mask, truth.alpha, find_people(shown, segmenter)


def paste_sample(picture: Image, mask: Image, back: Image, rng: np.random.Generator) -> Sample:
    """Return a person before an empty room, with strands or, in a third, without any."""
    soft = cv2.GaussianBlur(cv2.erode(mask, np.ones((3, 3), np.uint8)), (0, 0), 1.0)
    share = (soft * np.float32(1 / 255))[..., None]
    room = cv2.resize(back, (mask.shape[1], mask.shape[0]), interpolation=cv2.INTER_AREA)
    light = rng.uniform(0.6, 1.2)
    mixed = np.clip(share * picture * light + (1 - share) * room, 0, 255).astype(np.uint8)
    truth = draw_strands(
        mixed,
        (soft > 127).astype(np.uint8) * 255,
        seed=int(rng.integers(1 << 30)),
        lens_px=rng.uniform(0.3, 0.9),
        head=rng.uniform(0.25, 0.5),
    )
    bare = rng.random() < 0.35
    wide = 2 * int(rng.integers(0, 3)) + 1
    change = cv2.dilate if rng.random() < 0.5 else cv2.erode
    seen = cv2.GaussianBlur(change(soft, np.ones((wide, wide), np.uint8)), (0, 0), 2.0)
    scores = seen.astype(np.float32) * np.float32(1 / 255)
    alpha = share[..., 0] if bare else np.maximum(share[..., 0], truth.alpha)
    return mixed if bare else truth.picture, EMPTY, alpha, scores


def paste_samples(samples: list[Sample], rows: list[dict[str, str]], folder: Path, empty: Path):
    """Yield one pasted sample for each of `samples`."""
    rng = np.random.default_rng(SEED + 1)
    rooms = sorted(empty.glob("*.jpg"))
    for (shown, mask, _, _), row in zip(samples, rows, strict=True):
        picture = cv2.imread(str(folder / row["file"]))
        large = cv2.resize(picture, (shown.shape[1], shown.shape[0]), interpolation=cv2.INTER_CUBIC)
        yield paste_sample(large, mask, cv2.imread(str(rng.choice(rooms))), rng)


def find_people(picture: Image, segmenter: Segmenter) -> Floats:
    """Return the scores of a picture on its own, float32 (h, w)."""
    frame = Frame.from_bgr(picture, index=0, pts=Fraction(0), captured_at=0)
    return cv2.resize(segmenter.segment(frame).alpha(), frame.size)


def choose_pixels(sample: Sample, rng: np.random.Generator) -> tuple[Floats, Floats] | None:
    """Return features and opacities of some pixels of a picture."""
    picture, mask, truth, scores = sample
    near = find_surroundings(scores)
    if near is None:
        return None
    features, looked = compute_features(picture, near)
    known = np.ones(int(np.count_nonzero(looked)), bool)
    if mask.size:
        solid = (mask > 127).astype(np.uint8)
        depths = [cv2.distanceTransform(one, cv2.DIST_L2, 3) for one in (solid, 1 - solid)]
        known = ~((depths[0] < RIM_PX) & (depths[1] < RIM_PX))[looked]
    between = ((truth > 0.01) & (truth < 0.99)).astype(np.uint8)
    close = (cv2.dilate(between, np.ones((11, 11), np.uint8)) > 0)[looked]
    chosen = [
        rng.choice(found, min(found.size, most), replace=False)
        for found, most in (
            (np.flatnonzero(known & close), NEAR),
            (np.flatnonzero(known & ~close), ELSEWHERE),
        )
    ]
    at = np.concatenate(chosen)
    return features[at], truth[looked][at].astype(np.float32)


def train(features: Floats, truth: Floats, epochs: int) -> list[Floats]:
    """Return mean and deviation of the features, and the weights of the layers."""
    import keras
    import tensorflow as tf

    keras.utils.set_random_seed(0)
    mean, deviation = features.mean(axis=0), features.std(axis=0) + np.float32(1e-3)
    rate = keras.optimizers.schedules.CosineDecay(RATE, epochs * len(features) // BATCH)

    def loss(wanted, given):
        error = tf.abs(wanted - given)
        return tf.reduce_mean(error + error * error)

    network = keras.Sequential(
        [
            keras.layers.Input((features.shape[1],)),
            *(keras.layers.Dense(width, "relu") for width in LAYERS),
            keras.layers.Dense(1, "sigmoid"),
        ]
    )
    network.compile(keras.optimizers.Adam(rate), loss)
    network.fit((features - mean) / deviation, truth, batch_size=BATCH, epochs=epochs, verbose=2)
    return [mean, deviation, *(weights.numpy() for weights in network.weights)]


def write_sources(rows: list[dict[str, str]]) -> None:
    """Write which pictures were used, and on which terms."""
    names = ["file", "repository_or_package", "path", "commit_or_version", "licence"]
    with (MODELS / "hair-sources.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, names, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(sorted(rows, key=lambda row: row["file"]))


def main() -> None:
    """Make the samples, train, and write the weights and their sources."""
    parser = argparse.ArgumentParser()
    parser.add_argument("people", type=Path)
    parser.add_argument("empty", type=Path)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--cache", type=Path)
    given = parser.parse_args()
    if given.cache and given.cache.exists():
        samples, used = pickle.loads(given.cache.read_bytes())
    else:
        samples, used = make_samples(given.people, given.count)
        if given.cache:
            given.cache.write_bytes(pickle.dumps((samples, used)))
    rng = np.random.default_rng(0)
    samples = [*samples, *paste_samples(samples, used, given.people, given.empty)]
    parts = [part for sample in samples if (part := choose_pixels(sample, rng)) is not None]
    features, truth = (np.concatenate(each) for each in zip(*parts, strict=True))
    values = train(features.astype(np.float32), truth, given.epochs)
    named = {f"arr_{number}": value.astype(np.float32) for number, value in enumerate(values)}
    np.savez_compressed(MODELS / "hair.npz", **named)
    write_sources(used)


if __name__ == "__main__":
    main()
