"""`restore.py --method=filter --data_dir=FOLDER`: images filtered as pairs of others tell."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

from microgan.config import RestoreConfig
from microgan.datasets.paired_arrays import find_datasets, load_pairs
from microgan.errors import UserError
from microgan.programs.restored_file import tell_written
from microgan.restoration.checks import check_size
from microgan.restoration.image_files import open_image_file
from microgan.restoration.planes import Planes, to_type
from microgan.restoration.stored_images import ImageFile, Scratch

Filter = Callable[[np.ndarray], np.ndarray]


def check_planes(file: ImageFile) -> None:
    """Refuse images whose planes are too small.

    Raises:
        UserError: one is.
    """
    for image in file.images:
        check_size(Planes(image.pixels.shape, image.axes, "YX").shape)


def measured_filter(config: RestoreConfig) -> Filter:
    """Measure the defect on pairs, say what it is, and return the linear filter that undoes it.

    Args:
        config: names the folder of the pairs, and the task if there are several.

    Returns:
        Degraded (Y, X) to float64 (Y, X), grey levels of clean images.

    Raises:
        UserError: as `load_pairs`; no task is chosen; or an image is too small to measure.
    """
    from microgan.estimation.linear_filter import LinearFilter, clean_spectrum  # much of scipy
    from microgan.estimation.paired import measure_paired
    from microgan.evaluation.defect_words import describe_defect

    assert config.data_dir is not None
    names = [config.task] if config.task else find_datasets(config.data_dir)
    if len(names) > 1:
        raise UserError(f"--task is missing: {config.data_dir} has pairs of {', '.join(names)}.")
    (name,) = names
    pairs = load_pairs(config.data_dir, name)
    degraded, clean = list(pairs.degraded), list(pairs.clean)
    try:
        defect = measure_paired(degraded, clean)
        restore = LinearFilter(defect.model, clean_spectrum(clean)).restore
    except ValueError as error:
        raise UserError(f"The pairs of {name} in {config.data_dir} do not tell a filter: {error}. "
                        "Take larger ones.") from error
    print(f"{name}: {describe_defect(defect)}", *defect.notes, sep="\n", flush=True)
    return restore


def filter_planes(restore: Filter, path: Path, target: Path, config: RestoreConfig) -> None:
    """Filter every YX plane of a file, and write a file like the one read.

    Args:
        restore: of a plane.
        path: of the file.
        target: of the one to write.
        config: of the program.

    Raises:
        UserError: as `open_image_file`, `check_planes` and `ImageFile.write_like`.
    """
    with open_image_file(path, axes=config.axes) as file, contextlib.ExitStack() as parts:
        check_planes(file)
        restored = []
        for image in file.images:
            dtype = np.dtype(image.pixels.dtype if config.output_type == "same"
                             else config.output_type)
            part = parts.enter_context(Scratch(target.parent, image.pixels.shape, dtype))
            planes = Planes(image.pixels.shape, image.axes, "YX")
            for place in planes.places:
                plane = restore(planes.read(image.pixels, place, planes.everything))
                planes.write(part, place, planes.everything, to_type(plane, dtype)[0])
            restored.append(part)
        file.write_like(target, restored)
    tell_written(file, path, target)
