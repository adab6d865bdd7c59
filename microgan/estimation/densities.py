"""What light tells of a sample: optical density in bright field, emission in fluorescence."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from microgan.metrics.blobs import is_dark_on_bright

# What lets the least light through absorbs as much as one grey level of 8 bits.
_LEAST_LIGHT = 1 / 255
BRIGHTEST_PERCENTILE, DARKEST_PERCENTILE = 99.9, 0.1


def are_absorbing(stacks: Sequence[np.ndarray]) -> bool:
    """Return whether stacks of one microscope are of bright field: most have dark cells."""
    return 2 * sum(map(is_dark_on_bright, stacks)) > len(stacks)


def to_density(stack: np.ndarray, is_absorbing: bool, like: np.ndarray | None = None
               ) -> tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]:
    """Convert intensities to the density of a sample.

    Args:
        stack: any shape and real type.
        is_absorbing: bright field instead of fluorescence.
        like: the stack whose extremes tell full light and dark; None for `stack` itself.

    Returns:
        float64, same shape: about 0 where nothing absorbs or shines; and the function back to
        intensities, which takes densities below 0 for 0.

    Example:
        >>> density, to_intensity = to_density(np.array([200.0, 100.0]), True)
        >>> round(float(density[1]), 2), to_intensity(density)[1].round()
        (0.69, np.float64(100.0))
    """
    like = stack if like is None else like
    if is_absorbing:
        full = max(float(np.percentile(like, BRIGHTEST_PERCENTILE)), 1e-9)
        return (-np.log(np.clip(stack / full, _LEAST_LIGHT, None)),
                lambda density: full * np.exp(-np.maximum(density, 0)))
    dark = float(np.percentile(like, DARKEST_PERCENTILE))
    return stack.astype(np.float64) - dark, lambda density: np.maximum(density, 0) + dark
