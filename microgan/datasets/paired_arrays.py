"""Pairs of degraded and clean images from files, checked before anything starts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import tifffile

from microgan.datasets.npz_files import check_expansion, read_npz
from microgan.errors import UserError, one_line

TEST_SUFFIX = "_test"
# Generators pad by reflection to a multiple of their stride, which needs this much.
MIN_SIDE_PX = 16


@dataclass(frozen=True)
class PairedImages:
    """The pairs of one task.

    Args:
        name: the task's name, as in the file names.
        degraded: images (Y, X) of any real numeric type; a list or an array (N, Y, X),
            which may be memory-mapped.
        clean: like `degraded`, image i belongs to degraded image i and has its size.
    """

    name: str
    degraded: Sequence[np.ndarray] | np.ndarray
    clean: Sequence[np.ndarray] | np.ndarray

    def __len__(self) -> int:
        return len(self.degraded)


def find_datasets(data_dir: Path | str) -> tuple[str, ...]:
    """Names of all data sets in a folder that have degraded and clean images, sorted.

    Args:
        data_dir: folder with `NAME_X.npy` and `NAME_Y.npy`, `NAME/degraded` and
            `NAME/clean`, or `NAME.npz`.

    Raises:
        UserError: there is no such folder, or no data set in it.
    """
    data_dir = Path(data_dir)
    if not data_dir.is_dir():
        raise UserError(f"There is no folder {data_dir}. Name the folder of your images with "
                        "--data_dir.")
    # One half is enough: loading then names the one that is missing.
    names = {path.name.removesuffix("_X.npy") for path in data_dir.glob("*_X.npy")}
    names |= {path.parent.name for path in data_dir.glob("*/degraded")}
    names |= {path.stem for path in data_dir.glob("*.npz")}
    found = sorted(name for name in names if not name.endswith(TEST_SUFFIX))
    if not found:
        raise UserError(
            f"No data set in {data_dir}. Expected NAME_X.npy (degraded) with NAME_Y.npy (clean), "
            "or NAME/degraded/*.tif with NAME/clean/*.tif, or NAME.npz with keys X and Y.")
    return tuple(found)


def load_test_pairs(data_dir: Path | str, name: str) -> PairedImages | None:
    """Load the test pairs of one task, stored like its pairs under the name `NAME_test`.

    Returns:
        The pairs, or None where there are no such files.

    Raises:
        UserError: as `load_pairs`.
    """
    if not any(find_kinds(data_dir, name + TEST_SUFFIX)):
        return None
    return load_pairs(data_dir, name + TEST_SUFFIX)


def load_pairs(data_dir: Path | str, name: str) -> PairedImages:
    """Load and check the pairs of one task.

    Args:
        data_dir: folder of the files.
        name: NAME in `NAME_X.npy` (degraded) and `NAME_Y.npy` (clean), each (N, Y, X) or
            (N, Y, X, 1); or in `NAME/degraded/*.tif` and `NAME/clean/*.tif`, paired by
            file name, sizes may differ; or in `NAME.npz`, CARE's training file, keys `X`,
            `Y` and optionally `axes`, "SCYX" if absent.

    Returns:
        The pairs. Arrays are memory-mapped, never unpickled.

    Raises:
        UserError: a file is missing, unreadable or truncated, is no real numeric array,
            has an unfit shape, or holds an image that is constant or not finite; the
            counts or shapes of degraded and clean images differ.
    """
    arrays, tiffs, _ = found_kinds(data_dir, name)
    if arrays:
        sources = [Path(data_dir) / f"{name}_{letter}.npy" for letter in "XY"]
        pairs = PairedImages(name, *(load_array(path) for path in sources))
    elif tiffs:
        sources = [Path(data_dir) / name / part for part in ("degraded", "clean")]
        pairs = _load_tiff_pairs(name, *sources)
    else:
        sources = [Path(data_dir) / f"{name}.npz"] * 2
        pairs = PairedImages(name, *load_care_archive(sources[0]))
    if len(pairs.degraded) != len(pairs.clean):
        raise UserError(
            f"{sources[0]} has {len(pairs.degraded)} images but {sources[1]} has "
            f"{len(pairs.clean)}: each degraded image needs its clean one, in the same order.")
    for index, (degraded, clean) in enumerate(zip(pairs.degraded, pairs.clean)):
        if degraded.shape != clean.shape:
            raise UserError(f"Image {index} of '{name}' is {_size(degraded)} in {sources[0]} but "
                            f"{_size(clean)} in {sources[1]}: a pair must have one size.")
        check_image(degraded, f"Image {index} of {sources[0]}")
        check_image(clean, f"Image {index} of {sources[1]}")
    return pairs


def check_image(image: np.ndarray, where: str) -> None:
    """Refuse an image that cannot be learned from.

    Args:
        image: (Y, X).
        where: what to call it at the start of the message.

    Raises:
        UserError: it is too small, holds NaN or infinity, or is constant.
    """
    if min(image.shape) < MIN_SIDE_PX:
        raise UserError(f"{where} is {_size(image)} pixels: at least {MIN_SIDE_PX} x "
                        f"{MIN_SIDE_PX} are needed.")
    if image.dtype.kind == "f" and not np.isfinite(image).all():
        count = int(np.size(image) - np.isfinite(image).sum())
        raise UserError(f"{where} has {count} pixels that are NaN or infinite. Mend or remove it.")
    if image.min() == image.max():
        raise UserError(f"{where} is constant ({image.flat[0]}): nothing can be learned from it. "
                        "Remove it and its partner.")


def find_kinds(data_dir: Path | str, name: str) -> tuple[bool, bool, bool]:
    """Which kinds of files there are of a task: arrays, TIFF folders, CARE's archive."""
    data_dir = Path(data_dir)
    return (any((data_dir / f"{name}_{letter}.npy").exists() for letter in "XY"),
            (data_dir / name / "degraded").is_dir() or (data_dir / name / "clean").is_dir(),
            (data_dir / f"{name}.npz").exists())


