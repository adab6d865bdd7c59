"""Fit blur, haze and noise to the mean log spectrum of degraded images, given clean ones."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import optimize

from microgan.estimation.blur_spread import LOG_FACTORS, likeliest
from microgan.estimation.brightness import contrast
from microgan.estimation.spectra import Bins, folding, power_spectrum, window_length

_TRANSFER_KNOTS = np.array([0.0, 0.04, 0.08, 0.12, 0.16, 0.2, 0.26, 0.33, 0.41, 0.5])
NOISE_KNOTS = np.array([0.0, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.71])
# Standard deviation, from knot to knot, of the log of a measured curve before it is measured.
# Where signal covers the noise, the noise is taken to be as at the next knot.
_TRANSFER_ROUGHNESS = 0.15
_NOISE_ROUGHNESS = np.array([0.03, 0.1, 0.2, 0.3, 0.4, 0.4, 0.4, 0.4, 0.5, 0.5])
OPTIONAL = ("haze", "transfer", "noise")
# A component stays if it lowers chi-squared by this much.
_WORTH = {"haze": 30.0, "transfer": 20.0, "noise": 20.0}
# Standard deviations of the log of the scale: as contrast tells it, and if brightness is kept.
_SCALE_SPREAD, _KEPT_SPREAD = 0.06, 0.015
_MOST_FACTORS = 6
_IMAGES_PER_FACTOR = 5
_MODEL_ERROR = 0.1
_NUM_WHITE = 40
# Standard deviations of the log of one image's scale, and of its noise's variance.
_OWN_SPREAD = np.array([1.5, 0.5])
_SMALL = 1e-3
_NOTHING_KNOWN = 20.0  # standard deviation of a logarithm


@dataclass(frozen=True)
class Transfer:
    """What the spectral fit varies; logarithms are natural.

    Args:
        log_scale: of the signal's amplitude.
        blur_px2: variances of the blur along Y and X.
        log_noise: of the noise's variance, geometric mean over images.
        haze: share of unfocused light.
        log_haze_px: of its standard deviation.
        transfer: log amplitude at `_TRANSFER_KNOTS`, on top of the blur.
        noise: log power of the noise at `NOISE_KNOTS`, relative to white noise.
    """

    log_scale: float
    blur_px2: tuple[float, float]
    log_noise: float
    haze: float = 0.0
    log_haze_px: float = math.log(15.0)
    transfer: tuple[float, ...] = ()
    noise: tuple[float, ...] = ()

    def amplitude(self, y2: np.ndarray, x2: np.ndarray) -> np.ndarray:
        """Return what is left of each amplitude, without the scale.

        Args:
            y2: squared frequency along Y, cycles per pixel.
            x2: along X; broadcast against `y2`.
        """
        focused = np.exp(-2 * math.pi ** 2 * (self.blur_px2[0] * y2 + self.blur_px2[1] * x2))
        if self.transfer:
            focused = focused * np.exp(np.interp(np.sqrt(y2 + x2), *self.transfer_curve()))
        if not self.haze:
            return focused
        wide = np.exp(-2 * math.pi ** 2 * math.exp(2 * self.log_haze_px) * (y2 + x2))
        return (1 - self.haze) * focused + self.haze * wide

    def blurred_by(self, factor: float) -> Transfer:
        """Return the same with a factor on the blur's variances."""
        return replace(self, blur_px2=(factor * self.blur_px2[0], factor * self.blur_px2[1]))

    def transfer_curve(self) -> tuple[np.ndarray, np.ndarray]:
        """Return frequencies and log amplitudes of the measured curve."""
        return _TRANSFER_KNOTS, np.array(self.transfer)

    def noise_power(self, frequency: np.ndarray) -> np.ndarray:
        """Return the noise's power, of mean variance 1 if it is white."""
        if not self.noise:
            return np.ones_like(frequency)
        return np.exp(np.interp(frequency, NOISE_KNOTS, self.noise))


