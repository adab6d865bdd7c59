"""How far synthetic images are from real degraded ones, compared with clean images."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np

from microgan.runtime.amounts import percent, significant
from microgan.evaluation.drawing import Figure, plain_style
from microgan.evaluation.figures import plainly
from microgan.evaluation.tables import markdown_table
from microgan.files.whole import write_csv, write_json, write_text, written_whole
from microgan.metrics.defects import (
    Images, common_size, direction_distance, directional_spectrum, histogram_distance,
    noise_against_mean, noise_bins, noise_distance, radial_spectrum, spectrum_distance)

CLEAN, SYNTHETIC, LEARNED = "clean", "synthetic", "real, of training"
DISTANCES = {"spectrum": "power spectrum", "histogram": "histogram", "noise": "noise",
             "direction": "X against Y"}


@dataclass(frozen=True)
class DefectImages:
    """The images of one task to compare, in normalised intensity.

    Args:
        task: its name.
        clean: images (Y, X) before the defect, 0 to 1 for the task's usual range of clean
            intensities.
        synthetic: images with the synthetic defect, 0 to 1 for that of degraded intensities.
        degraded: real degraded images, like `synthetic`. The three need not correspond.
        learned: real degraded training images, like `synthetic`; none if they are `degraded`.
    """

    task: str
    clean: Images
    synthetic: Images
    degraded: Images
    learned: Images = ()


@dataclass(frozen=True)
class DefectDistance:
    """One distance between a set of images and a task's real degraded images.

    Args:
        task: its name.
        images: "clean", the starting point; "synthetic"; or "real, of training", as near as
            other real images of the task come.
        n: images in the set.
        distance: key of `DISTANCES`.
        value: the distance.
        share: of the clean images' distance: 0 is perfect, 1 is no change.
    """

    task: str
    images: str
    n: int
    distance: str
    value: float
    share: float


def measure_defects(images: DefectImages) -> list[DefectDistance]:
    """Measure all distances of one task's sets; see `metrics.defects`."""
    measures: dict[str, Callable[[Images, Images], float]] = {
        "spectrum": spectrum_distance, "histogram": histogram_distance,
        "noise": noise_distance, "direction": direction_distance}
    start = {name: measure(images.clean, images.degraded) for name, measure in measures.items()}
    found = []
    for kind, each in ((CLEAN, images.clean), (SYNTHETIC, images.synthetic),
                       (LEARNED, images.learned)):
        for name, measure in measures.items() if len(each) else ():
            value = start[name] if kind == CLEAN else measure(each, images.degraded)
            share = value / start[name] if start[name] else math.inf if value else 0.0
            found.append(DefectDistance(images.task, kind, len(each), name, value, share))
    return found


def report_table(distances: Sequence[DefectDistance], split: str) -> str:
    """Return a table with a line per task and set of images, a column per distance."""
    by_line: dict[tuple[str, str, int], list[DefectDistance]] = {}
    for distance in distances:
        by_line.setdefault((distance.task, distance.images, distance.n), []).append(distance)
    cells = [["task", "images", "n", *DISTANCES.values()]]
    for (task, kind, n), found in by_line.items():
        cells.append([task, kind, str(n), *(
            significant(each.value) + (
                "" if kind == CLEAN or math.isinf(each.share) else f" ({percent(each.share)})")
            for each in found)])
    return "\n".join([f"Distance from real degraded images ({split}), and share of the clean "
                      "images':", "", *markdown_table(cells)])


def write_report(folder: Path, tasks: Sequence[DefectImages], *, split: str) -> str:
    """Compare synthetic with real degraded images; write `microgan.evaluation.DEFECT_FILES`.

    Args:
        folder: where to; must exist.
        tasks: their images.
        split: what the images are, for the table.

    Returns:
        The table.
    """
    distances = [distance for images in tasks for distance in measure_defects(images)]
    table = report_table(distances, split)
    notes = ("Power spectrum: RMS difference of log10 mean power over spatial frequency. "
             "Histogram: 1-Wasserstein distance of the intensities, 1 being the task's range. "
             "Noise: RMS difference of log10 noise variance at equal intensity. X against Y: RMS "
             "difference of log10 (power along X / power along Y). Real, of training: as near "
             "as the images that taught the defect come to those compared with.")
    write_text(folder / "defect_report.md", f"# Defect report\n\n{table}\n\n{notes}\n")
    rows = [{**asdict(each), "split": split} for each in distances]
    # JSON has no infinity and no NaN.
    write_json(folder / "defect_report.json", [
        {name: None if isinstance(value, float) and not np.isfinite(value) else value
         for name, value in row.items()} for row in rows])
    write_csv(folder / "defect_report.csv", rows,
              [*(each.name for each in fields(DefectDistance)), "split"])
    save_figure(folder / "defect_report.png", tasks)
    return table


@plain_style()
def save_figure(path: str | os.PathLike[str], tasks: Sequence[DefectImages]) -> None:
    """Draw what the distances compare: a row per task, a column per kind."""
    figure = Figure(figsize=(14, 3 * len(tasks) + 0.5), dpi=100, layout="constrained")
    grid = figure.subplots(len(tasks), len(DISTANCES), squeeze=False)
    styles: Mapping[str, dict[str, str]] = {
        "clean": {"color": "0.6"}, "real degraded": {"color": "black"},
        "synthetic": {"color": "tab:red", "linestyle": "--"}}
    for axes, images in zip(grid, tasks):
        sets = {"clean": images.clean, "real degraded": images.degraded,
                "synthetic": images.synthetic}
        size = common_size(*sets.values())
        frequency = np.arange(1, size // 2 + 1) / size
        edges = noise_bins(images.degraded)
        low, high = np.percentile(np.concatenate(
            [image.ravel() for each in sets.values() for image in each]), (0.1, 99.9))
        levels = np.linspace(low, high, 60)
        for name, each in sets.items():
            style = {"label": name, **styles[name]}
            axes[0].plot(frequency, radial_spectrum(each, size), **style)
            pixels = np.concatenate([image.ravel() for image in each])
            axes[1].plot((levels[1:] + levels[:-1]) / 2,
                         np.histogram(pixels, levels)[0] / len(pixels), **style)
            axes[2].plot((edges[1:] + edges[:-1]) / 2, noise_against_mean(each, edges),
                         marker=".", **style)
            axes[3].plot(frequency, directional_spectrum(each, size), **style)
        axes[0].set_ylabel(plainly(images.task))
        axes[1].set_yscale("log")
    for axes, title in zip(grid[0], ("log10 power", "share of pixels", "log10 noise variance",
                                     "log10 (power along X / along Y)")):
        axes.set_title(title, fontsize=10)
    for axes, label in zip(grid[-1], ("periods a pixel", "intensity", "intensity",
                                      "periods a pixel")):
        axes.set_xlabel(label)
    grid[0][0].legend(frameon=False, fontsize=8)
    with written_whole(path) as temporary:
        figure.savefig(temporary)
