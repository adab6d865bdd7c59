"""Broken and hostile OME-Zarr folders."""

import gzip
import json
import os
from pathlib import Path

from hostile.cases import case, cut, images, restore_image


def write_zarr(**changes):
    """A good OME-Zarr image whose array's description is changed."""
    content = {"zarr_format": 2, "shape": [16, 16], "chunks": [16, 16], "dtype": "|u1",
               "compressor": None, "fill_value": 0, "order": "C", "filters": None}
    group = Path("image.zarr")
    (group / "0").mkdir(parents=True)
    (group / ".zgroup").write_text('{"zarr_format": 2}')
    (group / ".zattrs").write_text(json.dumps({"multiscales": [{
        "version": "0.4", "axes": [{"name": name, "type": "space"} for name in "yx"],
        "datasets": [{"path": "0"}]}]}))
    (group / "0" / ".zarray").write_text(json.dumps({**content, **changes}))
    (group / "0" / "0.0").write_bytes(images(1)[0].tobytes())


@case("Zarr", "description that is no JSON", restore_image("image.zarr"))
def no_json_zarr():
    write_zarr()
    Path("image.zarr", "0", ".zarray").write_text("{'zarr_format")


@case("Zarr", "path out of the folder", restore_image("image.zarr"))
def path_zarr():
    write_zarr()
    attributes = Path("image.zarr", ".zattrs")
    attributes.write_text(attributes.read_text().replace('"path": "0"', '"path": "../../evil"'))


@case("Zarr", "negative shape", restore_image("image.zarr"))
def negative_zarr():
    write_zarr(shape=[-16, 16])


@case("Zarr", "objects, which are pickled", restore_image("image.zarr"))
def objects_zarr():
    write_zarr(dtype="|O", filters=[{"id": "pickle"}])


@case("Zarr", "no image", restore_image("image.zarr"))
def no_image_zarr():
    write_zarr()
    Path("image.zarr", ".zattrs").write_text('{"labels": []}')


@case("Zarr", "claims terabytes, and holds a chunk", restore_image("image.zarr"))
def terabytes_zarr():
    write_zarr(shape=[2**21, 2**21], chunks=[16, 16])


@case("Zarr", "chunk that is a link to a device", restore_image("image.zarr"))
def device_zarr():
    write_zarr()
    Path("image.zarr", "0", "0.0").unlink()
    Path("image.zarr", "0", "0.0").symlink_to("/dev/zero")


@case("Zarr", "description that is a named pipe", restore_image("image.zarr"))
def pipe_zarr():
    write_zarr()
    Path("image.zarr", ".zattrs").unlink()
    os.mkfifo("image.zarr/.zattrs")


@case("Zarr", "chunk that unpacks to gigabytes", restore_image("image.zarr"))
def bomb_zarr():
    write_zarr(compressor={"id": "gzip", "level": 9})
    Path("image.zarr", "0", "0.0").write_bytes(gzip.compress(bytes(10**6)) * 3000)


@case("Zarr", "chunk cut short", restore_image("image.zarr"))
def cut_zarr():
    write_zarr()
    cut("image.zarr/0/0.0", 100)
