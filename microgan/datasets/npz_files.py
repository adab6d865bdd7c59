"""Reading `.npz` files that anyone may have made."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np

# Images shrink to a tenth, few to a hundredth; what shrinks more is made to fill the memory.
_MAX_EXPANSION = 200
_ALWAYS_ALLOWED_BYTES = 100e6


def check_expansion(num_bytes: int, path: Path) -> None:
    """Refuse a file that claims to hold far more than it can.

    Args:
        num_bytes: that its arrays would take in memory.
        path: the file.

    Raises:
        ValueError: that is more than 100 MB and 200 times the file's size.
    """
    if num_bytes > max(_ALWAYS_ALLOWED_BYTES, _MAX_EXPANSION * path.stat().st_size):
        raise ValueError(f"it claims {num_bytes / 1e9:.1f} GB, over {_MAX_EXPANSION} times its "
                         "own size")


def read_npz(path: Path, names: Iterable[str] | None = None) -> dict[str, np.ndarray]:
    """Read arrays of a `.npz` file, never unpickled.

    Every array's size is checked against the file's before memory is asked for.

    Args:
        path: the file.
        names: arrays to read, as far as they are there; None for all.

    Raises:
        ValueError, OSError, or nearly anything that numpy and zipfile raise: it is damaged,
            or `check_expansion` refuses it, or an array's header claims another size than
            the archive holds.
    """
    with zipfile.ZipFile(path) as archive:
        found = [member for member in archive.infolist() if member.filename.endswith(".npy")
                 and (names is None or member.filename[:-4] in names)]
        check_expansion(sum(member.file_size for member in found), path)
        return {member.filename[:-4]: _read_array(archive, member) for member in found}


def _read_array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> np.ndarray:
    with archive.open(member) as file:
        version = np.lib.format.read_magic(file)
        read_header = {(1, 0): np.lib.format.read_array_header_1_0,
                       (2, 0): np.lib.format.read_array_header_2_0}[version]
        shape, _, dtype = read_header(file)
        if dtype.hasobject:
            raise ValueError(f"{member.filename} holds objects")
        if file.tell() + math.prod(shape) * dtype.itemsize != member.file_size:
            raise ValueError(f"{member.filename} claims {dtype} of shape {shape}, which is not "
                             "what it holds")
        file.seek(0)
        return np.lib.format.read_array(file, allow_pickle=False)
