"""Small shifts and stretches between the images of pairs, with their errors.

Detail that noise hides in one pair is weighted by how well all pairs of the set share it.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from scipy import fft, ndimage

from microgan.datasets.middle import middle
from microgan.datasets.phase_correlation import LARGEST_PX, border_window, with_even_noise

# Bands of frequency along an axis, finer at low ones.
_NUM_BANDS = 12
_LEAST_SHARED = 3.0  # times what chance gives
_LEAST_NOISE = 0.02  # of the power: the model is no more precise
_COARSE_PX, _COARSE_SMOOTHING_PX = 128, 3.0  # larger images are first matched in their middle
_MOST_UPDATES, _CONVERGED_PX = 8, 0.01
_START_PX, _MOST_PX, _MOST_STRETCH = 4, 5.0, 0.12
_BLOCK_PX = 16  # of which the errors are independent
_LEAST_GAIN = 4.0  # times its error
# What tells a wrong pair from a right one: shift along Y and X (px), stretch along Y, X and both.
# None of 1,341 right pairs of 20 sets, in parts of 12, is beyond. Of 432 pairs made wrong by 1 px
# 78 % are, by 3 % 92 %, if all others are right; docs/files.md has more.
_LEAST = np.array([0.6, 0.6, 0.02, 0.02, 0.02])
_ERRORS = np.array([4.0, 4.0, 4.6, 4.6, 3.8])
_SPREADS = 5.0
_COMMON = 1.25  # times `_LEAST`: all pairs are wrong by the same
_FEW_PAIRS, _SPREAD_OF_FEW = 8, np.array([0.3, 0.3, 0.006, 0.006, 0.006])
_QUANTILE, _DEVIATIONS_AT_QUANTILE = 0.6, 0.842
_MOST_HALVINGS = 25
_TINY = 1e-9


class Place(NamedTuple):
    """Where the clean image of a pair shows what the degraded one does.

    Args:
        values: float (5,): shift along Y and X, pixels, to be added to places in the degraded
            image; by how much more than 1 the clean image is larger along Y, X and both,
            about the middle.
        errors: float (5,), their standard deviations.
    """

    values: np.ndarray
    errors: np.ndarray


class UsualPlace(NamedTuple):
    """Where right pairs of a set are.

    Args:
        values: float (5,), as those of `Place`.
        spread: float (5,), standard deviation from pair to pair, beyond errors of measurement.
    """

    values: np.ndarray
    spread: np.ndarray

    def beyond(self, place: Place) -> np.ndarray:
        """Return bool (5,): which values of a pair no right pair has."""
        limits = np.maximum(_LEAST, _ERRORS * place.errors + _SPREADS * self.spread)
        return np.abs(place.values - self.values) > limits


def usual_place(places: Sequence[Place]) -> UsualPlace:
    """Measure where right pairs of a set are.

    Args:
        places: of its pairs, of which a third may be wrong.

    Returns:
        Their median, or 0 where that is so far off that all pairs are wrong alike.
    """
    if len(places) < _FEW_PAIRS:
        return UsualPlace(np.zeros(5), _SPREAD_OF_FEW)
    values, errors = (np.stack(each) for each in zip(*places))
    centre = np.median(values, axis=0)
    return UsualPlace(np.where(np.abs(centre) > _COMMON * _LEAST, 0.0, centre),
                      _spread(np.abs(values - centre), errors))


def _spread(distances: np.ndarray, errors: np.ndarray) -> np.ndarray:
    """Return the standard deviation that explains distances (N, 5) besides their errors."""
    low, high = np.zeros(5), distances.max(axis=0)
    for _ in range(_MOST_HALVINGS):
        spread = (low + high) / 2
        is_more = np.quantile(distances / np.hypot(errors, spread + _TINY), _QUANTILE,
                              axis=0) > _DEVIATIONS_AT_QUANTILE
        low, high = np.where(is_more, spread, low), np.where(is_more, high, spread)
    return low


class SharedDetail:
    """Filters that bring out what degraded and clean images of a set share.

    Args:
        pairs: right ones, degraded and clean images (Y, X).
        shift: (Y, X), whole pixels that they are usually shifted by.

    Source:
        ours, after the weights of Hannan and Thomson for delays (Knapp and Carter 1976).
        Departs: transfer and noise are those of all pairs, and amplitudes are kept.
    """

    def __init__(self, pairs: Iterable[tuple[np.ndarray, np.ndarray]],
                 shift: tuple[int, int] = (0, 0)) -> None:
        sums = np.zeros((4, _NUM_BANDS ** 2))
        for images in pairs:
            degraded, clean = map(_prepared, images)
            clean = np.roll(clean, (-shift[0], -shift[1]), axis=(0, 1))
            sums += _powers(fft.rfft2(degraded), fft.rfft2(clean), degraded.shape)
        of_degraded, of_clean, of_both, counts = sums
        shared = of_both / np.sqrt(of_degraded * of_clean + _TINY ** 2)
        self._gains = np.where(shared > _LEAST_SHARED / np.sqrt(2 * counts + 1),
                               of_both / (of_clean + _TINY), 0.0)
        noise = np.maximum(of_degraded - self._gains ** 2 * of_clean, _LEAST_NOISE * of_degraded)
        self._weights = 1 / np.sqrt(noise / np.maximum(counts, 1) + _TINY)

    def __bool__(self) -> bool:
        return bool(self._gains.any())

    def filtered(self, degraded: np.ndarray, clean: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Filter both images so that they differ by white noise where they are shared."""
        bands, is_lighting = _bands(degraded.shape)
        weights = np.where(is_lighting, 0.0, self._weights[bands])
        return (fft.irfft2(fft.rfft2(degraded) * weights, degraded.shape),
                fft.irfft2(fft.rfft2(clean) * weights * self._gains[bands], clean.shape))


