"""Displayed intensities: a restored image opens as the measured one did."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from microgan.files.tiff_values import StoredValues
from microgan.generator_file import GeneratorInfo

# ImageJ's entries: of the active channel, and two numbers for each channel.
DISPLAY_ENTRIES = frozenset({"min", "max", "Ranges"})


@dataclass(frozen=True)
class IntensityMap:
    """Where the intensities of an image are in its restored copy: on a straight line.

    Args:
        scale: of the line, above 0.
        offset: what becomes of 0.

    Example:
        >>> IntensityMap(2.0, 10.0)(5)
        20.0
    """

    scale: float = 1.0
    offset: float = 0.0

    def __call__(self, intensity: float) -> float:
        return self.scale * intensity + self.offset


def intensity_map(info: GeneratorInfo, task: str | None) -> IntensityMap:
    """Return what a generator's intensity constants do to intensities.

    Args:
        info: of the generator.
        task: to apply; None for the only one, or for none, which keeps intensities.
    """
    if task is None and len(info.tasks) != 1:
        return IntensityMap()
    before, after = info.ranges(task or info.tasks[0])
    scale = (after.high - after.low) / (before.high - before.low)
    return IntensityMap(scale, after.low - scale * before.low)


def display_entries(found: dict[str, Any], maps: Sequence[IntensityMap], dtype: np.dtype,
                    values: StoredValues | None, *, are_stored: bool) -> dict[str, Any]:
    """Return ImageJ's entries for display of a restored image.

    Args:
        found: ImageJ's metadata of the measured image.
        maps: one for the image or one for each channel; none if there is nothing in common.
        dtype: in which pixels are stored.
        values: what the measured image's stored numbers mean, if they are not the values.
        are_stored: whether the copy stores its values in the same way.

    Returns:
        Those of `DISPLAY_ENTRIES` that can be displayed. ImageJ has the stored numbers in them.
    """
    def moved(ends: Sequence[Any], move: IntensityMap) -> tuple[float, ...]:
        if len(ends) != 2 or not all(
                type(end) in (int, float) and math.isfinite(end) for end in ends):
            return ()
        if values is not None:
            ends = [values.offset + values.sign * end for end in ends]
        ends = list(map(move, ends))
        if values is not None and are_stored:
            ends = [values.sign * (end - values.offset) for end in ends]
        return _within(dtype, *ends)

    if not maps:
        return {}
    entries: dict[str, Any] = {}
    if ends := moved([found.get("min"), found.get("max")], maps[0]):
        entries["min"], entries["max"] = ends
    ranges = found.get("Ranges")
    if isinstance(ranges, tuple):
        each = maps if len(maps) > 1 else list(maps) * (len(ranges) // 2)
        pairs = [moved(ranges[2 * number:2 * number + 2], one) for number, one in enumerate(each)]
        if len(ranges) == 2 * len(pairs) and all(pairs):
            entries["Ranges"] = tuple(end for pair in pairs for end in pair)
    return entries


def _within(dtype: np.dtype, low: float, high: float) -> tuple[float, ...]:
    """Return a range, cut to what integers can hold; empty if nothing stays."""
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        low, high = (float(min(max(end, limits.min), limits.max)) for end in (low, high))
    return (low, high) if low < high and math.isfinite(high - low) else ()
