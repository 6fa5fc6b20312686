"""Models in .onnx files, run by ONNX Runtime."""

from __future__ import annotations

from pathlib import Path

from rimlight.core.frame import Frame, Mask
from rimlight.core.model_card import ModelCard
from rimlight.segmenters.model_segmenter import ModelSegmenter
from rimlight.segmenters.onnx_runtime import OnnxRuntime
from rimlight.segmenters.runtime import ModelOptions, ThreadOptions
from rimlight.segmenters.scene_cuts import SceneCutDetector


class OnnxSegmenter(ModelSegmenter):
    """Segments with an .onnx model. A recurrent one forgets its states where a scene ends.

    Args:
        card: how to feed the file and read its output.
        file: the .onnx file.
        options: see `Options`.

    Raises:
        ModelNotFoundError: there is no such file.
        ModelFormatError: the file is damaged, or is not what the card says.
    """

    class Options(ModelOptions, ThreadOptions):
        """Runtime options of .onnx models."""

    def __init__(self, card: ModelCard, file: Path, options: Options) -> None:
        self._runtime = OnnxRuntime(file, threads=options.threads, device=options.device, card=card)
        super().__init__(card, file, self._runtime, parts=options.parts, device=options.device)
        self._scenes = SceneCutDetector() if card.recurrent else None

    def _run(self, frame: Frame) -> Mask:
        if self._scenes and self._scenes.begins_scene(frame):
            self._runtime.forget()
        return super()._run(frame)
