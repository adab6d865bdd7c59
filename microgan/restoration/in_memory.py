"""Restoring images that fit in memory, as in training and scoring."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from microgan.runtime.batching import PIXELS_PER_BATCH, apply_network, map_batches
from microgan.generator_file import GeneratorInfo
from microgan.restoration.checks import check_size
from microgan.restoration.mirrored import average_over_mirrors
from microgan.restoration.restorer import Restorer

if TYPE_CHECKING:
    import keras


class InMemoryRestorer:
    """Applies a generator to 2D images, those of one size together.

    An image of more pixels than a batch may have goes through a `Restorer`, in tiles where
    memory does not suffice for the whole.

    Args:
        model: `keras.Model`, float32 (B, Y, X, 1) -> float32, same shape; its weights may
            change between calls.
        info: what its file says of it.

    Call arguments:
        task: whose intensity constants to use.
        planes: images (Y, X) in the intensities of degraded images; sizes may differ.

    Returns:
        For each image its restoration (Y, X), float64, in the intensities of clean images,
        neither rounded nor clipped.

    Raises:
        UserError: an image has a side of less than 16 pixels; or memory does not suffice
            for the smallest tile of a large one.
    """

    def __init__(self, model: keras.Model, info: GeneratorInfo) -> None:
        self._model, self._info = model, info

    def __call__(self, task: str, planes: Sequence[np.ndarray] | np.ndarray) -> list[np.ndarray]:
        for plane in planes:
            check_size(plane.shape)
        ranges = self._info.normalization[task]

        def restore(chosen: list[int]) -> np.ndarray:
            if planes[chosen[0]].size > PIXELS_PER_BATCH:
                return np.stack([self._restore_large(task, planes[index]) for index in chosen])
            return ranges.restored.undo(self._apply(
                np.stack([ranges.degraded.normalize(planes[index]) for index in chosen])))

        return map_batches(restore, planes)

    def _apply(self, images: np.ndarray) -> np.ndarray:
        def apply(images: np.ndarray) -> np.ndarray:
            return apply_network(self._model, images[..., np.newaxis], training=False)[..., 0]

        if self._info.test_time_augmentation:
            multiple = max(getattr(layer, "multiple", 1) for layer in self._model.layers)
            return average_over_mirrors(apply, images, multiple)
        return apply(images)

    def _restore_large(self, task: str, plane: np.ndarray) -> np.ndarray:
        restored = np.empty(plane.shape)
        self._for_large.restore_into(restored, plane, axes="YX", task=task,
                                     report=lambda line: None)
        return restored

    @functools.cached_property
    def _for_large(self) -> Restorer:
        """Made once: each of its graphs takes seconds to compile."""
        return Restorer(self._model, self._info)
