#!/usr/bin/env python3
"""Quantizes the weights of a model to int8, a scale a channel; the activations are quantized as it runs.

usage: quantize_onnx.py FOLDER NEW_FOLDER
"""
import pathlib
import sys

from onnxruntime.quantization import QuantType, quantize_dynamic

if len(sys.argv) != 3:
    sys.exit(__doc__)
source, target = map(pathlib.Path, sys.argv[1:])
target.mkdir()
quantize_dynamic(source / "model.onnx", target / "model.onnx", weight_type=QuantType.QInt8, per_channel=True,
                 op_types_to_quantize=["MatMul", "Gemm"])
