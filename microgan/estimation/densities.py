"""What light tells of a sample: optical density in bright field, emission in fluorescence."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from microgan.metrics.blobs import is_dark_on_bright
from microgan.simulation.fitted_microscope import Light

# What lets the least light through absorbs as much as one grey level of 8 bits.
_LEAST_LIGHT = 1 / 255
BRIGHTEST_PERCENTILE, DARKEST_PERCENTILE = 99.9, 0.1


# Blur keeps the mean of what it blurs: so much steadier over slices must the mean of the light be
# than that of the optical density.
_STEADIER = 0.5


def are_absorbing(stacks: Sequence[np.ndarray]) -> bool:
    """Return whether stacks of one microscope are of bright field: most have dark cells."""
    return 2 * sum(map(is_dark_on_bright, stacks)) > len(stacks)


def find_light(stacks: Sequence[np.ndarray]) -> Light:
    """Find what the microscope of stacks blurs.

    Args:
        stacks: (Z, Y, X) each, any real type.

    Returns:
        In bright field, that of optical density and shade whose mean is steadier over slices,
        since blur keeps the mean of what it blurs. Where cells are dark, the two differ: the
        mean density of a blurred cell is less than that of a sharp one.

    Source:
        ours.
    """
    if not are_absorbing(stacks):
        return Light.EMITTED

    def unsteadiness(light: Light) -> float:
        means = [to_density(stack, light)[0].mean(axis=(1, 2)) for stack in stacks]
        return float(np.mean([each.std() / max(each.mean(), 1e-9) for each in means]))

    is_shaded = unsteadiness(Light.SHADED) < _STEADIER * unsteadiness(Light.ABSORBED)
    return Light.SHADED if is_shaded else Light.ABSORBED


def to_density(stack: np.ndarray, light: Light, like: np.ndarray | None = None
               ) -> tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]:
    """Convert intensities to what the microscope blurs, the density of a sample.

    Args:
        stack: any shape and real type.
        light: emitted; absorbed, then the density is the natural logarithm of what absorption
            divides the light by; or shaded, then it is the share of the light that is missing.
        like: the stack whose extremes tell full light and dark; None for `stack` itself.

    Returns:
        float64, same shape: about 0 where nothing absorbs or shines; and the function back to
        intensities, which takes densities below 0 for 0.

    Example:
        >>> density, to_intensity = to_density(np.array([200.0, 100.0]), Light.ABSORBED)
        >>> round(float(density[1]), 2), to_intensity(density)[1].round()
        (0.69, np.float64(100.0))
    """
    like = stack if like is None else like
    if light == Light.EMITTED:
        dark = float(np.percentile(like, DARKEST_PERCENTILE))
        return stack.astype(np.float64) - dark, lambda density: np.maximum(density, 0) + dark
    full = max(float(np.percentile(like, BRIGHTEST_PERCENTILE)), 1e-9)
    if light == Light.ABSORBED:
        return (-np.log(np.clip(stack / full, _LEAST_LIGHT, None)),
                lambda density: full * np.exp(-np.maximum(density, 0)))
    return 1 - stack / full, lambda density: full * (1 - np.clip(density, 0, 1))
