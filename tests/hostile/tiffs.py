"""Broken and hostile TIFF files: single images, OME-TIFF and z-stacks."""

import os
import struct
import zlib
from pathlib import Path

import numpy as np
import tifffile

from hostile.cases import (
    case, cut, images, npy_bytes, restore_image, rewrite_member, train_paired, train_stacks)

MANY_BYTES = 3 * 10**9


def write_tiff(path="Cells/degraded/1.tif", image=None, **settings):
    for folder in ("degraded", "clean"):
        Path("Cells", folder).mkdir(parents=True, exist_ok=True)
        tifffile.imwrite(f"Cells/{folder}/1.tif", images(1)[0])
    tifffile.imwrite(path, images(1)[0] if image is None else image, **settings)


@case("TIFF", "empty", train_paired)
def empty_tiff():
    write_tiff()
    cut("Cells/degraded/1.tif", 0)


@case("TIFF", "truncated", train_paired)
def truncated_tiff():
    write_tiff()
    cut("Cells/degraded/1.tif", 300)


@case("TIFF", "wrong magic", train_paired)
def wrong_magic_tiff():
    write_tiff()
    Path("Cells/degraded/1.tif").write_bytes(b"GIF89a" + bytes(1000))


def patch_tag(path, tag, value):
    with tifffile.TiffFile(path, mode="r+b") as tiff:
        tiff.pages[0].tags[tag].overwrite(value)


@case("TIFF", "claims terabytes", train_paired)
def terabytes_tiff():
    write_tiff()
    for tag in ("ImageWidth", "ImageLength"):
        patch_tag("Cells/degraded/1.tif", tag, 2**21)


@case("TIFF", "3 GB in nothing: no strip is stored", train_paired)
def sparse_tiff():
    write_tiff()
    side = int(MANY_BYTES ** 0.5)
    for tag, value in (("ImageWidth", side), ("ImageLength", side), ("RowsPerStrip", side),
                       ("StripByteCounts", 0), ("StripOffsets", 0)):
        patch_tag("Cells/degraded/1.tif", tag, value)


@case("TIFF", "compression bomb", train_paired)
def bomb_tiff():
    write_tiff(image=np.zeros((20_000, 20_000), np.uint8), compression="zlib")


@case("TIFF", "tile far larger than its image", restore_image("image.tif"))
def large_tile_tiff():
    write_tiff("image.tif", np.zeros((16, 16), np.uint8), tile=(8192, 8192), compression="zlib")


@case("TIFF", "600 images with tiles far larger than they are", restore_image("image.tif"))
def large_tiles_tiff():
    tile = zlib.compress(bytes(4096 * 4096))  # once for all
    write_tiff("image.tif", iter([tile] * 600), shape=(600, 16, 16), dtype=np.uint8,
               tile=(4096, 4096), compression="zlib", photometric="minisblack")


@case("TIFF", "directory without end", train_paired)
def endless_tiff():
    write_tiff()
    content = bytearray(Path("Cells/degraded/1.tif").read_bytes())
    start, = struct.unpack_from("<I", content, 4)
    struct.pack_into("<H", content, start, 65535)
    Path("Cells/degraded/1.tif").write_bytes(content)


@case("TIFF", "directories in a circle", train_paired)
def circular_tiff():
    write_tiff()
    content = bytearray(Path("Cells/degraded/1.tif").read_bytes())
    start, = struct.unpack_from("<I", content, 4)
    count, = struct.unpack_from("<H", content, start)
    struct.pack_into("<I", content, start + 2 + 12 * count, start)
    Path("Cells/degraded/1.tif").write_bytes(content)


@case("TIFF", "two directories in a circle", train_paired)
def wide_circular_tiff():
    write_tiff()
    content = bytearray(Path("Cells/degraded/1.tif").read_bytes())
    content[38:38] = b"\xcc)\xaeq\xb9m\xc5W"  # so that nothing else of the image is found
    struct.pack_into("<I", content, 178, 12)  # of the 14 tags at 8
    struct.pack_into("<H", content, 12, 4)
    struct.pack_into("<I", content, 62, 8)  # of the 4 tags at 12
    Path("Cells/degraded/1.tif").write_bytes(content)