def found_kinds(data_dir: Path | str, name: str) -> tuple[bool, bool, bool]:
    """As `find_kinds`.

    Raises:
        UserError: there are none.
    """
    if not name or Path(name).name != name:
        raise UserError(f"--datasets takes names without folders. Received: {name!r}. Name the "
                        "folder with --data_dir.")
    kinds = find_kinds(data_dir, name)
    if not any(kinds):
        raise UserError(f"No images of '{name}' in {data_dir}: neither {name}_X.npy, nor "
                        f"{name}/degraded, nor {name}.npz. Check --data_dir and --datasets.")
    return kinds


def load_array(path: Path) -> np.ndarray:
    """Load and check `NAME_X.npy` or `NAME_Y.npy`: (N, Y, X), memory-mapped, not unpickled.

    Raises:
        UserError: it is missing, damaged, or no stack of grey images.
    """
    if not path.exists():
        raise UserError(f"There is no {path}, though its partner exists: degraded images are in "
                        "NAME_X.npy, clean ones in NAME_Y.npy.")
    return _check_stack(read_npy(path, mmap_mode="r"), path)


def read_npy(path: Path, *, mmap_mode: Literal["r"] | None = None) -> np.ndarray:
    """Read a `.npy` file, never unpickled.

    Raises:
        UserError: it is damaged, or no plain array.
    """
    try:
        with open(path, "rb") as file:
            np.lib.format.read_magic(file)  # else numpy tries archives and pickles
        return np.load(path, mmap_mode=mmap_mode, allow_pickle=False)
    except Exception as error:  # a damaged header makes numpy raise nearly anything
        raise UserError(f"{path} cannot be read as a numpy array: {one_line(error)}. Write it "
                        "again with numpy.save, as plain numbers.") from error


def _check_stack(array: np.ndarray, source: Path) -> np.ndarray:
    _check_numeric(array, source)
    if array.ndim == 4 and array.shape[-1] == 1:
        array = array[..., 0]
    if array.ndim != 3:
        raise UserError(f"{source} has shape {array.shape}: expected (N, Y, X) or (N, Y, X, 1), "
                        "N grey images.")
    if array.size == 0:
        raise UserError(f"{source} is empty: shape {array.shape}.")
    return array


