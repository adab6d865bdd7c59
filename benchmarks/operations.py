"""Processor time of the operations that dominate training, beside other ways to do them.

Times one thread, forward alone, and forward and backward; other programs on the machine do not
count. First comes the speed of a large 3 x 3 convolution, the most that a step could reach:

    python -m benchmarks.operations --precision=bfloat16
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from microgan.cli.command import run_command
from microgan.config import Config, setting
from microgan.runtime.startup import import_tensorflow_quietly


@dataclass(frozen=True)
class Settings(Config):
    """What to time."""

    precision: str = setting("bfloat16", "Number format.", choices=("float32", "bfloat16"))
    calls: int = setting(3, "Calls of each operation; the fastest counts.", minimum=1)


def fastest(work: Callable[..., Any], arguments: list[Any], num_calls: int) -> float:
    """Return the processor seconds of the fastest call after the first."""
    work(*arguments)
    times = []
    for _ in range(num_calls):
        begin = time.process_time()
        work(*arguments)
        times.append(time.process_time() - begin)
    return min(times)


def report(settings: Settings) -> None:
    """Print one table."""
    for name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
        os.environ[name] = "1"
    import_tensorflow_quietly()
    import tensorflow as tf

    dtype = tf.as_dtype(settings.precision)

    def draw(*shape: int) -> Any:
        return tf.cast(tf.random.normal(shape), dtype)

    image, kernel = draw(4, 64, 64, 256), draw(3, 3, 256, 256)
    convolution = tf.function(lambda image, kernel: tf.nn.conv2d(image, kernel, 1, "SAME"))
    flop = 2.0 * tf.size(image).numpy() * 9 * 256
    print(f"3 x 3 convolution, 256 channels: "
          f"{flop / fastest(convolution, [image, kernel], settings.calls) / 1e9:.0f} GFLOP/s")
    print("| operation | way | forward, ms | with gradients, ms |\n|---|---|---|---|")
    for operation, tensors, ways in _operations(draw):
        for way, work in ways.items():
            times = [1e3 * fastest(function, tensors, settings.calls)
                     for function in _compiled(work)]
            print(f"| {operation} | {way} | " + " | ".join(f"{ms:.1f}" for ms in times) + " |",
                  flush=True)


def _compiled(work: Callable[..., Any]) -> tuple[Callable[..., Any], Callable[..., Any]]:
    import tensorflow as tf

    def with_gradients(*tensors: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(tensors)
            result = work(*tensors)
        return tape.gradient(result, tensors)

    return (tf.function(work, autograph=False), tf.function(with_gradients, autograph=False))


def _operations(draw: Callable[..., Any]) -> list[tuple[str, list[Any], dict[str, Any]]]:
    import tensorflow as tf

    from microgan.layers.fused_instance_norm import instance_statistics, normalize_instances
    from microgan.layers.single_channel_conv import convolve_single_channel

    def norm_by_formula(features: Any, gamma: Any, beta: Any) -> Any:
        mean, deviation = instance_statistics(features)
        normalized = (tf.cast(features, tf.float32) - mean) / (deviation + 1e-3)
        return tf.cast(normalized * gamma + beta, features.dtype)

    norms = {"formula": norm_by_formula,
             "ours": lambda *tensors: normalize_instances(*tensors, 1e-3)}
    convolutions = {"Conv3D": lambda stack, kernel: tf.nn.conv3d(stack, kernel, [1] * 5, "SAME"),
                    "ours": convolve_single_channel}
    row = [tf.ones(64), tf.zeros(64)]
    return [
        ("instance norm, 8 x 128 x 128 x 64", [draw(8, 128, 128, 64), *row], norms),
        ("instance norm, 8 x 32 x 32 x 256",
         [draw(8, 32, 32, 256), tf.ones(256), tf.zeros(256)], norms),
        ("instance norm, 16 x 64 x 64 x 16",
         [draw(16, 64, 64, 16), tf.ones(16), tf.zeros(16)], norms),
        ("instance norm, 32 x 128 x 128 x 16, one stack",
         [draw(1, 32, 128, 128, 16), tf.ones(16), tf.zeros(16)], norms),
        ("first layer of a translator, 5 x 5 x 5, 1 -> 16",
         [draw(1, 32, 128, 128, 1), draw(5, 5, 5, 1, 16)], convolutions),
        ("last layer of a translator, 6 x 5 x 5, 16 -> 1",
         [draw(1, 32, 128, 128, 16), draw(6, 5, 5, 16, 1)], convolutions),
        ("upsampling and 3 x 3 convolution, 2 x 64 x 64 x 128 -> 64",
         [draw(2, 64, 64, 128), draw(3, 3, 128, 64)],
         {"one after the other": _enlarged_then_convolved, "folded": _folded_upsampling})]


def _enlarged_then_convolved(image: Any, kernel: Any) -> Any:
    import tensorflow as tf

    size = [2 * length for length in image.shape[1:3]]
    enlarged = tf.cast(tf.image.resize(image, size, method="nearest"), image.dtype)
    return tf.nn.conv2d(enlarged, kernel, 1, "SAME")


def _folded_upsampling(image: Any, kernel: Any) -> Any:
    """Four 2 x 2 convolutions of the small image, one for each place in a square of pixels."""
    import tensorflow as tf

    batch, height, width, _ = image.shape
    padded = tf.pad(image, [[0, 0], [1, 1], [1, 1], [0, 0]])

    def fold(kernel: Any, axis: int, place: int) -> Any:
        first, middle, last = tf.unstack(kernel, axis=axis)
        pair = (first + middle, last) if place else (first, middle + last)
        return tf.stack(pair, axis)

    rows = []
    for y in (0, 1):
        columns = [tf.nn.conv2d(padded[:, y:y + height + 1, x:x + width + 1],
                                fold(fold(kernel, 0, y), 1, x), 1, "VALID") for x in (0, 1)]
        rows.append(tf.reshape(tf.concat(columns, -1), (batch, height, 1, 2 * width, -1)))
    return tf.reshape(tf.concat(rows, 2), (batch, 2 * height, 2 * width, -1))


if __name__ == "__main__":
    sys.exit(run_command(Settings, __doc__, report))
