"""What can be compared: the quality presets, models, and tools in other environments."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from rimlight.core.errors import ConfigError
from rimlight.core.registry import suggest
from rimlight.factory.presets import read_quality
from rimlight.factory.segmenter import choose_default_model
from rimlight.lab.compare.worker import Contender
from rimlight.lab.evaluation.setups import parse_setup
from rimlight.models.catalog import Catalog

_OURS = """
import rimlight
from rimlight.lab.compare.own import open_segment
answer(rimlight.__version__, open_segment(settings))
"""

_MEDIAPIPE = """
import cv2
import mediapipe as mp
from mediapipe.tasks.python import BaseOptions, vision

cv2.setNumThreads(1)
options = vision.ImageSegmenterOptions(
    base_options=BaseOptions(model_asset_path=settings["model"]),
    running_mode=vision.RunningMode.VIDEO,
    output_confidence_masks=True,
)
segmenter, time_ms = vision.ImageSegmenter.create_from_options(options), [0]


def segment(frame, head):
    time_ms[0] += 33
    rgb = np.ascontiguousarray(frame[..., ::-1])
    image = mp.Image(image_format=mp.ImageFormat.SRGB, data=rgb)
    mask = segmenter.segment_for_video(image, time_ms[0]).confidence_masks[0].numpy_view()
    return cv2.resize(np.ascontiguousarray(mask, np.float32), frame.shape[1::-1])


answer(mp.__version__, segment)
"""

_REMBG = """
from importlib.metadata import version

from PIL import Image
from rembg import new_session, remove

session = new_session(settings["model"], providers=["CPUExecutionProvider"])


def segment(frame, head):
    image = Image.fromarray(np.ascontiguousarray(frame[..., ::-1]))
    return np.asarray(remove(image, session=session, only_mask=True), np.float32) / 255


answer(version("rembg"), segment)
"""


def make_quality(name: str) -> Contender:
    """Return the preset `name`.

    Raises:
        ConfigError: there is no such preset.
    """
    parts = read_quality(name)
    return _make_ours(name, {"segmenter": parts["segmenter"], "refiners": parts["refiners"]})


def make_model(text: str) -> Contender:
    """Return a setup as `rimlight eval` takes it: "selfie", "steady=selfie+smooth".

    Raises:
        ConfigError: it cannot be parsed.
    """
    setup = parse_setup(text)
    parts = setup.model_dump(mode="json", exclude_defaults=True)
    return _make_ours(
        setup.name, {"segmenter": parts["segmenter"], "refiners": parts.get("refiners", [])}
    )


def make_peer(text: str, size: tuple[int, int]) -> Contender:
    """Return another tool, "NAME=PYTHON".

    Args:
        text: the tool, and an interpreter that can import it.
        size: (width, height) of the images, to which MediaPipe's model is chosen.

    Raises:
        ConfigError: the tool is unknown, or the interpreter is missing.
    """
    name, _, python = text.partition("=")
    if name not in PEERS:
        raise ConfigError(f"unknown peer {name!r}", hint=suggest(name, tuple(PEERS)))
    if not python:
        raise ConfigError(f"--peer {name} needs a Python", hint=_make_peer_hint(name))
    script, settings, _ = PEERS[name]
    path = shutil.which(os.path.expanduser(python))
    if path is None:
        raise ConfigError(f"there is no Python {python}", hint=_make_peer_hint(name))
    return Contender(name, path, script, settings(size), _make_peer_hint(name))


def _make_ours(name: str, settings: Mapping[str, Any]) -> Contender:
    return Contender(name, sys.executable, _OURS, settings, "try it with: rimlight process")


def _choose_mediapipe_model(size: tuple[int, int]) -> dict[str, str]:
    _, model = Catalog().resolve(choose_default_model(size))
    return {"model": str(Path(model).resolve())}


def _make_peer_hint(name: str) -> str:
    package = PEERS[name][2]
    return (
        f"python3 -m venv peer && peer/bin/pip install {package}, "
        f"then --peer {name}=peer/bin/python"
    )


PEERS: Mapping[str, tuple[str, Callable[[tuple[int, int]], dict[str, str]], str]] = (
    MappingProxyType(
        {
            "mediapipe": (
                _MEDIAPIPE, _choose_mediapipe_model, "mediapipe opencv-contrib-python",
            ),
            "rembg": (_REMBG, lambda _: {"model": "u2netp"}, "'rembg[cpu]'"),
        }
    )
)  # fmt: skip
"""By name: its script, the settings for images of (width, height), and what pip installs.

MediaPipe's ImageSegmenter runs the same selfie model as we do; rembg runs its own u2netp, which it
downloads on first use.
"""
