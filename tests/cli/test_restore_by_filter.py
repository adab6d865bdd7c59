"""restore.py --method=filter: z-stacks sharpened without a network."""

import numpy as np
import pytest
import tifffile

from microgan.cli import restore
from microgan.simulation.z_stacks import simulate_stack


def run(tmp_path, *flags):
    return restore.main(["restore.py", "--method=filter", f"--output={tmp_path / 'out'}", *flags])


@pytest.fixture
def stack(tmp_path):
    blurred, sharp = simulate_stack(seed=3, part="test", index=0, size_px=64)
    tifffile.imwrite(tmp_path / "stack.tif", blurred, imagej=True, resolution=(1, 1),
                     metadata={"axes": "ZYX", "spacing": 1.0, "unit": "um"})
    return blurred, sharp


def test_a_stack_becomes_sharper_in_a_file_like_its_own(tmp_path, stack, capsys):
    blurred, sharp = (volume.astype(float)[4:25] for volume in stack)

    status = run(tmp_path, f"--input={tmp_path / 'stack.tif'}")

    assert status == 0
    said = capsys.readouterr().out
    assert "3D non-negative filter, a blur of" in said
    with tifffile.TiffFile(tmp_path / "out" / "stack.tif") as file:
        assert file.series[0].axes == "ZYX"
        found = file.asarray()
    assert found.shape == stack[0].shape and found.dtype == np.uint8

    def unlike(volume):
        return 1 - np.corrcoef(volume.ravel(), sharp.ravel())[0, 1]

    assert unlike(found.astype(float)[4:25]) < 0.8 * unlike(blurred)


def test_a_stack_that_tells_nothing_is_filtered_by_slice(tmp_path, capsys):
    np.save(tmp_path / "noise.npy", np.random.default_rng(0).normal(100, 5, (5, 32, 32)))

    status = run(tmp_path, f"--input={tmp_path / 'noise.npy'}", "--axes=ZYX")

    said = capsys.readouterr().out
    assert status == 0
    assert "Wiener filter, noise to signal" in said
    assert "voxels of unknown size are taken for cubes" in said
    assert np.load(tmp_path / "out" / "noise.npy").shape == (5, 32, 32)


@pytest.mark.parametrize("shape, axes, message", [
    ((2, 5, 32, 32), "CZYX", "has axes CZYX of lengths (2, 5, 32, 32), but --method=filter"),
    ((32, 32), "YX", "but --method=filter sharpens grey z-stacks"),
    ((2, 32, 32), "ZYX", "has 2 slices of 32 x 32 pixels"),
])
def test_what_is_no_grey_stack_is_one_line(tmp_path, capsys, random, shape, axes, message):
    np.save(tmp_path / "a.npy", random.normal(size=shape))

    status = run(tmp_path, f"--input={tmp_path / 'a.npy'}", f"--axes={axes}")

    error = capsys.readouterr().err
    assert (status, len(error.splitlines())) == (2, 1)
    assert message in error
    assert not (tmp_path / "out").exists()


def test_a_generator_has_no_meaning_for_a_filter(tmp_path, capsys):
    assert run(tmp_path, "--generator=embedded", "--input=a.npy") == 2
    assert "--generator has no meaning with --method=filter" in capsys.readouterr().err
