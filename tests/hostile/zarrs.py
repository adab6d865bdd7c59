"""Broken and hostile OME-Zarr folders."""

import gzip
import json
import os
import struct
import zlib
from pathlib import Path

import imagecodecs

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


def write_zarr_v3(**changes):
    """As `write_zarr`, of version 3."""
    content = {"zarr_format": 3, "node_type": "array", "shape": [16, 16], "data_type": "uint8",
               "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [16, 16]}},
               "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
               "fill_value": 0, "codecs": [{"name": "bytes"}], "attributes": {}}
    group = Path("image.zarr")
    (group / "0" / "c" / "0").mkdir(parents=True)
    ome = {"version": "0.5", "multiscales": [{
        "axes": [{"name": name, "type": "space"} for name in "yx"],
        "datasets": [{"path": "0"}]}]}
    (group / "zarr.json").write_text(json.dumps({
        "zarr_format": 3, "node_type": "group", "attributes": {"ome": ome}}))
    (group / "0" / "zarr.json").write_text(json.dumps({**content, **changes}))
    (group / "0" / "c" / "0" / "0").write_bytes(images(1)[0].tobytes())


ABORTING_PICKLE = b"cos\nabort\n(tR."


@case("Zarr", "description that is not JSON", restore_image("image.zarr"))
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


for text, change in (
        ("filter that unpickles", {"filters": [{"id": "pickle"}]}),
        ("compressor that unpickles", {"compressor": {"id": "pickle"}}),
        ("filter behind a known one", {"filters": [{"id": "shuffle"}, {"id": "msgpack2"}]}),
        ("filters that each make a chunk four times as large", {"filters": 4 * [
            {"id": "delta", "dtype": "|u1", "astype": "<i4"}]}),
        ("two thousand filters", {"filters": 2000 * [{"id": "shuffle", "elementsize": 1}]}),
        ("compressor that takes gigabytes", {"compressor": {
            "id": "lzma", "filters": [{"id": 33, "dict_size": 1536 * 2**20}]}}),
        ("filter with a type that is an object", {"filters": [{
            "id": "delta", "dtype": "|u1", "astype": "|O"}]}),
        ("compressor that is not text", {"compressor": {"id": ["pickle"]}}),
        ("fields, not numbers", {"dtype": [["a", "|u1"], ["b", "|O"]]}),
        ("text, not numbers", {"dtype": "<U4"}),
        ("member that is not known", {"serializer": "pickle"}),
        ("chunk far larger than its array", {"chunks": [40000, 40000]}),
        ("chunk of length zero", {"chunks": [0, 16]}),
        ("chunk of two axes, array of three", {"shape": [1, 16, 16]}),
        ("hundred million chunks of one pixel", {"shape": [10**4, 10**4], "chunks": [1, 1]})):
    case("Zarr", text, restore_image("image.zarr"))(lambda change=change: (
        write_zarr(**change), Path("image.zarr", "0", "0.0").write_bytes(ABORTING_PICKLE)))

for text, change in (
        ("version 3: codec of another program", {"codecs": [{"name": "numcodecs.pickle"}]}),
        ("version 3: codec within shards", {"codecs": [{
            "name": "sharding_indexed", "configuration": {
                "chunk_shape": [8, 8], "index_codecs": [{"name": "bytes"}],
                "codecs": [{"name": "vlen-utf8"}]}}]}),
        ("version 3: compressed twice", {"codecs": [
            {"name": "bytes"}, {"name": "gzip"}, {"name": "gzip"}]}),
        ("version 3: storage transformer", {"storage_transformers": [{"name": "pickle"}]}),
        ("version 3: type of an extension", {"data_type": {"name": "numpy.object"}}),
        ("version 3: grid of an extension", {"chunk_grid": {"name": "rectangular"}}),
        ("version 3: names of chunks of an extension", {"chunk_key_encoding": {"name": "fan"}}),
        ("version 3: member of an extension", {"hook": {"must_understand": True}})):
    case("Zarr", text, restore_image("image.zarr"))(lambda change=change: (
        write_zarr_v3(**change),
        Path("image.zarr", "0", "c", "0", "0").write_bytes(ABORTING_PICKLE)))


