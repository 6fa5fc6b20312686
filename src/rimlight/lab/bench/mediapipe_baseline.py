"""Time MediaPipe on the same frames, in an environment of its own, in turns with rimlight.

The baseline runs in another interpreter that has mediapipe installed. It loads the frames once,
then measures one of them for each line it reads, so that both sides are measured interleaved.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from rimlight.core.errors import ConfigError
from rimlight.core.frame import Frame
from rimlight.lab.bench.frame_cost import EFFECTS, MODEL
from rimlight.models.catalog import Catalog

MEDIAPIPE = """
import json, sys, time
import cv2, numpy as np, mediapipe as mp
from mediapipe.tasks.python import BaseOptions, vision

cv2.setNumThreads(1)
frames = np.load(sys.argv[1])
height, width = frames.shape[1:3]
back = cv2.resize(cv2.imread(sys.argv[3]), (width, height))
options = vision.ImageSegmenterOptions(
    base_options=BaseOptions(model_asset_path=sys.argv[2]),
    running_mode=vision.RunningMode.VIDEO,
    output_confidence_masks=True,
)
with vision.ImageSegmenter.create_from_options(options) as segmenter:
    print(json.dumps({"mediapipe": mp.__version__}), flush=True)
    for number, line in enumerate(sys.stdin):
        frame = frames[int(line) % len(frames)]
        wall, cpu = time.perf_counter(), time.process_time()
        rgb = cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
        image = mp.Image(image_format=mp.ImageFormat.SRGB, data=rgb)
        mask = segmenter.segment_for_video(image, number * 33).confidence_masks[0].numpy_view()
        alpha = cv2.resize(np.ascontiguousarray(mask, np.float32), (width, height))
        cv2.blendLinear(frame, back, alpha, 1 - alpha)
        print(time.process_time() - cpu, time.perf_counter() - wall, flush=True)
"""
"""MediaPipe's ImageSegmenter, its mask resized and blended with OpenCV: the straight way."""


@contextmanager
def start_mediapipe(python: Path, frames: Sequence[Frame]) -> Iterator[Callable[[int], float]]:
    """Start the peer; give a function that processes a frame and returns its CPU seconds.

    Args:
        python: an interpreter that has mediapipe and opencv-python.
        frames: what both sides work on.

    Raises:
        ConfigError: the interpreter is not there, or its mediapipe does not start.
    """
    _, model = Catalog().resolve(MODEL)
    with tempfile.TemporaryDirectory() as folder:
        stored, script = Path(folder) / "frames.npy", Path(folder) / "peer.py"
        np.save(stored, np.stack([frame.bgr for frame in frames]))
        script.write_text(MEDIAPIPE)
        words = [python, script, stored, model, EFFECTS["picture"][1]["background"]]
        with _start_peer([str(word) for word in words]) as peer:
            yield lambda number: _ask(peer, number)[0]


@contextmanager
def _start_peer(command: Sequence[str]) -> Iterator[subprocess.Popen[str]]:
    try:
        peer = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
    except OSError as exc:
        raise ConfigError(f"cannot start {command[0]}: {exc.strerror}", hint=_HINT) from exc
    with peer:
        try:
            assert peer.stdout is not None
            hello = peer.stdout.readline()
            if not hello:
                raise ConfigError(f"mediapipe does not start in {command[0]}", hint=_HINT)
            json.loads(hello)
            yield peer
        finally:
            peer.kill()


def _ask(peer: subprocess.Popen[str], number: int) -> tuple[float, float]:
    assert peer.stdin is not None
    assert peer.stdout is not None
    peer.stdin.write(f"{number}\n")
    peer.stdin.flush()
    cpu, wall = peer.stdout.readline().split()
    return float(cpu), float(wall)


_HINT = (
    "make an environment for it: python3 -m venv peer && peer/bin/pip install mediapipe "
    "opencv-python, then --mediapipe-python peer/bin/python"
)