def find_place(degraded: np.ndarray, clean: np.ndarray, detail: SharedDetail) -> Place | None:
    """Measure how one image of a pair is shifted and stretched, by a few pixels or percent.

    Args:
        degraded: (Y, X), at least 32 pixels a side.
        clean: likewise.
        detail: of the set.

    Returns:
        The place; None where the images show nothing in common, or are farther apart.

    Source:
        ours: least squares by Gauss-Newton steps (Lucas and Kanade 1981) of shift, stretch and
        brightness. Errors are the larger of those by white noise and by independent blocks.
    """
    if not detail:
        return None
    start = None
    side = _COARSE_PX
    while 2 * side <= min(*clean.shape, LARGEST_PX):
        coarse = _fit(middle(degraded, side), middle(clean, side), detail, start,
                      smoothing_px=_COARSE_SMOOTHING_PX)
        # Over the next, twice as large, errors of the stretch must not be more than detail.
        if coarse is not None and (coarse.errors[2:4] * side < 2).all():
            start = coarse.values[:4]
        side *= 2
    return _fit(middle(degraded, LARGEST_PX), middle(clean, LARGEST_PX), detail, start)


def _fit(degraded: np.ndarray, clean: np.ndarray, detail: SharedDetail,
         start: np.ndarray | None, smoothing_px: float = 0.0) -> Place | None:
    wanted, source = (ndimage.gaussian_filter(image, smoothing_px) for image in
                      detail.filtered(_prepared(degraded), _prepared(clean)))
    window = border_window(wanted.shape) ** 2
    half = np.array(wanted.shape) / 2
    y, x = ((np.arange(length) - (length - 1) / 2) / (length / 2) for length in wanted.shape)
    units = np.array([1.0, 1.0, *(1 / half)])
    spline = ndimage.spline_filter(source, 3)
    values = np.array([*_nearest_shift(wanted, source), 0.0, 0.0]) if start is None else start
    for update in range(_MOST_UPDATES + 1):
        moved = _moved(spline, values)
        along_y, along_x = np.gradient(moved)
        slopes = np.stack([along_y, along_x, along_y * y[:, np.newaxis], along_x * x, moved])
        weighted = (slopes * window).reshape(5, -1)
        normal = weighted @ slopes.reshape(5, -1).T
        gain = weighted[4] @ wanted.ravel() / (normal[4, 4] + _TINY)
        if not gain > 0:
            return None
        rest = wanted - gain * moved
        inverse = np.linalg.inv(normal + np.diag(1e-3 * np.diag(normal) + _TINY))
        step = np.clip((inverse @ (weighted @ rest.ravel()))[:4] / gain, -1, 1)
        if update == _MOST_UPDATES or np.abs(step).max() < _CONVERGED_PX:
            break
        values = values + step * units
        if np.abs(values[:2]).max() > _MOST_PX or np.abs(values[2:]).max() > _MOST_STRETCH:
            return None
    errors = np.maximum(
        _deviations((slopes * window ** 2).reshape(5, -1) @ slopes.reshape(5, -1).T
                    * (window * rest ** 2).sum() / window.sum(), inverse),
        _deviations(_block_scatter(slopes * window * rest), inverse))
    if gain < _LEAST_GAIN * errors[4]:
        return None
    return _with_both(values, errors[:4] / gain * units)


