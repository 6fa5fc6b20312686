"""How soft hair is, and how much of the room's color is left in it, against an exact truth.

    python tests/bench/soft_alpha.py [FOLDER] [--quality best] [--count 20] [--save DIR]

Draws strands of hair over COUNT photographs of FOLDER (images/ and masks/; the default is
`portraits` of the shared data), lets `rimlight process` put them before red, before green and
before nothing, and compares with the truth. The two backgrounds tell what alpha was used and what
color was shown: their difference is 1 - alpha. All figures are means over the unknown band (within
5 pixels of half-transparent ones), and over the pictures:

alpha error     mean absolute difference, in thousandths
gradient error  squared difference of the lengths of gradients (Gaussian derivatives, sigma 1.4;
                Rhemann et al., CVPR 2009), in thousandths
fringe          how much of what is shown of half-transparent pixels is the room, where it differs
                from the hair by 30 levels or more, in thousandths: the color's way from the hair's
                own to the room's. It counts by opacity, for a mask without hair shows no room
color error     mean absolute difference of the two pictures to the true ones, in levels
ms              CPU time a picture of the whole run before red, decoding and encoding included
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[1]))

from strands import Strands, draw_strands, read_pairs

from rimlight.factory.pipeline import open_pipeline
from rimlight.factory.presets import background_effects, build_config

Floats = NDArray[np.float32]
RED, GREEN = (np.array(bgr, np.float32) for bgr in ((0, 0, 255), (0, 255, 0)))
LEAST_CONTRAST = 30
SIGMA = 1.4


def process(source: Path, out: Path, background: str, quality: str, sets: Sequence[str]) -> float:
    """Put the pictures of a folder before a background; return the CPU seconds."""
    effects = background_effects(background=background, blur=None)
    config = build_config(
        "process",
        source=str(source),
        sinks=[f"{out}/"],
        effects=effects,
        quality=quality,
        settings=sets,
        options={"images": {"format": "png"}},
    )
    start = time.process_time()
    with open_pipeline(config) as run:
        run.pipeline.run()
    return time.process_time() - start


def shown_over(red: Floats, green: Floats) -> tuple[Floats, Floats]:
    """Return alpha and the color times alpha that two pictures, before red and green, show."""
    through = ((red - green) @ (RED - GREEN)) / float((RED - GREEN) @ (RED - GREEN))
    alpha = np.clip(1 - through, 0, 1)
    return alpha, red - (1 - alpha)[..., None] * RED


def gradient(alpha: Floats) -> Floats:
    """Return the length of the gradient of alpha, by Gaussian derivatives."""
    reach = np.arange(-6, 7, dtype=np.float32)
    bell = np.exp(-(reach**2) / (2 * SIGMA**2))
    slope = -reach * bell
    bell, slope = bell / bell.sum(), slope / np.abs(slope * reach).sum()
    across = cv2.sepFilter2D(alpha, cv2.CV_32F, slope, bell)
    down = cv2.sepFilter2D(alpha, cv2.CV_32F, bell, slope)
    return np.hypot(across, down)


def compare(truth: Strands, red: Floats, green: Floats) -> dict[str, float]:
    """Return the figures of one picture, shown before both colors."""
    alpha, color = shown_over(red, green)
    band = truth.unknown
    steep = (gradient(alpha) - gradient(truth.alpha)) ** 2
    room = truth.back - truth.front
    far = np.linalg.norm(room, axis=2) >= LEAST_CONTRAST
    half = band & far & (truth.alpha > 0.01) & (truth.alpha < 0.99)
    left = color - alpha[..., None] * truth.front
    share = (left * room).sum(axis=2) / np.maximum((room * room).sum(axis=2), 1)
    return {
        "alpha error": 1000 * float(np.abs(alpha - truth.alpha)[band].mean()),
        "gradient error": 1000 * float(steep[band].mean()),
        "fringe": 1000 * float(share.clip(0, 1)[half].sum() / max(alpha[half].sum(), 1)),
        "color error": float(
            np.mean([error(truth, shown, behind) for shown, behind in ((red, RED), (green, GREEN))])
        ),
    }


def error(truth: Strands, shown: Floats, behind: Floats) -> float:
    """Return by how many levels a picture before `behind` is off in the band."""
    alpha = truth.alpha[..., None]
    wanted = alpha * truth.front + (1 - alpha) * behind
    return float(np.abs(shown - wanted)[truth.unknown].mean())


def read_over(path: Path, behind: Floats) -> Floats:
    """Return a picture as it looks before a color."""
    picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED).astype(np.float32)
    if picture.shape[2] == 3:
        return picture
    alpha = picture[..., 3:] / 255
    return alpha * picture[..., :3] + (1 - alpha) * behind


def measure(truths: Sequence[Strands], work: Path, quality: str, sets: Sequence[str]) -> None:
    """Run all three backgrounds and print a line for replaced ones and one for cut-outs."""
    pictures = work / "pictures"
    pictures.mkdir(parents=True, exist_ok=True)
    for number, truth in enumerate(truths):
        cv2.imwrite(str(pictures / f"{number:02}.png"), truth.picture)
    spent = {
        name: process(pictures, work / name, name, quality, sets)
        for name in ("red", "lime", "none")
    }
    for route, names in (("replaced", ("red", "lime")), ("cut out", ("none", "none"))):
        rows = []
        for number, truth in enumerate(truths):
            files = [work / name / f"{number:02}.png" for name in names]
            rows.append(compare(truth, read_over(files[0], RED), read_over(files[1], GREEN)))
        means = {key: float(np.mean([row[key] for row in rows])) for key in rows[0]}
        means["ms"] = 1000 * spent[names[0]] / len(truths)
        print(f"{quality:10} {route:10}", *(f"{key} {mean:.2f} " for key, mean in means.items()))


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser()
    shared = Path(os.environ.get("RIMLIGHT_SHARED", "../shared"))
    parser.add_argument("folder", type=Path, nargs="?", default=shared / "data" / "portraits")
    parser.add_argument("--quality", action="append")
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--save", type=Path)
    parser.add_argument("--set", action="append", default=[])
    given = parser.parse_args()
    truths = [
        draw_strands(picture, mask, seed=number)
        for number, (picture, mask) in enumerate(read_pairs(given.folder, given.count))
    ]
    with TemporaryDirectory() as temporary:
        for quality in given.quality or ["fast", "balanced", "best"]:
            work = (given.save or Path(temporary)) / quality
            measure(truths, work, quality, given.set)


if __name__ == "__main__":
    main()
