"""Restoring images that fit in memory, as in training and scoring."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from microgan.batching import apply_network, map_batches
from microgan.datasets.normalization import IntensityRange
from microgan.generator_file import GeneratorInfo
from microgan.restoration.checks import check_size
from microgan.restoration.mirrored import average_over_mirrors

if TYPE_CHECKING:
    import keras


def restore_planes(model: keras.Model, planes: Sequence[np.ndarray] | np.ndarray,
                   degraded: IntensityRange, clean: IntensityRange, *,
                   test_time_augmentation: bool = False) -> list[np.ndarray]:
    """Apply a generator to 2D images.

    Args:
        model: `keras.Model`, float32 (B, Y, X, 1) -> float32, same shape.
        planes: images (Y, X) in the intensities of degraded images; sizes may differ,
            those of one size share batches.
        degraded: intensities that the generator gets as -1 and 1.
        clean: intensities that its -1 and 1 become.
        test_time_augmentation: average over mirror images.

    Returns:
        For each image its restoration (Y, X), float64, in the intensities of clean images,
        neither rounded nor clipped.

    Raises:
        UserError: an image has a side of less than 16 pixels.
    """
    for plane in planes:
        check_size(plane.shape)

    def apply(images: np.ndarray) -> np.ndarray:
        return apply_network(model, images[..., np.newaxis], training=False)[..., 0]

    if test_time_augmentation:
        multiple = max(getattr(layer, "multiple", 1) for layer in model.layers)
        apply = functools.partial(average_over_mirrors, apply, multiple=multiple)

    def restore(chosen: list[int]) -> np.ndarray:
        return clean.undo(apply(np.stack([degraded.normalize(planes[index]) for index in chosen])))

    return map_batches(restore, planes)


def restore_as_trained(model: keras.Model, info: GeneratorInfo, task: str,
                       planes: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Apply a generator to 2D images of a task, as its file says; see `restore_planes`."""
    constants = info.normalization[task]
    return restore_planes(model, planes, constants.degraded, constants.restored,
                          test_time_augmentation=info.test_time_augmentation)
