"""How far synthetic images are from real degraded ones, compared with clean images."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

import numpy as np

from microgan.runtime.amounts import percent, significant
from microgan.estimation.measured_defect import POOR_FIT, MeasuredDefect
from microgan.evaluation.defect_words import describe_defect
from microgan.evaluation.drawing import Figure, plain_style
from microgan.evaluation.figures import plainly
from microgan.evaluation.tables import markdown_table
from microgan.files.whole import write_csv, write_json, write_text, written_whole
from microgan.metrics.defects import (
    Images, common_size, direction_distance, directional_spectrum, histogram_distance,
    noise_against_mean, noise_bins, noise_distance, radial_spectrum, spectrum_distance)

CLEAN, SYNTHETIC, HALVES = "clean", "synthetic", "real, one half to the other"
_DISPLAY_PERCENTILES = (0.5, 99.5)
_MOST_LEFT = 0.15  # of the clean images' distance
DISTANCES = {"spectrum": "power spectrum", "histogram": "histogram", "noise": "noise",
             "direction": "X against Y"}
_MEASURES: dict[str, Callable[[Images, Images], float]] = {
    "spectrum": spectrum_distance, "histogram": histogram_distance,
    "noise": noise_distance, "direction": direction_distance}
_TINY = 1e-12
_MOST_PARTS = 10
_ONE_SIDED_95 = 1.645


@dataclass(frozen=True)
class DefectImages:
    """The images of one task to compare, in normalised intensity.

    Args:
        task: its name.
        clean: images (Y, X) before the defect, 0 to 1 for the task's usual range of clean
            intensities.
        synthetic: images with the synthetic defect, 0 to 1 for that of degraded intensities.
        degraded: real degraded images, like `synthetic`. The three need not correspond.
        defect: what was measured of the task; None if nothing was.
        is_corrected: whether the network follows the measured model.
    """

    task: str
    clean: Images
    synthetic: Images
    degraded: Images
    defect: MeasuredDefect | None = None
    is_corrected: bool = False


@dataclass(frozen=True)
class DefectDistance:
    """One distance between a set of images and a task's real degraded images.

    Args:
        task: its name.
        images: "clean", the starting point; "synthetic"; or "real, one half to the other",
            as near as real images come to each other.
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
    start = {name: measure(images.clean, images.degraded) for name, measure in _MEASURES.items()}
    found = []
    halves = images.degraded[::2], images.degraded[1::2]
    for kind, each, others in ((CLEAN, images.clean, images.degraded),
                               (SYNTHETIC, images.synthetic, images.degraded),
                               (HALVES, *halves)):
        for name, measure in _MEASURES.items() if len(each) and len(others) else ():
            value = start[name] if kind == CLEAN else measure(each, others)
            share = value / start[name] if start[name] else math.inf if value else 0.0
            found.append(DefectDistance(images.task, kind, len(each), name, value, share))
    return found


def distance_left(images: DefectImages) -> float:
    """Return how much of the clean images' distance is left: mean of spectrum and histogram."""
    return float(np.mean([
        _MEASURES[name](images.synthetic, images.degraded)
        / max(_MEASURES[name](images.clean, images.degraded), _TINY)
        for name in ("spectrum", "histogram")]))


def comes_nearer(images: DefectImages, others: DefectImages) -> bool:
    """Whether synthetic images are nearer to the real ones than others, and not by chance.

    A network that learns from ten images also learns in what they differ by chance from the
    next ten. So the distance that is gained must be more than 1.645 times its standard error,
    which leaving out a tenth of the real images at a time tells (jackknife).

    Args:
        images: of one task, with `synthetic` images of one kind.
        others: the same with `synthetic` images of another kind.

    Returns:
        False for a single real image, which tells nothing of chance.
    """
    num_parts = min(_MOST_PARTS, len(images.degraded))
    if num_parts < 2:
        return False

    def gained(degraded: Images) -> float:
        return (distance_left(replace(others, degraded=degraded))
                - distance_left(replace(images, degraded=degraded)))

    without = [gained([image for index, image in enumerate(images.degraded)
                       if index % num_parts != part]) for part in range(num_parts)]
    error = math.sqrt(num_parts - 1) * float(np.std(without))
    return gained(images.degraded) > _ONE_SIDED_95 * error


def fits_poorly(distances: Sequence[DefectDistance]) -> bool:
    """Whether a task's synthetic images are too unlike its real ones to be relied on.

    Their power spectrum is then further from that of the real images than both 15 % of the clean
    images' distance and twice the distance of two halves of the real images.
    """
    spectra = {each.images: each for each in distances if each.distance == "spectrum"}
    halves = spectra[HALVES].value if HALVES in spectra else 0.0
    made = spectra[SYNTHETIC]
    return made.share > _MOST_LEFT and made.value > 2 * halves


