"""Broken and hostile `.npy` and `.npz` files."""

import os
import struct
import zipfile
from pathlib import Path

import numpy as np

from hostile.cases import (
    case, cut, images, npy_bytes, restore_image, rewrite_member, train_paired, train_unpaired,
    write_pair)

MANY_BYTES = 3 * 10**9

# .npy

for text, header in (
        ("header claims 4 terabytes", npy_bytes((2**18, 4096, 4096))),
        ("negative length", npy_bytes((-3, 16, 16))),
        ("shorter than it says", npy_bytes((2, 16, 16), content=bytes(100))),
        ("longer than it says", npy_bytes((2, 16, 16), content=bytes(1000))),
        ("header is code", b"\x93NUMPY\x01\x00\x20\x00__import__('os').abort()       \n"),
        ("header without end", b"\x93NUMPY\x02\x00\xff\xff\xff\x7f{"),
        ("fields, not numbers", npy_bytes((2,), "[('a', '<f4')]", bytes(8))),
        ("unknown version", b"\x93NUMPY\x09\x00" + bytes(100))):
    case(".npy", text, train_paired)(
        lambda header=header: (write_pair(), Path("Cells_X.npy").write_bytes(header)))


@case(".npy", "empty", train_paired)
def empty_npy():
    write_pair()
    cut("Cells_X.npy", 0)


@case(".npy", "truncated", train_paired)
def truncated_npy():
    write_pair()
    cut("Cells_Y.npy", 500)


@case(".npy", "zero bytes", train_paired)
def zero_npy():
    write_pair()
    Path("Cells_X.npy").write_bytes(bytes(1000))


@case(".npy", "wrong magic", train_paired)
def wrong_magic_npy():
    write_pair()
    Path("Cells_X.npy").write_bytes(b"PK\x03\x04" + bytes(1000))


@case(".npy", "objects, which are pickled", train_paired)
def objects_npy():
    write_pair()
    np.save("Cells_X.npy", np.array([{"a": 1}, None]), allow_pickle=True)


@case(".npy", "a pickle", train_paired)
def pickle_npy():
    write_pair()
    Path("Cells_X.npy").write_bytes(b"cos\nabort\n(tR.")


@case(".npy", "NaN", train_paired)
def nan_npy():
    degraded = images().astype(np.float32)
    degraded[2, 3, 4] = np.nan
    write_pair(degraded)


@case(".npy", "RGB", train_paired)
def rgb_npy():
    write_pair(images(6, 16, 16, 3), images(6, 16, 16, 3))


@case(".npy", "complex numbers", train_paired)
def complex_npy():
    write_pair(images().astype(complex))


@case(".npy", "no images", train_paired)
def no_images_npy():
    write_pair(images()[:0], images()[:0])


@case(".npy", "constant image", train_paired)
def constant_npy():
    write_pair(images(), np.full((6, 16, 16), 7, np.uint8))


@case(".npy", "symbolic link to itself", train_paired)
def loop_npy():
    write_pair()
    Path("Cells_X.npy").unlink()
    Path("Cells_X.npy").symlink_to("Cells_X.npy")


@case(".npy", "symbolic link to a device", train_paired)
def device_npy():
    write_pair()
    Path("Cells_X.npy").unlink()
    Path("Cells_X.npy").symlink_to("/dev/zero")


@case(".npy", "named pipe, which nobody fills", train_paired)
def pipe_npy():
    write_pair()
    Path("Cells_X.npy").unlink()
    os.mkfifo("Cells_X.npy")


@case(".npy", "a folder", train_paired)
def folder_npy():
    write_pair()
    Path("Cells_X.npy").unlink()
    Path("Cells_X.npy").mkdir()


@case(".npy", "unpaired: truncated extra images", train_unpaired)
def extra_npy():
    write_pair()
    np.save("Cells_extra_Y.npy", images())
    cut("Cells_extra_Y.npy", 300)


@case("restored .npy", "header claims 4 terabytes", restore_image("image.npy"))
def restored_terabytes_npy():
    Path("image.npy").write_bytes(npy_bytes((2**18, 4096, 4096)))


@case("restored .npy", "objects, which are pickled", restore_image("image.npy"))
def restored_objects_npy():
    np.save("image.npy", np.array([{"a": 1}, None]), allow_pickle=True)


# .npz, CARE's training file

def write_npz(**changes):
    arrays = {"X": images()[:, np.newaxis], "Y": images()[:, np.newaxis], "axes": "SCYX"}
    np.savez("Cells.npz", **{**arrays, **changes})


@case(".npz", "truncated", train_paired)
def truncated_npz():
    write_npz()
    cut("Cells.npz", 2000)


@case(".npz", "compression bomb", train_paired)
def bomb_npz():
    write_npz()
    content = npy_bytes((MANY_BYTES // 10**6, 1000, 1000))
    with zipfile.ZipFile("Cells.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("X.npy", "w", force_zip64=True) as member:
            member.write(content)
            for _ in range(300):  # 300 MB: enough to tell, quick to make
                member.write(bytes(10**6))
        archive.writestr("Y.npy", npy_bytes((0,)))


@case(".npz", "array claims terabytes", train_paired)
def terabytes_npz():
    write_npz()
    rewrite_member("Cells.npz", "X.npy", npy_bytes((2**18, 1, 4096, 4096)))


@case(".npz", "objects, which are pickled", train_paired)
def objects_npz():
    write_npz(X=np.array([{"a": 1}, None]))


@case(".npz", "one array named 500 times", train_paired)
def repeated_npz():
    write_npz()
    content = bytearray(Path("Cells.npz").read_bytes())
    start = content.index(b"PK\x01\x02")
    end = content.rindex(b"PK\x05\x06")
    entries = 500 * content[start:end]
    struct.pack_into("<HHI", content, end + 8, 1500, 1500, len(entries))
    Path("Cells.npz").write_bytes(content[:start] + entries + content[end:])


@case(".npz", "a directory of 10,000 long names", train_paired)
def directory_npz():
    with zipfile.ZipFile("Cells.npz", "w") as archive:
        for number in range(10_000):
            archive.writestr(f"{number:0200}.npy", b"")


@case(".npz", "wrong axes", train_paired)
def axes_npz():
    write_npz(axes="TZQX")


@case(".npz", "axes are not text", train_paired)
def numeric_axes_npz():
    write_npz(axes=np.arange(4))


@case(".npz", "colours", train_paired)
def colours_npz():
    write_npz(X=images(6, 3, 16, 16), Y=images(6, 3, 16, 16))


@case(".npz", "wrong checksum", train_paired)
def checksum_npz():
    write_npz()
    content = bytearray(Path("Cells.npz").read_bytes())
    content[1000] ^= 255
    Path("Cells.npz").write_bytes(content)


@case(".npz", "named pipe, which nobody fills", train_paired)
def pipe_npz():
    os.mkfifo("Cells.npz")


@case(".npz", "encrypted", train_paired)
def encrypted_npz():
    write_npz()
    content = bytearray(Path("Cells.npz").read_bytes())
    place = content.index(b"PK\x01\x02")  # the directory's first entry
    content[place + 8] |= 1
    Path("Cells.npz").write_bytes(content)
