"""Noise that depends on the position in an image, not on the part that is asked for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

_BLOCK = 256


def noise(seed: Sequence[int], where: tuple[slice, ...]) -> np.ndarray:
    """Return a part of an unbounded image of standard normal noise.

    Args:
        seed: of the image.
        where: the part.

    Returns:
        float32; overlapping parts agree.
    """
    blocks = [range(part.start // _BLOCK, -(-part.stop // _BLOCK)) for part in where]
    result = np.empty([_BLOCK * len(numbers) for numbers in blocks], np.float32)
    for place in np.ndindex(*map(len, blocks)):
        numbers = [of_axis[index] for of_axis, index in zip(blocks, place)]
        random = np.random.default_rng([*seed, *numbers])
        corner = tuple(slice(index * _BLOCK, (index + 1) * _BLOCK) for index in place)
        result[corner] = random.standard_normal((_BLOCK,) * len(where), np.float32)
    return result[tuple(slice(part.start - of_axis.start * _BLOCK,
                              part.stop - of_axis.start * _BLOCK)
                        for part, of_axis in zip(where, blocks))]
