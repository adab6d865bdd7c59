"""What the z-stack report measures of one stack: slices, vertical sections, cells, truth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from microgan.metrics.blobs import (
    Blobs, Match, find_blobs, is_dark_on_bright, match_blobs, median_half_depth)
from microgan.metrics.histograms import (
    hellinger_distance, histogram, intensity_distance, mutual_information)
from microgan.metrics.paired import SSIM_WINDOW, NotScorableError, align_care, psnr, ssim
from microgan.metrics.sharpness import delta_dom, focus_measure, gradient_magnitude, piqe

BLURRED, SHARPENED, RECONSTRUCTED, IN_FOCUS = "blurred", "sharpened", "reconstructed", "in focus"
PLANES = ("xy", "xz", "yz")
# Of gradient magnitudes on [-1, 1], in bins of 0.01; the last bin also counts steeper ones.
MAX_GRADIENT, NUM_GRADIENT_BINS = 0.6, 60
# Vertical sections measured in each direction, evenly spaced: neighbours are similar.
MAX_SECTIONS = 16
# A cell is clear from this share of the stack's contrast. Half of it counts as found again, so
# that no cell comes and goes by a hair's breadth.
CLEAR_SHARE = 0.3
FAINT_SHARE = 0.15
# Cells are the same if no further apart than this share of their radius or, along depth, half
# the depth over which the reference shows its cells, if that is more.
MATCH_DISTANCE_SHARE = 0.8
_CONTRAST_PERCENTILES = (1, 50, 99)


@dataclass(frozen=True)
class PlantedResult:
    """A stack to which known cells were added, and what was made of it.

    Args:
        centres: int (N, 3), of the cells.
        volumes: (Z, Y, X) each, the stack itself as `BLURRED`, and what became of it by the
            names of the other volumes.
    """

    centres: np.ndarray
    volumes: Mapping[str, np.ndarray]


@dataclass(frozen=True)
class StackResult:
    """A stack, its sharpened and reconstructed volumes, and the known truth.

    Args:
        name: of the stack.
        blurred: (Z, Y, X), intensities from 0 to `Conditions.data_range`; the paper's x.
        sharpened: like `blurred`; y = G_S(x).
        reconstructed: like `blurred`, blurred again from `sharpened`; G_B(y).
        focal_plane: index of the slice around which `blurred` is sharp.
        truth: like `blurred`, the sharp volume, or None if unknown.
        filtered: like `blurred`, what filters make of it, by their names.
        misfits: of volumes by name, how far they are from `blurred` once a fitted microscope
            sees them, in standard deviations of the noise; may be none.
        planted: the stack with known cells, or None.
    """

    name: str
    blurred: np.ndarray
    sharpened: np.ndarray
    reconstructed: np.ndarray
    focal_plane: int
    truth: np.ndarray | None = None
    filtered: Mapping[str, np.ndarray] = field(default_factory=dict)
    misfits: Mapping[str, float] = field(default_factory=dict)
    planted: PlantedResult | None = None


@dataclass(frozen=True)
class Conditions:
    """Conditions common to all stacks of a report.

    Args:
        tissue: first and one past the last slice in the tissue.
        data_range: intensity from black to white.
        spacing_um: of slices, rows and columns, micrometres.
        cell_radius_um: of the cells to look for.
    """

    tissue: tuple[int, int]
    data_range: float = 255.0
    spacing_um: tuple[float, float, float] = (1.0, 1.0, 1.0)
    cell_radius_um: float = 5.0


@dataclass(frozen=True)
class StackMeasures:
    """Everything measured of one stack, as rows of tables.

    Args:
        slices: a row per volume, plane and position.
        structure: a row per volume that was compared with the blurred one.
        truth: a row per volume and part; none if the truth is unknown.
        gradients: by volume and plane, float (N, bins), shares of gradient magnitudes.
        filters: names of the volumes that filters made.
    """

    slices: list[dict[str, Any]]
    structure: list[dict[str, Any]]
    truth: list[dict[str, Any]]
    gradients: dict[tuple[str, str], np.ndarray]
    filters: tuple[str, ...] = ()


def measure_stack(result: StackResult, other: StackResult | None, conditions: Conditions
                  ) -> StackMeasures:
    """Measure one stack.

    Args:
        result: the stack.
        other: another stack, for the SSIM between stacks, slice by slice.
        conditions: that hold for all stacks.
    """
    slices: list[dict[str, Any]] = []
    gradients: dict[tuple[str, str], np.ndarray] = {}
    volumes = {BLURRED: result.blurred, SHARPENED: result.sharpened,
               RECONSTRUCTED: result.reconstructed, **result.filtered}
    others = {BLURRED: other.blurred, SHARPENED: other.sharpened} if other else {}
    focal = gradient_shares(result.blurred[result.focal_plane], conditions.data_range)
    for name, volume in volumes.items():
        for plane in PLANES if name != RECONSTRUCTED else PLANES[:1]:
            histograms = []
            for position, image in sections(volume, plane):
                row: dict[str, Any] = {"stack": result.name, "volume": name, "plane": plane,
                                       "position": position}
                row |= image_measures(image, conditions.data_range)
                row |= _compared(image, section(result.blurred, plane, position), "blurred",
                                 conditions.data_range)
                if plane == "xy":
                    row |= _compared(image, volume[result.focal_plane], "focal_plane",
                                     conditions.data_range)
                    if name in others and position < len(others[name]):
                        row["ssim_to_other_stack"] = _ssim(image, others[name][position],
                                                           conditions.data_range)
                histograms.append(gradient_shares(image, conditions.data_range))
                row["gradient_distance_to_focal_plane"] = hellinger_distance(
                    histograms[-1], focal)
                slices.append(row)
            gradients[name, plane] = np.array(histograms)
    return StackMeasures(slices, _structure(result, conditions), _truth(result, conditions),
                         gradients, tuple(result.filtered))


def measure_references(images: Sequence[np.ndarray], crops: Sequence[np.ndarray],
                       conditions: Conditions
                       ) -> tuple[list[dict[str, Any]], dict[tuple[str, str], np.ndarray]]:
    """Measure in-focus images, which slices should resemble, and crops, as vertical sections.

    Args:
        images: (Y, X) each; may be none.
        crops: as long and as wide as the stacks' vertical sections; may be none.
        conditions: that hold for all stacks.

    Returns:
        rows and gradients, as in `StackMeasures`; the plane of crops is "crop".
    """
    rows, gradients = [], {}
    for plane, group in (("xy", images), ("crop", crops)):
        for position, image in enumerate(group):
            rows.append({"stack": "", "volume": IN_FOCUS, "plane": plane, "position": position,
                         **image_measures(image, conditions.data_range)})
        if len(group):
            gradients[IN_FOCUS, plane] = np.array(
                [gradient_shares(image, conditions.data_range) for image in group])
    return rows, gradients


def image_measures(image: np.ndarray, data_range: float) -> dict[str, float]:
    """Measure sharpness without a reference; see `metrics.sharpness`."""
    return {"gradient": float(_gradient(image, data_range).mean()),
            "fm_1000": focus_measure(image, threshold=1000),
            "fm_150": focus_measure(image, threshold=150),
            "piqe": piqe(image),
            "delta_dom": delta_dom(image, data_range=data_range)}


def gradient_shares(image: np.ndarray, data_range: float) -> np.ndarray:
    """Histogram of gradient magnitudes on [-1, 1], in even bins up to 0.6."""
    return histogram(_gradient(image, data_range), upper=MAX_GRADIENT,
                     num_bins=NUM_GRADIENT_BINS)


def section(volume: np.ndarray, plane: str, position: int) -> np.ndarray:
    """Return one section; vertical ones have axes length and Z, like in-focus crops."""
    if plane == "xy":
        return volume[position]
    return (volume[:, position] if plane == "xz" else volume[:, :, position]).T


def sections(volume: np.ndarray, plane: str) -> Iterator[tuple[int, np.ndarray]]:
    """Yield positions and sections: all slices, or evenly spaced vertical sections."""
    if plane == "xy":
        positions = np.arange(len(volume))
    else:
        length = volume.shape[1 if plane == "xz" else 2]
        count = min(length, MAX_SECTIONS)
        positions = ((np.arange(count) + 0.5) * length / count).astype(int)
    for position in positions:
        yield int(position), section(volume, plane, int(position))


def _gradient(image: np.ndarray, data_range: float) -> np.ndarray:
    return gradient_magnitude(image) * (2 / data_range)  # on [-1, 1]


def _ssim(image: np.ndarray, other: np.ndarray, data_range: float) -> float:
    """Return the SSIM; NaN if the images are smaller than the window or differ in size."""
    if image.shape != other.shape or min(image.shape) < SSIM_WINDOW:
        return float("nan")
    return ssim(image, other, data_range=data_range)


def _compared(image: np.ndarray, other: np.ndarray, name: str, data_range: float
              ) -> dict[str, float]:
    return {f"ssim_to_{name}": _ssim(image, other, data_range),
            f"mutual_information_to_{name}": mutual_information(image, other),
            f"hellinger_to_{name}": intensity_distance(image, other, data_range=data_range)}


def central_third(result: StackResult) -> tuple[int, int]:
    """Return the first and one past the last slice of the third around the focal plane."""
    depth = len(result.blurred)
    reach = depth // 6
    return max(result.focal_plane - reach, 0), min(result.focal_plane + reach + 1, depth)


@dataclass(frozen=True)
class CellCheck:
    """Cells of a reference and of another volume, each looked for in the other.

    Args:
        original: clear cells of the reference, in the slices that count.
        recall: which of them the other volume has, at least faintly.
        made: clear cells of the other volume, in the same slices.
        precision: which of them the reference has, at least faintly.
        num_outside_tissue: clear cells of the other volume outside the tissue.
        recall_by_chance: recall in the mirror image of the reference.
        axial_reach_um: largest distance along depth of two cells that match.
    """

    original: Blobs
    recall: Match
    made: Blobs
    precision: Match
    num_outside_tissue: int
    recall_by_chance: float
    axial_reach_um: float


def cell_contrast(reference: np.ndarray, dark: bool) -> float:
    """Return the distance from a stack's median to its 1st (dark cells) or 99th percentile."""
    low, middle, high = np.percentile(reference, _CONTRAST_PERCENTILES)
    return float(middle - low if dark else high - middle)


