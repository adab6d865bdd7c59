"""A generator as an ONNX network: to export, or to restore without TensorFlow."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import onnx
import onnxruntime

from microgan.errors import UserError, one_line
from microgan.generator_file import GeneratorInfo, load_weights, weights_do_not_fit
from microgan.networks.onnx_graph import Graph, Tensor
from microgan.networks.registry import find_network
from microgan.restoration.mirrored import average_over_mirrors
from microgan.restoration.tiles import grid_size, tile_grid

# Share of all layers' results in memory at the peak: measured 0.37 (U-Net) and 0.47 (stacks).
_KEPT_SHARE = 0.5
_MAX_ELEMENTS = 2**31 - 1
# Axes of an image, as `average_over_mirrors` mirrors it.
_MIRRORS: tuple[tuple[int, ...], ...] = ((), (0,), (1,), (0, 1))
Read = Callable[[tuple[slice, ...]], np.ndarray]
Write = Callable[[tuple[slice, ...], np.ndarray], None]


class _Parts:
    """What a generator's graph is written from.

    Args:
        path: its `generator.h5`.
        info: its description.

    Raises:
        UserError: the network is not known as ONNX, or the file is damaged.
    """

    def __init__(self, path: str | os.PathLike[str], info: GeneratorInfo) -> None:
        network = find_network(info.method, info.network)
        if network is None or network.write is None:
            raise UserError(f"The network '{info.method} {info.network}' is not known as ONNX: "
                            "whoever registered it can name a function `write` for it.")
        arguments = dict(info.network_arguments)
        if network.needs_num_tasks:
            arguments["num_tasks"] = len(info.tasks)
        self.write = functools.partial(network.write, **arguments)
        self.num_axes = len(info.axes)
        self._path, self._info = path, info
        weights, _ = load_weights(path, method=info.method)
        # Of ZSE-GAN's two translators the one that sharpens comes first.
        self._weights = weights[:len(weights) // 2] if info.method == "zse_gan" else weights

    def graph(self, task: str | None = None) -> Graph:
        """Return an empty graph."""
        return Graph(self._weights, self.num_axes,
                     0 if task is None else self._info.tasks.index(task))

    def multiple(self) -> tuple[int, ...]:
        """Return the pixels from one place to the next in the coarsest result, by axis."""
        trial = self.graph()
        self.write(trial, trial.input("image"))
        return trial.multiple

    def finished(self, write: Callable[[Graph], Tensor], graph: Graph) -> onnx.ModelProto:
        """Return the graph with what `write` adds to it; its output is called "result"."""
        try:
            return graph.finish(write(graph), "result")
        except ValueError as error:
            raise weights_do_not_fit(self._path, self._info) from error


def exported(path: str | os.PathLike[str], info: GeneratorInfo, task: str) -> onnx.ModelProto:
    """Write a generator as an ONNX network, with its normalisation and mirror images.

    Args:
        path: its `generator.h5`.
        info: its description, with test-time augmentation as it is wanted.
        task: whose intensities the network holds.

    Returns:
        A graph of opset 17 for images of any size. Its input "image", float32 (B, 1, Y, X) or
        (B, 1, Z, Y, X), and its output "result" are intensities. Networks with a noise map also
        take "noise", standard normal and of the same shape.

    Raises:
        UserError: the generator cannot be an ONNX network, or the file is damaged.

    Source:
        ours.
    """
    before, after = info.ranges(task)
    parts = _Parts(path, info)

    def write(graph: Graph) -> Tensor:
        image = graph.input("image")
        values = graph.apply("Mul", graph.apply("Sub", image, before.low),
                             2 / (before.high - before.low))
        values = graph.apply("Sub", values, 1.0)
        if info.test_time_augmentation:
            values = _average_over_mirrors(graph, parts.write, values, parts.multiple())
        else:
            values = parts.write(graph, values)
        restored = graph.apply("Mul", graph.apply("Add", values, 1.0),
                               (after.high - after.low) / 2)
        return graph.apply("Add", restored, after.low)

    return parts.finished(write, parts.graph(task))


def _average_over_mirrors(graph: Graph, write: Callable[[Graph, Tensor], Tensor],
                          image: Tensor, multiple: tuple[int, ...]) -> Tensor:
    """Write `average_over_mirrors`, one mirror image after the other: memory as for one."""
    padded = graph.pad_to_multiple(image, multiple)
    total = None
    for axes in _MIRRORS:
        graph.begin_again()
        result = graph.mirror(write(graph, graph.mirror(padded, axes)), axes)
        total = result if total is None else graph.apply("Add", total, result)
    assert total is not None
    return graph.crop_like(graph.apply("Mul", total, 0.25), image)


class OnnxNetwork:
    """Applies a generator by ONNX Runtime on the CPU, in float32, like a `TiledNetwork`.

    For networks without instance norms, each tile of which stands alone. TensorFlow is not
    loaded.

    Args:
        path: its `generator.h5`.
        info: its description.

    Raises:
        UserError: the network is not known as ONNX, or the file is damaged.

    Source:
        ours.
    """

    num_passes = 1
    whole_gain = 1.0

    def __init__(self, path: str | os.PathLike[str], info: GeneratorInfo) -> None:
        parts = _Parts(path, info)
        graph = parts.graph()

        def write(graph: Graph) -> Tensor:
            result = parts.write(graph, graph.input("image"))
            self.margin = result.place.reach
            return result

        network = parts.finished(write, graph)
        self.multiple = graph.multiple
        self.bytes_per_pixel = _KEPT_SHARE * 4 * graph.elements_per_pixel
        self.max_pixels = int(_MAX_ELEMENTS / graph.most_elements_per_pixel)
        self._augments = info.test_time_augmentation
        self._session = session(network.SerializeToString())

    def grid_size(self, shape: Sequence[int], side: int) -> tuple[int, int]:
        """Return the number of tiles, and the pixels of the largest with its margin."""
        return grid_size(shape, side, self.margin, self.multiple)

    def num_steps(self, shape: Sequence[int], side: int, *, has_missing: bool = False) -> int:
        """Return the number of steps that `restore` takes."""
        return self.grid_size(shape, side)[0]

    def restore_batch(self, images: np.ndarray, numbers: Sequence[int], task: int = 0,
                      seed: int = 0) -> np.ndarray:
        """Apply the generator to whole images; see `TiledNetwork.restore_batch`."""
        if self._augments:
            return average_over_mirrors(self._apply, images, max(self.multiple))
        return self._apply(images)

    def restore(self, read: Read, write: Write, shape: Sequence[int], side: int, *,
                number: int = 0, task: int = 0, seed: int = 0,
                missing: Read | None = None) -> Iterator[None]:
        """Apply the generator to an image, tile by tile; see `TiledNetwork.restore`."""
        for tile in tile_grid(shape, side, self.margin, self.multiple):
            values = self.restore_batch(read(tile.outer)[np.newaxis], [number])[0]
            write(tile.core, values[tile.inner])
            yield

    def _apply(self, images: np.ndarray) -> np.ndarray:
        inputs = {"image": np.ascontiguousarray(images[:, np.newaxis], np.float32)}
        try:
            (result,) = self._session.run(None, inputs)
        except Exception as error:  # of no public type
            if "alloc" in str(error):
                raise MemoryError(one_line(error)) from error
            raise
        return result[:, 0]


def session(network: bytes) -> onnxruntime.InferenceSession:
    """Return what applies the content of an ONNX file, on this process' processors."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors
    if hasattr(os, "sched_getaffinity"):  # otherwise it takes all, and complains if it cannot
        options.intra_op_num_threads = len(os.sched_getaffinity(0))
    return onnxruntime.InferenceSession(network, options, providers=["CPUExecutionProvider"])