def _check_numeric(array: np.ndarray, source: Path) -> None:
    if array.dtype.kind not in "iuf":
        raise UserError(f"{source} holds {array.dtype} values: expected integers or real "
                        "floating-point numbers.")


def _load_tiff_pairs(name: str, degraded_dir: Path, clean_dir: Path) -> PairedImages:
    degraded, clean = find_tiffs(degraded_dir), find_tiffs(clean_dir)
    alone = sorted({path.name for path in degraded} ^ {path.name for path in clean})
    if alone:
        raise UserError(
            f"{degraded_dir} has {len(degraded)} TIFF files and {clean_dir} has {len(clean)}, "
            f"and {alone[0]} is in one of them only: a pair has the same file name in both.")
    if not degraded:
        raise UserError(f"{degraded_dir} and {clean_dir} are empty: no .tif or .tiff file.")
    return PairedImages(name, [load_tiff(path) for path in degraded],
                        [load_tiff(path) for path in clean])


def find_tiffs(folder: Path) -> list[Path]:
    """The TIFF files in a folder, by name.

    Raises:
        UserError: there is no such folder.
    """
    if not folder.is_dir():
        raise UserError(f"There is no folder {folder}, though its partner exists.")
    return sorted(path for path in folder.iterdir()
                  if path.suffix.lower() in (".tif", ".tiff") and path.name[0] != ".")


def load_tiff(path: Path) -> np.ndarray:
    """Load one grey image (Y, X).

    Raises:
        UserError: it is damaged or no grey image.
    """
    try:
        with tifffile.TiffFile(path) as tiff:
            check_expansion(tiff.series[0].nbytes, path)
            image = tiff.asarray()
    except Exception as error:  # a damaged TIFF makes tifffile raise nearly anything
        raise UserError(f"{path} cannot be read as a TIFF: {one_line(error)}.") from error
    _check_numeric(image, path)
    image = np.squeeze(image)
    if image.ndim != 2 or image.size == 0:
        raise UserError(f"{path} has shape {image.shape}: expected one grey image (Y, X) a file.")
    return image


def load_care_archive(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Load the degraded and the clean images, (N, Y, X), of CARE's training file.

    Raises:
        UserError: it is damaged or no such file.
    """
    try:
        found = read_npz(path, ("X", "Y", "axes"))
    except Exception as error:  # as in `read_npy`
        raise UserError(
            f"{path} cannot be read as a numpy archive: {one_line(error)}.") from error
    missing = [key for key in ("X", "Y") if key not in found]
    if missing:
        raise UserError(f"{path} lacks {' and '.join(missing)}: CARE's training file has keys X "
                        "and Y.")
    axes = str(found["axes"]) if "axes" in found else None
    return _care_images(found["X"], axes, path), _care_images(found["Y"], axes, path)


def _care_images(array: np.ndarray, axes: str | None, path: Path) -> np.ndarray:
    """CARE stores (S, C, Y, X); axes other than sample, Y and X must have length 1."""
    axes = axes or {3: "SYX", 4: "SCYX"}.get(array.ndim, "")
    if len(axes) != array.ndim or not set("SYX") <= set(axes):
        raise UserError(f"{path} has shape {array.shape} and axes '{axes}': expected one letter "
                        "an axis, S (sample), Y and X among them.")
    order = [axes.index(letter) for letter in "SYX"]
    others = [index for index in range(array.ndim) if index not in order]
    if any(array.shape[index] != 1 for index in others):
        raise UserError(f"{path} has shape {array.shape} and axes '{axes}': only grey 2D images "
                        "are supported, so C and Z must have length 1.")
    array = array.transpose(others + order)
    return _check_stack(array.reshape(array.shape[-3:]), path)


def _size(image: np.ndarray) -> str:
    return " x ".join(str(length) for length in image.shape)