def _with_both(values: np.ndarray, errors: np.ndarray) -> Place:
    """Add the stretch along both axes, weighted by their errors."""
    weights = 1 / (errors[2:] ** 2 + _TINY ** 2)
    return Place(np.append(values, (values[2:] * weights).sum() / weights.sum()),
                 np.append(errors, 1 / np.sqrt(weights.sum())))


def _deviations(scatter: np.ndarray, inverse: np.ndarray) -> np.ndarray:
    return np.sqrt(np.diag(inverse @ scatter @ inverse))


def _block_scatter(scores: np.ndarray) -> np.ndarray:
    """Return the scatter of sums over blocks; scores (5, Y, X)."""
    rows, columns = (np.arange(0, length, _BLOCK_PX) for length in scores.shape[1:])
    sums = np.add.reduceat(np.add.reduceat(scores, rows, axis=1), columns, axis=2).reshape(5, -1)
    return sums @ sums.T


def _moved(spline: np.ndarray, values: np.ndarray) -> np.ndarray:
    centre = (np.array(spline.shape) - 1) / 2
    scale = 1 + values[2:4]
    # As a matrix: of scales alone, older versions of SciPy warn.
    return ndimage.affine_transform(spline, np.diag(scale), centre + values[:2] - scale * centre,
                                    order=3, prefilter=False, mode="nearest")


def _nearest_shift(wanted: np.ndarray, source: np.ndarray) -> tuple[int, int]:
    """Return the best shift of at most 4 whole pixels."""
    products = fft.irfft2(np.conj(fft.rfft2(wanted)) * fft.rfft2(source), wanted.shape)
    near = np.arange(-_START_PX, _START_PX + 1)
    row, column = divmod(int(np.argmax(products[np.ix_(near, near)])), len(near))
    return int(near[row]), int(near[column])


def _prepared(image: np.ndarray) -> np.ndarray:
    values = with_even_noise(middle(image, LARGEST_PX))
    return values / (np.sqrt(np.mean(values ** 2)) + _TINY)


def _powers(degraded: np.ndarray, clean: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    bands = _bands(shape)[0].ravel()
    powers = (np.abs(degraded) ** 2, np.abs(clean) ** 2, (degraded * clean.conj()).real)
    return np.stack([*(np.bincount(bands, power.ravel() / np.prod(shape), _NUM_BANDS ** 2)
                       for power in powers), np.bincount(bands, minlength=_NUM_BANDS ** 2)])


@functools.lru_cache(maxsize=4)
def _bands(shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return the number of each coefficient's band, and which vary over most of the image."""
    y, x = np.abs(np.fft.fftfreq(shape[0]))[:, np.newaxis], np.fft.rfftfreq(shape[1])[np.newaxis]
    row, column = (np.minimum((_NUM_BANDS * np.sqrt(2 * each)).astype(int), _NUM_BANDS - 1)
                   for each in (y, x))
    return row * _NUM_BANDS + column, np.hypot(y, x) < 1.5 / min(shape)
