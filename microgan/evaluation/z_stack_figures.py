"""Figures of the z-stack report, after figures 4 to 7 of the ZSE-GAN paper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from microgan.evaluation.drawing import Axes, Circle, Figure
from microgan.evaluation.z_stack_criteria import PUBLISHED_SLICES, Curves, published_slice
from microgan.evaluation.z_stack_measures import (
    BLURRED, IN_FOCUS, MAX_GRADIENT, NUM_GRADIENT_BINS, RECONSTRUCTED, SHARPENED, Conditions,
    StackResult, central_third, check_cells)
from microgan.metrics.blobs import Blobs, is_dark_on_bright

Histograms = Mapping[tuple[str, str], np.ndarray]

_DPI = 110
_LABELS = {BLURRED: "x, blurred", SHARPENED: "y, sharpened",
           RECONSTRUCTED: "G_B(y), blurred again", IN_FOCUS: "in focus"}
_COLOURS = {BLURRED: "0.45", SHARPENED: "tab:red", RECONSTRUCTED: "tab:blue", IN_FOCUS: "black"}
_MEASURES = {"gradient": "mean absolute gradient on [-1, 1]", "fm_150": "FM, max / 150",
             "fm_1000": "FM, max / 1000", "piqe": "PIQE (lower is better)",
             "delta_dom": "delta-DOM"}
_SSIM_CURVES = (
    ("y to x", SHARPENED, "ssim_to_blurred", "tab:red", "-"),
    ("G_B(y) to x", RECONSTRUCTED, "ssim_to_blurred", "tab:blue", "-"),
    ("x to its focal plane", BLURRED, "ssim_to_focal_plane", "0.45", "-"),
    ("y to its focal plane", SHARPENED, "ssim_to_focal_plane", "tab:red", ":"),
    ("x to another stack's x", BLURRED, "ssim_to_other_stack", "0.45", "--"),
    ("y to another stack's y", SHARPENED, "ssim_to_other_stack", "tab:red", "--"))
_DISPLAY_PERCENTILES = (0.5, 99.5)


def slices_figure(curves: Curves, conditions: Conditions, focal_plane: int) -> Figure:
    """Draw every measure over the slices of x and y, x's focal plane and images in focus."""
    figure = Figure(figsize=(12, 7), dpi=_DPI, layout="constrained")
    panels = figure.subplots(2, 3).ravel()
    for label, volume, measure, colour, line in _SSIM_CURVES:
        if (volume, "xy", measure) in curves:
            values = curves[volume, "xy", measure]
            panels[0].plot(np.arange(1, len(values) + 1), values, line, color=colour, label=label)
    panels[0].set_title("SSIM (7 x 7 window)", fontsize=10)
    for axes, (measure, title) in zip(panels[1:], _MEASURES.items()):
        for volume in (BLURRED, SHARPENED):
            values = curves[volume, "xy", measure]
            axes.plot(np.arange(1, len(values) + 1), values, color=_COLOURS[volume],
                      label=_LABELS[volume])
        axes.axhline(curves[BLURRED, "xy", measure][focal_plane], color="black", linewidth=1,
                     linestyle="--", label="focal plane of x")
        if (IN_FOCUS, "xy", measure) in curves:
            axes.axhline(curves[IN_FOCUS, "xy", measure].mean(), color="black", linewidth=1,
                         linestyle=":", label="other images in focus")
        axes.set_title(title, fontsize=10)
        axes.set_ylim(bottom=0)
    depth = len(curves[BLURRED, "xy", "gradient"])
    for axes in panels:
        axes.axvspan(0.5, conditions.tissue[0] + 0.5, color="0.93", zorder=0)
        axes.axvspan(conditions.tissue[1] + 0.5, depth + 0.5, color="0.93", zorder=0)
        axes.set_xlim(0.5, depth + 0.5)
        axes.set_xlabel("slice", fontsize=9)
    panels[0].set(ylim=(-0.2, 1.55), yticks=np.linspace(0, 1, 6))
    panels[0].legend(fontsize=7, frameon=False, ncols=2, loc="upper center")
    panels[1].legend(fontsize=7, frameon=False, loc="lower center")
    return figure


