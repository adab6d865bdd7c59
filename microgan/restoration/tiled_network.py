"""A generator applied tile by tile, so that the result is that of the whole image."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from microgan.layers.fused_instance_norm import instance_statistics
from microgan.layers import ConditionalInstanceNorm, InstanceNormalization
from microgan.networks.place import Place
from microgan.restoration.mirrored import average_over_mirrors
from microgan.restoration.moments import Moments
from microgan.restoration.noise import noise
from microgan.restoration.reach import place_after
from microgan.restoration.tiles import Tile, grid_size, tile_grid

# Measured: share of all layers' results in memory at the peak; the second in a whole image,
# where fused kernels normalise.
_KEPT_SHARE = 0.35
_KEPT_SHARE_FUSED = 0.22
# With more elements some of TensorFlow's kernels overflow.
_MAX_ELEMENTS = 2**31 - 1
Read = Callable[[tuple[slice, ...]], np.ndarray]
Write = Callable[[tuple[slice, ...], np.ndarray], None]


@dataclass(frozen=True)
class _Norm:
    """An instance norm: measures of its inputs, their scale, the statistics it uses.

    `measure_where` also takes which pixels were measured, and ignores the others.
    """

    measure: Callable[..., Any]
    measure_where: Callable[..., Any]
    scale: tuple[int, ...]
    mean: keras.Variable
    deviation: keras.Variable


class TiledNetwork:
    """Applies a generator to images that are too large for memory.

    Convolutions have a limited receptive field: tiles that overlap by it agree with the
    whole image. An instance norm needs mean and deviation of the whole image. These are
    measured first, norm after norm, each in one pass over the tiles through the network up
    to it. A network with L norms thus takes L + 1 passes over several tiles; without norms,
    one.

    Args:
        model: generator whose first input and only output are (B, ..., 1) of one size.
            Networks that add defects also take the task (B,) and, if random by a noise
            map, noise like the first input.
        test_time_augmentation: average over mirror images; for 2D networks without norms.

    Raises:
        ValueError: the network has norms, whose statistics differ for mirror images.

    Source:
        ours.
    """

    def __init__(self, model: keras.Model, *, test_time_augmentation: bool = False) -> None:
        self._model = model
        self._augments = test_time_augmentation
        self._norms: list[_Norm] = []
        self._num_axes = len(model.inputs[0].shape) - 2
        self._dropouts = [layer for layer in model.layers if hasattr(layer, "seed_generator")
                          and len(model.inputs) > 1]  # others are called without dropout
        self._places: dict[int, Place] = {}
        self._elements_per_pixel = [0.0]
        of_image = Place.of_image(self._num_axes)
        inputs = [keras.Input(tensor.shape[1:], dtype=tensor.dtype, name=tensor.name)
                  for tensor in model.inputs]

        def call(layer: Any, *args: Any, **kwargs: Any) -> Any:
            """Call a layer of the network again, norms with statistics that can be set."""
            before = [tensor for tensor in keras.tree.flatten((args, kwargs))
                      if len(getattr(tensor, "shape", ())) == self._num_axes + 2]
            place = place_after(layer, [self._places.get(id(tensor), of_image)
                                        for tensor in before] or [of_image])
            if isinstance(layer, (InstanceNormalization, ConditionalInstanceNorm)):
                shape = (*[1] * (self._num_axes + 1), before[0].shape[-1])
                up_to_it = keras.Model(inputs, before[0])
                norm = _Norm(self._compiled_measure(up_to_it),
                             self._compiled_measure_where(up_to_it, place.scale), place.scale,
                             *(keras.Variable(np.ones(shape), dtype="float32", trainable=False)
                               for _ in range(2)))
                self._norms.append(norm)
                kwargs["statistics"] = (norm.mean, norm.deviation)
            result = layer(*args, **kwargs)
            self._places[id(result)] = place
            if before:
                self._elements_per_pixel.append(result.shape[-1] / math.prod(place.scale))
            return result

        self._tiled = keras.models.clone_model(
            model, input_tensors=inputs if isinstance(model.input, (list, tuple)) else inputs[0],
            clone_function=lambda layer: layer, call_function=call)
        if self._augments and self._norms:
            raise ValueError("Test-time augmentation is for networks without instance norms.")
        places = self._places.values()
        self.margin = tuple(max(place.reach[axis] for place in places)
                            for axis in range(self._num_axes))
        self.multiple = tuple(max(place.scale[axis] for place in places)
                              for axis in range(self._num_axes))
        self._apply_whole = self._compiled(model)
        self._apply_tile = self._compiled(self._tiled)

    @property
    def num_passes(self) -> int:
        """Number of passes over an image of several tiles."""
        return len(self._norms) + 1

    @property
    def bytes_per_pixel(self) -> float:
        """Estimated peak memory for each pixel in the network."""
        bytes_per_element = 4 if self._model.dtype_policy.compute_dtype == "float32" else 2
        return _KEPT_SHARE * bytes_per_element * sum(self._elements_per_pixel)

    @property
    def whole_gain(self) -> float:
        """How many times more pixels fit in memory in a whole image than in a tile."""
        return _KEPT_SHARE / _KEPT_SHARE_FUSED if self._norms else 1.0

    @property
    def max_pixels(self) -> int:
        """Most pixels in the network at once for which no tensor is too long for TensorFlow."""
        return int(_MAX_ELEMENTS / max(self._elements_per_pixel))

    def grid(self, shape: Sequence[int], side: int) -> list[Tile]:
        """Return the tiles of an image, cores of at most `side` pixels."""
        return tile_grid(shape, side, self.margin, self.multiple)

    def grid_size(self, shape: Sequence[int], side: int) -> tuple[int, int]:
        """Return the number of tiles, and the pixels of the largest with its margin."""
        return grid_size(shape, side, self.margin, self.multiple)

    def restore_batch(self, images: np.ndarray, numbers: Sequence[int], task: int = 0,
                      seed: int = 0) -> np.ndarray:
        """Apply the generator to whole images.

        Args:
            images: float32 (B, ...).
            numbers: of the images, which the noise depends on.
            task: position among the generator's tasks, for networks that take it.
            seed: of the noise.

        Returns:
            float32 (B, ...).
        """
        everything = tuple(slice(0, length) for length in images.shape[1:])
        # Dropout's numbers depend on the size of the batch.
        at_once = 1 if self._dropouts else len(images)
        return np.concatenate([
            self._restored(self._apply_whole, images[start:start + at_once], everything,
                           numbers[start:start + at_once], task, seed)
            for start in range(0, len(images), at_once)])

    def restore(self, read: Read, write: Write, shape: Sequence[int], side: int, *,
                number: int = 0, task: int = 0, seed: int = 0,
                missing: Read | None = None) -> Iterator[None]:
        """Apply the generator to an image, tile by tile.

        Args:
            read: returns a part of the image, float32.
            write: receives each part of the result, float32.
            shape: of the image.
            side: largest length of a tile's core, in pixels.
            number: of the image, which the noise depends on.
            task: position among the generator's tasks, for networks that take it.
            seed: of the noise.
            missing: returns which pixels of a part count in no statistics; None for none.

        Yields:
            None after every step, `num_steps` of them.
        """
        tiles = self.grid(shape, side)
        if len(tiles) == 1 and not (missing and self._norms):
            (tile,) = tiles
            write(tile.core, self.restore_batch(read(tile.outer)[None], [number], task, seed)[0])
            yield
            return
        for norm in self._norms:
            total = Moments()
            for tile in tiles:
                inputs = self._inputs(read(tile.outer)[None], tile.outer, [number], task, seed)
                measured = ~missing(tile.outer) if missing else None
                total.add(*_measure(norm, tile, shape, inputs, measured))
                yield
            if total.count:  # otherwise there is nothing to restore
                norm.mean.assign(total.mean)
                norm.deviation.assign(total.deviation)
        for tile in tiles:
            values = self._restored(self._apply_tile, read(tile.outer)[None], tile.outer,
                                    [number], task, seed)
            write(tile.core, values[0][tile.inner])
            yield

    def _restored(self, network: Callable[..., Any], images: np.ndarray,
                  where: tuple[slice, ...], numbers: Sequence[int], task: int,
                  seed: int) -> np.ndarray:
        def apply(images: np.ndarray) -> np.ndarray:
            return network(*self._inputs(images, where, numbers, task, seed))[..., 0].numpy()

        if self._augments:
            return average_over_mirrors(apply, images, max(self.multiple))
        return apply(images)

    def num_steps(self, shape: Sequence[int], side: int, *, has_missing: bool = False) -> int:
        """Return the number of steps that `restore` takes."""
        count, _ = self.grid_size(shape, side)
        return count * (self.num_passes if count > 1 or has_missing else 1)

    def _compiled(self, network: keras.Model) -> Callable[..., Any]:
        """Compile a network for images of any size."""
        signature = [tf.TensorSpec(tensor.shape, tensor.dtype) for tensor in network.inputs]
        return tf.function(lambda *tensors: self._called(network, tensors),
                           input_signature=signature)

    def _compiled_measure(self, network: keras.Model) -> Callable[..., Any]:
        """Compile the mean, deviation and number of a part of a network's features."""
        def measure(begin: Any, end: Any, *tensors: Any) -> Any:
            features = self._called(network, tensors)
            end = tf.minimum(end, tf.shape(features)[1:-1])
            own = tf.strided_slice(features, tf.concat([[0], begin, [0]], 0),
                                   tf.concat([[1], end, [features.shape[-1]]], 0))
            own = tf.ensure_shape(own, [1, *[None] * self._num_axes, features.shape[-1]])
            return (*instance_statistics(own), tf.reduce_prod(end - begin))

        place = tf.TensorSpec([self._num_axes], tf.int32)
        return tf.function(measure, input_signature=[place, place, *(
            tf.TensorSpec(tensor.shape, tensor.dtype) for tensor in network.inputs)])

    def _compiled_measure_where(self, network: keras.Model,
                                scale: tuple[int, ...]) -> Callable[..., Any]:
        """Like `_compiled_measure`, for features of which at least half was measured."""
        def measure(begin: Any, end: Any, measured: Any, *tensors: Any) -> Any:
            features = self._called(network, tensors)
            size = tf.shape(features)[1:-1]
            # Networks pad to their stride by reflection.
            beyond = size * scale - tf.shape(measured)
            padded = tf.pad(measured, tf.stack([tf.zeros_like(beyond), beyond], 1), "REFLECT")
            share = tf.nn.pool(padded[None, ..., None], scale, "AVG", strides=scale,
                               padding="VALID")[0, ..., 0]
            end = tf.minimum(end, size)
            own = tf.strided_slice(features[0], tf.concat([begin, [0]], 0),
                                   tf.concat([end, [features.shape[-1]]], 0))
            values = tf.boolean_mask(tf.ensure_shape(own, [*[None] * self._num_axes,
                                                           features.shape[-1]]),
                                     tf.ensure_shape(tf.strided_slice(share, begin, end) >= 0.5,
                                                     [None] * self._num_axes))
            shape = (1, *[1] * self._num_axes, features.shape[-1])
            mean, deviation = instance_statistics(values[None])
            return tf.reshape(mean, shape), tf.reshape(deviation, shape), tf.shape(values)[0]

        place = tf.TensorSpec([self._num_axes], tf.int32)
        return tf.function(measure, input_signature=[
            place, place, tf.TensorSpec([None] * self._num_axes, tf.float32),
            *(tf.TensorSpec(tensor.shape, tensor.dtype) for tensor in network.inputs)])

    def _called(self, network: keras.Model, tensors: Sequence[Any]) -> Any:
        """Call a network; dropout stays on in those that add defects, which are random by it."""
        return network(list(tensors) if len(tensors) > 1 else tensors[0],
                       training=len(tensors) > 1)

    def _inputs(self, images: np.ndarray, where: tuple[slice, ...], numbers: Sequence[int],
                task: int, seed: int) -> list[Any]:
        inputs = [tf.constant(images[..., np.newaxis], tf.float32)]
        if len(self._model.inputs) > 1:
            self._seed_dropout(seed, numbers[0], where)
            inputs.append(tf.fill([len(images)], task))
        if len(self._model.inputs) == 3:
            inputs.append(tf.constant(np.stack([
                noise([seed, number], where) for number in numbers])[..., np.newaxis]))
        return inputs

    def _seed_dropout(self, seed: int, number: int, where: tuple[slice, ...]) -> None:
        """Seed dropout, the published generator's only randomness, alike in all passes."""
        place = (seed, number, *(part.start for part in where))
        for position, layer in enumerate(self._dropouts):
            state = np.random.SeedSequence((*place, position)).generate_state(2)
            layer.seed_generator.state.assign(state)


def _measure(norm: _Norm, tile: Tile, shape: Sequence[int],
             inputs: Sequence[Any],
             measured: np.ndarray | None) -> tuple[np.ndarray, np.ndarray, int]:
    """Return mean, variance and number of the features in a tile's core.

    Only of `measured` pixels, if given. At the image's edges, where networks may add a
    margin, all features count.
    """
    begin, end = [], []
    for core, outer, length, scale in zip(tile.core, tile.outer, shape, norm.scale):
        begin.append((core.start - outer.start) // scale if core.start > 0 else 0)
        end.append((core.stop - outer.start) // scale if core.stop < length else 2**31 - 1)
    mean, deviation, count = (
        norm.measure(begin, end, *inputs) if measured is None or measured.all() else
        norm.measure_where(begin, end, measured.astype(np.float32), *inputs))
    return mean.numpy(), deviation.numpy() ** 2, int(count)
