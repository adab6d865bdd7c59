"""The sharpened stack beside the measured one and what filters make of it: which is best."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from microgan.evaluation.z_stack_criteria import Criterion, Curves, mean_of
from microgan.evaluation.z_stack_measures import BLURRED, SHARPENED, Conditions, StackMeasures

# How bad a value of each column is. Columns in which doing nothing is best aren't here.
_BADNESS: Mapping[str, Callable[[float], float]] = {
    **dict.fromkeys(
        ("psnr", "ssim", "psnr_by_slice", "ssim_by_slice", "recall_of_truth",
         "precision_of_truth", "recall_in_3d", "precision_in_3d", "recall", "precision",
         "planted_recall"), lambda value: -value),
    **dict.fromkeys(("depth_error_um", "inventions", "sharpness_error", "misfit"),
                    lambda value: value),
    "elongation": lambda value: abs(float(np.log(value)))}
# Bounds of cells' places, as shares of their radius or of the cells.
_MOST_DEPTH_ERROR_SHARE, _MOST_ELONGATION = 0.3, 1.5
_LEAST_FOUND = 0.9


def compare(measures: Sequence[StackMeasures], curves: Curves,
            depth: Sequence[Mapping[str, Any]], conditions: Conditions, focal_plane: int
            ) -> list[dict[str, Any]]:
    """Tabulate means over stacks, a row for each volume.

    Args:
        measures: of all stacks.
        curves: of `mean_curves`.
        depth: rows of `measure_depth` of all stacks.
        conditions: of the measurement.
        focal_plane: median over the blurred stacks.

    Returns:
        Rows of x, the filters and y. `psnr`, `ssim`, `recall_of_truth` and `precision_of_truth`
        compare with the known sharp volume in the tissue, where there is one, `psnr_by_slice` and
        `ssim_by_slice` after scale and offset are fitted to each slice alone; `recall` and
        `precision` with x's cells near focus. `sharpness_error` is the mean distance of the
        logarithm of slices' gradients in the tissue from that of x's focal plane;
        `vertical_gradient` is that of vertical sections, as a share of x's. The others are
        means of `depth`.
    """
    structure = [row for each in measures for row in each.structure]
    truth = [row for each in measures for row in each.truth]
    in_focus = curves[BLURRED, "xy", "gradient"][focal_plane]
    vertical = _vertical_gradient(curves, BLURRED)
    places = [name for name in dict.fromkeys(name for row in depth for name in row)
              if name not in ("stack", "volume")]  # only stacks with known truth have all
    rows = []
    for volume in [BLURRED, *filter_names(measures), SHARPENED]:
        row: dict[str, Any] = {"volume": volume}
        if truth:
            row |= {name: mean_of(truth, measure, volume=volume, part="tissue")
                    for name, measure in (("psnr", "psnr"), ("ssim", "ssim"),
                                          ("psnr_by_slice", "psnr_by_slice"),
                                          ("ssim_by_slice", "ssim_by_slice"),
                                          ("recall_of_truth", "recall"),
                                          ("precision_of_truth", "precision"))}
        gradient = curves[volume, "xy", "gradient"][slice(*conditions.tissue)]
        with np.errstate(divide="ignore"):
            error = float(np.abs(np.log(gradient / in_focus)).mean())
        row |= {name: 1.0 if volume == BLURRED else mean_of(structure, name, volume=volume)
                for name in ("recall", "precision")}
        rows.append(row | {"sharpness_error": error,
                           "vertical_gradient": _vertical_gradient(curves, volume) / vertical,
                           **{name: mean_of([row for row in depth if name in row], name,
                                            volume=volume) for name in places}})
    return rows


def filter_names(measures: Sequence[StackMeasures]) -> list[str]:
    """Return the filters of all stacks, in their order."""
    return list(dict.fromkeys(name for each in measures for name in each.filters))


def winners(comparison: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return the best volumes of each column that can tell, x aside; none without filters."""
    rivals = [row for row in comparison if row["volume"] != BLURRED]
    if len(rivals) < 2:
        return {}
    best = {}
    for name, badness in _BADNESS.items():
        known = [row for row in rivals if np.isfinite(row.get(name, np.nan))]
        if known:
            least = min(badness(row[name]) for row in known)
            best[name] = ", ".join(row["volume"] for row in known
                                   if badness(row[name]) <= least + 1e-9)
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


def judge_depth(comparison: Sequence[Mapping[str, Any]], conditions: Conditions
                ) -> list[Criterion]:
    """Demand that y's cells lie where they are, are as long as wide, and are no inventions."""
    (mine,) = [row for row in comparison if row["volume"] == SHARPENED]
    criteria = [_within("cells of y, length along depth over width, median",
                        mine["elongation"], most=_MOST_ELONGATION)]
    if "planted_recall" in mine:
        best = max((row["planted_recall"] for row in comparison if row is not mine),
                   default=float("nan"))
        criteria += [
            _within("planted cells found within 0.4 radii in y", mine["planted_recall"],
                    least=_LEAST_FOUND),
            _within("the same, y less the best of x and the filters",
                    mine["planted_recall"] - best, least=0)]
    if "recall_in_3d" not in mine:
        return criteria
    criteria += [
        _within(f"{name} of the known cells within 0.8 radii in all directions, whole tissue",
                mine[f"{name}_in_3d"], least=_LEAST_FOUND) for name in ("recall", "precision")]
    return [
        *criteria,
        _within("depth error of the known cells in y, median, um", mine["depth_error_um"],
                most=_MOST_DEPTH_ERROR_SHARE * conditions.cell_radius_um),
        _within("cells of y outside the tissue, where the known sharp volume is empty",
                mine["inventions"], most=0)]


def _within(name: str, value: float, *, least: float | None = None, most: float | None = None
            ) -> Criterion:
    """Judge a number by one bound; without a number, only report that there is none."""
    bound = f"at most {most:g}" if least is None else f"at least {least:g}"
    if not np.isfinite(value):
        return Criterion(name, bound, "no cells", None)
    is_met = value <= most + 1e-9 if most is not None else value >= (least or 0)
    return Criterion(name, bound, f"{value:.2f}", bool(is_met))


def _vertical_gradient(curves: Curves, volume: str) -> float:
    return float(np.mean([curves[volume, plane, "gradient"].mean() for plane in ("xz", "yz")]))