@dataclass(frozen=True)
class FittedSpectrum:
    """Result of `fit_spectrum`.

    Args:
        best: the fitted numbers.
        covariance: of the logs and numbers in `names`.
        names: of `covariance`'s rows.
        misfit: chi-squared per degree of freedom.
        signal: (Y, X) modelled mean power of the signal in bins.
        noise: like `signal`.
        y_frequency: (Y,) of the bins, cycles per sample.
        x_frequency: (X,).
        residual: (Y, X), log of measured over modelled power.
    """

    best: Transfer
    covariance: np.ndarray
    names: tuple[str, ...]
    misfit: float
    signal: np.ndarray
    noise: np.ndarray
    y_frequency: np.ndarray
    x_frequency: np.ndarray
    residual: np.ndarray

    def noise_variance(self) -> float:
        """Return the noise's variance, geometric mean over images, grey levels squared."""
        frequency = np.fft.fftfreq(64)
        return math.exp(self.best.log_noise) * float(self.best.noise_power(
            np.hypot(frequency[:, np.newaxis], frequency)).mean())

    def noise_deviation(self) -> float:
        """Return the standard deviation of the log of `noise_variance`, at most 20."""
        rows = [row for row, name in enumerate(self.names) if name.startswith(("log_noise",
                                                                               "noise_"))]
        changes = [1.0]
        for knot, value in enumerate(self.best.noise):
            noise = (*self.best.noise[:knot], value + _SMALL, *self.best.noise[knot + 1:])
            moved = replace(self, best=replace(self.best, noise=noise))
            changes.append(math.log(moved.noise_variance() / self.noise_variance()) / _SMALL)
        variance = np.array(changes) @ self.covariance[np.ix_(rows, rows)] @ changes
        return _deviation_of_log(variance)

    def transfer_deviation(self, frequency: float) -> float:
        """Return the standard deviation of the log of the measured curve at a frequency."""
        rows = [row for row, name in enumerate(self.names) if name.startswith("transfer_")]
        # The fall from each knot to the next counts in full, in part or not yet.
        counts = np.clip((frequency - _TRANSFER_KNOTS[:-1]) / np.diff(_TRANSFER_KNOTS), 0, 1)
        return _deviation_of_log(counts @ self.covariance[np.ix_(rows, rows)] @ counts)

    def deviation(self, name: str) -> float:
        """Return the standard deviation of one number; 0 if it was not fitted."""
        if name not in self.names:
            return 0.0
        row = self.names.index(name)
        variance = self.covariance[row, row]
        return (_deviation_of_log(variance) if name.startswith("log_")
                else math.sqrt(max(float(variance), 0.0)))


def _deviation_of_log(variance: float) -> float:
    return min(math.sqrt(max(float(variance), 0.0)), _NOTHING_KNOWN)