def write_shard(offset=16):
    """A good image in a shard of one chunk, of which its index says that it begins there."""
    write_zarr_v3(codecs=[{"name": "sharding_indexed", "configuration": {
        "chunk_shape": [16, 16], "codecs": [{"name": "bytes"}, {
            "name": "zstd", "configuration": {"level": 3, "checksum": False}}],
        "index_codecs": [{"name": "bytes", "configuration": {"endian": "little"}}],
        "index_location": "start"}}])
    chunk = imagecodecs.zstd_encode(images(1)[0].tobytes())
    Path("image.zarr", "0", "c", "0", "0").write_bytes(
        struct.pack("<QQ", offset, len(chunk)) + chunk)


case("Zarr", "version 3: index of a shard that leads out of its file",
     restore_image("image.zarr"))(lambda: write_shard(2**40))


BOMBS = {
    "zlib": lambda: zlib.compress(bytes(3 * 10**8)),
    "zstd": lambda: imagecodecs.zstd_encode(bytes(3 * 10**8)),
    "blosc": lambda: imagecodecs.blosc_encode(bytes(10**8)),
    "lz4": lambda: struct.pack("<i", 256) + imagecodecs.lz4_encode(bytes(10**8))}
for text, bomb in BOMBS.items():
    case("Zarr", f"chunk of {text} that unpacks to far more than it should",
         restore_image("image.zarr"))(lambda text=text, bomb=bomb: (
             write_zarr(compressor={"id": text}),
             Path("image.zarr", "0", "0.0").write_bytes(bomb())))


@case("Zarr", "chunk of 225 MB in a file of 2 MB", restore_image("image.zarr"))
def large_zarr():
    write_zarr(shape=[15000, 15000], chunks=[15000, 15000], compressor={"id": "zlib"})
    Path("image.zarr", "0", "0.0").write_bytes(bytes(2 * 10**6))


@case("Zarr", "description 200,000 levels deep", restore_image("image.zarr"))
def deep_zarr():
    write_zarr()
    Path("image.zarr", ".zattrs").write_text('{"a":' * 200_000 + "1" + "}" * 200_000)


@case("Zarr", "description 500 levels deep", restore_image("image.zarr"))
def rather_deep_zarr():
    write_zarr()
    attributes = Path("image.zarr", ".zattrs")
    attributes.write_text('{"a":' * 500 + attributes.read_text() + "}" * 500)


@case("Zarr", "description of 20 MB", restore_image("image.zarr"))
def large_description_zarr():
    write_zarr()
    Path("image.zarr", ".zattrs").write_text("[" + "[],[]," * (20 * 10**6 // 6) + "1]")


@case("Zarr", "folder of the array that is a link", restore_image("image.zarr"))
def link_zarr():
    write_zarr()
    Path("image.zarr", "0").rename("elsewhere")
    Path("image.zarr", "0").symlink_to("../elsewhere")


@case("Zarr", "absolute path", restore_image("image.zarr"))
def absolute_zarr():
    write_zarr()
    attributes = Path("image.zarr", ".zattrs")
    attributes.write_text(attributes.read_text().replace('"path": "0"', '"path": "/etc"'))


@case("Zarr", "axes that are not letters", restore_image("image.zarr"))
def axes_zarr():
    write_zarr()
    attributes = Path("image.zarr", ".zattrs")
    attributes.write_text(attributes.read_text().replace('"name": "y"', '"name": "y\\n"'))


@case("Zarr", "none of its chunks", restore_image("image.zarr"))
def no_chunk_zarr():
    write_zarr()
    Path("image.zarr", "0", "0.0").unlink()


@case("Zarr", "plate whose wells lead out of it", restore_image("image.zarr"))
def plate_zarr():
    write_zarr()
    Path("image.zarr", ".zattrs").write_text('{"plate": {"wells": [{"path": "../../a/1"}]}}')


@case("Zarr", "wells in a circle", restore_image("image.zarr"))
def circle_zarr():
    write_zarr()
    for folder in ("image.zarr", "image.zarr/0", "image.zarr/0/0", "image.zarr/0/0/0"):
        Path(folder).mkdir(exist_ok=True)
        Path(folder, ".zgroup").write_text('{"zarr_format": 2}')
        Path(folder, ".zattrs").write_text('{"well": {"images": [{"path": "0"}]}}')
