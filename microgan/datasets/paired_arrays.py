"""Load and check pairs of degraded and clean images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from microgan.datasets.enlarged import MOST_ENLARGED, enlarge
from microgan.datasets.file_notes import FileNotes
from microgan.datasets.grey_images import is_care_archive, load_array, load_care_archive
from microgan.datasets.image_planes import read_folder
from microgan.datasets.missing import find_unmeasured
from microgan.datasets.paired_names import pair_names, pairing_line
from microgan.datasets.task_files import (
    EXTRA_SUFFIX, TEST_SUFFIX, DataDir, DataFolder, find_kinds, locate)
from microgan.errors import UserError
from microgan.files.names import (
    check_task_name, choose_files, composed, find_file, is_hidden, matching_name, print_skipped)

# Needed to pad by reflection to a multiple of a generator's stride.
MIN_SIDE_PX = 16
_REMOVE_PAIR = "Remove it and its partner."
Images = Sequence[np.ndarray] | np.ndarray


@dataclass(frozen=True)
class PairedImages:
    """The pairs of one task.

    Args:
        name: the task's name, as in the file names.
        degraded: images (Y, X) of any real numeric type; a list or an array (N, Y, X),
            which may be memory-mapped.
        clean: like `degraded`; image i belongs to degraded image i and has its size.
        file_names: of the degraded images in a folder, with the number of the plane in a file
            of several; none for an array.
        files: of the degraded images in a folder, each the file that it is a plane of.
        clean_names: as `file_names`, of the clean images.
        upsample: how many times the degraded images were enlarged.
    """

    name: str
    degraded: Images
    clean: Images
    file_names: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    clean_names: tuple[str, ...] = ()
    upsample: int = 1

    def image_name(self, index: int) -> str:
        """Return what to call an image: its file, or its number in the array."""
        return self.file_names[index] if self.file_names else str(index)

    def pair_name(self, index: int) -> str:
        """Return the name of a degraded image, and that of its clean one where it is another."""
        name = self.image_name(index)
        clean = self.clean_names[index] if self.clean_names else name
        return name if clean == name else f"{name} with {clean}"

    def __len__(self) -> int:
        return len(self.degraded)


@dataclass(frozen=True)
class ImagesOfFile:
    """The clean or the degraded images of a task, and where they come from.

    Args:
        source: the file or folder, for messages.
        images: (Y, X) each; a list or an array (N, Y, X).
        file_names: of the images in a folder, with the number of the plane in a file of
            several; none for an array.
        files: of the images in a folder, each the file that it is a plane of.
    """

    source: str
    images: Images
    file_names: tuple[str, ...] = ()
    files: tuple[str, ...] = ()

    def place(self, index: int) -> str:
        """Name an image at the start of a message."""
        if self.file_names:
            return str(Path(self.source) / self.file_names[index])
        return f"Image {index} of {self.source}"

    def check(self) -> None:
        """Check every image by `check_image`, and that all have one type."""
        for index, image in enumerate(self.images):
            check_image(image, self.place(index))
            check_type(self.place(index), image, self.images[0].dtype, self.place(0))


def find_datasets(data_dir: DataDir) -> tuple[str, ...]:
    """List the data sets in a folder, sorted by name.

    Args:
        data_dir: folder with `NAME_X.npy` and `NAME_Y.npy`, `NAME/degraded` and
            `NAME/clean`, or `NAME.npz`; `DataFolder` gives these folders other names.

    Raises:
        UserError: there is no such folder, or no data set in it.
    """
    data = DataFolder.of(data_dir)
    if not data.path.is_dir():
        raise UserError(f"There is no folder {data}. Name the folder of your images with "
                        "--data_dir.")
    # One half is enough: loading then reports the missing one.
    names = {composed(path.stem if _is_archive(path) else path.stem[:-2])
             for path in _files_of_pairs(data.path)}
    names |= {composed(path.name) for path in data.path.iterdir() if not is_hidden(path.name)
              and any((path / half).exists() for half in (data.degraded, data.clean))}
    found = sorted(name for name in names if not name.endswith((TEST_SUFFIX, EXTRA_SUFFIX)))
    if not found:
        raise UserError(
            f"No data set in {data}. Expected NAME_X.npy (degraded) with NAME_Y.npy (clean), or "
            f"NAME/{data.degraded}/*.tif with NAME/{data.clean}/*.tif, or NAME.npz with keys X "
            "and Y. Folders of other names are named with --degraded_dir and --clean_dir.")
    return tuple(found)


def _files_of_pairs(data_dir: Path) -> list[Path]:
    """List `NAME_X.npy`, `NAME_Y.npy` and `NAME.npz` in a folder; print what is skipped."""
    found = choose_files([path for path in data_dir.iterdir() if _is_archive(path)
                          or matching_name(path.name).endswith(("_X.npy", "_Y.npy"))],
                         (".npy", ".npz"), data_dir)
    others = [path for path in found if _is_archive(path) and not is_care_archive(path)]
    print_skipped([f"{path.name} (no X or Y in it)" for path in others], data_dir)
    return [path for path in found if path not in others]


def _is_archive(path: Path) -> bool:
    return path.suffix.lower() == ".npz"


def load_test_pairs(data_dir: DataDir, name: str) -> PairedImages | None:
    """Load the test pairs of one task by `load_pairs`, from `NAME_test`; None without files."""
    name += TEST_SUFFIX
    return load_pairs(data_dir, name) if any(find_kinds(data_dir, name)) else None


def load_pairs(data_dir: DataDir, name: str) -> PairedImages:
    """Load and check the pairs of one task.

    Args:
        data_dir: folder of the files.
        name: NAME in `NAME_X.npy` (degraded) and `NAME_Y.npy` (clean), each (N, Y, X) or
            (N, Y, X, 1); or in `NAME/degraded/*.tif` and `NAME/clean/*.tif`, paired by
            `pair_names`, every plane an image, sizes may differ; or in `NAME.npz`, CARE's
            training file, keys `X`, `Y` and optionally `axes`, "SCYX" if absent. NAME_CHANNEL
            for a channel of the files in the folder NAME.

    Returns:
        The pairs. Arrays are memory-mapped, never unpickled.

    Raises:
        UserError: a file is missing or damaged, is not a real numeric array, has an unfit
            shape, or holds an image that is constant or not finite; or numbers or shapes of
            degraded and clean images differ; or, to be enlarged, not all by one factor.
    """
    degraded, clean = read_images(data_dir, name)
    clean = _in_order(degraded, clean, name)
    factor = 1
    if DataFolder.of(data_dir).upsample:
        for index, image in enumerate(degraded.images):
            check_values(image, degraded.place(index), _REMOVE_PAIR)
        factor = _common_factor(degraded, clean)
        degraded = replace(degraded, images=[enlarge(image, factor) for image in degraded.images])
    for index, pair in enumerate(zip(degraded.images, clean.images)):
        if pair[0].shape != pair[1].shape:
            raise UserError(f"{degraded.place(index)} is {_size(pair[0])} but "
                            f"{clean.place(index)} is {_size(pair[1])}: a pair must have one "
                            f"size. {_remedy_for_sizes(pair[0].shape, pair[1].shape)}")
    degraded.check()
    clean.check()
    return PairedImages(name, degraded.images, clean.images, degraded.file_names, degraded.files,
                        clean.file_names, factor)


def read_images(data_dir: DataDir, name: str) -> tuple[ImagesOfFile, ImagesOfFile]:
    """Read the degraded and the clean images of one task; check only their form.

    Args:
        data_dir: as for `load_pairs`.
        name: as for `load_pairs`.

    Raises:
        UserError: a file is missing, damaged or not a stack of grey images.
    """
    found_kinds(data_dir, name)
    notes = FileNotes()
    degraded, clean = (_read_half(data_dir, name, half, notes) for half in ("degraded", "clean"))
    notes.print()
    return degraded, clean


def load_degraded(data_dir: DataDir, name: str) -> Images:
    """Load and check the degraded images of one task, whether or not there are clean ones.

    Args:
        data_dir: as for `load_pairs`.
        name: as for `load_pairs`.

    Returns:
        Images (Y, X).

    Raises:
        UserError: as `load_pairs`.
    """
    found_kinds(data_dir, name)
    notes = FileNotes()
    degraded = _read_half(data_dir, name, "degraded", notes)
    notes.print()
    degraded.check()
    return degraded.images


def has_clean(data_dir: DataDir, name: str) -> bool:
    """Whether there are files of clean images of one task, in any of the three forms."""
    data, name = DataFolder.of(data_dir), locate(data_dir, name)[0]
    return (find_file(data.path, f"{name}_Y.npy").exists()
            or data.halves(name)["clean"].is_dir()
            or find_file(data.path, f"{name}.npz").exists())


def _read_half(data_dir: DataDir, name: str, half: str, notes: FileNotes) -> ImagesOfFile:
    """Read the "degraded" or the "clean" images of a task that has one kind of files."""
    data = DataFolder.of(data_dir)
    letter = {"degraded": "X", "clean": "Y"}[half]
    arrays, tiffs, _ = find_kinds(data_dir, name)
    name, channel = locate(data_dir, name)
    if arrays:
        path = find_file(data.path, f"{name}_{letter}.npy")
        return ImagesOfFile(str(path), load_array(path))
    if tiffs:
        return read_images_below(data.halves(name)[half], notes, channel)
    path = find_file(data.path, f"{name}.npz")
    images = load_care_archive(path)["XY".index(letter)]
    return ImagesOfFile(f"{letter} in {path}", images)


def check_image(image: np.ndarray, where: str) -> None:
    """Refuse an image that is too small or has unfit values.

    Args:
        image: (Y, X).
        where: names it at the start of the message.

    Raises:
        UserError: it is too small, or as `check_values`.
    """
    if min(image.shape) < MIN_SIDE_PX:
        raise UserError(f"{where} is {_size(image)} pixels: at least {MIN_SIDE_PX} x "
                        f"{MIN_SIDE_PX} are needed.")
    check_values(image, where, _REMOVE_PAIR)


def check_values(image: np.ndarray, where: Path | str, remedy: str = "Remove it.") -> None:
    """Refuse an image or stack that nothing can be learned from.

    Args:
        image: of any shape.
        where: names it at the start of the message.
        remedy: what to do with a constant one.

    Raises:
        UserError: it is constant or holds what `find_unmeasured` finds.
    """
    found = find_unmeasured([image])
    if found:
        raise UserError(f"{where}: {found.text}. Fix or remove it.")
    if image.min() == image.max():
        raise UserError(f"{where} is constant ({image.flat[0]}): nothing can be learned from it. "
                        f"{remedy}")


def check_type(where: Path | str, image: np.ndarray, dtype: np.dtype, other: Path | str) -> None:
    """Refuse an image or stack whose type differs from that of another.

    Args:
        where: names it, such as its file.
        image: of any shape.
        dtype: of the other one.
        other: names the other one.

    Raises:
        UserError: the types differ.
    """
    if image.dtype.name != dtype.name:
        raise UserError(f"{where} holds {image.dtype}, but {other} {dtype}. Convert all to one "
                        "type: their intensities are compared.")


def found_kinds(data_dir: DataDir, name: str) -> tuple[bool, bool, bool]:
    """Find the one kind of files that a task has, as `find_kinds`.

    Raises:
        UserError: there are none or several kinds, or as `check_task_name`.
    """
    if not name or Path(name).name != name:
        raise UserError(f"--datasets takes names without folders. Received: {name!r}. Name the "
                        "folder with --data_dir.")
    check_task_name(name)
    kinds = find_kinds(data_dir, name)
    if not any(kinds):
        raise UserError(f"No images of '{name}' in {data_dir}: neither {name}_X.npy, nor "
                        f"{name}/{DataFolder.of(data_dir).degraded}, nor {name}.npz. Check "
                        "--data_dir and --datasets.")
    if sum(kinds) > 1:
        places = [place for place, is_there in zip(
            (f"{name}_X.npy", f"the folder {name}", f"{name}.npz"), kinds) if is_there]
        raise UserError(f"{data_dir} holds images of '{name}' in {' and in '.join(places)}: only "
                        "one of them can be used. Move the other away, or rename it.")
    return kinds


def _in_order(degraded: ImagesOfFile, clean: ImagesOfFile, name: str) -> ImagesOfFile:
    """Return the clean images in the order of the degraded ones; print pairs of unlike names.

    Raises:
        UserError: they cannot be paired by number, or files by name.
    """
    if degraded.files or clean.files:
        files = [list(dict.fromkeys(images.files)) for images in (degraded, clean)]
        partners = pair_names(*files)
        if partners is None:
            raise _unpaired(degraded, clean, files)
        line = pairing_line(partners)
        if line:
            print(f"{name}: {line}")
        order: list[int] = []
        for file, partner in partners.items():
            planes = [index for index, other in enumerate(clean.files) if other == partner]
            count = degraded.files.count(file)
            if count != len(planes):
                raise UserError(
                    f"{Path(degraded.source) / file} and {Path(clean.source) / partner} hold "
                    f"{count} and {len(planes)} planes: each degraded plane needs its clean one, "
                    "in the same order.")
            order += planes
        clean = replace(clean, images=[clean.images[index] for index in order],
                        file_names=tuple(clean.file_names[index] for index in order),
                        files=tuple(clean.files[index] for index in order))
    if len(degraded.images) != len(clean.images):
        raise UserError(
            f"{degraded.source} has {len(degraded.images)} images but {clean.source} has "
            f"{len(clean.images)}: each degraded image needs its clean one, in the same order.")
    return clean


def _unpaired(degraded: ImagesOfFile, clean: ImagesOfFile, files: Sequence[Sequence[str]]
              ) -> UserError:
    """Name a file without a partner."""
    names = [{matching_name(file): file for file in half} for half in files]
    alone = [{**names[0], **names[1]}[name] for name in sorted(names[0].keys() ^ names[1].keys())]
    here, there = (degraded, clean) if alone[0] in degraded.files else (clean, degraded)
    return UserError(f"{alone[0]} is in {here.source}, but not in {there.source}: a pair has "
                     "the same file name in both, or names in which the same numbers change. "
                     "Images that do not match are for train_CIN_GAN.py, and then "
                     "--cin_augment=True --alpha=1.")


def read_images_below(folder: Path, notes: FileNotes, channel: str | None = None
                      ) -> ImagesOfFile:
    """Read all images in a folder by `read_folder`; check only their form."""
    found = read_folder(folder, notes, channel)
    return ImagesOfFile(str(folder), found.images, found.names, found.files)


def _common_factor(degraded: ImagesOfFile, clean: ImagesOfFile) -> int:
    """Return by how much all clean images are larger.

    Raises:
        UserError: one is not, or by a factor that is not whole or differs.
    """
    factors = []
    for index, pair in enumerate(zip(degraded.images, clean.images)):
        small, large = (image.shape for image in pair)
        factors.append(large[0] // small[0])
        is_whole = large == tuple(factors[-1] * length for length in small)
        if not is_whole or not 2 <= factors[-1] <= MOST_ENLARGED:
            raise UserError(
                f"{degraded.place(index)} is {_size(pair[0])} and {clean.place(index)} "
                f"{_size(pair[1])}: with --upsample=True the clean image must be larger by a "
                f"whole factor, 2 to {MOST_ENLARGED}. "
                + ("Leave it out." if small == large else "Crop or resample one."))
        if factors[-1] != factors[0]:
            raise UserError(
                f"{clean.place(index)} is {factors[-1]} times as large as its degraded image, but "
                f"{clean.place(0)} {factors[0]} times: a generator enlarges by one factor. Put "
                "them in different folders, and train on each.")
    return factors[0] if factors else 1


def _remedy_for_sizes(degraded: tuple[int, ...], clean: tuple[int, ...]) -> str:
    """Say what to do with a pair of two sizes."""
    for small, large, kind, remedy in (
            (degraded, clean, "clean", "pass --upsample=True to train_cGAN.py, which enlarges the "
             "degraded ones"),
            (clean, degraded, "degraded", "are they exchanged? If not, enlarge the clean one by "
             "interpolation")):
        factor = large[0] // small[0]
        if factor > 1 and large == tuple(factor * length for length in small):
            return (f"The {kind} one has {factor} times as many pixels along each axis: "
                    f"{remedy}.")
    return "Look whether they belong together; if they do, crop or resample one of them."


def _size(image: np.ndarray) -> str:
    return " x ".join(str(length) for length in image.shape)
