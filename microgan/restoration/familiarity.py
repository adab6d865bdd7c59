"""How like an image is to those that a network was pretrained on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy import ndimage, signal, spatial

EMBEDDED_KNOWN = Path(__file__).parent.parent / "networks" / "embedded_known.npz"
_TILE_PX = 64
_STEP_PX = 32
# Edges of rings of spatial frequency, periods per tile.
_RINGS = (1.5, 3, 5, 8, 12, 17, 23, 28, 32)
# Rings in which power along X is compared with power along Y.
_DIRECTED = ((3, 12), (12, 30))
_NEIGHBOURS = 5
_SHARE_KNOWN = 0.995
_LEAST_POWER = 1e-5
_LEAST_VARIANCE = 1e-6  # of a number that is stored in half precision
_SECOND_DIFFERENCES = np.outer([1, -2, 1], [1, -2, 1]) / 6


def describe_image(image: np.ndarray) -> np.ndarray:
    """Describe an image by its mean spectrum, its directions and its outliers.

    Args:
        image: float (Y, X), normalised as the network gets it.

    Returns:
        float64 (13,).

    Source:
        ours.
    """
    image = np.pad(image.astype(np.float64), [(0, max(0, _TILE_PX - length))
                                              for length in image.shape], "symmetric")
    window = np.outer(*[signal.windows.hann(_TILE_PX, sym=False)] * 2)
    tiles = np.lib.stride_tricks.sliding_window_view(
        image, (_TILE_PX, _TILE_PX))[::_STEP_PX, ::_STEP_PX].reshape(-1, _TILE_PX, _TILE_PX)
    tiles = (tiles - tiles.mean(axis=(1, 2), keepdims=True)) * window
    power = np.mean(np.abs(np.fft.fft2(tiles)) ** 2, axis=0) / np.sum(window ** 2)
    frequency = np.fft.fftfreq(_TILE_PX, 1 / _TILE_PX)
    ring = np.hypot(frequency[:, np.newaxis], frequency)
    spectrum = [power[(ring >= low) & (ring < high)].mean()
                for low, high in zip(_RINGS, _RINGS[1:])]
    along_x, along_y = (np.abs(each[:2]).mean(axis=0) for each in (power, power.T))
    directions = [np.log10((along_x[low:high].mean() + _LEAST_POWER)
                           / (along_y[low:high].mean() + _LEAST_POWER))
                  for low, high in _DIRECTED]
    fine = ndimage.convolve(image, _SECOND_DIFFERENCES, mode="reflect")
    deviation = image - image.mean()
    spread = max(image.std(), 1e-6)
    outliers = [float(np.mean(deviation ** 3)) / spread ** 3,
                np.log10(np.mean(deviation ** 4) / spread ** 4 + 1e-3),
                np.log10(np.mean(fine ** 4) / max(np.mean(fine ** 2), 1e-12) ** 2 + 1e-3)]
    return np.array([*np.log10(np.array(spectrum) + _LEAST_POWER), *directions, *outliers])


class Familiarity:
    """Compares images with those of a pretraining, by their nearest neighbours.

    Distances are Mahalanobis': in units of how much the known images differ in each direction.

    Args:
        known: float (N, 13), descriptions of the images of a pretraining, N of at least 20.

    Call arguments:
        image: as for `describe_image`.

    Returns:
        Distance to the nearest known images; up to 1 for 99.5 % of them.
    """

    def __init__(self, known: np.ndarray) -> None:
        known = known.astype(np.float64)
        self._mean = known.mean(axis=0)
        # Numbers that go together count once, and what they seldom do apart counts.
        variances, directions = np.linalg.eigh(np.cov(known.T))
        self._whitening = directions / np.sqrt(np.maximum(variances, _LEAST_VARIANCE))
        self._tree = spatial.cKDTree(self._whitened(known))
        # Of a known image, the nearest is itself.
        own, _ = self._tree.query(self._tree.data, k=_NEIGHBOURS + 1)
        self._limit = float(np.quantile(own[:, -1], _SHARE_KNOWN))

    def __call__(self, image: np.ndarray) -> float:
        distances, _ = self._tree.query(self._whitened(describe_image(image)), k=_NEIGHBOURS)
        return float(distances[-1]) / self._limit

    @classmethod
    def of_embedded(cls) -> Familiarity:
        """Return that of the generator that comes with microgan."""
        with np.load(EMBEDDED_KNOWN, allow_pickle=False) as file:
            return cls(file["descriptions"])

    def _whitened(self, descriptions: np.ndarray) -> np.ndarray:
        return (descriptions - self._mean) @ self._whitening
