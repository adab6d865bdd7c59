"""Apply networks to images of several sizes, in batches of one size."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from microgan.errors import UserError

if TYPE_CHECKING:
    import keras

# Eight images of 256 x 256 at a time: about 0.5 GB in the published generators.
PIXELS_PER_BATCH = 8 * 256 * 256


def map_batches(change: Callable[[list[int]], np.ndarray],
                planes: Sequence[np.ndarray] | np.ndarray) -> list[np.ndarray]:
    """Apply a function to images in batches of one size.

    Args:
        change: called with positions in `planes`, returns those images' results, stacked.
        planes: images (Y, X).

    Returns:
        The results in the order of `planes`.
    """
    by_shape: dict[tuple[int, ...], list[int]] = {}
    for index, plane in enumerate(planes):
        by_shape.setdefault(plane.shape, []).append(index)
    changed: dict[int, np.ndarray] = {}
    for (height, width), indices in by_shape.items():
        batch_size = max(1, PIXELS_PER_BATCH // (height * width))
        for start in range(0, len(indices), batch_size):
            chosen = indices[start:start + batch_size]
            changed.update(zip(chosen, change(chosen)))
    return [changed[index] for index in range(len(planes))]


def refuse_not_finite(*results: np.ndarray) -> None:
    """Raise `UserError` if results of a generator are NaN or infinite."""
    num_bad = sum(array.size - int(np.count_nonzero(np.isfinite(array))) for array in results)
    if num_bad:
        raise UserError(
            f"The generator makes {num_bad} pixel{'s' * (num_bad > 1)} NaN or infinite: its "
            "weights or intensity constants are damaged, or too large for such an image. Train "
            "it again, or try --precision=float32.")


def pixels_at_once(planes: Sequence[np.ndarray]) -> int:
    """Return the most pixels in a batch of `map_batches`, for images smaller than that."""
    return min(PIXELS_PER_BATCH, sum(plane.size for plane in planes))


def apply_network(model: keras.Model, inputs: Any, *, training: bool) -> Any:
    """Apply a network, compiled once for all calls.

    Args:
        model: its graph is freed with it.
        inputs: as the model takes them.
        training: whether layers such as dropout act as in training.

    Returns:
        The model's output as a numpy array; several outputs as a list.
    """
    import keras

    return keras.tree.map_structure(lambda tensor: tensor.numpy(),
                                    _graph_function()(model, inputs, training))


@functools.cache
def _graph_function() -> Callable[..., Any]:
    import tensorflow as tf

    @tf.function(reduce_retracing=True)
    def apply(model: Any, inputs: Any, training: bool) -> Any:
        return model(inputs, training=training)

    return apply
