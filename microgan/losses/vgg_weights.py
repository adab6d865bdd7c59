"""VGG kernels and biases from a file, checked. Needs neither Keras nor TensorFlow."""

from __future__ import annotations

import os
import zipfile
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path

import h5py
import numpy as np

from microgan.errors import UserError

LayerWeights = dict[str, tuple[np.ndarray, np.ndarray]]

# The kernels' shapes (Y, X, channels in, channels out); a bias has one value per channel out.
# VGG16 and VGG19 are the same network up to here.
VGG_KERNEL_SHAPES = {
    "block1_conv1": (3, 3, 3, 64), "block1_conv2": (3, 3, 64, 64),
    "block2_conv1": (3, 3, 64, 128), "block2_conv2": (3, 3, 128, 128),
    "block3_conv1": (3, 3, 128, 256), "block3_conv2": (3, 3, 256, 256),
    "block3_conv3": (3, 3, 256, 256),
}


def read_vgg_weights(path: str | os.PathLike[str]) -> LayerWeights:
    """Read the VGG layers up to block3_conv3 from a file and check them.

    Args:
        path: an `.npz` with arrays `block1_conv1__kernel`, `block1_conv1__bias` and so on,
            or an `.h5` of VGG16 or VGG19 as Keras distributes them, a group per layer.
            Kernels are (Y, X, channels in, channels out), channels in the order B, G, R.
            Layers past block3_conv3 are left alone.

    Returns:
        float32 (kernel, bias) by layer name, in the order of the network.

    Raises:
        UserError: no such file, another kind of file, damaged, or a layer that is missing,
            of another shape, not numeric, or holds NaN or infinity.

    Source:
        Simonyan and Zisserman 2015, arXiv:1409.1556, configurations D and E.
    """
    path = Path(path)
    readers: dict[str, Callable[[Path], LayerWeights]] = {
        ".npz": _read_npz, ".h5": _read_h5, ".hdf5": _read_h5}
    if path.suffix.lower() not in readers:
        raise UserError("--content_features must be imagenet, embedded or the path of an .npz "
                        f"or .h5 file of VGG weights. Received: {path}")
    if not path.is_file():
        raise UserError(f"There is no file {path}: --content_features must be imagenet, "
                        "embedded or the path of an .npz or .h5 file of VGG weights.")
    try:
        weights = readers[path.suffix.lower()](path)
    except (OSError, EOFError, ValueError, RuntimeError, zipfile.BadZipFile,
            zlib.error) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UserError(f"Cannot read VGG weights from {path}: {reason}. Is the file whole, "
                        f"and a plain {path.suffix}?") from error
    for name, arrays in weights.items():
        _check_layer(path, name, *arrays)
    return {name: (kernel.astype(np.float32), bias.astype(np.float32))
            for name, (kernel, bias) in weights.items()}


def check_feature_source(source: str) -> None:
    """Refuse a file that `load_feature_extractor` could not read, before Keras is imported.

    Args:
        source: as for `load_feature_extractor`.

    Raises:
        UserError: as `read_vgg_weights`.
    """
    if source not in ("imagenet", "embedded"):
        read_vgg_weights(source)


def _read_npz(path: Path) -> LayerWeights:
    # Opened here: NumPy leaves a file open that turns out not to be a zip archive.
    with open(path, "rb") as content, np.load(content, allow_pickle=False) as file:
        _check_names(path, [name for name in VGG_KERNEL_SHAPES
                            if not {f"{name}__kernel", f"{name}__bias"} <= set(file.files)])
        return {name: (file[f"{name}__kernel"], file[f"{name}__bias"])
                for name in VGG_KERNEL_SHAPES}


def _read_h5(path: Path) -> LayerWeights:
    # Keras has named the arrays within a layer's group in several ways over the years
    # (`block1_conv1_W_1:0`, `block1_conv1/kernel:0`), so they are told apart by dimensions.
    with h5py.File(path, "r") as file:
        arrays: dict[str, dict[int, np.ndarray]] = {name: {} for name in VGG_KERNEL_SHAPES}

        def keep(name: str, item: h5py.Group | h5py.Dataset) -> None:
            for layer in set(name.split("/")[:-1]) & set(arrays):
                if isinstance(item, h5py.Dataset):
                    arrays[layer][item.ndim] = item[()]

        file.visititems(keep)
    _check_names(path, [name for name, found in arrays.items() if not {4, 1} <= set(found)])
    return {name: (found[4], found[1]) for name, found in arrays.items()}


def _check_names(path: Path, missing: Iterable[str]) -> None:
    names = ", ".join(missing)
    if names:
        raise UserError(f"{path} lacks the kernel or bias of the VGG layers {names}: "
                        "--content_features needs all of block1_conv1 to block3_conv3.")


def _check_layer(path: Path, name: str, kernel: np.ndarray, bias: np.ndarray) -> None:
    shape = VGG_KERNEL_SHAPES[name]
    for part, array, wanted in (("kernel", kernel, shape), ("bias", bias, shape[-1:])):
        if array.shape != wanted:
            raise UserError(f"{path}: the {part} of VGG layer {name} must be of shape {wanted}. "
                            f"Received: {array.shape}")
        if array.dtype.kind != "f":
            raise UserError(f"{path}: the {part} of VGG layer {name} must be floating point. "
                            f"Received: {array.dtype}")
        if not np.isfinite(array).all():
            raise UserError(f"{path}: the {part} of VGG layer {name} holds NaN or infinity. "
                            "Download the weights again.")
