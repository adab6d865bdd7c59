"""Load and check clean and degraded images that need not correspond."""

from __future__ import annotations

from dataclasses import dataclass

from microgan.datasets.file_notes import FileNotes
from microgan.datasets.grey_images import load_array
from microgan.datasets.paired_arrays import (
    Images, ImagesOfFile, read_images, read_images_below)
from microgan.datasets.task_files import (
    EXTRA_SUFFIX, TEST_SUFFIX, DataDir, DataFolder, find_kinds, locate)
from microgan.errors import UserError
from microgan.files.names import find_file


@dataclass(frozen=True)
class UnpairedImages:
    """The images of one task.

    Args:
        name: the task's name, as in the file names.
        degraded: images (Y, X) of any real numeric type; a list or an array (N, Y, X),
            which may be memory-mapped.
        clean: like `degraded`; number and sizes may differ.
        extra_clean: further clean images, for training only.
        degraded_files: in a folder, the file that each degraded image is a plane of.
        clean_files: in a folder, the file that each clean image is a plane of.
    """

    name: str
    degraded: Images
    clean: Images
    extra_clean: Images = ()
    degraded_files: tuple[str, ...] = ()
    clean_files: tuple[str, ...] = ()


def load_unpaired(data_dir: DataDir, name: str) -> UnpairedImages:
    """Load and check the clean and degraded images of one task.

    Args:
        data_dir: folder of the files.
        name: NAME in the files that `load_pairs` takes; numbers, sizes and names of clean and
            degraded images may differ. `load_extra_clean` adds further clean images.

    Raises:
        UserError: a file is missing, damaged or not a stack of grey images, or holds an image
            that is constant or not finite.
    """
    degraded, clean = read_images(data_dir, name)
    degraded.check()
    clean.check()
    return UnpairedImages(name, degraded.images, clean.images, load_extra_clean(data_dir, name),
                          degraded.files, clean.files)


def load_extra_clean(data_dir: DataDir, name: str) -> Images:
    """Load and check further clean images of one task.

    Args:
        data_dir: folder of the files.
        name: NAME in `NAME_extra_Y.npy` or `NAME_extra/clean/*.tif`.

    Returns:
        Images (Y, X); none if there are no such files.

    Raises:
        UserError: as `load_unpaired`; or both exist.
    """
    files, channel = locate(data_dir, name + EXTRA_SUFFIX)
    data = DataFolder.of(data_dir)
    array = find_file(data.path, f"{files}_Y.npy")
    folder = data.halves(files)["clean"]
    if array.exists() and folder.is_dir():
        raise UserError(f"There are further clean images of '{name}' in {array} and in {folder}: "
                        "only one of them can be used. Move the other away.")
    if array.exists():
        extra = ImagesOfFile(str(array), load_array(array))
    elif folder.is_dir():
        notes = FileNotes()
        extra = read_images_below(folder, notes, channel)
        notes.print()
    else:
        return ()
    extra.check()
    return extra.images


def load_unpaired_test(data_dir: DataDir, name: str) -> UnpairedImages | None:
    """Load a task's test images by `load_unpaired`, from `NAME_test`; None without files."""
    name += TEST_SUFFIX
    return load_unpaired(data_dir, name) if any(find_kinds(data_dir, name)) else None
