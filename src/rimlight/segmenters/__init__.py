"""Segmenters: compute the mask of a frame with a model, a chroma key or a luma threshold."""

from __future__ import annotations

from rimlight.core.registry import Entry, Registry

SEGMENTERS = Registry(
    "segmenter",
    {
        "chroma": Entry(
            "rimlight.segmenters.chroma:ChromaSegmenter",
            summary="a green screen (or any saturated color) is the background; needs no model",
        ),
        "detector": Entry(
            "rimlight.segmenters.detector:DetectorSegmenter",
            summary="boxes of faces or things from a detector, as ellipses or boxes",
        ),
        "instances": Entry(
            "rimlight.segmenters.yolo:InstanceSegmenter",
            summary="single objects from a .tflite model with boxes and mask prototypes",
        ),
        "keras": Entry(
            "rimlight.segmenters.keras:KerasSegmenter",
            extra="keras",
            summary="a .keras model with its card, run by TensorFlow",
        ),
        "tflite": Entry(
            "rimlight.segmenters.tflite:TfliteSegmenter",
            summary="a .tflite model with its card, run by LiteRT",
        ),
        "onnx": Entry(
            "rimlight.segmenters.onnx:OnnxSegmenter",
            extra="onnx",
            summary="an .onnx model with its card, run by ONNX Runtime",
        ),
        "threshold": Entry(
            "rimlight.segmenters.threshold:ThresholdSegmenter",
            summary="what is bright (or dark) is the foreground; needs no model",
        ),
    },
)