def directories(count, *, widths=(16,), more=(), after=b""):
    """Small directories that share one strip, as one file.

    Args:
        count: of the directories.
        widths: of the images, in turn.
        more: further tags of each, (code, type, count); their values lie in `after`.
        after: what follows the directories.
    """
    tags = [[(256, 3, 1, width), (257, 3, 1, 16), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1),
             (273, 4, 1, 8), (277, 3, 1, 1), (278, 3, 1, 16), (279, 4, 1, 16 * width)]
            for width in widths]
    size = 2 + 12 * (len(tags[0]) + len(more)) + 4
    first = 8 + 16 * max(widths)
    content = bytearray(b"II*\0" + struct.pack("<I", first)).ljust(first, b"\1")
    for number in range(count):
        own = [*tags[number % len(widths)], *((*tag, first + count * size) for tag in more)]
        content += struct.pack("<H", len(own))
        content += b"".join(struct.pack("<HHII", *tag) for tag in sorted(own))
        following = first + (number + 1) * size
        content += struct.pack("<I", following if number < count - 1 else 0)
    write_tiff()
    Path("Cells/degraded/1.tif").write_bytes(content + after)


case("TIFF", "12,000 directories", train_paired)(lambda: directories(12_000))
case("TIFF", "12,000 directories of two kinds", train_paired)(
    lambda: directories(12_000, widths=(16, 17)))
case("TIFF", "a million smaller copies", train_paired)(
    lambda: directories(1, more=[(330, 4, 10**6)], after=10**6 * struct.pack("<I", 264)))
case("TIFF", "2,000 directories that share a tag of 4 MB", train_paired)(
    lambda: directories(2000, more=[(65000, 4, 10**6)], after=bytes(4 * 10**6)))


@case("TIFF", "ImageJ's description of 10 MB", train_paired)
def long_tiff():
    write_tiff(metadata=None, description="ImageJ=1.11a\n" + 10**6 * "spacing=1\n")


@case("TIFF", "ImageJ claims a billion slices", train_paired)
def slices_tiff():
    write_tiff(image=images(3), metadata=None, photometric="minisblack",
               description="ImageJ=1.11a\nimages=1000000000\nslices=1000000000\n")


@case("TIFF", "named pipe, which nobody fills", train_paired)
def pipe_tiff():
    write_tiff()
    Path("Cells/degraded/1.tif").unlink()
    os.mkfifo("Cells/degraded/1.tif")


@case("TIFF", "RGB", train_paired)
def rgb_tiff():
    write_tiff(image=images(1, 16, 16, 3)[0], photometric="rgb")


@case("TIFF", "NaN", train_paired)
def nan_tiff():
    write_tiff(image=np.full((16, 16), np.nan, np.float32))


@case("TIFF", "unknown compression", train_paired)
def compression_tiff():
    write_tiff()
    patch_tag("Cells/degraded/1.tif", "Compression", 64999)


@case("TIFF", "restored: truncated", restore_image("image.tif"))
def restored_truncated_tiff():
    tifffile.imwrite("image.tif", images(1)[0])
    cut("image.tif", 300)


@case("TIFF", "restored: RGB", restore_image("image.tif"))
def restored_rgb_tiff():
    tifffile.imwrite("image.tif", images(1, 16, 16, 3)[0], photometric="rgb")


@case("TIFF", "restored: claims terabytes", restore_image("image.tif"))
def restored_terabytes_tiff():
    tifffile.imwrite("image.tif", images(1)[0])
    side = 2**21
    for tag, value in (("ImageWidth", side), ("ImageLength", side), ("RowsPerStrip", side),
                       ("StripByteCounts", 0)):
        patch_tag("image.tif", tag, value)


@case("OME-XML", "description that is not XML", restore_image("image.ome.tif"))
def broken_ome():
    tifffile.imwrite("image.ome.tif", images(1)[0], description="<OME><Image></OME>",
                     metadata=None)


@case("OME-XML", "200,000 elements, each within the one before", restore_image("image.ome.tif"))
def deep_ome():
    tifffile.imwrite("image.ome.tif", images(1)[0], metadata=None,
                     description="<OME>" + 200_000 * "<a>" + 200_000 * "</a>" + "</OME>")


