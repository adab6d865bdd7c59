"""Restoring images that fit in memory, as in training and scoring."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from microgan.datasets.normalization import IntensityRange
from microgan.generator_file import GeneratorInfo
from microgan.restoration.checks import check_size
from microgan.restoration.mirrored import average_over_mirrors

if TYPE_CHECKING:
    import keras

# Eight images of 256 x 256 at a time: about 0.5 GB in the published generator.
PIXELS_PER_BATCH = 8 * 256 * 256


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
    by_shape: dict[tuple[int, ...], list[int]] = {}
    for index, plane in enumerate(planes):
        by_shape.setdefault(plane.shape, []).append(index)
    restored: dict[int, np.ndarray] = {}

    def apply(images: np.ndarray) -> np.ndarray:
        return _apply()(model, images[..., np.newaxis]).numpy()[..., 0]

    if test_time_augmentation:
        multiple = max(getattr(layer, "multiple", 1) for layer in model.layers)
        apply = functools.partial(average_over_mirrors, apply, multiple=multiple)
    for shape, indices in by_shape.items():
        check_size(shape)
        batch_size = max(1, PIXELS_PER_BATCH // (shape[0] * shape[1]))
        for start in range(0, len(indices), batch_size):
            chosen = indices[start:start + batch_size]
            batch = np.stack([degraded.normalize(planes[index]) for index in chosen])
            restored.update(zip(chosen, clean.undo(apply(batch))))
    return [restored[index] for index in range(len(planes))]


def restore_as_trained(model: keras.Model, info: GeneratorInfo, task: str,
                       planes: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Apply a generator to 2D images of a task, as its file says; see `restore_planes`."""
    constants = info.normalization[task]
    return restore_planes(model, planes, constants.degraded, constants.restored,
                          test_time_augmentation=info.test_time_augmentation)


@functools.cache
def _apply() -> Callable[..., Any]:
    """One graph per model, kept between calls and dropped with the model."""
    import tensorflow as tf

    @tf.function(reduce_retracing=True)
    def apply(model: Any, batch: Any) -> Any:
        return model(batch, training=False)

    return apply
