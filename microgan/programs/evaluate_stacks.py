"""`evaluate.py --stacks` from config to the z-stack report."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from microgan.config import EvaluateConfig
from microgan.datasets.normalization import PERCENTILES, IntensityRange
from microgan.datasets.paired_arrays import check_type
from microgan.datasets.z_stacks import find_stacks, read_images, read_stacks, voxel_size_um
from microgan.errors import UserError
from microgan.evaluation import Z_STACK_FILES
from microgan.runtime.progress import Progress
from microgan.files.whole import make_folder
from microgan.generator_file import GeneratorInfo, read_info
from microgan.metrics.sharpness import find_focal_plane
from microgan.files.names import find_file, shown
from microgan.runtime.startup import import_tensorflow_quietly
from microgan.simulation.fitted_microscope import NONNEGATIVE_3D, MicroscopeFit

if TYPE_CHECKING:
    from microgan.estimation.stack_filters import StackFilter
    from microgan.restoration.filtered_stacks import FittedBlurrer
    from microgan.restoration.restorer import Restorer

_DATA_RANGE = 255.0  # as in all published figures
# What replaces the B in the name of the stacks' folder, in the layout of ZSE-GAN's authors.
_IMAGES, _CROPS, _TRUTH = "A2D", "A29", "Sharp"
_TESTED, _TRAINED = "testB", "trainB"
_MEASURED_STACKS = 12  # more change the filters little


@dataclass(frozen=True)
class ReportedStacks:
    """The stacks of a report, in the intensities of their files.

    Args:
        source: where they are, for the reader.
        paths: of the files.
        blurred: (Z, Y, X) each, of one depth.
        focal_planes: of every stack, from 0.
        truths: the known sharp volumes, or None.
        images: (Y, X) each, in focus; may be none.
        crops: in focus, shaped like vertical sections; may be none.
        spacing_um: of slices, rows and columns.
        tissue: first and one past the last slice in the tissue.
        cell_radius_um: of the cells that must be kept.
        training: where other stacks of the microscope lie, to fit the filters to; empty if
            there are none.
        training_stacks: (Z, Y, X) each, of the depth of the others.
        training_focal_planes: of every training stack, from 0.
    """

    source: str
    paths: Sequence[Path]
    blurred: Sequence[np.ndarray]
    focal_planes: Sequence[int]
    truths: Sequence[np.ndarray | None]
    images: Sequence[np.ndarray]
    crops: Sequence[np.ndarray]
    spacing_um: tuple[float, float, float]
    tissue: tuple[int, int]
    cell_radius_um: float
    training: str = ""
    training_stacks: Sequence[np.ndarray] = ()
    training_focal_planes: Sequence[int] = ()

    @property
    def names(self) -> list[str]:
        """What the report calls the stacks: their files, without suffix."""
        return [shown(path.stem) for path in self.paths]

    def first(self) -> ReportedStacks:
        """Return the first stack alone, for a dry run."""
        return replace(self, paths=self.paths[:1], blurred=self.blurred[:1],
                       focal_planes=self.focal_planes[:1], truths=self.truths[:1])

    def all_images(self) -> list[Sequence[np.ndarray]]:
        """Return all images that the report depends on."""
        return [self.blurred, [truth for truth in self.truths if truth is not None],
                self.images, self.crops]


def evaluate_stacks(config: EvaluateConfig) -> list[dict[str, Any]]:
    """Sharpen stacks and write the z-stack report; print its criteria.

    Every file is checked before TensorFlow is loaded.

    Args:
        config: with `generator` and `stacks`.

    Returns:
        The criteria of `z_stack_report.json`.

    Raises:
        UserError: a mistake in the flags or files, or an earlier report in the folder.
    """
    assert config.generator is not None
    read_info(config.generator, method="zse_gan")
    folder = Path(config.output)
    earlier = [folder / name for name in Z_STACK_FILES if (folder / name).exists()]
    if earlier and not config.overwrite:
        raise UserError(f"{earlier[0]} exists. Choose another folder with --output, or replace "
                        "the report in it with --overwrite.")
    stacks = load_reported_stacks(config)
    make_folder(folder, "--output")
    import_tensorflow_quietly()
    table = write_stack_report(folder, stacks, config.generator, precision=config.precision)
    print(f"\n{table}")
    report = json.loads((folder / "z_stack_report.json").read_text("utf-8"))
    criteria: list[dict[str, Any]] = report["criteria"]
    return criteria


def write_stack_report(folder: Path, stacks: ReportedStacks, generator: Path | str, *,
                       precision: str) -> str:
    """Sharpen stacks and write the z-stack report, replacing an earlier one.

    Args:
        folder: for the report; must exist.
        stacks: from `load_reported_stacks`.
        generator: file of a generator from `train_zsegan.py`.
        precision: number format, as `--precision`.

    Returns:
        The criteria, and the page to read, as text.
    """
    from microgan.evaluation.z_stack_measures import (
        BLURRED, SHARPENED, Conditions, PlantedResult, StackResult)
    from microgan.evaluation.z_stack_report import PAGE, criteria_table, write_report

    print(f"Sharpening {len(stacks.blurred)} stacks.", flush=True)
    info = read_info(generator, method="zse_gan")
    filters, fit, fitted_to = _fit_filters(stacks)
    sharpened, reconstructed = _sharpen(generator, stacks, precision, fit, filters)
    in_report = _in_report(stacks.blurred[0].dtype, _reported_range(info, stacks.blurred))
    planted = _plant(stacks, fit)
    replanted, _ = _sharpen(generator, replace(stacks, blurred=[stack for stack, _ in planted]),
                            precision, fit, filters)
    results = []
    for index, (name, blurred, sharp, focal_plane, truth) in enumerate(zip(
            stacks.names, stacks.blurred, sharpened, stacks.focal_planes, stacks.truths,
            strict=True)):
        filtered = {each.name: each.sharpen(blurred, focal_plane) for each in filters}
        with_cells, centres = planted[index]
        volumes = {BLURRED: with_cells, SHARPENED: replanted[index],
                   **{each.name: each.sharpen(with_cells, focal_plane) for each in filters}}
        results.append(StackResult(
            name, in_report(blurred), in_report(sharp), in_report(reconstructed[index]),
            focal_plane, None if truth is None else in_report(truth),
            {each: in_report(volume) for each, volume in filtered.items()},
            {each: _misfit(volume, blurred, fit, stacks.tissue) for each, volume in {
                BLURRED: blurred, **filtered, SHARPENED: sharp}.items()},
            PlantedResult(centres, {each: in_report(volume)
                                    for each, volume in volumes.items()})))
    criteria = write_report(
        folder, results, Conditions(stacks.tissue, _DATA_RANGE, stacks.spacing_um,
                                    stacks.cell_radius_um),
        in_focus_images=[in_report(image) for image in stacks.images],
        in_focus_crops=[in_report(crop) for crop in stacks.crops],
        notes=[f"Generator: {shown(generator)}", f"Stacks: {stacks.source}",
               f"Slices in the tissue: {stacks.tissue[0] + 1} to {stacks.tissue[1]}; voxels "
               f"{' x '.join(f'{size:g}' for size in stacks.spacing_um)} um (Z, Y, X); data range "
               f"0 to {_DATA_RANGE:g}; cells of {stacks.cell_radius_um:g} um radius",
               f"Filters, fitted to {fitted_to}: " + "; ".join(
                   f"{each.name}, {each.setting}" for each in filters)])
    return (f"{criteria_table(criteria)}\n\nRead {folder / PAGE}; the numbers are beside it as "
            "CSV and JSON.")


def _fit_filters(stacks: ReportedStacks) -> tuple[list[StackFilter], MicroscopeFit, str]:
    """Fit filters to stacks other than the reported ones, or to these if there are no others."""
    from microgan.estimation.stack_filters import fit_middles, fit_stack_filters

    learned, focal_planes, source = (
        (stacks.training_stacks, stacks.training_focal_planes,
         f"{len(stacks.training_stacks)} stacks of {stacks.training}")
        if stacks.training_stacks else
        (stacks.blurred, stacks.focal_planes, "the stacks themselves"))
    fit = fit_middles(learned, step_px=stacks.spacing_um[0] / stacks.spacing_um[2])
    return fit_stack_filters(learned, focal_planes, stacks.tissue, fit), fit, source


def _plant(stacks: ReportedStacks, fit: MicroscopeFit) -> list[tuple[np.ndarray, np.ndarray]]:
    """Add known cells to every stack, where it has none; return stacks and centres."""
    from microgan.estimation.planted_cells import plant_cells
    from microgan.evaluation.z_stack_depth import faint_cells

    return [plant_cells(
        stack, faint_cells(stack, stacks.spacing_um, stacks.cell_radius_um), fit,
        tissue=stacks.tissue, radius=stacks.cell_radius_um, spacing=stacks.spacing_um, seed=index)
        for index, stack in enumerate(stacks.blurred)]


def _misfit(volume: np.ndarray, blurred: np.ndarray, fit: MicroscopeFit,
            tissue: tuple[int, int]) -> float:
    """Return how far a volume, seen by the fitted microscope, is from the measured stack.

    Root mean square over the tissue, of the density, in standard deviations of the noise.
    """
    again, measured, _ = _seen_again(volume, blurred, fit)
    squares = np.square(again - measured)[slice(*tissue)]
    return float(np.sqrt(squares.mean() / max(fit.noise_variance, 1e-12)))


def _seen_again(volume: np.ndarray, blurred: np.ndarray, fit: MicroscopeFit
                ) -> tuple[np.ndarray, np.ndarray, Callable[[np.ndarray], np.ndarray]]:
    """Return the density of a volume seen by the fitted microscope, that of the measured stack,
    and the function from densities to the stack's intensities."""
    from microgan.estimation.densities import to_density
    from microgan.estimation.depth_filter import blur_again

    measured, to_intensity = to_density(blurred, fit.light)
    density, _ = to_density(volume, fit.light, like=blurred)
    return (blur_again(density / fit.shown, fit, fit.microscope.sigma_um), measured,
            to_intensity)