class SpectralFit:
    """Spectra of both pools, ready to be fitted.

    Args:
        measured: measured part of each degraded image, (Y, samples along X).
        clean: clean images (Y, X), with X the axis that was sampled.
        step_px: distance between samples.
        seed: of the noise that tells what chance does to logarithms of power.

    The noise of some clean images is stronger than that of others, since they are brighter:
    `noise_shares`, (images,), of geometric mean 1, may be set before a fit. So may
    `blur_factors`, (images,), by which the blur's variances differ from image to image.
    """

    def __init__(self, measured: Sequence[np.ndarray], clean: Sequence[np.ndarray],
                 step_px: float, seed: int) -> None:
        height = window_length([image.shape[0] for image in (*measured, *clean)])
        samples = window_length([*(image.shape[1] for image in measured),
                                 *(int(image.shape[1] / step_px) for image in clean)])
        width = round(samples * step_px / 2) * 2
        width -= 2 * (width > min(image.shape[1] for image in clean))
        y_bins, x_bins = Bins.of(height), Bins.of(samples)
        self.step_px = step_px
        self.clean_window, self.measured_window = (height, width), (height, samples)
        self._y2 = y_bins.squared_frequency()[:, np.newaxis]
        self._x2 = np.square(np.arange(width // 2 + 1) / width)
        self._fold = x_bins.averaging @ folding(width, step_px, samples)
        self._frequency = np.sqrt(self._y2 + x_bins.squared_frequency())
        self.y_frequency = np.sqrt(self._y2[:, 0])
        self.x_frequency = np.sqrt(x_bins.squared_frequency())
        self._power = np.array([y_bins.averaging @ power_spectrum(image, (height, width))
                                for image in clean])
        self.log_scale_guess = math.log(contrast(measured) / contrast(clean))
        self._scale_spread = _SCALE_SPREAD
        self._bins = y_bins, x_bins
        self.logs = self._logs(measured)
        self._used = np.ones(self._frequency.shape, bool)
        self._used[0, 0] = False  # the mean is subtracted
        # What chance does to the log of the power in a bin, and folding to chance.
        rng = np.random.default_rng(seed)
        white = [rng.standard_normal((height, width)) for _ in range(_NUM_WHITE)]
        columns = np.minimum((np.arange(samples) * step_px).astype(int), width - 1)
        sampled = self._logs([image[:, columns] for image in white])
        folded = np.log([y_bins.averaging @ power_spectrum(image, (height, width)) @ self._fold.T
                         + 1e-12 for image in white])
        self._bias = sampled.mean(axis=0) - folded.mean(axis=0)
        self._white_bias, self._white_variance = sampled.mean(axis=0), sampled.var(axis=0)
        self.noise_shares = np.ones(len(clean))
        self.blur_factors = np.ones(len(clean))

    def keep_brightness(self) -> None:
        """Expect a scale near 1, whatever the contrasts of both pools are."""
        self.log_scale_guess, self._scale_spread = 0.0, _KEPT_SPREAD

    def _logs(self, images: Sequence[np.ndarray]) -> np.ndarray:
        """Return log power in bins of images as they are measured, (images, Y, X)."""
        # At frequency 0 there is nothing, since the mean is subtracted.
        return np.log([self._bins[0].averaging @ power_spectrum(image, self.measured_window)
                       @ self._bins[1].averaging.T + 1e-12 for image in images])

    def parts(self, numbers: Transfer) -> tuple[np.ndarray, np.ndarray]:
        """Return the modelled power of signal and noise, (images, Y, X) each."""
        factors, which = np.unique(self.blur_factors, return_inverse=True)
        gains = math.exp(2 * numbers.log_scale) * np.square([
            numbers.blurred_by(factor).amplitude(self._y2, self._x2) for factor in factors])
        signal = (self._power * gains[which]) @ self._fold.T
        noise = math.exp(numbers.log_noise) * numbers.noise_power(self._frequency)
        return signal, self.noise_shares[:, np.newaxis, np.newaxis] * noise

    def _mean_log(self, numbers: Transfer) -> np.ndarray:
        signal, noise = self.parts(numbers)
        logs = np.log(signal + noise).mean(axis=0)
        share = (noise / (signal + noise)).mean(axis=0)
        return logs + (1 - share) * self._bias + share * self._white_bias

    def _whitening(self, numbers: Transfer) -> np.ndarray:
        """Return the inverse root of the covariance of the mean log spectra's difference."""
        single, _ = self._covariance(numbers)
        both = single * (1 / len(self.logs) + 1 / len(self._power))
        return _inverse_root(both + np.diag(np.full(len(both), _MODEL_ERROR ** 2)))

    def _covariance(self, numbers: Transfer) -> tuple[np.ndarray, np.ndarray]:
        """Return the covariance of one image's log spectrum, and the noise's share in each bin."""
        signal, noise = self.parts(numbers)
        logs = np.log(signal + noise)[:, self._used]
        share = (noise / (signal + noise)).mean(axis=0)[self._used]
        deviations = logs - logs.mean(axis=0)
        _, size, axes = np.linalg.svd(deviations / math.sqrt(max(len(logs) - 1, 1)),
                                      full_matrices=False)
        number = min(_MOST_FACTORS, len(logs) // _IMAGES_PER_FACTOR)
        factors = axes[:number].T * size[:number]
        rest = np.maximum(deviations.var(axis=0) - np.square(factors).sum(axis=1), 0.0)
        rest += share ** 2 * self._white_variance[self._used]
        return factors @ factors.T + np.diag(rest), share

    def log_factors(self, numbers: Transfer, images: Sequence[np.ndarray]) -> np.ndarray:
        """Return the log of the factor on the blur's variances that suits each image best.

        How bright and how noisy it is does not count.

        Args:
            numbers: of all images.
            images: measured parts, (Y, samples along X) each.

        Returns:
            (images,), within 3 of 0.
        """
        covariance, share = self._covariance(numbers)
        own = np.stack([2 * (1 - share), share], axis=1) * _OWN_SPREAD
        covariance = covariance + own @ own.T + _MODEL_ERROR ** 2 * np.eye(len(covariance))
        whitening = _inverse_root(covariance)
        expected = np.array([self._mean_log(numbers.blurred_by(math.exp(each)))[self._used]
                             for each in LOG_FACTORS])
        residuals = (self._logs(images)[:, self._used][:, np.newaxis] - expected) @ whitening.T
        return likeliest(np.square(residuals).sum(axis=2))

    def fit(self, optional: Sequence[str] = OPTIONAL) -> FittedSpectrum:
        """Fit; of `optional`, only what explains clearly more is added."""
        chosen = Chosen((), self._start(), np.zeros((4, 4)), 0.0)
        for _ in range(2):
            chosen = choose_pieces(self._solver(chosen.best), chosen.best, ())
        optional = [each for each in optional if each != "noise" or self.step_px == 1]
        chosen = choose_pieces(self._solver(chosen.best), chosen.best, optional)
        chosen = choose_pieces(self._solver(chosen.best), chosen.best, (), chosen.pieces)
        best = chosen.best
        signal, noise = (part.mean(axis=0) for part in self.parts(best))
        residual = np.where(self._used, self.logs.mean(axis=0) - self._mean_log(best), 0.0)
        return FittedSpectrum(best, chosen.covariance, names(chosen.pieces),
                              2 * chosen.cost / (self._used.sum() - 4), signal, noise,
                              self.y_frequency, self.x_frequency, residual)

    def _start(self) -> Transfer:
        """Take noise from the weakest frequencies, and the scale from the strongest."""
        logs = self.logs.mean(axis=0)
        noise = float(np.quantile(logs[self._used], 0.1))
        clean = np.log(self._power @ self._fold.T + 1e-12).mean(axis=0)
        strong = self._used & (clean > np.quantile(clean, 0.8))
        return Transfer(float((logs - clean)[strong].mean()) / 2, (1.0, 1.0), noise)

    def _with_noise(self, numbers: Transfer) -> Transfer:
        """Start a noise curve as if all that was measured were noise."""
        logs = self.logs.mean(axis=0)
        rings = np.rint(self._frequency / 0.05)
        knots = [self._used & (rings == ring) for ring in np.rint(NOISE_KNOTS / 0.05)]
        profile = [logs[knot].mean() if knot.any() else logs[-1, -1] for knot in knots]
        curve = np.array([profile[1], *profile[1:]]) - profile[1]
        return replace(numbers, log_noise=float(profile[1]), noise=tuple(curve))

    def _solver(self, about: Transfer) -> Solver:
        """Return what fits the mean log spectrum, weighed as chance has it at some numbers."""
        target = self.logs.mean(axis=0)
        whitening = self._whitening(about)

        def solve(start: Transfer, pieces: tuple[str, ...]) -> optimize.OptimizeResult:
            if "noise" in pieces and not start.noise:
                start = self._with_noise(start)

            def residuals(vector: np.ndarray) -> np.ndarray:
                numbers = unpack(vector, pieces)
                difference = (target - self._mean_log(numbers))[self._used]
                brightness = (numbers.log_scale - self.log_scale_guess) / self._scale_spread
                return np.concatenate([whitening @ difference, priors(numbers), [brightness]])

            return solve_within(residuals, start, pieces)

        return solve


def _inverse_root(covariance: np.ndarray) -> np.ndarray:
    return np.linalg.inv(np.linalg.cholesky(covariance))


Solver = Callable[[Transfer, tuple[str, ...]], optimize.OptimizeResult]


@dataclass(frozen=True)
class Chosen:
    """A fit: its optional pieces, numbers, their covariance and half its chi-squared."""

    pieces: tuple[str, ...]
    best: Transfer
    covariance: np.ndarray
    cost: float


def choose_pieces(solve: Solver, start: Transfer, optional: Sequence[str],
                  pieces: tuple[str, ...] = ()) -> Chosen:
    """Fit, and add each of the optional pieces that explains clearly more."""
    solution = solve(start, pieces)
    left = list(optional)
    while left:
        best = unpack(solution.x, pieces)
        trials = {each: solve(best, (*pieces, each)) for each in left}
        each = min(left, key=lambda name: trials[name].cost)
        if 2 * (solution.cost - trials[each].cost) < _WORTH[each]:
            break
        pieces, solution = (*pieces, each), trials[each]
        left.remove(each)
    return Chosen(pieces, unpack(solution.x, pieces),
                  np.linalg.pinv(solution.jac.T @ solution.jac), float(solution.cost))


def solve_within(residuals: Callable[[np.ndarray], np.ndarray], start: Transfer,
                 pieces: tuple[str, ...]) -> optimize.OptimizeResult:
    """Fit the numbers of some pieces within their bounds."""
    vector, low, high = _pack(start, pieces)
    return optimize.least_squares(residuals, np.clip(vector, low, high), bounds=(low, high),
                                  x_scale="jac", max_nfev=30, ftol=1e-4, xtol=1e-4)


def names(pieces: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names of the numbers that are fitted with some pieces."""
    found = ["log_scale", "blur_y_px2", "blur_x_px2", "log_noise"]
    for piece in pieces:
        found += {"haze": ["haze", "log_haze_px"],
                  "transfer": [f"transfer_{k}" for k in range(1, len(_TRANSFER_KNOTS))],
                  "noise": [f"noise_{k}" for k in range(len(NOISE_KNOTS))]}[piece]
    return tuple(found)


def _pack(numbers: Transfer, pieces: tuple[str, ...]) -> tuple[np.ndarray, ...]:
    """Return the numbers that vary, and their bounds."""
    rows: list[tuple[float, float, float]] = [
        (numbers.log_scale, -20, 20), (numbers.blur_px2[0], 0, 400),
        (numbers.blur_px2[1], 0, 400), (numbers.log_noise, -25, 30)]
    for piece in pieces:
        if piece == "haze":
            rows += [(numbers.haze or 0.2, 0, 0.98),
                     (numbers.log_haze_px, math.log(5), math.log(60))]
        elif piece == "transfer":
            falls = np.diff(numbers.transfer or (0.0,) * len(_TRANSFER_KNOTS))
            rows += [(fall, -3, 0) for fall in falls]
        else:
            rows += [(value, -8, 8) for value in numbers.noise]
    vector, low, high = np.array(rows, float).T
    return vector, low, high


def unpack(vector: np.ndarray, pieces: tuple[str, ...]) -> Transfer:
    """Reverse what the fit varies, the numbers of `names`, into what it describes."""
    values = [float(value) for value in vector]
    numbers = Transfer(values[0], (values[1], values[2]), values[3])
    rest = values[4:]
    for piece in pieces:
        if piece == "haze":
            numbers = replace(numbers, haze=rest[0], log_haze_px=rest[1])
            rest = rest[2:]
        elif piece == "transfer":
            falls = rest[:len(_TRANSFER_KNOTS) - 1]
            numbers = replace(numbers, transfer=(0.0, *(float(each) for each in np.cumsum(falls))))
            rest = rest[len(_TRANSFER_KNOTS) - 1:]
        else:
            numbers = replace(numbers, noise=tuple(rest[:len(NOISE_KNOTS)]))
            rest = rest[len(NOISE_KNOTS):]
    return numbers


def priors(numbers: Transfer) -> np.ndarray:
    """Return what is unlikely before anything is measured, in standard deviations."""
    rows: list[float] = []
    if numbers.haze:
        rows.append((numbers.log_haze_px - math.log(15)) / 0.5)
    if numbers.transfer:
        rows += list(_tolerant(np.diff(numbers.transfer) / _TRANSFER_ROUGHNESS))
    if numbers.noise:
        rows += [*(np.diff(numbers.noise) / _NOISE_ROUGHNESS), numbers.noise[0] / 0.1]
    return np.array(rows)


def _tolerant(deviations: np.ndarray) -> np.ndarray:
    """Return residuals of Cauchy's distribution, under which a curve may fall at one place."""
    return np.sign(deviations) * np.sqrt(np.log1p(deviations ** 2))
