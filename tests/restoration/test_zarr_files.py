"""OME-Zarr comes out as it went in, whichever its version."""

import numpy as np
import pytest

from microgan.datasets.file_notes import FileNotes
from microgan.errors import UserError
from microgan.restoration.image_files import open_image_file, read_image
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
    np.testing.assert_array_equal(read_image(written, FileNotes()).pixels, pixels)
    assert sorted(item.name for item in tmp_path.iterdir()) == ["image.zarr", "out.zarr"]


def test_smaller_levels_are_dropped_aloud(tmp_path):
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
