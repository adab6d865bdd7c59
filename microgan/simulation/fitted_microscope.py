"""A microscope as fitted to z-stacks, and the filter that undoes its blur, as files hold them.

Lengths are in pixels of a slice.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from typing import Any

import numpy as np

from microgan.simulation.microscope import Microscope

# Cycles per pixel at which the sample's power is described; its logarithm is linear between
# their logarithms.
POWER_FREQUENCIES = np.array([0.012, 0.03, 0.06, 0.12, 0.2, 0.32, 0.5, 0.85])
SIGMA, LATERAL, AXIAL = "blur in focus", "blur within the last slices", "blur across them"
NONNEGATIVE_3D = "3D non-negative"
_MOST_SLICES = 4096
# Of each number in a file: smallest and largest value.
_BOUNDS: Mapping[str, tuple[float, float]] = {
    "focal_plane": (-_MOST_SLICES, 2 * _MOST_SLICES), "sigma_um": (1e-3, 100),
    "lateral_growth_per_um": (0, 100), "axial_growth_per_um": (0, 100), "cone": (0, 100),
    "axial_ratio": (1e-3, 1000), "z_step_um": (1e-2, 50), "photons": (0, 1e12),
    "gain": (0, 1e12), "tissue": (-_MOST_SLICES, 2 * _MOST_SLICES), "noise_variance": (0, 1e12),
    "log_power": (-200, 200), "relative_errors": (0, 1e300), "left_px": (1e-3, 1000),
    "shown": (1e-3, 1)}


class Light(StrEnum):
    """What a microscope blurs: what the sample emits, its optical density, or its shade."""

    EMITTED = "emitted"
    ABSORBED = "absorbed"
    SHADED = "shaded"


@dataclass(frozen=True)
class MicroscopeFit:
    """A microscope and its samples, as measured on stacks.

    Args:
        microscope: the optics; lengths in pixels. Its photons and gain are not measured.
        tissue: where the sample begins and ends, in slices; beyond the stack if it is thicker.
        noise_variance: of a pixel, in squares of the density.
        log_power: logarithms of the sample's power at `POWER_FREQUENCIES`, taken to be the same
            in all directions.
        relative_errors: of `SIGMA`, `LATERAL` and `AXIAL`, half of the interval that holds 90 %
            of what tiles drawn anew give. Errors of the model itself are not in it.
        undetermined: which of them the stacks hardly tell: they are near what was expected.
        light: what the microscope blurs, of which all else is told.
        shown: share of its density with which a sharp sample is shown. Below 1 for
            `Light.SHADED`: a slice shows a mean over depths, so the sample's shades are deeper
            than those of the slices, and would be darker than black.
    """

    microscope: Microscope
    tissue: tuple[float, float]
    noise_variance: float
    log_power: tuple[float, ...]
    relative_errors: Mapping[str, float] = field(default_factory=dict)
    undetermined: tuple[str, ...] = ()
    light: Light = Light.EMITTED
    shown: float = 1.0

    def blurs(self, num_slices: int) -> dict[str, float]:
        """Return the blur in focus and in the slice farthest from it, pixels."""
        return blurs(self.microscope, num_slices)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON."""
        return {"microscope": asdict(self.microscope), "tissue": list(self.tissue),
                "noise_variance": self.noise_variance, "log_power": list(self.log_power),
                "relative_errors": dict(self.relative_errors),
                "undetermined": list(self.undetermined), "light": self.light.value,
                "shown": self.shown}

    @classmethod
    def from_json(cls, content: Any) -> MicroscopeFit:
        """Reverse `to_json`.

        Raises:
            ValueError: `content` is not what that gives.
        """
        values = _table(content, cls)
        optics = {name: _number(name, value)
                  for name, value in _table(values["microscope"], Microscope).items()}
        errors = values["relative_errors"]
        if not isinstance(errors, dict) or not set(errors) <= {SIGMA, LATERAL, AXIAL}:
            raise ValueError("relative_errors of a fit are not a table of its blurs")
        undetermined = values["undetermined"]
        if not isinstance(undetermined, list) or not all(
                each in (SIGMA, LATERAL, AXIAL) for each in undetermined):
            raise ValueError("undetermined of a fit is not a list of its blurs")
        return cls(Microscope(**optics), _numbers("tissue", values["tissue"], 2),
                   _number("noise_variance", values["noise_variance"]),
                   _numbers("log_power", values["log_power"], len(POWER_FREQUENCIES)),
                   {name: _number("relative_errors", value) for name, value in errors.items()},
                   tuple(undetermined), _light(values["light"]),
                   _number("shown", values["shown"]))


@dataclass(frozen=True)
class StackBase:
    """A filter in three dimensions that comes before a network, as `generator.h5` holds it.

    Args:
        name: `NONNEGATIVE_3D`, the only one.
        left_px: standard deviation of the blur that it leaves, pixels.
        num_slices: of the stacks that it was fitted to and is for.
        fit: of the microscope.
    """

    name: str
    left_px: float
    num_slices: int
    fit: MicroscopeFit

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON."""
        return {**vars(self), "fit": self.fit.to_json()}

    @classmethod
    def from_json(cls, content: Any) -> StackBase:
        """Reverse `to_json`.

        Raises:
            ValueError: `content` is not what that gives.
        """
        values = _table(content, cls)
        name, num_slices = values["name"], values["num_slices"]
        if name != NONNEGATIVE_3D:
            raise ValueError(f"{name!r} is not the name of a filter before a network")
        if type(num_slices) is not int or not 2 <= num_slices <= _MOST_SLICES:
            raise ValueError(f"num_slices={num_slices!r} of a filter is not 2 to {_MOST_SLICES}")
        return cls(name, _number("left_px", values["left_px"]), num_slices,
                   MicroscopeFit.from_json(values["fit"]))


def blurs(microscope: Microscope, num_slices: int) -> dict[str, float]:
    """Return a microscope's blur in focus, and within and across the slice farthest from it."""
    farthest = max(range(num_slices), key=lambda index: abs(index - microscope.focal_plane))
    across, within = microscope.blur_um(farthest)
    return {SIGMA: microscope.sigma_um, LATERAL: float(np.hypot(within, microscope.cone * across)),
            AXIAL: across}


def _table(content: Any, of: type) -> dict[str, Any]:
    names = {item.name for item in fields(of)}
    if not isinstance(content, dict) or set(content) != names:
        raise ValueError(f"a {of.__name__} is a table of {', '.join(sorted(names))}")
    return content


def _light(content: Any) -> Light:
    try:
        return Light(content)
    except ValueError as error:
        raise ValueError(f"light={content!r} of a fitted microscope is none of "
                         f"{', '.join(Light)}") from error


def _numbers(name: str, content: Any, count: int) -> Any:
    if not isinstance(content, list) or len(content) != count:
        raise ValueError(f"{name} of a fitted microscope is not {count} numbers")
    return tuple(_number(name, each) for each in content)


def _number(name: str, value: Any) -> float:
    low, high = _BOUNDS[name]
    if type(value) not in (int, float) or math.isnan(value) or not low <= value <= high:
        raise ValueError(f"{name}={value!r} of a fitted microscope is not between {low:g} and "
                         f"{high:g}")
    return float(value)
