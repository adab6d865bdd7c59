"""A generator as an ONNX network, from measured intensities to restored ones."""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import onnx
import tensorflow as tf

from microgan.datasets.normalization import IntensityRange
from microgan.errors import UserError
from microgan.layers import ConditionalInstanceNorm, InstanceNormalization, PadToMultiple
from microgan.layers.fused_instance_norm import instance_statistics
from microgan.runtime.startup import held_back_stderr

# Fiji's engines end at 18.
OPSET = 17
# Of ONNX files with that opset; newer ones are refused by the engines of its time.
_IR_VERSION = 8
# None, along Y, along X, along both, of (B, Y, X, C): as `mirrored.average_over_mirrors`.
_MIRRORS = [(slice(None), slice(None, None, rows), slice(None, None, columns))
            for rows in (1, -1) for columns in (1, -1)]


def refuse_random_dropout(model: keras.Model) -> None:
    """Refuse a network that adds defects and is random by dropout.

    Raises:
        UserError: it is.
    """
    if len(model.inputs) > 1 and any(getattr(layer, "rate", 0) for layer in model.layers):
        raise UserError("This generator's defects are random by dropout, whose random numbers "
                        "ONNX draws in its own way: results would differ from restore.py. "
                        "Train the U-Net of --recipe=limited, or with --dropout=0.")


def to_onnx(model: keras.Model, before: IntensityRange, after: IntensityRange, *,
            task: int = 0, test_time_augmentation: bool = False) -> onnx.ModelProto:
    """Convert a generator to ONNX, with its normalisation and mirror images.

    Args:
        model: as `TiledNetwork` takes it, under the float32 policy; random only by a noise map.
        before: intensities that become -1 and 1 before the network.
        after: intensities of the network's -1 and 1.
        task: position among the generator's tasks, for networks that take it.
        test_time_augmentation: average over mirror images; for 2D networks without norms.

    Returns:
        A graph of opset 17 for images of any size. Its input "image", float32 (B, 1, Y, X) or
        (B, 1, Z, Y, X), and its output "result" are intensities. Networks with a noise map also
        take "noise", standard normal and of the same shape.

    Source:
        ours, by tf2onnx.
    """
    import tf2onnx

    written_out = _with_norms_written_out(model)
    multiple = max(np.max(getattr(layer, "multiple", 1)) for layer in model.layers)
    pad = PadToMultiple(int(multiple))

    def apply(image: Any, noises: Sequence[Any]) -> Any:
        inputs = [image]
        if len(model.inputs) > 1:
            inputs = [image, tf.fill([tf.shape(image)[0]], task), *noises]
        return written_out(inputs if len(inputs) > 1 else image, training=False)

    def result(image: Any, *noise: Any) -> Any:
        # The only channel comes first in exported images, last in the network.
        values, *noises = (tf.squeeze(tensor, 1)[..., tf.newaxis] for tensor in (image, *noise))
        values = (values - before.low) * (2 / (before.high - before.low)) - 1
        if test_time_augmentation:
            padded = pad(values)
            mean = tf.add_n([apply(padded[part], noises)[part] for part in _MIRRORS]) / 4
            values = mean[:, :tf.shape(values)[1], :tf.shape(values)[2]]
        else:
            values = apply(values, noises)
        restored = (values + 1) * ((after.high - after.low) / 2) + after.low
        return tf.squeeze(restored, -1)[:, tf.newaxis]

    names = ["image", "noise"][:1 + (len(model.inputs) == 3)]
    shape = (None, 1, *[None] * (len(model.inputs[0].shape) - 2))
    with _quietly():
        proto, _ = tf2onnx.convert.from_function(
            tf.function(result), [tf.TensorSpec(shape, tf.float32, name) for name in names],
            opset=OPSET)
    proto.ir_version = _IR_VERSION
    _name_output(proto, "result")
    return proto


def _with_norms_written_out(model: keras.Model) -> keras.Model:
    """Let instance norms compute by plain operations: their fused kernels do not export."""
    def call(layer: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(layer, (InstanceNormalization, ConditionalInstanceNorm)):
            features = keras.tree.flatten(args)[0]
            kwargs["statistics"] = instance_statistics(features)
        return layer(*args, **kwargs)

    return keras.models.clone_model(model, clone_function=lambda layer: layer, call_function=call)


def _name_output(proto: onnx.ModelProto, name: str) -> None:
    (output,) = proto.graph.output
    for node in proto.graph.node:
        for number, result in enumerate(node.output):
            if result == output.name:
                node.output[number] = name
        for number, used in enumerate(node.input):
            if used == output.name:
                node.input[number] = name
    output.name = name


@contextlib.contextmanager
def _quietly() -> Any:
    """Hold back the converter's and TensorFlow's messages."""
    disabled = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with held_back_stderr(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)
