"""Sharpening z-stacks that fit in memory."""

from __future__ import annotations

from collections.abc import Iterable

import keras
import numpy as np

from microgan.runtime.batching import apply_network
from microgan.datasets.normalization import IntensityRange
from microgan.restoration.planes import to_type


def translate_stacks(generator: keras.Model, stacks: Iterable[np.ndarray],
                     intensities: IntensityRange) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Sharpen stacks, and blur them again.

    Args:
        generator: of ZSE-GAN, see `generator_file.load_generator`.
        stacks: (Z, Y, X) each, of any size and real numeric type.
        intensities: what becomes -1 and 1: the generator's normalisation.

    Returns:
        Sharpened and reconstructed stacks, of the size and type of the given ones; integers
        are rounded and cut off at the ends of their type.

    Source:
        ours.
    """
    sharpened: list[np.ndarray] = []
    reconstructed: list[np.ndarray] = []
    for stack in stacks:
        values = intensities.normalize(stack)[np.newaxis, ..., np.newaxis]
        translated = apply_network(generator, values, training=False)
        for found, results in zip(translated, (sharpened, reconstructed)):
            results.append(to_type(intensities.undo(found[0, ..., 0]), stack.dtype)[0])
    return sharpened, reconstructed
