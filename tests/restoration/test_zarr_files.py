"""OME-Zarr comes out as it went in, whichever its version."""

import json
import zlib

import numpy as np
import pytest

from helpers import read_pixels
from microgan.errors import UserError
from microgan.restoration.image_files import open_image_file
from microgan.restoration.stored_images import Scratch

zarr = pytest.importorskip("zarr")


def write_ome_zarr(path, pixels, version, levels=1):
    """A small OME-Zarr image, channel names and voxel size included."""
    axes = [{"name": name, "type": kind} for name, kind in
            (("c", "channel"), ("z", "space"), ("y", "space"), ("x", "space"))]
    datasets = [{"path": str(level), "coordinateTransformations": [
        {"type": "scale", "scale": [1, 0.5, 0.1 * 2 ** level, 0.1 * 2 ** level]}]}
        for level in range(levels)]
    ome = {"multiscales": [{"version": "0.4", "axes": axes, "datasets": datasets}],
           "omero": {"channels": [{"label": "DAPI"}, {"label": "GFP"}]}}
    group = zarr.open_group(path, mode="w", zarr_format=version)
    for level in range(levels):
        step = 2 ** level
        part = pixels[..., ::step, ::step]
        names = {"dimension_names": tuple("czyx")} if version == 3 else {}
        array = group.create_array(str(level), shape=part.shape, dtype=part.dtype,
                                   chunks=(1, 1, 16, 16), **names)
        array[:] = part
    group.attrs.update({"ome": ome} if version == 3 else ome)


@pytest.mark.parametrize("version", [2, 3])
def test_metadata_chunks_and_compression_are_kept(tmp_path, version):
    path, written = tmp_path / "image.zarr", tmp_path / "out.zarr"
    pixels = np.random.default_rng(0).integers(0, 999, (2, 3, 40, 50)).astype(np.uint16)
    write_ome_zarr(path, pixels, version)

    with open_image_file(path) as file, Scratch(tmp_path, pixels.shape, pixels.dtype) as scratch:
        scratch[...] = file.images[0].pixels[(slice(None),) * 4]
        file.write_like(written, [scratch])

    assert file.images[0].axes == "CZYX"
    assert file.losses == ()
    before, after = zarr.open_group(path, mode="r"), zarr.open_group(written, mode="r")
    assert dict(after.attrs) == dict(before.attrs)
    for name in ("dtype", "chunks", "compressors", "shape"):
        assert getattr(after["0"], name) == getattr(before["0"], name)
    assert after["0"].metadata.zarr_format == version
    np.testing.assert_array_equal(read_pixels(written), pixels)
    assert sorted(item.name for item in tmp_path.iterdir()) == ["image.zarr", "out.zarr"]


@pytest.mark.parametrize("version", [2, 3])
def test_image_with_more_pixels_has_smaller_ones(tmp_path, version):
    path, written = tmp_path / "image.zarr", tmp_path / "out.zarr"
    write_ome_zarr(path, np.ones((2, 3, 20, 30), np.uint16), version)
    group = zarr.open_group(path, mode="r+")
    attributes = dict(group.attrs)
    (level,) = attributes.get("ome", attributes)["multiscales"][0]["datasets"]
    level["coordinateTransformations"].append({"type": "translation", "translation": [0, 0, 0, 5]})
    group.attrs.update(attributes)
    pixels = np.random.default_rng(0).integers(0, 999, (2, 3, 40, 60)).astype(np.uint16)

    with open_image_file(path) as file, Scratch(tmp_path, pixels.shape, pixels.dtype) as scratch:
        scratch[...] = pixels
        file.enlarged = 2
        file.write_like(written, [scratch])

    np.testing.assert_array_equal(read_pixels(written), pixels)
    attributes = dict(zarr.open_group(written, mode="r").attrs)
    ((level,),) = [each["datasets"] for each in attributes.get("ome", attributes)["multiscales"]]
    assert level["coordinateTransformations"] == [
        {"type": "scale", "scale": [1, 0.5, 0.05, 0.05]}, {"type": "translation", "translation": [
            0, 0, -0.025, pytest.approx(4.975)]}]


