"""Measure the variance of noise against the signal that it lies on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import interpolate, ndimage, optimize

from microgan.estimation.spectra import windowed_mean

# Local means and what lies on them, squared, (Y, X) each.
Levels = tuple[np.ndarray, np.ndarray]

_NUM_LEVELS = 12
_NUM_DRAWS = 20
_LEAST_PIXELS = 40
_LOCAL_MEAN_PX = 2.0
# How much more a filter that extracts noise shuns signal than one that errs least would.
_SIGNAL_AVERSION = 8.0
# Standard deviations of logarithms: of one level's variance, of an image's line about all images'.
_LEVEL_SPREAD = 0.15
_LINE_SPREAD = 0.5
_TINY = 1e-300


@dataclass(frozen=True)
class NoiseLine:
    """Variance of noise = gain * signal + floor, of all images and of each.

    Args:
        gain: of all, grey levels.
        floor: of all, grey levels squared.
        image_gains: (images,).
        image_floors: (images,).
        gain_bounds: interval of 95 %.
        floor_bounds: likewise.
        typical: standard deviation at the mean grey level.
        typical_bounds: interval of 95 %.
    """

    gain: float
    floor: float
    image_gains: np.ndarray
    image_floors: np.ndarray
    gain_bounds: tuple[float, float]
    floor_bounds: tuple[float, float]
    typical: float
    typical_bounds: tuple[float, float]


def at_most(line: NoiseLine, variance: float, levels: Sequence[Levels],
            window: tuple[int, int]) -> NoiseLine:
    """Lower a line that has structure in it to the variance that a spectrum allows.

    Args:
        line: of all images and of each.
        variance: geometric mean over the images. The spectrum's windows count the middle of an
            image more than its borders, so the line is compared with it under the same weights.
        levels: of each image.
        window: shape (Y, X) of the spectrum's windows.
    """
    variances = [windowed_mean(np.maximum(gain * mean + floor, 0.0), window) for gain, floor,
                 (mean, _) in zip(line.image_gains, line.image_floors, levels)]
    found = float(np.exp(np.mean(np.log(np.maximum(variances, _TINY)))))
    factor = min(variance / found, 1.0) if found > _TINY else 1.0
    typical = line.typical * math.sqrt(factor)
    return NoiseLine(line.gain * factor, line.floor * factor, line.image_gains * factor,
                     line.image_floors * factor,
                     _widened(line.gain_bounds, line.gain * factor),
                     _widened(line.floor_bounds, line.floor * factor),
                     typical, _widened(line.typical_bounds, typical))


def _widened(bounds: Sequence[float], value: float) -> tuple[float, float]:
    """Return an interval that holds a value, too."""
    return min(float(bounds[0]), value), max(float(bounds[1]), value)


class NoiseFilter:
    """Passes the frequencies at which noise is stronger than signal.

    Args:
        signal: (Y, X) power of the signal at `y_frequency` and `x_frequency`.
        noise: likewise, its mean over all frequencies being the noise's variance.
        y_frequency: cycles per sample, increasing.
        x_frequency: likewise.
        step_px: distance between samples along X.
    """

    def __init__(self, signal: np.ndarray, noise: np.ndarray, y_frequency: np.ndarray,
                 x_frequency: np.ndarray, step_px: float) -> None:
        passed = noise / (noise + _SIGNAL_AVERSION * signal)
        passed[0, 0] = 0.0
        self._passed = interpolate.RegularGridInterpolator(
            (y_frequency, x_frequency), passed, bounds_error=False, fill_value=None)
        self._shape = interpolate.RegularGridInterpolator(
            (y_frequency, x_frequency), noise / noise.max(), bounds_error=False, fill_value=None)
        self._smoothing = (_LOCAL_MEAN_PX, _LOCAL_MEAN_PX / step_px)

    def levels(self, image: np.ndarray) -> Levels:
        """Return local means and the noise's variance as far as the filter tells, (Y, X) each."""
        margins = [min(length - 1, 16) for length in image.shape]
        padded = np.pad(image, [(margin, margin) for margin in margins], "reflect")
        y = np.abs(np.fft.fftfreq(padded.shape[0]))[:, np.newaxis]
        x = np.fft.rfftfreq(padded.shape[1])
        points = np.stack(np.broadcast_arrays(y, x), axis=-1)
        passed = np.clip(self._passed(points), 0.0, 1.0)
        shape = np.maximum(self._shape(points), 0.0)
        weights = np.where((x == 0) | (x == 0.5), 1.0, 2.0) * np.ones_like(y)
        share = np.average(passed ** 2 * shape, weights=weights) / np.average(shape,
                                                                              weights=weights)
        residual = np.fft.irfft2(np.fft.rfft2(padded) * passed, padded.shape)
        inner = tuple(slice(margin, margin + length) for margin, length in
                      zip(margins, image.shape))
        means = ndimage.gaussian_filter(image, self._smoothing, mode="reflect")
        return means, residual[inner] ** 2 / share


