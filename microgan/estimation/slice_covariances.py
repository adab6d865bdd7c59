"""What the slices of z-stacks share at each lateral frequency."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import signal

NUM_RINGS = 16
_SIDES_PX = (128, 96, 64, 48, 32)
_FEWEST_TILES, _MOST_TILES = 4, 24
_LOWEST = 1.5  # cycles per side: below it the window shows the mean
_CROWDING = 1.4  # rings are narrower at low frequencies, where power changes faster


@dataclass(frozen=True)
class SliceCovariances:
    """Covariances of slices' Fourier coefficients, ring by ring of frequency.

    Args:
        of_tiles: float (N, R, Z, Z), real part of the mean over a ring.
        frequency: float (R,), mean of the ring, cycles per pixel.
        count: float (R,), coefficients in the ring of one tile.
    """

    of_tiles: np.ndarray
    frequency: np.ndarray
    count: np.ndarray


def slice_covariances(stacks: Sequence[np.ndarray]) -> SliceCovariances:
    """Measure how alike the slices of stacks are at each lateral frequency.

    Args:
        stacks: real (Z, Y, X) each, of one depth, at least 16 pixels a side.

    Returns:
        A covariance of slices for each tile and ring; white noise of variance v adds v to its
        diagonal. Tiles overlap by half and are the largest of which there are four; as many as
        24 of them, evenly chosen.
    """
    shortest = min(min(stack.shape[1:]) for stack in stacks)
    sides = [side for side in _SIDES_PX if side <= shortest] or [shortest]
    tiles: list[tuple[int, int, int]] = []
    for side in sides:
        tiles = [(index, top, left) for index, stack in enumerate(stacks)
                 for top in range(0, stack.shape[1] - side + 1, side // 2)
                 for left in range(0, stack.shape[2] - side + 1, side // 2)]
        if len(tiles) >= _FEWEST_TILES:
            break
    chosen = np.unique(np.linspace(0, len(tiles) - 1, min(len(tiles), _MOST_TILES)).astype(int))
    frequency = np.hypot(np.fft.fftfreq(side)[:, np.newaxis], np.fft.rfftfreq(side)).ravel()
    lowest = _LOWEST / side
    edges = lowest + (0.5 - lowest) * np.linspace(0, 1, NUM_RINGS + 1) ** _CROWDING
    ring = np.searchsorted(edges, frequency) - 1
    count = np.array([(ring == each).sum() for each in range(NUM_RINGS)])
    used = np.flatnonzero(count)
    covariances = []
    for index, top, left in (tiles[each] for each in chosen):
        spectrum = _spectrum(stacks[index][:, top:top + side, left:left + side])
        covariances.append([_covariance(spectrum[:, ring == each]) for each in used])
    return SliceCovariances(
        np.array(covariances), np.array([frequency[ring == each].mean() for each in used]),
        count[used].astype(np.float64))


def _covariance(coefficients: np.ndarray) -> np.ndarray:
    product = coefficients @ coefficients.conj().T
    return np.asarray(product.real / coefficients.shape[1])


def _spectrum(tile: np.ndarray) -> np.ndarray:
    """Return Fourier coefficients (Z, K), windowed; white noise keeps its variance."""
    window = np.outer(*(signal.windows.hann(length, sym=False) for length in tile.shape[1:]))
    window /= np.sqrt(np.square(window).mean())
    mean = (tile * window).sum(axis=(1, 2), keepdims=True) / window.sum()
    spectrum = np.fft.rfft2((tile - mean) * window) / np.sqrt(window.size)
    return np.asarray(spectrum.reshape(len(tile), -1))