def test_dropped_smaller_levels_are_reported(tmp_path):
    path, written = tmp_path / "image.zarr", tmp_path / "out.zarr"
    pixels = np.arange(2 * 3 * 32 * 32, dtype=np.float32).reshape(2, 3, 32, 32)
    write_ome_zarr(path, pixels, 3, levels=2)

    with open_image_file(path) as file, Scratch(tmp_path, pixels.shape, pixels.dtype) as scratch:
        scratch[...] = pixels
        file.write_like(written, [scratch])

    assert file.losses == ("its smaller copies (pyramid levels) are not kept",)
    (multiscale,) = zarr.open_group(written, mode="r").attrs["ome"]["multiscales"]
    assert [dataset["path"] for dataset in multiscale["datasets"]] == ["0"]


def test_foreign_folders_are_refused(tmp_path):
    (tmp_path / "image.zarr").mkdir()

    with pytest.raises(UserError, match="cannot be read as an OME-Zarr"):
        open_image_file(tmp_path / "image.zarr")
    with pytest.raises(UserError, match="no file"):
        open_image_file(tmp_path / "none.zarr")


def test_missing_extra_is_named(tmp_path, monkeypatch):
    (tmp_path / "image.zarr").mkdir()
    monkeypatch.setitem(__import__("sys").modules, "zarr", None)

    with pytest.raises(UserError, match=r"pip install 'microgan\[zarr\]'"):
        open_image_file(tmp_path / "image.zarr")


def json_of(path):
    return json.loads(path.read_text())


def rewrite(path, **changes):
    path.write_text(json.dumps({**json_of(path), **changes}))


def restored_as(path, written, dtype=None):
    """Open an image and write it with its pixels unchanged; return what was opened."""
    with open_image_file(path) as file:
        (image,) = file.images
        with Scratch(written.parent, image.pixels.shape, dtype or image.pixels.dtype) as scratch:
            scratch[...] = image.pixels[(slice(None),) * len(image.axes)]
            file.write_like(written, [scratch])
    return file


@pytest.mark.parametrize("version", [2, 3])
def test_type_may_change(tmp_path, version):
    path, written = tmp_path / "image.zarr", tmp_path / "out.zarr"
    pixels = np.arange(2 * 3 * 20 * 20, dtype=np.uint8).reshape(2, 3, 20, 20)
    write_ome_zarr(path, pixels, version)

    restored_as(path, written, "float32")

    array = zarr.open_group(written, mode="r")["0"]
    assert array.dtype == np.float32
    np.testing.assert_array_equal(array[:], pixels)


@pytest.mark.parametrize("version", [2, 3])
def test_empty_chunks_are_written_and_missing_ones_reported(tmp_path, version):
    path, written = tmp_path / "image.zarr", tmp_path / "out.zarr"
    pixels = np.zeros((1, 2, 16, 16), np.uint8)
    pixels[0, 0] = 7
    write_ome_zarr(path, pixels, version)

    file = restored_as(path, written)

    assert file.notes == ("chunks that are not stored (1) are read as the fill value, 0",)
    assert restored_as(written, tmp_path / "again.zarr").notes == ()
    np.testing.assert_array_equal(read_pixels(written), pixels)


def test_attributes_of_the_array_and_of_others_are_kept(tmp_path):
    path, written = tmp_path / "image.zarr", tmp_path / "out.zarr"
    write_ome_zarr(path, np.ones((1, 1, 16, 16), np.uint8), 2)
    (path / "0" / ".zattrs").write_text('{"_ARRAY_DIMENSIONS": ["c", "z", "y", "x"]}')
    rewrite(path / ".zattrs", acquisition={"date": "2020-01-01"})

    restored_as(path, written)

    for name in (".zattrs", "0/.zattrs", "0/.zarray"):
        assert json_of(written / name) == json_of(path / name)


