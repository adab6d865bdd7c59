"""Arrays of HDF5 files from elsewhere."""

import h5py
import numpy as np
import pytest

from microgan.files.arrays import hdf5_node


def test_a_damaged_array_is_not_called_missing(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["group/weights"] = np.zeros(3)
        header = h5py.h5o.get_info(file["group/weights"].id).addr
    with open(tmp_path / "a.h5", "r+b") as file:
        file.seek(header)
        file.write(b"\xff" * 16)

    with h5py.File(tmp_path / "a.h5") as file:
        with pytest.raises(ValueError, match="^group/weights is damaged$"):
            hdf5_node(file, "group/weights")
        with pytest.raises(ValueError, match="^group/other is missing$"):
            hdf5_node(file, "group/other")
