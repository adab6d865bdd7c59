"""A measured defect in sentences that a microscopist can check."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from microgan.estimation.measured_defect import Estimate, MeasuredDefect, end_of_fall
from microgan.runtime.amounts import percent, significant
from microgan.simulation.degradation_model import CURVE_FREQUENCIES

_UNBOUNDED = 1e6  # an upper end beyond is none
_MANY_PHOTONS = 1e4  # their noise is under 1 %
_HARDLY = 0.01  # of what is bright
_ORDINALS = {1: "st", 2: "nd", 3: "rd"}


def describe_defect(defect: MeasuredDefect) -> str:
    """Return one sentence with what the microscope does to its images.

    Example:
        >>> from microgan.simulation.degradation_model import Degradation, DegradationModel
        >>> model = DegradationModel((Degradation(blur_px=(0.4, 2.6), step_px=5.0),))
        >>> estimates = {"blur_x_px": Estimate(2.6, 2.4, 2.8, "px"),
        ...              "blur_y_px": Estimate(0.4, 0.1, 0.5, "px"),
        ...              "photons": Estimate(12.1, 9.6, 15.9)}
        >>> print(describe_defect(MeasuredDefect(model, estimates)))
        ...     # doctest: +NORMALIZE_WHITESPACE
        Blurred 2.6 px (2.4 to 2.8) along X and 0.4 px (0.1 to 0.5) along Y; every 5th column
        measured; some 12 photons (9.6 to 16) a pixel in bright places.
    """
    found = defect.estimates
    example = defect.model.examples[0]
    parts = []
    if {"blur_x_px", "blur_y_px"} <= set(found):
        parts.append(f"blurred {_with_interval(found['blur_x_px'])} along X and "
                     f"{_with_interval(found['blur_y_px'])} along Y"
                     f"{_curve(example.transfer, found.get('contrast_left'))}")
    if "haze" in found and found["haze"].value > 0:
        parts.append(f"{_with_interval(found['haze'])} of the light out of focus")
    if example.step_px > 1:
        parts.append(_sampling(example.step_px, "column" if example.step_axis else "row"))
    parts.append(_noise(found))
    if example.noise_transfer:
        parts.append("noise with a grain of its own, not white")
    if example.is_stretched:
        parts.append("every image stretched by its own extremes")
    sentence = "; ".join(part for part in parts if part)
    return f"{sentence[:1].upper()}{sentence[1:]}."


def _curve(transfer: Sequence[float], left: Estimate | None) -> str:
    """Return what a measured curve takes beyond the Gaussian, where most of that is taken."""
    end = end_of_fall(transfer)
    if end is None:
        return ""
    interval = f" ({percent(left.low)} to {percent(left.high)})" if left else ""
    return (f", beyond which {percent(transfer[end])}{interval} is left of the contrast of "
            f"details of {significant(1 / CURVE_FREQUENCIES[max(end, 1)], 2)} px")


def _sampling(step_px: float, line: str) -> str:
    if step_px != round(step_px):
        return f"one {line} in {significant(step_px)} measured, the others interpolated"
    number = round(step_px)
    suffix = "th" if 10 < number % 100 < 20 else _ORDINALS.get(number % 10, "th")
    return f"every {number}{suffix} {line} measured"


def _noise(found: Mapping[str, Estimate]) -> str:
    if {"photons", "noise_gain", "noise_floor", "noise"} <= set(found):
        growing = found["photons"].value * found["noise_gain"].value ** 2
        floor, bright = found["noise_floor"].value, growing / found["noise_gain"].value
        if floor > growing and growing + floor > (_HARDLY * bright) ** 2:
            return (f"noise of {_with_interval(found['noise'])}, mostly the same in dark places "
                    "and bright ones")
    if "photons" in found:
        if found["photons"].low > _MANY_PHOTONS:
            return "hardly any noise"
        amount = _with_interval(found["photons"], "photons")
        about = "" if amount.startswith("at ") else "some "
        return f"{about}{amount} a pixel in bright places"
    if "noise" in found:
        return f"noise of {_with_interval(found['noise'])} at the mean grey level"
    return "no noise found"


def _with_interval(estimate: Estimate, unit: str = "") -> str:
    unit = f" {unit or estimate.unit}".rstrip()
    value, low, high = (significant(each, 2) for each in (
        estimate.value, estimate.low, estimate.high))
    if not estimate.value < _UNBOUNDED:
        return f"at least {low}{unit}"
    if not estimate.high < _UNBOUNDED:
        return f"{value}{unit} ({low} or more)"
    if low == value == high:
        return f"{value}{unit}"
    if not estimate.low > 0:
        return f"at most {high}{unit}"
    return f"{value}{unit} ({low} to {high})"
