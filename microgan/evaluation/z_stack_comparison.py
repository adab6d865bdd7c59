"""The sharpened stack beside the measured one and what filters make of it: which is best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from microgan.evaluation.z_stack_criteria import Criterion, Curves, mean_of
from microgan.evaluation.z_stack_measures import BLURRED, SHARPENED, Conditions, StackMeasures

# Of each column, whether more is better. Columns in which doing nothing is best aren't here.
_MORE_IS_BETTER = {"psnr": True, "ssim": True, "recall_of_truth": True,
                   "precision_of_truth": True, "recall": True, "precision": True,
                   "sharpness_error": False}


def compare(measures: Sequence[StackMeasures], curves: Curves, conditions: Conditions,
            focal_plane: int) -> list[dict[str, Any]]:
    """Tabulate means over stacks, a row for each volume.

    Args:
        measures: of all stacks.
        curves: of `mean_curves`.
        conditions: of the measurement.
        focal_plane: median over the blurred stacks.

    Returns:
        Rows of x, the filters and y. `psnr`, `ssim`, `recall_of_truth` and `precision_of_truth`
        compare with the known sharp volume in the tissue, where there is one; `recall` and
        `precision` with x's cells near focus. `sharpness_error` is the mean distance of the
        logarithm of slices' gradients in the tissue from that of x's focal plane;
        `vertical_gradient` is that of vertical sections, as a share of x's.
    """
    structure = [row for each in measures for row in each.structure]
    truth = [row for each in measures for row in each.truth]
    in_focus = curves[BLURRED, "xy", "gradient"][focal_plane]
    vertical = _vertical_gradient(curves, BLURRED)
    rows = []
    for volume in [BLURRED, *filter_names(measures), SHARPENED]:
        row: dict[str, Any] = {"volume": volume}
        if truth:
            row |= {name: mean_of(truth, measure, volume=volume, part="tissue")
                    for name, measure in (("psnr", "psnr"), ("ssim", "ssim"),
                                          ("recall_of_truth", "recall"),
                                          ("precision_of_truth", "precision"))}
        gradient = curves[volume, "xy", "gradient"][slice(*conditions.tissue)]
        with np.errstate(divide="ignore"):
            error = float(np.abs(np.log(gradient / in_focus)).mean())
        row |= {name: 1.0 if volume == BLURRED else mean_of(structure, name, volume=volume)
                for name in ("recall", "precision")}
        rows.append(row | {"sharpness_error": error,
                           "vertical_gradient": _vertical_gradient(curves, volume) / vertical})
    return rows


def filter_names(measures: Sequence[StackMeasures]) -> list[str]:
    """Return the filters of all stacks, in their order."""
    return list(dict.fromkeys(name for each in measures for name in each.filters))


def winners(comparison: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return the best volume of each column that can tell, x aside; none without filters."""
    rivals = [row for row in comparison if row["volume"] != BLURRED]
    if len(rivals) < 2:
        return {}
    best = {}
    for name, more in _MORE_IS_BETTER.items():
        known = [row for row in rivals if np.isfinite(row.get(name, np.nan))]
        if known:
            best[name] = (max if more else min)(known, key=lambda row: row[name])["volume"]
    return best


def against_filters(comparison: Sequence[Mapping[str, Any]]) -> list[Criterion]:
    """Demand that y is nearer to the known sharp volume than every filter's result."""
    filters = [row for row in comparison if row["volume"] not in (BLURRED, SHARPENED)]
    criteria = []
    for name, unit in (("psnr", " dB"), ("ssim", "")):
        known = [row for row in filters if np.isfinite(row.get(name, np.nan))]
        if not known:
            continue
        best = max(known, key=lambda row: row[name])
        (mine,) = [row[name] for row in comparison if row["volume"] == SHARPENED]
        criteria.append(Criterion(
            f"{name.upper()} to the known sharp volume, y against the best filter, "
            f"{best['volume']}", f"above {best[name]:.3f}{unit}", f"{mine:.3f}{unit}",
            bool(mine > best[name])))
    return criteria


def _vertical_gradient(curves: Curves, volume: str) -> float:
    return float(np.mean([curves[volume, plane, "gradient"].mean() for plane in ("xz", "yz")]))
