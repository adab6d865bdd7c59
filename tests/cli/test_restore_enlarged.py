"""restore.py with a generator of --upsample: twice as many pixels, half as large."""

import numpy as np
import pytest
import tifffile
from skimage.io import imread, imsave

from microgan import load_restorer
from microgan.cli import export
from microgan.config import CGANConfig
from microgan.datasets.enlarged import EnlargedPixels
from microgan.errors import UserError


def expected(image, axes="ZYX"):
    return 2 * EnlargedPixels(image, axes, 2)[(slice(None),) * len(axes)]


@pytest.mark.parametrize("axes", ["ZYX", "YXZ"])
def test_array_is_enlarged_along_y_and_x(restore, image, tmp_path, axes):
    image = image if axes == "ZYX" else np.moveaxis(image, 0, 2)
    np.save(tmp_path / "a.npy", image)

    status, _, err = restore("--input=a.npy", f"--axes={axes}", generator="enlarging")

    assert status == 0, err
    np.testing.assert_array_equal(np.load(tmp_path / "restored" / "a.npy"), expected(image, axes))


@pytest.mark.parametrize("kind", ["imagej", "ome"])
def test_pixels_of_a_tiff_are_half_as_large(restore, image, tmp_path, kind):
    described = {
        "imagej": {"imagej": True, "resolution": (4, 2), "metadata": {
            "axes": "ZYX", "unit": "um", "spacing": 3.0, "Overlays": [b"Iout" + bytes(60)]}},
        "ome": {"ome": True, "metadata": {"axes": "ZYX", "PhysicalSizeX": 0.25,
                                          "PhysicalSizeY": 0.5, "PhysicalSizeZ": 3.0}}}[kind]
    tifffile.imwrite(tmp_path / "a.tif", image, photometric="minisblack", **described)

    status, out, err = restore("--input=a.tif", generator="enlarging")

    assert status == 0, err
    with tifffile.TiffFile(tmp_path / "restored" / "a.tif") as tiff:
        np.testing.assert_array_equal(tiff.asarray(), expected(image))
        if kind == "ome":
            for entry in ('SizeX="60"', 'SizeY="40"', 'SizeZ="3"', 'PhysicalSizeX="0.125"',
                          'PhysicalSizeY="0.25"', 'PhysicalSizeZ="3.0"'):
                assert entry in tiff.ome_metadata
        else:
            tags = tiff.pages.first.tags
            assert tags["XResolution"].value == (8, 1) and tags["YResolution"].value == (4, 1)
            assert tiff.imagej_metadata["spacing"] == 3.0
            assert "Overlays" not in tiff.imagej_metadata
            assert "a.tif: its regions of interest and overlays are not kept" in out


def test_png_is_enlarged(restore, image, tmp_path):
    imsave(tmp_path / "a.png", image[0], check_contrast=False)

    status, _, err = restore("--input=a.png", generator="enlarging")

    assert status == 0, err
    np.testing.assert_array_equal(imread(tmp_path / "restored" / "a.png"),
                                  expected(image[0], "YX"))


@pytest.mark.parametrize("flag", ["--trust_map", "--nodata=0", "--dask=local:1"])
def test_what_an_enlarging_generator_cannot_do_is_refused(restore, image, tmp_path, flag):
    np.save(tmp_path / "a.npy", image)

    status, _, err = restore("--input=a.npy", flag, generator="enlarging")

    assert status == 2 and "enlarges images, for which there is no --" in err
    assert not (tmp_path / "restored").exists()


def test_python_gives_the_enlarged_image(generators, image):
    restore = load_restorer(generators / "enlarging.h5", precision="float32")

    np.testing.assert_array_equal(restore(image, report=str), expected(image))
    with pytest.raises(UserError, match="Leave out --nodata"):
        restore(image, nodata=0, report=str)
    with pytest.raises(UserError, match=r"\(3, 20, 30\), the result \(3, 40, 60\)"):
        restore.restore_into(np.zeros_like(image), image, report=str)


def test_enlarging_is_neither_exported_nor_combined_with_synthetic_pairs(generators, capsys):
    assert export.main(["microgan-export", f"--generator={generators / 'enlarging.h5'}"]) == 2
    assert "trained with --upsample" in capsys.readouterr().err
    with pytest.raises(UserError, match="--upsample=True is for measured pairs"):
        CGANConfig.create(upsample=True, cin_augment=True, cin_generator_path="generator.h5")