def check_cells(reference: np.ndarray, volume: np.ndarray, slices: tuple[int, int],
                conditions: Conditions) -> CellCheck:
    """Look for the cells of a reference in another volume, and the reverse.

    Args:
        reference: (Z, Y, X), a stack; its contrast defines the cells of both.
        volume: like `reference`.
        slices: first and one past the last slice whose cells count; their counterparts
            may lie outside.
        conditions: of the report.
    """
    dark = is_dark_on_bright(reference)
    contrast = cell_contrast(reference, dark)
    radius_um, spacing_um = conditions.cell_radius_um, conditions.spacing_um

    cells, cells_made = (
        find_blobs(each, radius=radius_um, spacing=spacing_um, dark=dark,
                   min_strength=FAINT_SHARE * contrast) for each in (reference, volume))
    clear = cells_made.stronger_than(CLEAR_SHARE * contrast)
    original = cells.stronger_than(CLEAR_SHARE * contrast).within(*slices)
    reach_um = MATCH_DISTANCE_SHARE * radius_um
    # fmax: without cells the half depth is NaN
    axial_reach_um = float(np.fmax(reach_um, median_half_depth(
        reference, original, radius=radius_um, spacing=spacing_um, dark=dark)))

    def matched(cells: Blobs, among: Blobs) -> Match:
        return match_blobs(cells, among, reach=(axial_reach_um, reach_um, reach_um),
                           spacing=spacing_um)

    made = clear.within(*slices)
    width = reference.shape[2]
    mirrored = Blobs(cells.centres * [1, 1, -1] + [0, 0, width - 1], cells.strengths)
    return CellCheck(original, matched(original, cells_made), made, matched(made, cells),
                     len(clear) - len(clear.within(*conditions.tissue)),
                     matched(original, mirrored).share, axial_reach_um)


