"""How far made images are from real degraded ones, the clean images as the starting point."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from scipy import ndimage, signal, stats

from microgan.evaluation.figures import plainly
from microgan.files import write_json, write_text, written_whole

Images = Sequence[np.ndarray]
# Variance of a pixel below which nothing counts: less than an 8-bit step's rounding error.
_FLOOR = 1e-6
_NUM_NOISE_BINS = 10
_MIN_PIXELS = 50
# Second differences along both axes: no smooth structure passes; white noise keeps its
# variance. Immerkaer 1996, Fast noise variance estimation.
_NOISE_KERNEL = np.outer([1, -2, 1], [1, -2, 1]) / 6
_LOCAL_MEAN_PX = 7
REPORT_FILES = ("defect_report.md", "defect_report.csv", "defect_report.json",
                "defect_report.png")
DISTANCES = {"spectrum": "power spectrum", "histogram": "histogram", "noise": "noise",
             "direction": "X against Y"}


@dataclass(frozen=True)
class DefectImages:
    """The images of one task to compare, in normalised intensity.

    Args:
        task: its name.
        clean: images (Y, X) before the defect, 0 to 1 for the task's usual range of clean
            intensities.
        made: images with the made defect, 0 to 1 for that of degraded intensities.
        degraded: real degraded images, like `made`. None of the three need correspond.
    """

    task: str
    clean: Images
    made: Images
    degraded: Images


@dataclass(frozen=True)
class DefectDistance:
    """One kind of distance of one task.

    Args:
        task: its name.
        distance: key of `DISTANCES`.
        clean: distance of the clean from the real degraded images: where one starts.
        made: distance of the made from the real degraded images.
        num_clean: clean images compared; as many were made.
        num_degraded: real degraded images compared.
    """

    task: str
    distance: str
    clean: float
    made: float
    num_clean: int
    num_degraded: int

    @property
    def share(self) -> float:
        """`made` as a share of `clean`: 0 is perfect, 1 as if nothing had been done."""
        return self.made / self.clean if self.clean else float("inf") if self.made else 0.0


def measure_defects(images: DefectImages) -> list[DefectDistance]:
    """All distances of one task; see `spectrum_distance` and the like."""
    distances: dict[str, Callable[[Images, Images], float]] = {
        "spectrum": spectrum_distance, "histogram": histogram_distance,
        "noise": noise_distance, "direction": direction_distance}
    return [DefectDistance(images.task, name, measure(images.clean, images.degraded),
                           measure(images.made, images.degraded), len(images.clean),
                           len(images.degraded))
            for name, measure in distances.items()]


def spectrum_distance(images: Images, others: Images) -> float:
    """RMS difference of log10 mean power over all spatial frequencies but zero.

    Args:
        images: (Y, X) each, at least 16 pixels a side.
        others: like `images`; number and sizes may differ.

    Source:
        ours.
    """
    size = _common_size(images, others)
    return _rms(radial_spectrum(images, size) - radial_spectrum(others, size))


def direction_distance(images: Images, others: Images) -> float:
    """RMS difference of log10 (power along X / power along Y) over frequency.

    Args:
        images: as for `spectrum_distance`.
        others: like `images`.

    Source:
        ours.
    """
    size = _common_size(images, others)
    return _rms(directional_spectrum(images, size) - directional_spectrum(others, size))


def histogram_distance(images: Images, others: Images) -> float:
    """1-Wasserstein distance of all pixels' intensities.

    Args:
        images: (Y, X) each.
        others: like `images`.
    """
    return float(stats.wasserstein_distance(*(np.concatenate([image.ravel() for image in each])
                                              for each in (images, others))))


def noise_distance(images: Images, others: Images) -> float:
    """RMS difference of log10 noise variance at equal intensity.

    Args:
        images: (Y, X) each.
        others: like `images`; their intensities give the bins. Bins in which either has
            hardly a pixel do not count.

    Returns:
        The distance; NaN where no intensity is common to both.

    Source:
        ours.
    """
    edges = noise_bins(others)
    difference = noise_against_mean(images, edges) - noise_against_mean(others, edges)
    return _rms(difference[np.isfinite(difference)])


def radial_spectrum(images: Images, size: int) -> np.ndarray:
    """Log10 of the mean power at each spatial frequency.

    Args:
        images: (Y, X) each, at least `size` pixels a side; their middle counts.
        size: side of the square that is transformed, in pixels.

    Returns:
        (size // 2,) for 1 to size // 2 periods a square. White noise of variance v has
        log10(v) everywhere.
    """
    window = np.outer(*[signal.windows.hann(size, sym=False)] * 2)
    power = np.mean([np.abs(np.fft.fft2(_middle(image, size, window))) ** 2
                     for image in images], axis=0) / np.sum(window ** 2)
    frequency = np.fft.fftfreq(size, 1 / size)
    ring = np.rint(np.hypot(frequency[:, np.newaxis], frequency)).astype(int)
    rings = np.arange(1, size // 2 + 1)
    return np.log10(ndimage.mean(power, ring, rings) + _FLOOR)


def directional_spectrum(images: Images, size: int) -> np.ndarray:
    """Log10 of the power along X over that along Y, at each spatial frequency.

    Args:
        images: as for `radial_spectrum`.
        size: as for `radial_spectrum`.

    Returns:
        (size // 2,); 0 where the image has no preferred direction.
    """
    window = signal.windows.hann(size, sym=False)
    power = []
    for axis in (1, 0):
        along = window[np.newaxis] if axis == 1 else window[:, np.newaxis]
        spectra = [np.abs(np.fft.fft(_middle(image, size, along), axis=axis)) ** 2
                   for image in images]
        mean = np.mean(spectra, axis=(0, 2 - axis)) / np.sum(window ** 2)
        power.append(mean[1:size // 2 + 1] + _FLOOR)
    return np.log10(power[0] / power[1])


def noise_bins(images: Images) -> np.ndarray:
    """Edges of intensity bins that hold equally many pixels of the images' local means."""
    means = np.concatenate([_local_mean(image).ravel() for image in images])
    return np.unique(np.quantile(means, np.linspace(0, 1, _NUM_NOISE_BINS + 1)))


def noise_against_mean(images: Images, edges: np.ndarray) -> np.ndarray:
    """Log10 of the noise variance at each intensity.

    Noise is what is left of second differences along both axes, local mean that of 7 x 7
    pixels. Fine structure counts as noise, too: compare images of like samples only.

    Args:
        images: (Y, X) each.
        edges: of the intensity bins, from `noise_bins`.

    Returns:
        (len(edges) - 1,), NaN in bins with hardly a pixel.
    """
    means = np.concatenate([_local_mean(image).ravel() for image in images])
    squares = np.concatenate([(ndimage.convolve(image, _NOISE_KERNEL)[1:-1, 1:-1] ** 2).ravel()
                              for image in images])
    inside = (means >= edges[0]) & (means <= edges[-1])
    count, _ = np.histogram(means[inside], edges)
    total, _ = np.histogram(means[inside], edges, weights=squares[inside])
    variance = np.divide(total, count, out=np.full(len(count), np.nan),
                         where=count >= _MIN_PIXELS)
    return np.log10(variance + _FLOOR)


def _local_mean(image: np.ndarray) -> np.ndarray:
    return ndimage.uniform_filter(image, _LOCAL_MEAN_PX)[1:-1, 1:-1]


def _middle(image: np.ndarray, size: int, window: np.ndarray) -> np.ndarray:
    top, left = ((length - size) // 2 for length in image.shape)
    square = image[top:top + size, left:left + size]
    return (square - square.mean()) * window


def _common_size(*sets: Images) -> int:
    size = min(min(image.shape) for images in sets for image in images)
    return size - size % 2


def _rms(difference: np.ndarray) -> float:
    return float(np.sqrt(np.mean(difference ** 2))) if len(difference) else float("nan")


def report_table(distances: Sequence[DefectDistance], split: str) -> str:
    """A line per task, a column per distance: made / clean, and the share in per cent."""
    by_task: dict[str, list[DefectDistance]] = {}
    for distance in distances:
        by_task.setdefault(distance.task, []).append(distance)
    cells = [["task", "n", *(DISTANCES[each.distance] for each in next(iter(by_task.values())))]]
    for task, found in by_task.items():
        cells.append([task, f"{found[0].num_clean} / {found[0].num_degraded}",
                      *(f"{each.made:.3g} / {each.clean:.3g} ({100 * each.share:.0f} %)"
                        for each in found)])
    widths = [max(len(cell) for cell in column) for column in zip(*cells)]
    lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |"
             for row in cells]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join([f"Distance from real degraded images, made / clean images ({split}):", "",
                      *lines])


def write_report(folder: Path, tasks: Sequence[DefectImages], *, split: str) -> str:
    """Compare made with real degraded images; write `REPORT_FILES`.

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
             "difference of log10 (power along X / power along Y). In brackets: what is left of "
             "the clean images' distance. n: clean images, each made into one, and real degraded "
             "ones.")
    write_text(folder / "defect_report.md", f"# Defect report\n\n{table}\n\n{notes}\n")
    rows = [{**asdict(each), "share": each.share, "split": split} for each in distances]
    # JSON has no infinity and no NaN.
    write_json(folder / "defect_report.json", [
        {name: None if isinstance(value, float) and not np.isfinite(value) else value
         for name, value in row.items()} for row in rows])
    text = io.StringIO()
    writer = csv.DictWriter(text, [*(each.name for each in fields(DefectDistance)), "share",
                                   "split"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(folder / "defect_report.csv", text.getvalue())
    save_figure(folder / "defect_report.png", tasks)
    return table


def save_figure(path: str | os.PathLike[str], tasks: Sequence[DefectImages]) -> None:
    """Draw what the distances compare: a row per task, a column per kind."""
    figure = Figure(figsize=(14, 3 * len(tasks) + 0.5), dpi=100, layout="constrained")
    grid = figure.subplots(len(tasks), len(DISTANCES), squeeze=False)
    styles: Mapping[str, dict[str, str]] = {
        "clean": {"color": "0.6"}, "real degraded": {"color": "black"},
        "made": {"color": "tab:red", "linestyle": "--"}}
    for axes, images in zip(grid, tasks):
        sets = {"clean": images.clean, "real degraded": images.degraded, "made": images.made}
        size = _common_size(*sets.values())
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