def sections_figure(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """Draw the distribution of each measure over vertical sections and crops in focus."""
    figure = Figure(figsize=(12, 3.6), dpi=_DPI, layout="constrained")
    groups = [("x, x-z", BLURRED, "xz"), ("y, x-z", SHARPENED, "xz"), ("x, y-z", BLURRED, "yz"),
              ("y, y-z", SHARPENED, "yz"), ("in focus", IN_FOCUS, "crop")]
    chosen = [(label, volume, [row for row in rows
                               if (row["volume"], row["plane"]) == (volume, plane)])
              for label, volume, plane in groups]
    chosen = [group for group in chosen if group[2]]
    for axes, (measure, title) in zip(figure.subplots(1, len(_MEASURES)), _MEASURES.items()):
        boxes = axes.boxplot([[row[measure] for row in found] for _, _, found in chosen],
                             tick_labels=[label for label, _, _ in chosen], sym="",
                             patch_artist=True, medianprops={"color": "white"})
        for box, (_, volume, _) in zip(boxes["boxes"], chosen):
            box.set_facecolor(_COLOURS[volume])
        axes.set_title(title, fontsize=9)
        axes.tick_params(axis="x", labelrotation=60, labelsize=8)
        axes.set_ylim(bottom=0)
    return figure


def gradients_figure(gradients: Histograms, focal_plane: int) -> Figure:
    """Draw histograms of gradient magnitude: slices of x, slices of y, vertical sections."""
    figure = Figure(figsize=(12, 3.8), dpi=_DPI, layout="constrained")
    panels = figure.subplots(1, 3, sharey=True)
    centres = (np.arange(NUM_GRADIENT_BINS) + 0.5) * MAX_GRADIENT / NUM_GRADIENT_BINS

    def draw(axes: Axes, shares: np.ndarray, label: str, **style: Any) -> None:
        axes.plot(centres[:-1], shares[:-1], label=label, **style)

    depth = len(gradients[BLURRED, "xy"])
    for axes, volume in zip(panels, (BLURRED, SHARPENED)):
        for number, colour in zip(sorted(PUBLISHED_SLICES), ("tab:orange", "tab:red", "tab:blue",
                                                             "tab:green")):
            index = published_slice(number, depth)
            draw(axes, gradients[volume, "xy"][index], f"slice {index + 1}", color=colour)
        draw(axes, gradients[BLURRED, "xy"][focal_plane], "focal plane of x", color="black",
             linestyle="--")
        axes.set_title(f"slices of {_LABELS[volume]}", fontsize=10)
    for volume in (BLURRED, SHARPENED):
        for plane, line in (("xz", "-"), ("yz", ":")):
            draw(panels[2], gradients[volume, plane].mean(axis=0),
                 f"{plane[0]}-{plane[1]} of {_LABELS[volume]}", color=_COLOURS[volume],
                 linestyle=line)
    if (IN_FOCUS, "crop") in gradients:
        draw(panels[2], gradients[IN_FOCUS, "crop"].mean(axis=0), "crops in focus",
             color="black", linestyle="--")
    panels[2].set_title("vertical sections", fontsize=10)
    for axes in panels:
        axes.set_yscale("log")
        axes.set_ylim(1e-4, 1)
        axes.set_xlabel("gradient magnitude on [-1, 1]", fontsize=9)
        axes.legend(fontsize=7, frameon=False)
    panels[0].set_ylabel("share of pixels")
    return figure


def views_figure(result: StackResult, conditions: Conditions) -> Figure:
    """Draw slices at several depths and both middle vertical sections, on one scale."""
    volumes = {_LABELS[BLURRED]: result.blurred, _LABELS[SHARPENED]: result.sharpened,
               _LABELS[RECONSTRUCTED]: result.reconstructed,
               **result.filtered}
    if result.truth is not None:
        volumes["known sharp volume"] = result.truth
    depth, height, width = result.blurred.shape
    first, last = conditions.tissue[0], conditions.tissue[1] - 1
    depths = sorted({0, first, (first + result.focal_plane) // 2, result.focal_plane,
                     (result.focal_plane + last + 1) // 2, last, depth - 1})
    slice_um = conditions.spacing_um[0] / conditions.spacing_um[2]
    figure = Figure(figsize=(2.0 * (len(depths) + 1), 2.15 * len(volumes) + 0.3), dpi=_DPI,
                    layout="constrained")
    grid = figure.add_gridspec(2 * len(volumes), len(depths) + 1)
    limits = np.percentile(result.blurred, _DISPLAY_PERCENTILES)
    for row, (label, volume) in enumerate(volumes.items()):
        for column, index in enumerate(depths):
            axes = figure.add_subplot(grid[2 * row:2 * row + 2, column])
            _show(axes, volume[index], limits,
                  f"{label}, slice {index + 1}" if column == 0 else f"slice {index + 1}")
        for below, (name, image) in enumerate((("x-z", volume[:, height // 2]),
                                               ("y-z", volume[:, :, width // 2]))):
            axes = figure.add_subplot(grid[2 * row + below, len(depths)])
            _show(axes, image, limits, name, aspect=slice_um)
    return figure


def consistency_figure(results: Sequence[StackResult], conditions: Conditions) -> Figure:
    """Draw where G_B(y) differs from x: one stack, and the mean over all stacks of its size."""
    shown = results[0]
    differences = [np.abs(result.reconstructed - result.blurred) for result in results
                   if result.blurred.shape == shown.blurred.shape]
    mean = 100 / conditions.data_range * np.mean(differences, axis=0)
    one = 100 / conditions.data_range * differences[0]
    figure = Figure(figsize=(12, 4.6), dpi=_DPI, layout="constrained")
    grid = figure.add_gridspec(2, 4, height_ratios=(3, 1))
    limits = np.percentile(shown.blurred, _DISPLAY_PERCENTILES)
    bound = max(float(np.percentile(one, 99)), 1e-9)
    middle = shown.blurred.shape[1] // 2
    aspect = conditions.spacing_um[0] / conditions.spacing_um[2]
    columns = (("x", shown.blurred, limits, "gray"),
               ("G_B(y)", shown.reconstructed, limits, "gray"),
               (f"difference in {shown.name}", one, (0, bound), "magma"),
               (f"mean difference of {len(differences)} stacks", mean, (0, bound), "magma"))
    drawn: Any = None
    for column, (title, volume, scale, colours) in enumerate(columns):
        _show(figure.add_subplot(grid[0, column]), volume[shown.focal_plane], scale,
              f"{title}, slice {shown.focal_plane + 1}", colours=colours)
        drawn = _show(figure.add_subplot(grid[1, column]), volume[:, middle], scale, "x-z",
                      colours=colours, aspect=aspect)
    figure.colorbar(drawn, ax=figure.axes[-2:], label="% of the data range", shrink=0.8)
    return figure


def cells_figure(result: StackResult, conditions: Conditions) -> Figure:
    """Draw cells in the central third, found again, lost or invented, on projections."""
    first, end = central_third(result)
    check = check_cells(result.blurred, result.sharpened, (first, end), conditions)
    figure = Figure(figsize=(9, 4.9), dpi=_DPI, layout="constrained")
    limits = np.percentile(result.blurred, _DISPLAY_PERCENTILES)
    project = np.min if is_dark_on_bright(result.blurred) else np.max
    radius_px = conditions.cell_radius_um / conditions.spacing_um[2]
    parts: tuple[tuple[str, np.ndarray, Blobs, np.ndarray, str], ...] = (
        (_LABELS[BLURRED], result.blurred, check.original, check.recall.is_found, "lost in y"),
        (_LABELS[SHARPENED], result.sharpened, check.made, check.precision.is_found,
         "invented: not in x"))
    for axes, (label, volume, cells, is_found, missing) in zip(figure.subplots(1, 2), parts):
        _show(axes, project(volume[first:end], axis=0), limits,
              f"{label}: {len(cells)} cells, red: {missing} ({np.sum(~is_found)})")
        for (_, y, x), found in zip(cells.centres, is_found):
            axes.add_artist(Circle((x, y), radius_px, fill=False, linewidth=1.3,
                                   edgecolor="tab:green" if found else "red"))
    return figure


def _show(axes: Axes, image: np.ndarray, limits: Any, title: str, *, colours: str = "gray",
          aspect: float = 1.0) -> Any:
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_color("0.7")  # an empty slice is as white as the page
    axes.set_title(title, fontsize=8, loc="left", pad=3)
    return axes.imshow(image, cmap=colours, vmin=limits[0], vmax=limits[1], aspect=aspect,
                       interpolation="nearest")
