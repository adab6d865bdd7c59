"""Images of several sizes through a network, those of one size together."""

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
    """Change images in batches of one size each.

    Args:
        change: called with positions in `planes`, gives those images' results, stacked.
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


def refuse_not_finite(results: np.ndarray) -> None:
    """Refuse what a network has made of an image if some of it is no number.

    Raises:
        UserError: values are NaN or infinite.
    """
    num_bad = results.size - int(np.count_nonzero(np.isfinite(results)))
    if num_bad:
        raise UserError(
            f"The generator makes {num_bad} pixel{'s' * (num_bad > 1)} NaN or infinite: its "
            "weights or intensity constants are damaged, or too large for such an image. Train "
            "it again, or try --precision=float32.")


def pixels_at_once(planes: Sequence[np.ndarray]) -> int:
    """The most pixels that `map_batches` has in a batch, of images smaller than a batch."""
    return min(PIXELS_PER_BATCH, sum(plane.size for plane in planes))


def apply_network(model: keras.Model, inputs: Any, *, training: bool) -> Any:
    """What a network makes of its inputs; it is compiled once for all calls.

    Args:
        model: kept with its graph only as long as somebody else keeps it.
        inputs: as the model takes them.
        training: whether layers such as dropout do as in training.

    Returns:
        The model's output as a numpy array; those of a model of several, as a list of them.
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
