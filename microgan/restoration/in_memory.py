"""Images that fit in memory through a network, as in training and scoring."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from microgan.datasets.normalization import IntensityRange
from microgan.generator_file import GeneratorInfo
from microgan.restoration.checks import check_size
from microgan.restoration.mirrored import average_over_mirrors
from microgan.restoration.planes import to_type
from microgan.restoration.restorer import Restorer
from microgan.runtime.batching import (
    PIXELS_PER_BATCH, apply_network, map_batches, refuse_not_finite)

if TYPE_CHECKING:
    import keras


class InMemoryRestorer:
    """Applies a generator to 2D images, in batches of one size.

    An image larger than a batch goes through a `Restorer`, in tiles if the whole does not
    fit in memory.

    Args:
        model: `keras.Model`, float32 (B, Y, X, 1) -> float32, same shape; its weights may
            change between calls.
        info: its description.

    Call arguments:
        task: whose intensity constants to use, if the generator has any.
        planes: images (Y, X) in the intensities of degraded images; sizes may differ.

    Returns:
        For each image its restoration (Y, X), float64, in the intensities of clean images,
        neither rounded nor clipped.

    Raises:
        UserError: an image has a side of less than 16 pixels; or there is not enough memory
            for the smallest tile of a large one.
    """

    def __init__(self, model: keras.Model, info: GeneratorInfo) -> None:
        self._model, self._info = model, info

    def __call__(self, task: str, planes: Sequence[np.ndarray] | np.ndarray) -> list[np.ndarray]:
        for plane in planes:
            check_size(plane.shape)
        if not self._info.tasks:
            return [self._restore_large(None, plane) for plane in planes]
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

    def _restore_large(self, task: str | None, plane: np.ndarray) -> np.ndarray:
        restored = np.empty(plane.shape)
        self._for_large.restore_into(restored, plane, axes="YX", task=task,
                                     report=lambda line: None)
        return restored

    @functools.cached_property
    def _for_large(self) -> Restorer:
        """Built once: each of its graphs takes seconds to compile."""
        return Restorer(self._model, self._info)


def translate_stacks(generator: keras.Model, stacks: Iterable[np.ndarray],
                     intensities: IntensityRange) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Sharpen stacks, and blur them again.

    Args:
        generator: of ZSE-GAN, see `generator_file.load_generator`.
        stacks: (Z, Y, X) each, of any size and real numeric type.
        intensities: what becomes -1 and 1: the generator's normalisation.

    Returns:
        Sharpened and reconstructed stacks, of the size and type of the given ones; integers
        are rounded and clipped to their type.
    """
    sharpened: list[np.ndarray] = []
    reconstructed: list[np.ndarray] = []
    for stack in stacks:
        values = intensities.normalize(stack)[np.newaxis, ..., np.newaxis]
        translated = apply_network(generator, values, training=False)
        for found, results in zip(translated, (sharpened, reconstructed)):
            results.append(to_type(intensities.undo(found[0, ..., 0]), stack.dtype)[0])
    return sharpened, reconstructed


def synthesise_degraded(model: keras.Model | None, info: GeneratorInfo, task: str,
                        planes: Sequence[np.ndarray], *, seed: int,
                        parts: Sequence[tuple[slice, slice]] | None = None) -> list[np.ndarray]:
    """Add a learned defect to clean images.

    Args:
        model: a CIN-GAN generator; None where `info.uses_network(task)` is false.
        info: its description.
        task: name of the defect.
        planes: images (Y, X) of at least 16 pixels a side, in the intensities of clean
            images; sizes may differ.
        seed: of the noise; the same images and seed give the same result.
        parts: of each image, what is wanted; None for all. A measured model sees the whole
            image, the network only the part.

    Returns:
        For each image a degraded one (Y, X), float64, in the intensities of degraded
        images; what the network did is neither rounded nor clipped.

    Raises:
        UserError: some of their pixels are NaN or infinite.
    """
    parts = parts or [(slice(None), slice(None))] * len(planes)
    ranges = info.normalization[task]
    # Seeded per image: its noise does not depend on the others.
    randoms = [np.random.default_rng([seed, index]) for index in range(len(planes))]
    if info.degradation:
        images = [info.degradation[task].apply(random, plane)[part]
                  for random, plane, part in zip(randoms, planes, parts)]
    else:
        images = [plane[part] for plane, part in zip(planes, parts)]
    if not info.uses_network(task):
        refuse_not_finite(*images)
        return images
    assert model is not None
    before = ranges.degraded if info.degradation else ranges.clean
    # Dropout is the published generator's only randomness: it stays on, but repeatable.
    for number, layer in enumerate(model.layers):
        if hasattr(layer, "seed_generator"):
            layer.seed_generator.state.assign([seed, number])

    def degrade(chosen: list[int]) -> np.ndarray:
        inputs = [np.stack([before.normalize(images[index]) for index in chosen])[..., None],
                  np.full(len(chosen), info.tasks.index(task), np.int32)]
        if len(model.inputs) == 3:
            inputs.append(np.stack([randoms[index].standard_normal(
                (*images[index].shape, 1), np.float32) for index in chosen]))
        synthetic = ranges.degraded.undo(apply_network(model, inputs, training=True)[..., 0])
        refuse_not_finite(synthetic)
        return synthetic

    return map_batches(degrade, images)
