"""An ONNX graph written layer by layer, without TensorFlow."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from microgan.networks.place import Place

# Fiji's engines end at 18.
OPSET = 17
# Of ONNX files with that opset; newer ones are refused by the engines of its time.
_IR_VERSION = 8
# As `layers.fused_instance_norm`.
_ROOT_GUARD = 1e-12
# The end of a slice that runs backwards to the first element.
_BEFORE_FIRST = -2**63 + 1
# Computed with the convolution before: their results take no memory.
_FUSED = ("LeakyRelu", "Relu")


@dataclass(frozen=True)
class Tensor:
    """A result in a graph, (B, C, Y, X) or (B, C, Z, Y, X).

    Args:
        name: in the graph.
        channels: C.
        place: of its pixels in the image.
    """

    name: str
    channels: int
    place: Place


class Graph:
    """Collects the operations of a network.

    Layers take their weights in the order of `generator.h5`. Convolutions pad like Keras'
    "same", for sizes that are multiples of the stride.

    Args:
        weights: float32, in the order of the network's `get_weights`.
        num_axes: 2 for images, 3 for stacks.
        task: position among the generator's tasks, for conditional norms.

    Raises:
        ValueError: by a layer, if the next weights are not of the shapes that it needs.

    Source:
        ours.
    """

    def __init__(self, weights: Sequence[np.ndarray], num_axes: int, task: int = 0) -> None:
        self._weights = weights
        self._num_taken = 0
        self._num_axes = num_axes
        self._task = task
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, onnx.TensorProto] = {}
        self._inputs: dict[str, Tensor] = {}
        # For each pixel of the image: elements of all results, and of the largest.
        self.elements_per_pixel = 0.0
        self.most_elements_per_pixel = 0.0
        # Pixels from one place to the next in the coarsest result, along each axis.
        self.multiple = (1,) * num_axes

    def input(self, name: str) -> Tensor:
        """Return the input of that name, of one channel."""
        return self._inputs.setdefault(name, Tensor(name, 1, Place.of_image(self._num_axes)))

    def begin_again(self) -> None:
        """Let layers take the weights from the first on, to apply the network once more."""
        self._num_taken = 0

    def finish(self, result: Tensor, name: str) -> onnx.ModelProto:
        """Return the whole graph.

        Args:
            result: its output.
            name: of the output.

        Raises:
            ValueError: there are weights without a layer.
        """
        if self._num_taken < len(self._weights):
            raise ValueError(f"there are {len(self._weights)} weights, not {self._num_taken}")
        self._add("Identity", [result.name], name)
        graph = helper.make_graph(self._nodes, "microgan", [*map(self._described, self._inputs)],
                                  [self._described(name)], [*self._constants.values()])
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)],
                                 ir_version=_IR_VERSION, producer_name="microgan")

    def convolve(self, features: Tensor, filters: int, size: int | Sequence[int],
                 strides: int = 1, *, use_bias: bool = True) -> Tensor:
        """Apply a convolution."""
        return self._convolve(features, filters, size, self._per_axis(strides),
                              self._num_axes, use_bias)

    def convolve_slices(self, features: Tensor, filters: int, size: int,
                        strides: int = 1) -> Tensor:
        """Apply a convolution of images to every slice of a stack."""
        return self._convolve(features, filters, (1, size, size), (1, strides, strides), 2, True)

    def project(self, features: Tensor, filters: int) -> Tensor:
        """Apply a dense layer to every pixel."""
        return self._convolve(features, filters, 1, self._per_axis(1), 0, True)

    def convolve_transposed(self, features: Tensor, filters: int, size: int,
                            strides: int) -> Tensor:
        """Apply a transposed convolution, which enlarges by its stride."""
        sizes, steps = self._per_axis(size), self._per_axis(strides)
        kernel = self._weight((*sizes, filters, features.channels), sizes)
        before = (size - strides) // 2
        return self._result(
            "ConvTranspose", [features, kernel, self._weight((filters,))], filters,
            features.place.enlarged(sizes, steps), kernel_shape=sizes, strides=steps,
            pads=[*self._per_axis(before), *self._per_axis(size - strides - before)])

    def normalize(self, features: Tensor, epsilon: float, *, affine: bool = True,
                  num_tasks: int | None = None) -> Tensor:
        """Apply an instance norm, or for a number of tasks a conditional one."""
        axes, channels = list(range(2, 2 + self._num_axes)), features.channels
        mean = self._add("ReduceMean", [features.name], axes=axes)
        centred = self._result("Sub", [features, mean], channels)
        squares = self._result("Mul", [centred, centred], channels)
        variance = self._add("ReduceMean", [squares.name], axes=axes)
        guarded = self._add("Add", [variance, self._constant(_ROOT_GUARD)])
        deviation = self._add("Add", [self._add("Sqrt", [guarded]), self._constant(epsilon)])
        if not affine:
            return self._result("Div", [centred, deviation], channels)
        gamma, beta = (self._of_task(channels, num_tasks) for _ in range(2))
        scale = self._add("Div", [gamma, deviation])
        return self._result("Add", [self._result("Mul", [centred, scale], channels), beta],
                            channels)

    def enlarge(self, features: Tensor, factor: int | Sequence[int]) -> Tensor:
        """Repeat every pixel."""
        factors = self._per_axis(factor)
        return self._result(
            "Resize", [features, "", self._constant(np.array([1, 1, *factors], np.float32))],
            features.channels, features.place.enlarged(factors, factors), mode="nearest",
            coordinate_transformation_mode="asymmetric", nearest_mode="floor")

    def average(self, features: Tensor, size: int | Sequence[int], strides: int) -> Tensor:
        """Average over windows; pixels beyond the edges do not count."""
        sizes, steps = self._per_axis(size), self._per_axis(strides)
        margin = [(length - step) // 2 for length, step in zip(sizes, steps)]
        return self._result(
            "AveragePool", [features], features.channels,
            features.place.windowed(sizes, steps, self._per_axis(0)), kernel_shape=sizes,
            strides=steps, pads=[*margin, *margin])

    def join(self, *features: Tensor) -> Tensor:
        """Concatenate channels."""
        return self._result("Concat", features, sum(each.channels for each in features), axis=1)

    def leaky_relu(self, features: Tensor, slope: float) -> Tensor:
        """Apply leaky ReLU."""
        return self._result("LeakyRelu", [features], features.channels, alpha=slope)

    def apply(self, operation: str, features: Tensor, *others: Tensor | float) -> Tensor:
        """Apply ONNX's operation of that name, pixel by pixel, to tensors and numbers."""
        return self._result(operation, [features, *(
            other if isinstance(other, Tensor) else self._constant(other) for other in others)],
            features.channels)

    def pad_to_multiple(self, image: Tensor, multiple: int | Sequence[int]) -> Tensor:
        """Reflect the far edges until all sizes are multiples of a stride."""
        multiples = self._integers(self._per_axis(multiple))
        beyond = self._add("Mod", [self._size(image), multiples])
        # Twice, since engines differ in the sign of a negative number's remainder.
        added = self._add("Mod", [self._add("Sub", [multiples, beyond]), multiples])
        pads = self._add("Concat", [self._integers([0] * (4 + self._num_axes)), added], axis=0)
        return self._result("Pad", [image, pads], image.channels, mode="reflect")

    def pad(self, image: Tensor, margin: int) -> Tensor:
        """Reflect all edges."""
        side = [0, 0, *self._per_axis(margin)]
        return self._result("Pad", [image, self._integers([*side, *side])], image.channels,
                            image.place.windowed(self._per_axis(1), self._per_axis(1),
                                                 self._per_axis(margin)), mode="reflect")

    def crop(self, image: Tensor, margin: int) -> Tensor:
        """Cut all edges."""
        return self._cut(image, margin, self._integers(self._per_axis(-margin)))

    def crop_like(self, image: Tensor, like: Tensor) -> Tensor:
        """Cut the far edges to the size of another image."""
        return self._cut(image, 0, self._size(like))

    def mirror(self, image: Tensor, axes: Sequence[int]) -> Tensor:
        """Mirror along axes, 0 for the first after the channels."""
        if not axes:
            return image
        backwards = self._integers([-1] * len(axes))
        return self._result("Slice", [
            image, backwards, self._integers([_BEFORE_FIRST] * len(axes)),
            self._integers([2 + axis for axis in axes]), backwards], image.channels)

    def keep_middle(self, stack: Tensor, share: float) -> Tensor:
        """Set a share of the slices at each end to zero, as the layer `ZeroEnds`."""
        depth = self._add("Slice", [self._add("Shape", [stack.name]), self._integers([2]),
                                    self._integers([3])])
        exact = self._add("Mul", [self._add("Cast", [depth], to=TensorProto.DOUBLE),
                                  self._constant(np.array(share))])
        num_zero = self._add("Cast", [self._add("Round", [exact])], to=TensorProto.INT64)
        z = self._add("Range", [self._constant(np.array(0)),
                                self._add("Squeeze", [depth, self._integers([0])]),
                                self._constant(np.array(1))])
        is_kept = self._add("And", [
            self._add("GreaterOrEqual", [z, num_zero]),
            self._add("Less", [z, self._add("Sub", [depth, num_zero])])])
        factor = self._add("Reshape", [self._add("Cast", [is_kept], to=TensorProto.FLOAT),
                                       self._integers([1, 1, -1, 1, 1])])
        return self._result("Mul", [stack, factor], stack.channels, stack.place.of_whole_depth())

    def _convolve(self, features: Tensor, filters: int, size: int | Sequence[int],
                  steps: Sequence[int], num_stored: int, use_bias: bool) -> Tensor:
        """Convolve with a kernel that is stored with its last `num_stored` axes only."""
        sizes = self._per_axis(size)
        stored = (*sizes[len(sizes) - num_stored:], features.channels, filters)
        added = [length - step for length, step in zip(sizes, steps)]
        before = [total // 2 for total in added]
        inputs = [self._weight(stored, sizes), *([self._weight((filters,))] if use_bias else [])]
        return self._result(
            "Conv", [features, *inputs], filters,
            features.place.windowed(sizes, steps, self._per_axis(0)), kernel_shape=sizes,
            strides=steps,
            pads=[*before, *(total - near for total, near in zip(added, before))])

    def _weight(self, shape: tuple[int, ...], sizes: Sequence[int] | None = None) -> str:
        """Take the next weight; with `sizes`, a kernel, which ONNX wants channels first."""
        array, name = self._take(shape), f"weight{self._num_taken}"
        if sizes is not None:
            array = np.moveaxis(array.reshape(*sizes, *shape[-2:]), (-1, -2), (0, 1))
        return self._constant(array, name)

    def _of_task(self, channels: int, num_tasks: int | None) -> str:
        """Take the next weight of a norm."""
        shape = (channels,) if num_tasks is None else (num_tasks, channels)
        row = self._take(shape).reshape(-1, channels)[0 if num_tasks is None else self._task]
        return self._constant(row.reshape(-1, *self._per_axis(1)), f"weight{self._num_taken}")

    def _take(self, shape: tuple[int, ...]) -> np.ndarray:
        if self._num_taken == len(self._weights):
            raise ValueError(f"there are only {self._num_taken} weights")
        array = self._weights[self._num_taken]
        self._num_taken += 1
        if array.shape != shape:
            raise ValueError(f"weight {self._num_taken} is of shape {array.shape}, not {shape}")
        return array

    def _result(self, operation: str, inputs: Sequence[Tensor | str], channels: int,
                place: Place | None = None, **attributes: Any) -> Tensor:
        """Add an operation whose result has the image's axes."""
        tensors = [each for each in inputs if isinstance(each, Tensor)]
        place = place or Place.joined([tensor.place for tensor in tensors])
        if operation not in _FUSED:
            elements = channels / math.prod(place.scale)
            self.elements_per_pixel += elements
            self.most_elements_per_pixel = max(self.most_elements_per_pixel, elements)
        self.multiple = tuple(map(max, self.multiple, place.scale))
        name = self._add(operation, [each.name if isinstance(each, Tensor) else each
                                     for each in inputs], **attributes)
        return Tensor(name, channels, place)

    def _add(self, operation: str, inputs: Sequence[str], name: str | None = None,
             **attributes: Any) -> str:
        name = name or f"result{len(self._nodes)}"
        self._nodes.append(helper.make_node(operation, inputs, [name], **attributes))
        return name

    def _constant(self, value: float | np.ndarray, name: str | None = None) -> str:
        name = name or f"constant{len(self._constants)}"
        if name not in self._constants:
            array = np.ascontiguousarray(
                np.array(value, np.float32) if isinstance(value, (int, float)) else value)
            self._constants[name] = numpy_helper.from_array(array, name)
        return name

    def _integers(self, values: Sequence[int]) -> str:
        return self._constant(np.array(values, np.int64))

    def _size(self, image: Tensor) -> str:
        return self._add("Slice", [self._add("Shape", [image.name]), self._integers([2]),
                                   self._integers([2 + self._num_axes])])

    def _cut(self, image: Tensor, start: int, ends: str) -> Tensor:
        return self._result("Slice", [image, self._integers(self._per_axis(start)), ends,
                                      self._integers(range(2, 2 + self._num_axes))],
                            image.channels)

    def _per_axis(self, value: int | Sequence[int]) -> list[int]:
        return [value] * self._num_axes if isinstance(value, int) else list(value)

    def _described(self, name: str) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(
            name, TensorProto.FLOAT, ["batch", 1, *("z", "y", "x")[-self._num_axes:]])
