"""Files that are broken or mean harm, one case each, and what the programs say to them.

Run by hand, it writes the table of docs/reliability.md:
`python tests/hostile_files.py docs/reliability.md`.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import struct
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import tifffile

from microgan.callbacks import BadSteps, Checkpoints, Recorder
from microgan.cli import restore, train_cgan, train_cin_gan, train_zsegan
from microgan.cli.command import run_command
from microgan.config import CGANConfig, RestoreConfig
from microgan.datasets.normalization import IntensityRange, TaskNormalization
from microgan.experiments.run_folder import create_run_folder
from microgan.generator_file import (
    ATTRIBUTE, GeneratorInfo, build_network, load_generator, save_generator)
from microgan.trainers.checkpoints import save_checkpoint

RUN = Path("Microscopy_cGAN_results")
INFO = GeneratorInfo(
    method="cgan", network="resnet", network_arguments={"filters": 4, "num_blocks": 1},
    tasks=("Cells",), axes="YX", microgan_version="0", config_hash="abc",
    normalization={"Cells": TaskNormalization(IntensityRange(0, 255), IntensityRange(0, 255))})
MANY_BYTES = 3 * 10**9


@dataclass(frozen=True)
class Case:
    """A file in the current folder and the program that is given it."""

    kind: str
    name: str
    make: Callable[[], None]
    run: Callable[[], int]


@dataclass(frozen=True)
class Outcome:
    """What a program did with a case."""

    status: int
    error: str
    seconds: float
    more_bytes: int
    left: list[str]


CASES: list[Case] = []


def case(kind, name, run):
    """Make a function that writes a case's files a case."""
    def add(make):
        CASES.append(Case(kind, name, make, run))
        return make
    return add


# How the programs are called. Up to where they read the file, TensorFlow is not needed, but
# for a generator's weights and a checkpoint; these are read by the function that programs use.

def train_paired():
    return train_cgan.main(["train_cGAN.py", "--data_dir=.", "--seed=1"])


def train_unpaired():
    return train_cin_gan.main(["train_CIN_GAN.py", "--data_dir=.", "--seed=1"])


def train_stacks():
    return train_zsegan.main(["train_zsegan.py", "--data_dir=stacks", "--seed=1"])


def resume():
    return train_cgan.main(["train_cGAN.py", "--data_dir=.", "--resume"])


def restore_image(name):
    return lambda: restore.main(["restore.py", "--generator=../good.h5", f"--input={name}",
                                 "--precision=float32"])


def use_generator():
    return run_command(RestoreConfig, "", lambda config: load_generator(config.generator),
                       ["restore.py", "--generator=generator.h5", "--input=image.npy"])


def resume_split():
    return run_command(
        CGANConfig, "", lambda config: create_run_folder(RUN, config, {"Cells": {"seed": 1}}),
        ["train_cGAN.py", "--resume"])


class Weights:
    """A variable, as far as restoring needs one."""

    shape = (2, 3)

    def assign(self, value):
        pass


def resume_checkpoint():
    def work(config):
        def never(*arguments):
            raise AssertionError
        recorder = Recorder(RUN, num_iters=9, validate_every=9, validate=never,
                            get_weights=never, on_best=never, on_validated=never)
        Checkpoints(RUN / "checkpoint", {"generator": [Weights()]}, recorder, BadSteps(9),
                    every=9, minutes=9).restore()
    return run_command(CGANConfig, "", work, ["train_cGAN.py", "--resume"])


# What good files hold, to be broken.

def images(count=6, *shape):
    shape = shape or (16, 16)
    return np.random.default_rng(1).integers(0, 255, (count, *shape), np.uint8)


def write_pair(degraded=None, clean=None):
    np.save("Cells_X.npy", images() if degraded is None else degraded)
    np.save("Cells_Y.npy", images() if clean is None else clean)


