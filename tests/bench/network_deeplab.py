"""Writes DeepLab with the weights of deeplabv3_257_mv_gpu.tflite at another size, and its card.

    python tests/bench/network_deeplab.py deeplabv3_257_mv_gpu.tflite -o deeplab-512/voc.keras
    rimlight bench --networks -m deeplab-512/voc.keras --pictures split/held

The network is what the file holds (MobileNetV2 of half the width, stride 8, neither parallel
convolutions nor a decoder), so its masks mean something without any training; the table's own
"DeepLabV3+ MobileNetV2" is the whole structure with random weights.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from rimlight.lab.training.cards import write_card
from rimlight.lab.training.networks import build_network
from rimlight.lab.training.networks.options import NetworkOptions

CLASSES = (
    *("background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat"),
    *("chair", "cow", "dining-table", "dog", "horse", "motorbike", "person", "potted-plant"),
    *("sheep", "sofa", "train", "monitor"),
)
"""Of PASCAL VOC, in the order of the file."""


def main() -> None:
    """Read the command line, build, save."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("weights", type=Path)
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--size", default="512x512")
    said = parser.parse_args()
    options = NetworkOptions.model_validate(
        {
            "name": "deeplab-mobilenetv2",
            "size": said.size,
            "classes": len(CLASSES),
            "stride": 8,
            "rates": (),
            "decoder": False,
            "backbone_weights": said.weights,
        }
    )
    said.out.parent.mkdir(parents=True, exist_ok=True)
    build_network(options).save(said.out)
    write_card(said.out, size=options.size, classes=CLASSES, foreground=("person",))


if __name__ == "__main__":
    main()
