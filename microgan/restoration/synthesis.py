"""Made images: a CIN-GAN generator applied to clean ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from microgan.runtime.batching import apply_network, map_batches, refuse_not_finite
from microgan.datasets.normalization import IntensityRange

if TYPE_CHECKING:
    import keras


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

    Raises:
        UserError: some of their pixels are NaN or infinite.
    """
    _seed_dropout(model, seed)

    def degrade(chosen: list[int]) -> np.ndarray:
        inputs = [np.stack([clean.normalize(planes[index]) for index in chosen])[..., None],
                  np.full(len(chosen), task, np.int32)]
        if len(model.inputs) == 3:
            # A generator of its own for each image: its noise does not depend on others.
            inputs.append(np.stack([np.random.default_rng([seed, index]).standard_normal(
                (*planes[index].shape, 1), np.float32) for index in chosen]))
        made = degraded.undo(apply_network(model, inputs, training=True)[..., 0])
        refuse_not_finite(made)
        return made

    return map_batches(degrade, planes)


def _seed_dropout(model: keras.Model, seed: int) -> None:
    """Dropout is the published generator's only randomness: it stays on, but repeatable."""
    for number, layer in enumerate(model.layers):
        if hasattr(layer, "seed_generator"):
            layer.seed_generator.state.assign([seed, number])