def npy_bytes(shape, dtype="|u1", content=b"", fortran_order=False):
    header = repr({"descr": dtype, "fortran_order": fortran_order, "shape": shape})
    text = header.ljust(117).encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + content


def write_tiff(path="Cells/degraded/1.tif", image=None, **settings):
    for folder in ("degraded", "clean"):
        Path("Cells", folder).mkdir(parents=True, exist_ok=True)
        tifffile.imwrite(f"Cells/{folder}/1.tif", images(1)[0])
    tifffile.imwrite(path, images(1)[0] if image is None else image, **settings)


def cut(path, keep):
    content = Path(path).read_bytes()
    Path(path).write_bytes(content[:keep])


def write_generator(**changes):
    """A good generator whose description is changed."""
    Path("generator.h5").write_bytes(Path("../good.h5").read_bytes())
    with h5py.File("generator.h5", "r+") as file:
        content = {**json.loads(file.attrs[ATTRIBUTE]), **changes}
        file.attrs[ATTRIBUTE] = json.dumps(content)


@contextlib.contextmanager
def generator_opened():
    """The good generator's file, to be changed, and the path of one of its arrays."""
    write_generator()
    with h5py.File("generator.h5", "r+") as file:
        names = []
        file["model_weights"].visititems(
            lambda name, node: names.append(name) if isinstance(node, h5py.Dataset) else None)
        yield file, f"model_weights/{names[0]}"


def write_run(**files):
    RUN.mkdir()
    for name, text in files.items():
        (RUN / f"{name}.json").write_text(text)


def write_checkpoint(**state):
    RUN.mkdir()
    good = {"rows": [], "best_update": 0, "best_score": None, "seconds": 1.0, "sums": {},
            "num_summed": 0, "num_bad": 0, "bad_steps": {"total": 0, "since": None, "what": ""}}
    save_checkpoint(RUN / "checkpoint", 7,
                    {"generator": [np.zeros((2, 3), np.float32)], "best_weights": []},
                    {**good, **state})
    return RUN / "checkpoint" / "update_000007.npz"


def rewrite_member(path, name, content, **settings):
    with zipfile.ZipFile(path) as archive:
        members = {member: archive.read(member) for member in archive.namelist()}
    with zipfile.ZipFile(path, "w", **settings) as archive:
        for member, old in {**members, name: content}.items():
            archive.writestr(member, old)


# .npy

for each, text, header in (
        ("terabytes", "header claims 4 terabytes", npy_bytes((2**18, 4096, 4096))),
        ("negative", "negative length", npy_bytes((-3, 16, 16))),
        ("long", "longer than it says", npy_bytes((2, 16, 16), content=bytes(100))),
        ("code", "header is code", b"\x93NUMPY\x01\x00\x20\x00__import__('os').abort()       \n"),
        ("header", "header without end", b"\x93NUMPY\x02\x00\xff\xff\xff\x7f{"),
        ("fields", "fields, not numbers", npy_bytes((2,), "[('a', '<f4')]", bytes(8))),
        ("version", "unknown version", b"\x93NUMPY\x09\x00" + bytes(100))):
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


@case(".npz", "wrong axes", train_paired)
def axes_npz():
    write_npz(axes="TZQX")


@case(".npz", "axes are no text", train_paired)
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


# TIFF

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


@case("TIFF", "directory without end", train_paired)
def endless_tiff():
    write_tiff()
    content = bytearray(Path("Cells/degraded/1.tif").read_bytes())
    start, = struct.unpack_from("<I", content, 4)
    struct.pack_into("<H", content, start, 65535)
    Path("Cells/degraded/1.tif").write_bytes(content)


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


@case("OME-XML", "description that is no XML", restore_image("image.ome.tif"))
def broken_ome():
    tifffile.imwrite("image.ome.tif", images(1, 16, 16, 3)[0], photometric="rgb",
                     description="<OME><Image><Pixels", metadata=None)


