"""Makes `selfie_multiclass_256x256_small.tflite`, the shipped form of MediaPipe's model.

    pip install ai-edge-quantizer==0.10.0
    python models/make_selfie_multiclass.py selfie_multiclass_256x256.tflite

Weights become float16; those of the largest convolution, 16 % of the network, become int8 with a
scale for each channel. Both are converted back when the model is opened: it computes in float32 as
before. Input and output are checked against their sha256.
"""

import hashlib
import sys
from pathlib import Path

from ai_edge_quantizer import qtyping, quantizer

ORIGINAL = "c6748b1253a99067ef71f7e26ca71096cd449baefa8f101900ea23016507e0e0"
MADE = "3c386acc60db0760f34910fe837a26bcb93639b1762e572710ae05f2f2379ccf"
OUTPUT = Path(__file__).with_name("selfie_multiclass_256x256_small.tflite")

LARGEST_CONVOLUTION = r".*conv2d_92/Conv2D.*"


def store_weights_as(bits, dtype, granularity):
    """Return the settings that store weights in `dtype` and compute in float32."""
    weights = qtyping.TensorQuantizationConfig(bits, dtype=dtype, granularity=granularity)
    return qtyping.OpQuantizationConfig(
        weight_tensor_config=weights,
        compute_precision=qtyping.ComputePrecision.FLOAT,
        explicit_dequantize=True,
    )


def shrink(file):
    """Return the bytes of the smaller model."""
    model = quantizer.Quantizer(str(file))
    model.update_quantization_recipe(
        regex=".*",
        operation_name=qtyping.TFLOperationName.ALL_SUPPORTED,
        op_config=store_weights_as(
            16, qtyping.TensorDataType.FLOAT, qtyping.QuantGranularity.TENSORWISE
        ),
        algorithm_key="float_casting",
    )
    model.update_quantization_recipe(
        regex=LARGEST_CONVOLUTION,
        operation_name=qtyping.TFLOperationName.CONV_2D,
        op_config=store_weights_as(
            8, qtyping.TensorDataType.INT, qtyping.QuantGranularity.CHANNELWISE
        ),
        algorithm_key="min_max_uniform_quantize",
    )
    return bytes(model.quantize().quantized_model)


def compute_sha256(data):
    """Return the SHA-256 of bytes as hex digits."""
    return hashlib.sha256(data).hexdigest()


def main(file):
    """Write the smaller model next to this script."""
    if compute_sha256(file.read_bytes()) != ORIGINAL:
        sys.exit(f"{file} is not the file that this was written for")
    data = shrink(file)
    if compute_sha256(data) != MADE:
        sys.exit("another version of ai-edge-quantizer makes other bytes")
    OUTPUT.write_bytes(data)
    print(f"{OUTPUT}: {len(data)} bytes")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
