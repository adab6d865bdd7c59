"""Criteria of a good ZSE-GAN, and the means over stacks that they use."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from microgan.evaluation.z_stack_measures import (
    BLURRED, RECONSTRUCTED, SHARPENED, Conditions, StackMeasures)

PUBLISHED_DEPTH = 29
# Slices whose gradient the paper prints, counted from 1; the last is its focal plane.
PUBLISHED_SLICES = (25, 22, 8, 15)
PUBLISHED_TISSUE = (5, 25)
_TOLERANCE = 0.15
_KEYS = ("stack", "volume", "plane", "position", "part")

Curves = Mapping[tuple[str, str, str], np.ndarray]


@dataclass(frozen=True)
class Criterion:
    """One criterion.

    Args:
        name: what is judged.
        bound: to keep to; empty if it is only reported.
        value: measured.
        is_met: None if it is only reported.
    """

    name: str
    bound: str
    value: str
    is_met: bool | None


def published_slice(number: int, depth: int) -> int:
    """Return the index of the slice as deep as slice `number` (from 1) of the published 29."""
    return round((number - 1) / (PUBLISHED_DEPTH - 1) * (depth - 1))


def published_tissue(depth: int) -> tuple[int, int]:
    """Return the first and one past the last slice in the tissue, as in the paper's stacks."""
    first, last = (published_slice(number, depth) for number in PUBLISHED_TISSUE)
    return first, last + 1


def mean_curves(rows: Sequence[Mapping[str, Any]]) -> dict[tuple[str, str, str], np.ndarray]:
    """Average over stacks, by volume, plane and measure.

    Args:
        rows: of slices, as in `StackMeasures`.

    Returns:
        float (N,) each, one number per position in ascending order, without what could not be
        measured.
    """
    found: dict[tuple[str, str, str], dict[int, list[float]]] = defaultdict(
        lambda: defaultdict(list))
    for row in rows:
        for measure, value in row.items():
            if measure not in _KEYS and np.isfinite(value):
                found[row["volume"], row["plane"], measure][row["position"]].append(value)
    return {key: np.array([np.mean(values[position]) for position in sorted(values)])
            for key, values in found.items()}


def mean_of(rows: Sequence[Mapping[str, Any]], measure: str, **chosen: Any) -> float:
    """Average one measure over the rows with the chosen entries; NaN if there are none."""
    values = [row[measure] for row in rows
              if all(row[key] == value for key, value in chosen.items())
              and np.isfinite(row[measure])]
    return float(np.mean(values)) if values else float("nan")


def judge(measures: Sequence[StackMeasures], curves: Curves, conditions: Conditions,
          focal_plane: int) -> list[Criterion]:
    """Compare the means over stacks with the bounds of a good result.

    Sharpness has bounds on both sides: noise and checkerboards are sharp, too.

    Args:
        measures: of all stacks.
        curves: of `mean_curves`.
        conditions: of the measurement.
        focal_plane: median over the blurred stacks.
    """
    criteria = [_focus(curves, threshold, conditions.tissue, focal_plane)
                for threshold in ("150", "1000")]
    gradient = curves[SHARPENED, "xy", "gradient"]
    *others, middle = (published_slice(number, len(gradient)) for number in PUBLISHED_SLICES)
    ratios = gradient[others] / gradient[middle]
    criteria.append(Criterion(
        f"gradient of y, slices {', '.join(str(index + 1) for index in others)} to slice "
        f"{middle + 1}", "0.85 to 1.15", ", ".join(f"{ratio:.2f}" for ratio in ratios),
        bool(np.all(np.abs(ratios - 1) <= _TOLERANCE))))
    criteria += [_at_least(
        f"gradient of vertical sections {plane[0]}-{plane[1]}, y to x", 1.3,
        curves[SHARPENED, plane, "gradient"].mean() / curves[BLURRED, plane, "gradient"].mean())
        for plane in ("xz", "yz")]
    criteria += [
        _at_least(f"SSIM of y to x, slice {focal_plane + 1}", 0.92,
                  curves[SHARPENED, "xy", "ssim_to_blurred"][focal_plane]),
        _at_least("SSIM of G_B(y) to x, worst slice", 0.9,
                  curves[RECONSTRUCTED, "xy", "ssim_to_blurred"].min())]
    structure = [row for each in measures for row in each.structure]
    criteria += [_at_least(f"{measure} of cells in y, central third", 0.9,
                           mean_of(structure, measure, volume=SHARPENED))
                 for measure in ("recall", "precision")]
    criteria.append(Criterion(
        "cells of y outside the tissue, in each stack (inventions)", "",
        f"{mean_of(structure, 'num_outside_tissue', volume=SHARPENED):.1f}", None))
    truth = [row for each in measures for row in each.truth]
    if truth:
        criteria += [_nearer(truth, measure, unit) for measure, unit in (("psnr", " dB"),
                                                                         ("ssim", ""))]
    return criteria


def _focus(curves: Curves, threshold: str, tissue: tuple[int, int], focal_plane: int
           ) -> Criterion:
    measure = f"fm_{threshold}"
    ratio = (curves[SHARPENED, "xy", measure][slice(*tissue)]
             / curves[BLURRED, "xy", measure][focal_plane])
    return Criterion(
        f"FM (max / {threshold}) of y, slices {tissue[0] + 1} to {tissue[1]}, to x's focal plane",
        "0.85 to 1.15", f"{ratio.min():.2f} to {ratio.max():.2f}",
        bool(np.all(np.abs(ratio - 1) <= _TOLERANCE)))


def _at_least(name: str, bound: float, value: float) -> Criterion:
    return Criterion(name, f"at least {bound:g}", f"{value:.3f}", bool(value >= bound))


def _nearer(truth: Sequence[Mapping[str, Any]], measure: str, unit: str) -> Criterion:
    before, after = (mean_of(truth, measure, volume=volume, part="tissue")
                     for volume in (BLURRED, SHARPENED))
    return Criterion(f"{measure.upper()} to the known sharp volume (care, tissue), y against x",
                     f"above {before:.3f}{unit}", f"{after:.3f}{unit}", after > before)
