"""Results on their way to a file: in little memory, and only if the disk has room."""

import io

import numpy as np
import pytest

from microgan.errors import UserError
from microgan.restoration.stored_images import Scratch, choose_axes


def test_parts_are_written_read_and_copied(tmp_path, random):
    original = random.integers(0, 999, (3, 2, 20, 30)).astype(">u2")
    with Scratch(tmp_path, original.shape, original.dtype) as scratch:
        scratch[:] = original

        np.testing.assert_array_equal(scratch[1:, 0, 5:9], original[1:, 0, 5:9])
        for planes in (slice(None), slice(2, 5)):
            copied = io.BytesIO()
            scratch.copy_to(copied, planes)
            assert copied.getvalue() == original.reshape(6, 20, 30)[planes].tobytes()
        assert list(tmp_path.iterdir()) == []  # unnamed


def test_a_full_disk_is_found_before_the_work(small_disk):
    with pytest.raises(UserError, match="Cannot write 100 MB of results.*No space left"):
        Scratch(small_disk, (10**4, 10**4), "uint8")

    with Scratch(small_disk, (10**3, 10**4), "uint8") as scratch:  # the failure took no room
        scratch[:] = np.ones((10**3, 10**4), "uint8")


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path):
    with pytest.raises(UserError, match="Cannot write .* to .*none"):
        Scratch(tmp_path / "none", (20, 30), "uint8")


def test_axes_may_be_lower_case():
    assert choose_axes((3, 20, 30), "zyx") == "ZYX"