def report_table(distances: Sequence[DefectDistance], split: str) -> str:
    """Return a table with a line per task and set of images, a column per distance."""
    by_line: dict[tuple[str, str, int], list[DefectDistance]] = {}
    for distance in distances:
        by_line.setdefault((distance.task, distance.images, distance.n), []).append(distance)
    cells = [["task", "images", "n", *DISTANCES.values()]]
    for (task, kind, n), found in by_line.items():
        cells.append([task, kind, str(n), *(
            significant(each.value) + (
                f" ({percent(each.share)})" if kind != CLEAN and math.isfinite(each.share) else "")
            for each in found)])
    return "\n".join([f"Distance from real degraded images ({split}), and share of the clean "
                      "images':", "", *markdown_table(cells)])


def write_report(folder: Path, tasks: Sequence[DefectImages], *, split: str) -> str:
    """Say what was measured and how near synthetic images come to real degraded ones.

    Writes `microgan.evaluation.DEFECT_FILES`.

    Args:
        folder: where to; must exist.
        tasks: their images.
        split: what the images are, for the table.

    Returns:
        The words and the table.
    """
    by_task = {images.task: measure_defects(images) for images in tasks}
    distances = [distance for found in by_task.values() for distance in found]
    table = report_table(distances, split)
    notes = ("Power spectrum: RMS difference of log10 mean power over spatial frequency. "
             "Histogram: 1-Wasserstein distance of the intensities, 1 being the task's range. "
             "Noise: RMS difference of log10 noise variance at equal intensity. X against Y: RMS "
             "difference of log10 (power along X / power along Y). Real, one half to the other: "
             "every other real image compared with the rest, as near as real images come to each "
             "other, given how few they are.")
    poor = [task for task, found in by_task.items() if fits_poorly(found)]
    unexplained = [images.task for images in tasks
                   if images.defect is not None and images.defect.misfit > POOR_FIT]
    parts = [*(text.format(tasks=", ".join(names)) for text, names in (
                 (_POOR, poor), (_UNEXPLAINED, unexplained)) if names),
             *(_described(images) for images in tasks if images.defect is not None)]
    in_words = "\n\n".join(parts)
    write_text(folder / "defect_report.md", "\n\n".join([
        "# Defect report", *parts, table, notes,
        "![sample rows and curves](defect_report.png)"]) + "\n")
    rows = [{**asdict(each), "split": split} for each in distances]
    # JSON has no infinity and no NaN.
    write_json(folder / "defect_report.json", {
        "poor_fit": poor, "unexplained": unexplained,
        "measured": {images.task: images.defect.to_json() for images in tasks
                     if images.defect is not None},
        "distances": [{name: None if isinstance(value, float) and not np.isfinite(value)
                       else value for name, value in row.items()} for row in rows]})
    write_csv(folder / "defect_report.csv", rows,
              [*(each.name for each in fields(DefectDistance)), "split"])
    save_figure(folder / "defect_report.png", tasks)
    return f"{in_words}\n\n{table}" if in_words else table


_POOR = ("**Poor fit: {tasks}.** The synthetic images are further from the real ones than real "
         "images are from each other, so a network that learns from them learns a defect that "
         "the microscope does not have. Do not rely on synthetic pairs alone there "
         "(`--alpha=1`): with real pairs, compare a run with synthetic pairs and one without; "
         "without, look at the figure for what is missing, and take clean images of the same kind "
         "of sample.")

_UNEXPLAINED = ("**Not explained: {tasks}.** The degraded images are not what the measured defect "
                "makes of the clean ones. Either these show another kind of sample, or the "
                "microscope does something that is not measured here, so the numbers below may "
                "be wrong. Take clean images of the same kind of sample if there are any; else "
                "trust a run with synthetic pairs only where it beats one without.")


def _described(images: DefectImages) -> str:
    """Return what was measured of a task: a sentence, and notes as a list."""
    assert images.defect is not None
    network = ("The network's correction comes nearer than chance would, and is kept."
               if images.is_corrected else
               "The network's correction came no nearer than chance would, and is off.")
    return "\n".join([f"**{images.task}.** {describe_defect(images.defect)} {network}",
                      *([""] if images.defect.notes else []),
                      *(f"- {note}" for note in images.defect.notes)])


@plain_style()
def save_figure(path: str | os.PathLike[str], tasks: Sequence[DefectImages]) -> None:
    """Draw a row per task: a clean, a synthetic and a real image, and a curve per distance.

    Synthetic and real image share one intensity scale; the clean one has its own.
    """
    figure = Figure(figsize=(22, 3 * len(tasks) + 0.5), dpi=100, layout="constrained")
    grid = figure.subplots(len(tasks), 3 + len(DISTANCES), squeeze=False)
    for axes, images in zip(grid, tasks):
        of_real = np.percentile(images.degraded[0], _DISPLAY_PERCENTILES)
        of_clean = np.percentile(images.clean[0], _DISPLAY_PERCENTILES)
        for panel, (title, image, limits) in zip(axes, (
                ("clean", images.clean[0], of_clean), ("synthetic", images.synthetic[0], of_real),
                ("real degraded", images.degraded[0], of_real))):
            panel.imshow(image, cmap="gray", vmin=limits[0], vmax=limits[1])
            panel.set_title(title, fontsize=10)
            panel.set_xticks([])
            panel.set_yticks([])
        axes[0].set_ylabel(plainly(images.task))
    grid = grid[:, 3:]
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
