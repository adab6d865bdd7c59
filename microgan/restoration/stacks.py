"""Sharpening z-stacks that fit in memory."""

from __future__ import annotations

from collections.abc import Iterable

import keras
import numpy as np
import tensorflow as tf

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
    translate = tf.function(lambda values: generator(values, training=False),
                            reduce_retracing=True)
    sharpened: list[np.ndarray] = []
    reconstructed: list[np.ndarray] = []
    for stack in stacks:
        values = tf.constant(intensities.normalize(stack)[np.newaxis, ..., np.newaxis])
        for found, results in zip(translate(values), (sharpened, reconstructed)):
            results.append(to_type(intensities.undo(found.numpy()[0, ..., 0]), stack.dtype)[0])
    return sharpened, reconstructed