@case("OME-XML", "entities that grow a billionfold", restore_image("image.ome.tif"))
def entities_ome():
    text = '<?xml version="1.0"?><!DOCTYPE OME [<!ENTITY a "aaaaaaaaaa">' + "".join(
        f'<!ENTITY {new} "{10 * f"&{old};"}">' for old, new in zip("abcdefghi", "bcdefghij"))
    tifffile.imwrite("image.ome.tif", images(1, 16, 16, 3)[0], photometric="rgb", metadata=None,
                     description=text + "]><OME>&j;</OME>")


def write_ome(size_z):
    """Three planes whose description says other."""
    write_tiff(image=images(3), ome=True, metadata={"axes": "ZYX"})
    with tifffile.TiffFile("Cells/degraded/1.tif") as tiff:
        text = tiff.ome_metadata.replace('SizeZ="3"', f'SizeZ="{size_z}"')
    write_tiff(image=images(3), description=text.encode(), metadata=None,
               photometric="minisblack")


@case("OME-XML", "claims more planes than there are", train_paired)
def planes_ome():
    write_ome(9)


@case("OME-XML", "claims terabytes", train_paired)
def terabytes_ome():
    write_ome(10**10)


# Images to restore, as Zarr and others

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


@case("restored .npy", "header claims 4 terabytes", restore_image("image.npy"))
def restored_terabytes_npy():
    Path("image.npy").write_bytes(npy_bytes((2**18, 4096, 4096)))


@case("restored .npy", "objects, which are pickled", restore_image("image.npy"))
def restored_objects_npy():
    np.save("image.npy", np.array([{"a": 1}, None]), allow_pickle=True)


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
    write_stack(imagej=True)
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


# generator.h5

@case("generator.h5", "truncated", use_generator)
def truncated_generator():
    write_generator()
    cut("generator.h5", 20_000)


@case("generator.h5", "zero bytes", use_generator)
def zero_generator():
    Path("generator.h5").write_bytes(bytes(1000))


@case("generator.h5", "a pickle", use_generator)
def pickle_generator():
    Path("generator.h5").write_bytes(b"cos\nabort\n(tR.")


@case("generator.h5", "Lambda layer that would run code, no weights of its own", use_generator)
def lambda_generator():
    with h5py.File("generator.h5", "w") as file:
        file.attrs["model_config"] = json.dumps({"class_name": "Functional", "config": {
            "layers": [{"class_name": "Lambda", "config": {"function": ["YWJvcnQ=", None]}}]}})
        file.attrs[ATTRIBUTE] = json.dumps(INFO.to_json())
        file.create_group("model_weights").attrs["layer_names"] = ["lambda"]


@case("generator.h5", "swapped shapes", use_generator)
def swapped_generator():
    with generator_opened() as (file, _):
        def swap(name, node):
            if isinstance(node, h5py.Dataset) and len(node.shape) == 4:
                swapped[name] = node[()].transpose(0, 1, 3, 2)
        swapped = {}
        file["model_weights"].visititems(swap)
        for name, array in swapped.items():
            del file["model_weights"][name]
            file["model_weights"][name] = array


@case("generator.h5", "weights of another method", use_generator)
def other_method_generator():
    info = {"method": "cin_gan", "network": "unet"}
    write_generator(**info)


@case("generator.h5", "weights of a smaller network", use_generator)
def smaller_generator():
    write_generator(network_arguments={"filters": 10_000, "num_blocks": 9})


@case("generator.h5", "a billion layers", use_generator)
def layers_generator():
    write_generator(network_arguments={"filters": 4, "num_blocks": 10**9})


@case("generator.h5", "argument of the wrong type", use_generator)
def argument_generator():
    write_generator(network_arguments={"filters": "4; import os"})


@case("generator.h5", "description is a list", use_generator)
def list_generator():
    write_generator(normalization=[1, 2])


@case("generator.h5", "description is no JSON", use_generator)
def no_json_generator():
    with generator_opened() as (file, _):
        file.attrs[ATTRIBUTE] = "{'method': 1"


