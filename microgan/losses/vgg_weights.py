"""Read and check VGG weights, without Keras or TensorFlow."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path

import h5py
import numpy as np

from microgan.files.arrays import read_dataset, read_npz
from microgan.errors import UserError, one_line

# The whole of VGG19 has about a hundred.
_MOST_NODES = 2000
LayerWeights = dict[str, tuple[np.ndarray, np.ndarray]]

# (Y, X, channels in, channels out). VGG16 and VGG19 are the same up to here.
VGG_KERNEL_SHAPES = {
    "block1_conv1": (3, 3, 3, 64), "block1_conv2": (3, 3, 64, 64),
    "block2_conv1": (3, 3, 64, 128), "block2_conv2": (3, 3, 128, 128),
    "block3_conv1": (3, 3, 128, 256), "block3_conv2": (3, 3, 256, 256),
    "block3_conv3": (3, 3, 256, 256),
}


def read_vgg_weights(path: str | os.PathLike[str]) -> LayerWeights:
    """Read and check the VGG layers up to block3_conv3 from a file.

    Args:
        path: an `.npz` with arrays `block1_conv1__kernel`, `block1_conv1__bias` and so on,
            or an `.h5` of VGG16 or VGG19 as Keras distributes them, a group per layer.
            Kernels are (Y, X, channels in, channels out), channels in the order B, G, R.
            Later layers are ignored.

    Returns:
        float32 (kernel, bias) by layer name, in network order.

    Raises:
        UserError: the file is missing, damaged or of another kind, or a layer is missing, has
            another shape or is not finite floating point.

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
    except UserError:
        raise
    except Exception as error:  # a damaged file makes numpy and h5py raise nearly anything
        raise UserError(f"Cannot read VGG weights from {path}: {one_line(error)}. Is the file "
                        f"whole, and a plain {path.suffix}?") from error
    for name, (kernel, bias) in weights.items():
        _check_layer(path, name, kernel, bias)
        _check_finite(path, name, kernel, bias)
    return {name: (kernel.astype(np.float32), bias.astype(np.float32))
            for name, (kernel, bias) in weights.items()}


def check_feature_source(source: str) -> None:
    """Refuse a file that `load_feature_extractor` could not read, before importing Keras.

    Args:
        source: as for `load_feature_extractor`.

    Raises:
        UserError: as `read_vgg_weights`.
    """
    if source not in ("imagenet", "embedded"):
        read_vgg_weights(source)


def _read_npz(path: Path) -> LayerWeights:
    names = {name: (f"{name}__kernel", f"{name}__bias") for name in VGG_KERNEL_SHAPES}
    arrays = read_npz(path, [part for parts in names.values() for part in parts])
    _check_names(path, [name for name, parts in names.items() if not set(parts) <= set(arrays)])
    return {name: (arrays[kernel], arrays[bias]) for name, (kernel, bias) in names.items()}


def _read_h5(path: Path) -> LayerWeights:
    # Keras' names of a layer's arrays have varied (`block1_conv1_W_1:0`,
    # `block1_conv1/kernel:0`), so kernel and bias are told apart by dimensions.
    with h5py.File(path, "r") as file:
        found: dict[str, dict[int, h5py.Dataset]] = {name: {} for name in VGG_KERNEL_SHAPES}

        visited = 0

        def keep(name: str, item: h5py.Group | h5py.Dataset) -> None:
            nonlocal visited
            visited += 1
            if visited > _MOST_NODES:
                raise ValueError(f"it has over {_MOST_NODES} groups and arrays")
            for layer in set(name.split("/")[:-1]) & set(found):
                if isinstance(item, h5py.Dataset):
                    found[layer][item.ndim] = item

        file.visititems(keep)
        _check_names(path, [name for name, parts in found.items() if not {4, 1} <= set(parts)])
        for name, parts in found.items():  # before reading, as arrays may be of any size
            _check_layer(path, name, parts[4], parts[1])
        return {name: (read_dataset(parts[4], contiguous=False),
                       read_dataset(parts[1], contiguous=False))
                for name, parts in found.items()}


def _check_names(path: Path, missing: Iterable[str]) -> None:
    names = ", ".join(missing)
    if names:
        raise UserError(f"{path} lacks the kernel or bias of the VGG layers {names}: "
                        "--content_features needs all of block1_conv1 to block3_conv3.")


def _check_layer(path: Path, name: str, kernel: np.ndarray | h5py.Dataset,
                 bias: np.ndarray | h5py.Dataset) -> None:
    shape = VGG_KERNEL_SHAPES[name]
    for part, array, wanted in (("kernel", kernel, shape), ("bias", bias, shape[-1:])):
        if array.shape != wanted:
            raise UserError(f"{path}: the {part} of VGG layer {name} must be of shape {wanted}. "
                            f"Received: {array.shape}")
        if array.dtype.kind != "f":
            raise UserError(f"{path}: the {part} of VGG layer {name} must be floating point. "
                            f"Received: {array.dtype}")


def _check_finite(path: Path, name: str, kernel: np.ndarray, bias: np.ndarray) -> None:
    for part, array in (("kernel", kernel), ("bias", bias)):
        if not np.isfinite(array).all():
            raise UserError(f"{path}: the {part} of VGG layer {name} holds NaN or infinity. "
                            "Download the weights again.")
