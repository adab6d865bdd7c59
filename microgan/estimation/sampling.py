"""Find columns or rows that were not measured but interpolated between others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_STEPS_PX = np.round(np.arange(1.9, 12.55, 0.1), 1)
# Bends at measured columns are this many times those between them.
_LEAST_CONTRAST = 2.5
_PHASES_PER_PX = 20


@dataclass(frozen=True)
class Interpolation:
    """Which columns or rows of some images were measured.

    Args:
        axis: 0 if rows are interpolated, 1 if columns.
        step_px: distance between measured ones.
        low_px: smallest distance that explains all images.
        high_px: largest.
        measured: of each image, the measured columns or rows, int, increasing.
    """

    axis: int
    step_px: float
    low_px: float
    high_px: float
    measured: tuple[np.ndarray, ...]

    def take(self, images: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return the measured part of each image, with columns along its second axis."""
        return [np.moveaxis(np.take(image, kept, axis=self.axis), self.axis, 1)
                for image, kept in zip(images, self.measured, strict=True)]


def find_interpolation(images: Sequence[np.ndarray]) -> Interpolation | None:
    """Find linear interpolation by its kinks: it has second differences at measured pixels only.

    Args:
        images: float (Y, X) each, at least 16 pixels a side, of one microscope.

    Returns:
        What was found, None if all pixels seem measured.

    Source:
        Gallagher 2005, "Detection of linear and cubic interpolation in JPEG compressed images",
        for the periodic second differences. Departs: a template for each step and phase, since
        steps need not be whole.
    """
    best = None
    for axis in (0, 1):
        bends = [_log_bends(image, axis) for image in images]
        scores = np.array([[_best_phase(bend, step)[0] for step in _STEPS_PX] for bend in bends])
        score = np.median(scores, axis=0)
        step = float(_STEPS_PX[np.argmax(score)])
        if score.max() > np.log(_LEAST_CONTRAST) and (best is None or score.max() > best[0]):
            best = (float(score.max()), axis, step, bends)
    return None if best is None else _refine(*best[1:])


def _log_bends(image: np.ndarray, axis: int) -> np.ndarray:
    """Log mean absolute second difference at each inner column (or row)."""
    image = image.astype(np.float64)
    bends = np.abs(np.diff(image, 2, axis=axis)).mean(axis=1 - axis)
    # Rounded or not, what is far below the image's contrast is no bend.
    return np.log(bends + 1e-3 * np.median(np.abs(np.diff(image, axis=axis))) + 1e-9)


def _templates(step_px: float, length: int, phases_per_px: int) -> np.ndarray:
    """Whether each inner column is measured, for each phase; bool (phases, length)."""
    phases = np.arange(0, step_px, 1 / phases_per_px)[:, np.newaxis]
    columns = np.arange(length) + 1  # the first second difference belongs to column 1
    # Column c is measured if c = floor(phase + k step + 1/2) for a whole k.
    k = np.ceil((columns - 0.5 - phases) / step_px - 1e-9)
    return (k >= 0) & (phases + k * step_px < columns + 0.5 - 1e-9)


def _best_phase(bends: np.ndarray, step_px: float) -> tuple[float, np.ndarray]:
    """Return the contrast of log bends under the best template, and the template."""
    templates = _templates(step_px, len(bends), 4)
    on = templates.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        contrast = (templates @ bends) / on - (~templates @ bends) / (len(bends) - on)
    contrast[(on == 0) | (on == len(bends))] = -np.inf
    best = int(np.argmax(contrast))
    return float(contrast[best]), templates[best]


def _refine(axis: int, step_px: float, bends: Sequence[np.ndarray]) -> Interpolation:
    """Narrow the step down to what explains each image's kinks; prefer round numbers."""
    kinks = []
    for bend in bends:
        template = _best_phase(bend, step_px)[1]
        kinks.append(bend > (bend[template].mean() + bend[~template].mean()) / 2)
    steps = np.round(np.arange(step_px - 0.3, step_px + 0.305, 0.01), 2)
    mismatches = np.array([sum(_mismatch(kink, step) for kink in kinks) for step in steps])
    # Where noise hides kinks, one more or less tells nothing.
    slack = max(1.0, 0.02 * mismatches.min()) if mismatches.min() else 0.0
    possible = steps[mismatches <= mismatches.min() + slack]
    for decimals in (0, 1):
        rounded = np.unique(np.round(possible, decimals))
        simple = rounded[np.isin(rounded, possible)]
        if simple.size:
            break
    else:
        simple = possible
    chosen = float(simple[np.argmin(np.abs(simple - possible.mean()))])
    measured = []
    for bend, kink in zip(bends, kinks):
        templates = _templates(chosen, len(bend), _PHASES_PER_PX)
        template = templates[np.argmin((templates != kink).sum(axis=1))]
        measured.append(np.flatnonzero(template) + 1)
    return Interpolation(axis, chosen, float(possible[0]), float(possible[-1]), tuple(measured))


def _mismatch(kink: np.ndarray, step_px: float) -> int:
    return int((_templates(step_px, len(kink), _PHASES_PER_PX) != kink).sum(axis=1).min())
