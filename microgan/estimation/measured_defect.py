"""What was measured of a defect: the model, each number's uncertainty, and what is not known."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from microgan.simulation.degradation_model import DegradationModel

POOR_FIT = 1.0
_HARDLY_LESS = 0.9  # of the contrast
_MOST_OF_FALL = 0.95
_MOST_ENTRIES = 100
_MOST_CHARACTERS = 1000


@dataclass(frozen=True)
class Estimate:
    """A number and the interval that holds the true one in 19 of 20 cases.

    Args:
        value: the estimate.
        low: lower end of the interval.
        high: upper end; infinite ends are unknown.
        unit: of all three, such as "px"; "" for a plain number.
    """

    value: float
    low: float
    high: float
    unit: str = ""

    def __str__(self) -> str:
        unit = f" {self.unit}" if self.unit else ""
        return f"{self.value:.3g} ({self.low:.3g} to {self.high:.3g}){unit}"


@dataclass(frozen=True)
class MeasuredDefect:
    """The degradation of one task as measured on its images.

    Args:
        model: degrades clean images as the microscope does. Its examples differ as the measured
            images do, and as far as their numbers are uncertain.
        estimates: by name: `blur_y_px` and `blur_x_px` (standard deviations), `scale`, `haze`,
            `noise` (standard deviation at the mean grey level), `noise_gain`, `noise_floor`,
            `photons` (counted per pixel in bright places), `step_px`, `contrast_left` (of details
            where most of a measured curve's fall is done); only what was measured.
        misfit: how far the degraded images are from what the model makes of clean ones, 0.2 to
            0.7 if it is only chance; above `POOR_FIT` the model does not explain them.
        notes: sentences on what the images do not tell or the model lacks.

    Raises:
        ValueError: the misfit is negative or no number.
    """

    model: DegradationModel
    estimates: Mapping[str, Estimate] = field(default_factory=dict)
    misfit: float = 1.0
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.misfit >= 0:
            raise ValueError(f"`misfit` must be at least 0. Received: {self.misfit}")

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON; an infinite end of an interval is null."""
        return {"model": self.model.to_json(), "misfit": self.misfit, "notes": list(self.notes),
                "estimates": {name: [_finite(each.value), _finite(each.low), _finite(each.high),
                                     each.unit] for name, each in self.estimates.items()}}

    @classmethod
    def from_json(cls, content: Any) -> MeasuredDefect:
        """Reverse `to_json`.

        Raises:
            ValueError: `content` is not what that gives.
        """
        if not isinstance(content, dict) or set(content) != {"model", "misfit", "notes",
                                                             "estimates"}:
            raise ValueError("a measured defect has a model, estimates, a misfit and notes")
        notes, estimates, misfit = (content[name] for name in ("notes", "estimates", "misfit"))
        if not isinstance(notes, list) or len(notes) > _MOST_ENTRIES or not all(
                _is_text(note) for note in notes):
            raise ValueError("notes of a measured defect are a list of short texts")
        if type(misfit) not in (int, float) or not 0 <= misfit < math.inf:
            raise ValueError(f"misfit={misfit!r} of a measured defect is no number of at least 0")
        if not isinstance(estimates, dict) or len(estimates) > _MOST_ENTRIES:
            raise ValueError("estimates of a measured defect are a table of names and numbers")
        return cls(DegradationModel.from_json(content["model"]),
                   {name: _estimate_from_json(name, each) for name, each in estimates.items()},
                   float(misfit), tuple(notes))


def end_of_fall(transfer: Sequence[float]) -> int | None:
    """Return where 19/20 of a measured curve's fall are done.

    Args:
        transfer: of a `Degradation`.

    Returns:
        An index into `transfer`; None without a curve, or if it takes under a tenth.

    Example:
        >>> end_of_fall((1.0, 0.9, 0.21, 0.2)), end_of_fall((1.0, 0.95))
        (2, None)
    """
    if not transfer or min(transfer) > _HARDLY_LESS:
        return None
    least = min(transfer)
    return next(k for k, left in enumerate(transfer)
                if left <= 1 - _MOST_OF_FALL * (1 - least))


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= _MOST_CHARACTERS and value.isprintable()


def _estimate_from_json(name: Any, content: Any) -> Estimate:
    if not _is_text(name) or not isinstance(content, list) or len(content) != 4:
        raise ValueError("an estimate is a name with three numbers and a unit")
    *numbers, unit = content
    if not _is_text(unit) or not all(
            each is None or (type(each) in (int, float) and math.isfinite(each))
            for each in numbers):
        raise ValueError(f"the estimate {name} is not three numbers and a unit")
    value, low, high = (missing if each is None else float(each) for each, missing in
                        zip(numbers, (math.nan, -math.inf, math.inf)))
    return Estimate(value, low, high, unit)