def measure_noise(measured: Sequence[Levels], noiseless: Sequence[Levels],
                  limits: tuple[float, float] | None, *, seed: int, num_draws: int = _NUM_DRAWS
                  ) -> NoiseLine:
    """Fit a line to the noise's variance against local mean.

    Args:
        measured: of each measured image, from `NoiseFilter.levels`.
        noiseless: of images without noise: the structure that passes the filter, too.
        limits: grey levels at which noise is cut off; pixels near them do not count.
        seed: of the bootstrap over images.
        num_draws: of the bootstrap; 0 gives bounds that are the values themselves.
    """
    means, squares = (np.concatenate([values.ravel() for values in parts])
                      for parts in zip(*noiseless))
    edges = np.unique(np.quantile(means, np.linspace(0, 1, 2 * _NUM_LEVELS + 1)))
    clean_mean, clean_square, _ = _by_level(means, squares, edges)
    tables = []
    for levels in measured:
        mean, square, count = _table(levels, limits)
        tables.append((mean, square, np.sqrt(count), np.interp(mean, clean_mean, clean_square)))
    scale = float(np.mean([mean.mean() for mean, *_ in tables]))
    gain, floor = _line(tables, scale)
    rng = np.random.default_rng(seed)
    drawn = np.array([_line([tables[k] for k in rng.integers(len(tables), size=len(tables))],
                            scale) for _ in range(num_draws)] or [(gain, floor)])
    typical = np.sqrt(np.maximum(drawn @ (scale, 1.0), 0.0))
    bounds = np.quantile(np.column_stack([drawn, typical]), (0.025, 0.975), axis=0)
    images = np.array([_line([table], scale, about=(gain, floor)) for table in tables])
    at_mean = math.sqrt(max(gain * scale + floor, 0.0))
    return NoiseLine(gain, floor, images[:, 0], images[:, 1], _widened(bounds[:, 0], gain),
                     _widened(bounds[:, 1], floor), at_mean, _widened(bounds[:, 2], at_mean))


def _by_level(means: np.ndarray, squares: np.ndarray, edges: np.ndarray
              ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    count, _ = np.histogram(means, edges)
    total = [np.histogram(means, edges, weights=values)[0] for values in (means, squares)]
    enough = count >= _LEAST_PIXELS
    return total[0][enough] / count[enough], total[1][enough] / count[enough], count[enough]


def _table(levels: Levels, limits: tuple[float, float] | None
           ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    means, squares = (values.ravel() for values in levels)
    edges = np.unique(np.quantile(means, np.linspace(0, 1, _NUM_LEVELS + 1)))
    if len(edges) < 2:
        return means[:1], np.array([squares.mean()]), np.array([means.size])
    mean, square, count = _by_level(means, squares, edges)
    if limits is not None:
        deviation = 2 * np.sqrt(square)
        free = (mean - deviation > limits[0]) & (mean + deviation < limits[1])
        if free.sum() >= 3:
            mean, square, count = mean[free], square[free], count[free]
    return mean, square, count


def _line(tables: Sequence[tuple[np.ndarray, ...]], scale: float,
          about: tuple[float, float] | None = None) -> tuple[float, float]:
    """Fit log variances, robustly; `about` draws one image's line to that of all."""
    mean, square, weight, structure = (np.concatenate(parts) for parts in zip(*tables))
    weight = weight / weight.mean()
    typical = float(np.median(square))
    if not typical > 0:
        return 0.0, 0.0
    lowest = 1e-4 * typical

    def variances(gain: float, floor: float) -> np.ndarray:
        return np.maximum(gain * mean + floor, lowest) + structure

    if about is None:
        def residuals(vector: np.ndarray) -> np.ndarray:
            gain, floor = vector * (typical / max(abs(scale), 1e-9), typical)
            return weight * np.log(np.maximum(square, lowest) / variances(gain, floor))

        starts = [(0.5, 0.3), (1.0, 0.0), (0.0, 1.0)]
        found = min((optimize.least_squares(residuals, start, loss="soft_l1", f_scale=0.3,
                                            bounds=((0, -np.inf), np.inf)) for start in starts),
                    key=lambda each: each.cost)
        gain, floor = found.x * (typical / max(abs(scale), 1e-9), typical)
        return float(gain), float(floor)
    middle = max(about[0] * float(mean.mean()) + about[1], lowest)

    def line(vector: np.ndarray) -> tuple[float, float]:
        # One factor on both, and a floor that is the image's own.
        factor = float(np.exp(vector[0]))
        return factor * about[0], factor * about[1] + float(vector[1]) * middle

    def own_residuals(vector: np.ndarray) -> np.ndarray:
        logs = np.log(np.maximum(square, lowest) / variances(*line(vector)))
        return np.concatenate([logs / _LEVEL_SPREAD, np.asarray(vector) / _LINE_SPREAD])

    return line(optimize.least_squares(own_residuals, (0.0, 0.0), loss="soft_l1").x)