def test_array_in_a_group_within(tmp_path):
    path, written = tmp_path / "image.zarr", tmp_path / "out.zarr"
    pixels = np.arange(256, dtype=np.uint8).reshape(1, 1, 16, 16)
    write_ome_zarr(path, pixels, 3)
    (path / "scale" / "full").mkdir(parents=True)
    (path / "0").rename(path / "scale" / "full" / "0")
    content = json_of(path / "zarr.json")
    content["attributes"]["ome"]["multiscales"][0]["datasets"][0]["path"] = "scale/full/0"
    (path / "zarr.json").write_text(json.dumps(content))

    restored_as(path, written)

    np.testing.assert_array_equal(
        zarr.open_group(written, mode="r")["scale/full/0"][:], pixels)


@pytest.mark.parametrize("version", [2, 3])
def test_consolidated_metadata_are_not_used(tmp_path, version):
    """They may name other codecs than what the array itself says."""
    path = tmp_path / "image.zarr"
    pixels = np.arange(256, dtype=np.uint8).reshape(1, 1, 16, 16)
    write_ome_zarr(path, pixels, version)
    array = {**json_of(path / "0" / (".zarray" if version == 2 else "zarr.json")),
             "filters": [{"id": "pickle"}]}
    if version == 2:
        (path / ".zmetadata").write_text(json.dumps({
            "zarr_consolidated_format": 1, "metadata": {"0/.zarray": array}}))
    else:
        rewrite(path / "zarr.json", consolidated_metadata={
            "kind": "inline", "must_understand": False, "metadata": {"0": array}})

    restored_as(path, tmp_path / "out.zarr")

    np.testing.assert_array_equal(read_pixels(path), pixels)
    assert "pickle" not in "".join(item.read_text() for item in tmp_path.glob("out.zarr/*.json"))


def test_settings_that_cannot_be_written_are_found_on_opening(tmp_path):
    path = tmp_path / "image.zarr"
    write_ome_zarr(path, np.ones((1, 1, 16, 16), np.uint8), 2)
    (path / "0" / "0.0.0.0").write_bytes(zlib.compress(bytes(256)))
    rewrite(path / "0" / ".zarray", compressor={"id": "zlib", "level": 99})

    with pytest.raises(UserError, match="cannot be read as an OME-Zarr"):
        open_image_file(path)


def test_axes_of_early_versions_and_of_the_caller(tmp_path):
    path = tmp_path / "image.zarr"
    write_ome_zarr(path, np.ones((1, 1, 16, 16), np.uint8), 2)
    (multiscale,) = json_of(path / ".zattrs")["multiscales"]
    rewrite(path / ".zattrs", multiscales=[{**multiscale, "axes": ["t", "z", "y", "x"]}])

    assert open_image_file(path).images[0].axes == "TZYX"
    assert open_image_file(path, axes="ZCYX").images[0].axes == "ZCYX"


@pytest.mark.parametrize("version", [2, 3])
def test_voxel_sizes_are_read_in_their_unit(tmp_path, version):
    write_ome_zarr(tmp_path / "a.zarr", np.ones((2, 3, 40, 50), np.uint16), version)
    with open_image_file(tmp_path / "a.zarr") as file:
        assert file.voxel_size_um == (None, None)

    group = zarr.open_group(tmp_path / "a.zarr", mode="r+")
    ome = dict(group.attrs["ome"] if version == 3 else group.attrs)
    for axis, unit in zip(ome["multiscales"][0]["axes"][1:], ("micrometer", "inch", "nanometer")):
        axis["unit"] = unit
    group.attrs.update({"ome": ome} if version == 3 else ome)

    with open_image_file(tmp_path / "a.zarr") as file:
        assert file.voxel_size_um == pytest.approx((1e-4, 0.5))


def test_axes_that_are_not_those_of_the_metadata_are_reported(tmp_path):
    write_ome_zarr(tmp_path / "a.zarr", np.ones((2, 3, 40, 50), np.uint16), 2)

    with open_image_file(tmp_path / "a.zarr", axes="ZTYX") as file:
        assert file.images[0].axes == "ZTYX"
        assert file.notes == ("its axes are named CZYX, but --axes=ZTYX is used",)