@case("generator.h5", "description nested too deep", use_generator)
def deep_generator():
    with generator_opened() as (file, _):
        file.attrs[ATTRIBUTE] = 10**5 * "["


@case("generator.h5", "description is a number", use_generator)
def number_generator():
    with generator_opened() as (file, _):
        file.attrs[ATTRIBUTE] = 7


@case("generator.h5", "range that is NaN", use_generator)
def nan_range_generator():
    write_generator(normalization={"Cells": {"degraded": [0, float("nan")], "clean": [0, 1]}})


@case("generator.h5", "range of texts", use_generator)
def text_range_generator():
    write_generator(normalization={"Cells": {"degraded": ["a", "b"], "clean": [0, 1]}})


@case("generator.h5", "path as a task's name", use_generator)
def path_generator():
    write_generator(tasks=["../../evil"],
                    normalization={"../../evil": INFO.to_json()["normalization"]["Cells"]})


@case("generator.h5", "line breaks in a name", use_generator)
def line_break_generator():
    write_generator(network="resnet\nAll is well.\x1b[2J")


@case("generator.h5", "array that is a link to another file", use_generator)
def link_generator():
    with generator_opened() as (file, name):
        del file[name]
        file[name] = h5py.ExternalLink("../good.h5", name)


@case("generator.h5", "array that is a symbolic link", use_generator)
def soft_link_generator():
    with generator_opened() as (file, name):
        del file[name]
        file[name] = h5py.SoftLink("/" + name)


@case("generator.h5", "array stored in another file", use_generator)
def external_generator():
    with generator_opened() as (file, name):
        shape = file[name].shape
        del file[name]
        file.create_dataset(name, shape, np.float32, external=[("/etc/passwd", 0, 10**6)])


@case("generator.h5", "array that claims terabytes", use_generator)
def terabytes_generator():
    with generator_opened() as (file, name):
        del file[name]
        file.create_dataset(name, (2**20, 2**20), np.float32, chunks=(1024, 1024))


@case("generator.h5", "compression bomb", use_generator)
def bomb_generator():
    with generator_opened() as (file, name):
        del file[name]
        dataset = file.create_dataset(name, (300, 2**20), np.float32, chunks=(1, 2**20),
                                      compression="gzip")
        dataset[:2] = 0


@case("generator.h5", "NaN", use_generator)
def nan_generator():
    with generator_opened() as (file, name):
        file[name][...] = np.nan


@case("generator.h5", "texts for numbers", use_generator)
def texts_generator():
    with generator_opened() as (file, name):
        del file[name]
        file[name] = np.array([b"evil"])


# Run folders

@case("run folder", "config.json cut short", resume)
def cut_config():
    write_pair()
    write_run(config='{"config": {"recipe": "li')


@case("run folder", "config.json is a list", resume)
def list_config():
    write_pair()
    write_run(config='{"config": [1, 2]}')


@case("run folder", "config.json nested too deep", resume)
def deep_config():
    write_pair()
    write_run(config=10**5 * "[")


@case("run folder", "config.json without seed", resume)
def seedless_config():
    write_pair()
    write_run(config='{"config": {}}')


@case("run folder", "config.json with wrong types", resume)
def types_config():
    write_pair()
    write_run(config='{"config": {"batch_size": "many", "seed": 1}}')


@case("run folder", "config.json with another program's settings", resume)
def other_config():
    write_pair()
    write_run(config='{"config": {"critic_steps": 5, "seed": 1}}')


@case("run folder", "split.json is a number", resume_split)
def number_split():
    write_run(config="{}", split="7")


@case("run folder", "split.json of other images", resume_split)
def other_split():
    write_run(config="{}", split='{"Cells": {"seed": 2}}')


@case("checkpoint", "empty", resume_checkpoint)
def empty_checkpoint():
    cut(write_checkpoint(), 0)


