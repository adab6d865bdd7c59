"""Made images: a CIN-GAN generator applied to clean ones."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from microgan.datasets.normalization import IntensityRange

if TYPE_CHECKING:
    import keras

_PIXELS_PER_BATCH = 8 * 256 * 256


def make_degraded(model: keras.Model, planes: Sequence[np.ndarray], task: int,
                  clean: IntensityRange, degraded: IntensityRange, *,
                  seed: int) -> list[np.ndarray]:
    """Give clean images a learned defect.

    Args:
        model: a CIN-GAN generator.
        planes: images (Y, X) of at least 16 pixels a side, in the intensities of clean
            images; sizes may differ.
        task: position of the defect among the generator's tasks.
        clean: intensities that the generator gets as -1 and 1.
        degraded: intensities that its -1 and 1 become.
        seed: of the noise; the same images and seed give the same result.

    Returns:
        For each image a degraded one (Y, X), float64, in the intensities of degraded
        images, neither rounded nor clipped.
    """
    by_shape: dict[tuple[int, ...], list[int]] = {}
    for index, plane in enumerate(planes):
        by_shape.setdefault(plane.shape, []).append(index)
    _seed_dropout(model, seed)
    made: dict[int, np.ndarray] = {}
    for shape, indices in by_shape.items():
        batch_size = max(1, _PIXELS_PER_BATCH // (shape[0] * shape[1]))
        for start in range(0, len(indices), batch_size):
            chosen = indices[start:start + batch_size]
            inputs = [np.stack([clean.normalize(planes[index]) for index in chosen])[..., None],
                      np.full(len(chosen), task, np.int32)]
            if len(model.inputs) == 3:
                # A generator of its own for each image: its noise does not depend on others.
                inputs.append(np.stack([np.random.default_rng([seed, index]).standard_normal(
                    (*shape, 1), np.float32) for index in chosen]))
            values = _apply()(model, inputs).numpy()
            made.update(zip(chosen, degraded.undo(values[..., 0])))
    return [made[index] for index in range(len(planes))]


def _seed_dropout(model: keras.Model, seed: int) -> None:
    """Dropout is the published generator's only randomness: it stays on, but repeatable."""
    for number, layer in enumerate(model.layers):
        if hasattr(layer, "seed_generator"):
            layer.seed_generator.state.assign([seed, number])


@functools.cache
def _apply() -> Callable[..., Any]:
    """One graph per model, kept between calls and dropped with the model."""
    import tensorflow as tf

    @tf.function(reduce_retracing=True)
    def apply(model: Any, inputs: Any) -> Any:
        return model(inputs, training=True)

    return apply
