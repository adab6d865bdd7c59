"""A TIFF opens no other file, whatever stands beside it."""

import json
import os
import struct

import numpy as np
import pytest
import tifffile

from microgan.files.checked_tiffs import open_tiff, opened_tiff
from microgan.errors import UserError


def write_with_header(path, image, numbers, after):
    """A TIFF with Micro-Manager's header, which tifffile cannot write, put in place."""
    tifffile.imwrite(path, image, photometric="minisblack", byteorder="<", metadata=None,
                     extratags=[(51123, 2, 0, '{"Binning": 1}', True)])
    content = bytearray(path.read_bytes())
    (directory,) = struct.unpack_from("<I", content, 4)
    (num_tags,) = struct.unpack_from("<H", content, directory)
    moved = content[directory:directory + 2 + 12 * num_tags + 4]
    struct.pack_into("<I", content, 4, len(content))
    header = struct.pack(f"<{len(numbers)}I", *numbers) + after
    assert len(header) < directory + len(moved) - 8  # of the place that is free now
    content[8:8 + len(header)] = header
    path.write_bytes(content + moved)


def write_nd_tiff(path, image):
    write_with_header(path, image, [483729, 3, 0, 2355492, 2], b"{}")


def write_mm_stack(path, image):
    """One frame of two that the summary claims."""
    summary = b'{"Prefix": "a", "Frames": 2, "MicroManagerVersion": "1.4"}'
    index = struct.pack("<II5I", 3453623, 1, 0, 0, 0, 0, 0)
    write_with_header(path, image, [54773648, 40 + len(summary), 0, 0, 0, 0, 2355492,
                                    len(summary)], summary + index)


def write_nd_tiff_index(folder, names, image):
    """The index that names the file of every frame."""
    with open(folder / "NDTiff.index", "wb") as file:
        for number, name in enumerate(names):
            for text in (json.dumps({"time": number}), name):
                file.write(struct.pack("<I", len(text)) + text.encode())
            file.write(struct.pack("<IiiiiIii", 0, *image.shape[::-1], 0, 0, 0, 0, 0))


def test_files_that_an_nd_tiff_index_names_are_not_opened(tmp_path):
    image = np.arange(4096, dtype=np.uint8).reshape(64, 64)
    write_nd_tiff(tmp_path / "a.tif", image)
    write_nd_tiff_index(tmp_path, ["a.tif"], image)
    with opened_tiff(tmp_path / "a.tif") as tiff:
        assert tiff.series[0].kind == "ndtiff"
        np.testing.assert_array_equal(tiff.tiff.asarray(), image)

    os.mkfifo(tmp_path / "b.tif")  # whoever opens it waits for ever
    write_nd_tiff_index(tmp_path, ["a.tif", "b.tif"], image)

    with pytest.raises(UserError, match="a.tif is one of several files"):
        open_tiff(tmp_path / "a.tif")


def test_files_of_a_like_name_are_not_opened(tmp_path):
    image = np.arange(4096, dtype=np.uint8).reshape(64, 64)
    path = tmp_path / "a_MMStack.tif"
    write_mm_stack(path, image)
    with opened_tiff(path) as tiff:
        assert tiff.tiff.is_mmstack

    os.mkfifo(tmp_path / "a_MMStack_1.tif")

    with pytest.raises(UserError, match="a_MMStack.tif is one of several files"):
        open_tiff(path)