def _structure(result: StackResult, conditions: Conditions) -> list[dict[str, Any]]:
    rows = []
    for name, volume in ((SHARPENED, result.sharpened), (RECONSTRUCTED, result.reconstructed),
                         *result.filtered.items()):
        check = check_cells(result.blurred, volume, central_third(result), conditions)
        offsets = np.abs(check.recall.offsets)
        rows.append({
            "stack": result.name, "volume": name, "recall": check.recall.share,
            "precision": check.precision.share, "num_blurred": len(check.original),
            "num_made": len(check.made),
            "lateral_error_um": (float(np.hypot(offsets[:, 1], offsets[:, 2]).mean())
                                 if len(offsets) else float("nan")),
            "axial_error_um": float(offsets[:, 0].mean()) if len(offsets) else float("nan"),
            "axial_reach_um": check.axial_reach_um,
            "recall_by_chance": check.recall_by_chance,
            "num_outside_tissue": check.num_outside_tissue})
    return rows


def _truth(result: StackResult, conditions: Conditions) -> list[dict[str, Any]]:
    """Compare volumes and cells with the known sharp volume."""
    if result.truth is None:
        return []
    rows = []
    for part, slices in (("tissue", conditions.tissue),
                         ("all slices", (0, len(result.blurred)))):
        for name, volume in ((BLURRED, result.blurred), (SHARPENED, result.sharpened),
                             *result.filtered.items()):
            check = check_cells(result.truth, volume, slices, conditions)
            compared = result.truth[slice(*slices)], volume[slice(*slices)]
            rows.append({"stack": result.name, "volume": name, "part": part,
                         **_nearness(*compared), **_nearness_by_slice(*compared),
                         "recall": check.recall.share, "precision": check.precision.share})
    return rows


def _nearness(truth: np.ndarray, volume: np.ndarray) -> dict[str, float]:
    """Return PSNR and mean SSIM of the slices under `care`; NaN if the truth is nearly empty."""
    try:
        aligned = align_care(truth, volume)
    except NotScorableError:
        return {"psnr": float("nan"), "ssim": float("nan")}
    return {"psnr": psnr(aligned.clean, aligned.restored, data_range=aligned.data_range),
            "ssim": float(np.mean([_ssim(*pair, aligned.data_range) for pair in
                                   zip(aligned.clean, aligned.restored, strict=True)]))}


def _nearness_by_slice(truth: np.ndarray, volume: np.ndarray) -> dict[str, float]:
    """Return mean PSNR and SSIM of the slices, with scale and offset fitted to each slice alone.

    Slices in which the truth is nearly empty do not count.
    """
    rows = [row for row in map(_nearness, truth[:, np.newaxis], volume[:, np.newaxis])
            if not np.isnan(row["psnr"])]
    return {f"{name}_by_slice": float(np.mean([row[name] for row in rows])) if rows
            else float("nan") for name in ("psnr", "ssim")}