def _reported_range(info: GeneratorInfo, stacks: Sequence[np.ndarray]) -> IntensityRange:
    """Return the intensities that become 0 and 255: the generator's, or the stacks' own."""
    if info.tasks:
        (task,) = info.tasks
        return info.normalization[task].degraded
    low, high = np.percentile(np.stack([np.percentile(stack, PERCENTILES) for stack in stacks]),
                              (0, 100))
    return IntensityRange(float(low), float(high))


def _correct(generator: Path | str, stacks: ReportedStacks, precision: str, fit: MicroscopeFit,
             filters: Sequence[StackFilter]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Correct the report's 3D non-negative filter; blur again as the fitted microscope does."""
    from microgan.restoration.planes import to_type
    from microgan.restoration.restorer import load_restorer

    correct = load_restorer(generator, precision=precision)
    (base,) = (each for each in filters if each.name == NONNEGATIVE_3D)
    results: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
    for name, stack, focal_plane in zip(stacks.names, stacks.blurred, stacks.focal_planes):
        filtered = base.sharpen(stack, focal_plane).astype(np.float32)
        sharp = _translated(correct, filtered, name)
        again, _, to_intensity = _seen_again(sharp, stack, fit)
        for found, volume in zip(results, (sharp, to_intensity(again))):
            found.append(to_type(volume, stack.dtype)[0])
    return results


def _sharpen(generator: Path | str, stacks: ReportedStacks, precision: str, fit: MicroscopeFit,
             filters: Sequence[StackFilter]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Sharpen all stacks and blur them again, in tiles if memory requires it."""
    info = read_info(generator, method="zse_gan")
    if info.network == "correction" and info.base is None:
        return _correct(generator, stacks, precision, fit, filters)
    from microgan.restoration.planes import to_type
    from microgan.restoration.restorer import load_blurrer, load_restorer

    translators = [load(generator, precision=precision) for load in (load_restorer, load_blurrer)]
    results: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
    for name, stack in zip(stacks.names, stacks.blurred):
        values = stack
        for translate, found in zip(translators, results):
            values = _translated(translate, values, name)
            found.append(to_type(values, stack.dtype)[0])
    return results


def _translated(translate: Restorer | FittedBlurrer, values: np.ndarray, name: str) -> np.ndarray:
    """Put a stack through a network; float32, not rounded before what comes next."""
    target = np.empty(values.shape, np.float32)
    translate.restore_into(target, values, axes="ZYX", progress=Progress(name),
                           report=lambda line: print(f"{name}: {line}", flush=True))
    return target


def _in_report(dtype: np.dtype, intensities: IntensityRange) -> Callable[[np.ndarray], np.ndarray]:
    """Return the map to the report's intensities: 8 bits unchanged, others by `intensities`."""
    if dtype == np.uint8:
        return lambda volume: volume.astype(np.float64)
    return lambda volume: _DATA_RANGE * intensities.to_unit(volume)


def load_reported_stacks(config: EvaluateConfig) -> ReportedStacks:
    """Load and check the stacks of the report and the images beside them.

    Args:
        config: with `stacks`.

    Raises:
        UserError: see `read_stack`; or the stacks differ in depth, type or voxel size, images
            beside them have another type, or focal plane or tissue lie outside the stacks.
    """
    assert config.stacks is not None
    paths = find_stacks(config.stacks)[:config.eval_limit]
    stacks = read_stacks(paths)
    for path, stack in zip(paths, stacks):
        if len(stack.pixels) != len(stacks[0].pixels) or (
                stack.pixels.dtype != stacks[0].pixels.dtype):
            raise UserError(
                f"{path} has {len(stack.pixels)} slices of {stack.pixels.dtype}, but {paths[0]} "
                f"{len(stacks[0].pixels)} of {stacks[0].pixels.dtype}. The report compares "
                "stacks of one depth and type: put the others in another folder.")
    depth = len(stacks[0].pixels)
    if config.focal_plane is not None and config.focal_plane > depth:
        raise UserError(f"--focal_plane={config.focal_plane} is not in {paths[0]}, which has "
                        f"{depth} slices.")
    blurred = [stack.pixels for stack in stacks]
    training, training_stacks = _training_stacks(paths[0], depth)
    pixel, step = voxel_size_um(stacks, paths, pixel_size_um=config.pixel_size_um,
                                z_step_um=config.z_step_um)
    return ReportedStacks(
        shown(config.stacks), paths, blurred,
        _focal_planes(blurred, config),
        [_truth(path, stack) for path, stack in zip(paths, blurred)],
        _images_beside(paths[0], _IMAGES, blurred[0].dtype),
        _images_beside(paths[0], _CROPS, blurred[0].dtype),
        (step, pixel, pixel), _tissue(config, depth), config.cell_radius_um,
        training, training_stacks, _focal_planes(training_stacks, config))


def _focal_planes(stacks: Sequence[np.ndarray], config: EvaluateConfig) -> list[int]:
    return [find_focal_plane(stack) if config.focal_plane is None else config.focal_plane - 1
            for stack in stacks]


def _beside(path: Path, kind: str) -> Path | None:
    """Return the folder of another kind beside that of a stack, such as testA2D beside testB."""
    folder = path.resolve().parent
    other = folder.with_name(folder.name.removesuffix("B") + kind)
    return other if folder.name.endswith("B") and other.is_dir() else None


def _images_beside(path: Path, kind: str, dtype: np.dtype) -> list[np.ndarray]:
    folder = _beside(path, kind)
    return read_images(folder, dtype, path) if folder else []


def _training_stacks(path: Path, depth: int) -> tuple[str, list[np.ndarray]]:
    """Return where training stacks lie beside test stacks, and some of them."""
    folder = path.resolve().parent
    if folder.name != _TESTED or not folder.with_name(_TRAINED).is_dir():
        return "", []
    paths = find_stacks(folder.with_name(_TRAINED))[:_MEASURED_STACKS]
    return _TRAINED, [stack.pixels for stack in read_stacks(paths)
                      if len(stack.pixels) == depth]


def _truth(path: Path, blurred: np.ndarray) -> np.ndarray | None:
    folder = _beside(path, _TRUTH)
    if folder is None:
        return None
    file = find_file(folder, path.name)
    if not file.is_file():
        return None
    (truth,) = (stack.pixels for stack in read_stacks([file]))
    if truth.shape != blurred.shape:
        raise UserError(f"{file} has shape {truth.shape}, but its stack {path} has "
                        f"{blurred.shape} (Z, Y, X).")
    check_type(file, truth, blurred.dtype, path)
    return truth


def _tissue(config: EvaluateConfig, depth: int) -> tuple[int, int]:
    """Return the first and one past the last slice in the tissue; unset ends as published."""
    from microgan.evaluation.z_stack_criteria import published_tissue

    first, end = published_tissue(depth)
    first = first if config.tissue_from is None else config.tissue_from - 1
    end = end if config.tissue_to is None else config.tissue_to
    if not first < end <= depth:
        raise UserError(f"The tissue cannot lie in slices {first + 1} to {end} of {depth}. Fix "
                        "--tissue_from and --tissue_to.")
    return first, end