@case("OME-XML", "400,000 elements for one plane", train_paired)
def wide_ome():
    write_ome(("</OME>", 400_000 * "<a/>" + "</OME>"))


@case("OME-XML", "two million attributes of one element", train_paired)
def attributes_ome():
    write_ome(("<Image ", "<Image " + "".join(f'a{number}="" ' for number in range(2_000_000))))


@case("OME-XML", "entities that grow a billionfold", restore_image("image.ome.tif"))
def entities_ome():
    text = '<?xml version="1.0"?><!DOCTYPE OME [<!ENTITY a "aaaaaaaaaa">' + "".join(
        f'<!ENTITY {new} "{10 * f"&{old};"}">' for old, new in zip("abcdefghi", "bcdefghij"))
    tifffile.imwrite("image.ome.tif", images(1)[0], metadata=None,
                     description=text + "]><OME>&j;</OME>")


def write_ome(*changes):
    """One plane, and a good description of it that is changed."""
    write_tiff(ome=True)
    with tifffile.TiffFile("Cells/degraded/1.tif") as tiff:
        text = tiff.ome_metadata
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    write_tiff(description=text.encode(), metadata=None)


@case("OME-XML", "claims more planes than there are", train_paired)
def planes_ome():
    write_ome(('SizeZ="1"', 'SizeZ="9"'))


@case("OME-XML", "claims terabytes", train_paired)
def terabytes_ome():
    write_ome(('SizeZ="1"', 'SizeZ="10000000000"'))


@case("OME-XML", "a plane that counts as a billion", train_paired)
def billion_ome():
    write_ome(('PlaneCount="1"', 'PlaneCount="1000000000"'))


@case("OME-XML", "size that is a word", train_paired)
def word_ome():
    write_ome(('SizeZ="1"', 'SizeZ="many"'))


@case("OME-XML", "an axis of a million million steps", train_paired)
def steps_ome():
    write_ome(("</OME>", '<StructuredAnnotations><XMLAnnotation ID="Annotation:0" '
               'Namespace="openmicroscopy.org/omero/dimension/modulo"><Value><Modulo>'
               '<ModuloAlongZ Start="0" End="1e12" Step="1"/></Modulo></Value></XMLAnnotation>'
               "</StructuredAnnotations></OME>"))


@case("OME-XML", "pixels in another file", restore_image("Cells/degraded/1.tif"))
def other_file_ome():
    write_ome(('PlaneCount="1"/>', 'PlaneCount="1"><UUID FileName="../../../../etc/passwd">'
               "urn:uuid:1</UUID></TiffData>"))


# z-stacks

def write_stack(image=None, name="1.tif", **settings):
    Path("stacks").mkdir()
    tifffile.imwrite("stacks/2.tif", images(9), photometric="minisblack")  # two are needed
    stack = images(9) if image is None else image
    if name.endswith(".tif"):
        tifffile.imwrite(f"stacks/{name}", stack, **{"photometric": "minisblack", **settings})
    else:
        np.savez(f"stacks/{name}", stack)


@case("z-stack", "TIFF truncated", train_stacks)
def truncated_stack():
    write_stack(imagej=True, metadata={"axes": "ZYX"})
    cut("stacks/1.tif", 1500)


@case("z-stack", "TIFF compression bomb", train_stacks)
def bomb_stack():
    write_stack(np.zeros((4, 10_000, 10_000), np.uint8), compression="zlib")


@case("z-stack", "TIFF of colours", train_stacks)
def colour_stack():
    write_stack(images(9, 16, 16, 3), photometric="rgb")


@case("z-stack", ".npz claims terabytes", train_stacks)
def terabytes_stack():
    write_stack(name="1.npz")
    rewrite_member("stacks/1.npz", "arr_0.npy", npy_bytes((2**18, 4096, 4096)))


@case("z-stack", ".npz of objects", train_stacks)
def objects_stack():
    write_stack(np.array([{"a": 1}, None]), name="1.npz")


@case("z-stack", ".npz of two arrays", train_stacks)
def two_arrays_stack():
    write_stack(name="1.npz")
    np.savez("stacks/1.npz", images(), images())