@case("checkpoint", "truncated", resume_checkpoint)
def truncated_checkpoint():
    cut(write_checkpoint(), 400)


@case("checkpoint", "of other networks", resume_checkpoint)
def other_checkpoint():
    path = write_checkpoint()
    with np.load(path) as archive:
        arrays = {**archive, "generator/0": np.zeros((5, 5), np.float32)}
    np.savez(path, **arrays)


@case("checkpoint", "objects, which are pickled", resume_checkpoint)
def objects_checkpoint():
    path = write_checkpoint()
    with np.load(path) as archive:
        arrays = {**archive, "generator/0": np.array([{"a": 1}])}
    np.savez(path, **arrays)


@case("checkpoint", "array claims terabytes", resume_checkpoint)
def terabytes_checkpoint():
    rewrite_member(write_checkpoint(), "generator/0.npy", npy_bytes((2**40,)))


@case("checkpoint", "state is no JSON", resume_checkpoint)
def no_json_checkpoint():
    path = write_checkpoint()
    with np.load(path) as archive:
        arrays = {**archive, "state": np.frombuffer(b"{'a'", np.uint8)}
    np.savez(path, **arrays)


@case("checkpoint", "state of the wrong type", resume_checkpoint)
def types_checkpoint():
    write_checkpoint(bad_steps=[1, 2])


# Running them

def write_good_generator(path):
    """Write the generator that cases break, `good.h5`."""
    save_generator(path, build_network(INFO).get_weights(), INFO)


def run_case(chosen, folder):
    """Write a case's files into a new folder, run its program there and measure it.

    Args:
        chosen: the case.
        folder: has `good.h5`.
    """
    inner = folder / "case"
    inner.mkdir()
    before = os.getcwd()
    os.chdir(inner)
    try:
        chosen.make()
        files = snapshot(inner)
        error = io.StringIO()
        memory = reset_peak_memory()
        started = time.process_time()
        with (contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(error),
              logging_as_in_programs()):
            status = chosen.run()
        seconds = time.process_time() - started
        left = sorted(set(snapshot(inner)) ^ set(files))
        return Outcome(status, error.getvalue(), seconds, peak_memory() - memory, left)
    finally:
        os.chdir(before)


@contextlib.contextmanager
def logging_as_in_programs():
    """Without pytest's handlers: what other libraries log goes to standard error."""
    root = logging.getLogger()
    handlers, root.handlers = root.handlers, []
    try:
        yield
    finally:
        root.handlers = handlers


def snapshot(folder):
    return [(str(path.relative_to(folder)), path.lstat().st_size) for path in folder.rglob("*")]


def reset_peak_memory():
    """Let the peak begin anew, where the system can; return the memory in use."""
    if sys.platform == "linux":
        Path("/proc/self/clear_refs").write_text("5")
    return peak_memory()


def peak_memory():
    if sys.platform != "linux":
        return 0
    status = Path("/proc/self/status").read_text().split()
    return 1024 * int(status[status.index("VmHWM:") + 1])


def table():
    """The cases and what is printed, as Markdown."""
    lines = ["| file | case | what is printed |", "|---|---|---|"]
    with tempfile.TemporaryDirectory() as temporary:
        for number, chosen in enumerate(CASES):
            folder = Path(temporary, str(number))
            folder.mkdir()
            write_good_generator(folder / "good.h5")
            outcome = run_case(chosen, folder)
            said = outcome.error.strip().replace(f"{folder.resolve()}/case/", "")
            said = said.replace("|", "\\|").replace("`", "'")
            lines.append(f"| {chosen.kind} | {chosen.name} | `{said}` |")
    return "\n".join(lines)


if __name__ == "__main__":
    document = Path(sys.argv[1])
    start, end = "<!-- hostile files -->\n", "\n<!-- end -->"
    head, _, rest = document.read_text().partition(start)
    document.write_text(head + start + table() + end + rest.partition(end)[2])
