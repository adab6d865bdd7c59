"""Graded distortions of an image, on which distances are compared."""

import numpy as np
from scipy import ndimage

CHECKED_KINDS = ("blur", "noise", "shift", "contrast", "other image")
CHECKED_STRENGTHS = (0.05, 0.1, 0.2, 0.4, 0.7, 1.0)
TRAINED_KINDS = CHECKED_KINDS + ("brightness", "gamma", "background", "coarse noise",
                                 "shot noise", "stripes", "axial", "patch")


def distort(kind, image, strength, other, rng):
    """Distort an image by a given strength.

    Args:
        kind: one of `CHECKED_KINDS`, or one that only training sees.
        image: float32 (Y, X), mostly in [-1, 1].
        strength: 0 (none) to 1 (about as far as an unrelated image).
        other: like `image`, an unrelated image.
        rng: `numpy.random.Generator`.
    """
    if kind == "blur":
        return ndimage.gaussian_filter(image, 5 * strength, mode="reflect")
    if kind == "noise":
        return image + rng.normal(0, 0.8 * strength, image.shape)
    if kind == "shift":
        angle = rng.uniform(0, 2 * np.pi)
        step = 8 * strength * np.array([np.sin(angle), np.cos(angle)])
        return ndimage.shift(image, step, order=1, mode="reflect")
    if kind == "contrast":
        change = rng.choice([1 - 0.9 * strength, 1 + strength])
        return image.mean() + change * (image - image.mean())
    if kind == "other image":
        return image + strength * (other - image)
    if kind == "brightness":
        return image + rng.choice([-1, 1]) * strength
    if kind == "gamma":
        unit = np.clip((image + 1) / 2, 0, None)
        return 2 * unit ** np.exp(rng.choice([-1, 1]) * strength) - 1
    if kind == "background":
        blobs = ndimage.gaussian_filter(rng.normal(size=image.shape), rng.uniform(6, 16))
        return image + strength * blobs / blobs.std()
    if kind == "coarse noise":
        grain = ndimage.gaussian_filter(rng.normal(size=image.shape), rng.uniform(0.5, 2))
        return image + 0.8 * strength * grain / grain.std()
    if kind == "shot noise":
        photons = 10 ** (2.5 - 2.5 * strength)
        unit = np.clip((image + 1) / 2, 0, None)
        return 2 * rng.poisson(photons * unit) / photons - 1
    if kind == "stripes":
        phase = np.add.outer(rng.choice([0, 0.5, 1]) * np.arange(image.shape[0]),
                             rng.choice([0.25, 0.5, 1]) * np.arange(image.shape[1]))
        return image + 0.5 * strength * np.cos(np.pi * phase)
    if kind == "axial":
        factor = int(np.ceil(1 + 9 * strength))
        blurred = ndimage.gaussian_filter1d(image, factor / 2, axis=1)
        columns = np.arange(0, image.shape[1], factor)
        return np.stack([np.interp(np.arange(image.shape[1]), columns, row[columns])
                         for row in blurred])
    if kind == "patch":
        mask = ndimage.gaussian_filter(rng.normal(size=image.shape), 6)
        return np.where(mask < np.quantile(mask, strength), other, image)
    raise ValueError(f"no such kind of distortion: {kind}")
