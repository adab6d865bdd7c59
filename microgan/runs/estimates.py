"""Time and memory of a training, estimated before it starts."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from microgan.config import TrainingConfig
from microgan.restoration.tiled_network import TiledNetwork
from microgan.runtime.amounts import byte_size, duration

_LONG_SECONDS = 3600
# Measured on both recipes of all three methods: memory of Python, TensorFlow and Keras, and the
# share of an update's tensors that are alive together at its peak, 0.03 to 0.15.
_LIBRARIES_BYTES = 0.9e9
_KEPT_SHARE = 0.12
# Fitted on a processor with matrix units, where activations take most of the time; without such
# units an update took 0.9 to 1.5 times as long as its arithmetic alone.
_TIME_OVER_CONVOLUTION = 1.1
_TIME_OVER_ACTIVATION = 0.4
_CONVOLUTIONS = {"Conv2D", "Conv2DBackpropInput", "Conv2DBackpropFilter",
                 "Conv3D", "Conv3DBackpropInputV2", "Conv3DBackpropFilterV2"}


@dataclass(frozen=True)
class UpdateCost:
    """What one update costs.

    Args:
        flop: floating-point operations of convolutions and matrix products.
        bytes_written: by all operations together.
    """

    flop: float
    bytes_written: float


def update_cost(graph: tf.Graph, *, num_devices: int = 1) -> UpdateCost:
    """Count what a traced update does on one device.

    Args:
        graph: of a concrete function with known shapes.
        num_devices: that share its work equally; all of it is in the graph.

    Source:
        ours: 2 operations per multiplication and addition of a kernel with its output;
        both gradients of a convolution cost what the convolution does.
    """
    flop = bytes_written = 0.0
    for operation in _operations(graph):
        written = sum(_num_elements(output) * output.dtype.size for output in operation.outputs
                      if output.dtype.is_floating)
        bytes_written += written
        if operation.type in _CONVOLUTIONS:
            flop += _convolution_flop(operation)
        elif operation.type == "MatMul":
            inner = operation.inputs[0].shape[0 if operation.get_attr("transpose_a") else 1]
            flop += 2 * _num_elements(operation.outputs[0]) * (inner or 0)
    return UpdateCost(flop / num_devices, bytes_written / num_devices)


def _operations(graph: tf.Graph) -> Iterator[tf.Operation]:
    """Yield the operations of a graph and, once per call, of the functions that it calls."""
    for operation in graph.get_operations():
        yield operation
        if operation.type in ("PartitionedCall", "StatefulPartitionedCall"):
            called = graph._get_function(operation.get_attr("f").name)
            yield from _operations(called.graph)


def _convolution_flop(operation: tf.Operation) -> float:
    result = operation.outputs[0]
    if "BackpropInput" in operation.type:
        kernel, image = operation.inputs[1], operation.inputs[2]
    elif "BackpropFilter" in operation.type:
        kernel, image = result, operation.inputs[2]
    else:
        kernel, image = operation.inputs[1], result
    channels_out = kernel.shape[-1] or 1
    return 2 * _num_elements(image) * _num_elements(kernel) / channels_out


def _num_elements(tensor: tf.Tensor) -> float:
    return math.prod(tensor.shape) if tensor.shape.is_fully_defined() else 0


@dataclass(frozen=True)
class Speed:
    """How fast a machine is.

    Args:
        flop: floating-point operations a second in a convolution.
        bytes_written: a second in an activation function.
    """

    flop: float
    bytes_written: float


def measure_speed() -> Speed:
    """Measure this machine, under the current precision policy, in half a second.

    Times a 3 x 3 convolution of 64 channels and a leaky ReLU of the same size.
    """
    dtype = keras.config.dtype_policy().compute_dtype
    image = tf.ones((4, 64, 64, 64), dtype)
    kernel = tf.ones((3, 3, 64, 64), dtype)
    convolution = _seconds(lambda: tf.nn.conv2d(image, kernel, 1, "SAME"))
    activation = _seconds(lambda: tf.nn.leaky_relu(image))
    size = tf.size(image).numpy()
    return Speed(2.0 * size * 9 * 64 / convolution, float(size) * image.dtype.size / activation)


def _seconds(function: Callable[[], Any]) -> float:
    """Return the median time of calls within a fifth of a second, without the first call."""
    compiled = tf.function(function)
    compiled()
    times: list[float] = []
    while sum(times) < 0.2:
        start = time.perf_counter()
        compiled().numpy()
        times.append(time.perf_counter() - start)
    return sorted(times)[len(times) // 2]


def estimated_seconds(cost: UpdateCost) -> float:
    """Estimate the seconds per update on this machine, within a factor of about 1.5."""
    speed = measure_speed()
    return (_TIME_OVER_CONVOLUTION * cost.flop / speed.flop
            + _TIME_OVER_ACTIVATION * cost.bytes_written / speed.bytes_written)


def restoring_memory(network: keras.Model, pixels: int) -> float:
    """Estimate the bytes that a network takes to restore this number of pixels at once."""
    measured = TiledNetwork(network)
    return pixels * measured.bytes_per_pixel / measured.whole_gain


def estimated_memory(cost: UpdateCost, state: dict[str, list[Any]],
                     validation_bytes: float) -> float:
    """Estimate the bytes of a training: variables, libraries, tensors of update or validation.

    Args:
        cost: of an update.
        state: all variables, by owner.
        validation_bytes: of a validation's tensors.
    """
    variables = sum(math.prod(variable.shape) * 4 for owned in state.values()
                    for variable in owned)
    # Each also has its old value, for a skipped update; one in three is a weight, with a gradient.
    tensors = max(_KEPT_SHARE * cost.bytes_written, validation_bytes)
    return _LIBRARIES_BYTES + 7 / 3 * variables + tensors


def print_estimate(graph: tf.Graph, config: TrainingConfig, state: dict[str, list[Any]], *,
                   num_updates: int, num_devices: int, validation_bytes: float,
                   later_updates: int = 0) -> None:
    """Print the time and memory that a run will take on this machine.

    Args:
        graph: of an update, traced.
        config: of the run.
        state: all variables, by owner.
        num_updates: still to do.
        num_devices: of this process, sharing an update's work.
        validation_bytes: of a validation's tensors.
        later_updates: of trainings that follow.
    """
    cost = update_cost(graph, num_devices=num_devices)
    seconds_per_update = estimated_seconds(cost)
    seconds = num_updates * seconds_per_update
    whole = seconds + later_updates * seconds_per_update
    memory = estimated_memory(cost, state, validation_bytes)
    print(f"Estimated on this machine: {duration(seconds)} and {byte_size(memory)} of memory "
          f"for {num_updates} updates." + (
              f" With the trainings that follow: {duration(whole)} for "
              f"{num_updates + later_updates}." if later_updates else ""))
    if "limited" not in config.recipes() or config.recipe == "limited":
        return
    is_chosen = "recipe" in config.explicit or config.resume
    if not is_chosen and not tf.config.list_logical_devices("GPU"):
        print(f"That is what --recipe={config.recipe} takes without a GPU: the published method, "
              "trained because no --recipe was given. --recipe=limited takes minutes on a CPU: "
              "for that, stop with Ctrl-C and pass it.")
    elif whole > _LONG_SECONDS:
        print("That is long. --recipe=limited is meant for minutes on a CPU.")


def peak_memory() -> float:
    """Return the peak memory of this process so far, in bytes; NaN on Windows."""
    if sys.platform == "win32":
        return math.nan
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak * (1 if sys.platform == "darwin" else 1024)
