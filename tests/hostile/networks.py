"""Broken and hostile weights: `generator.h5`, and VGG's for the content loss."""

import contextlib
import json
import os
import re
import struct
import zlib
from pathlib import Path

import h5py
import numpy as np

from hostile.cases import case, cut, npy_bytes, rewrite_member
from microgan.cli.command import run_command
from microgan.config import CGANConfig, RestoreConfig
from microgan.datasets.normalization import IntensityRange, TaskNormalization
from microgan.generator_file import ATTRIBUTE, GeneratorInfo, load_generator
from microgan.losses.vgg_weights import VGG_KERNEL_SHAPES, read_vgg_weights

INFO = GeneratorInfo(
    method="cgan", network="resnet", network_arguments={"filters": 4, "num_blocks": 1},
    tasks=("Cells",), axes="YX", microgan_version="0", config_hash="abc",
    normalization={"Cells": TaskNormalization(IntensityRange(0, 255), IntensityRange(0, 255))})


def use_generator():
    return run_command(RestoreConfig, "", lambda config: load_generator(config.generator),
                       ["restore.py", "--generator=generator.h5", "--input=image.npy"])


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


@case("generator.h5", "truncated", use_generator)
def truncated_generator():
    write_generator()
    cut("generator.h5", 20_000)


@case("generator.h5", "zero bytes", use_generator)
def zero_generator():
    Path("generator.h5").write_bytes(bytes(1000))


@case("generator.h5", "root group damaged", use_generator)
def rootless_generator():
    write_generator()
    content = bytearray(Path("generator.h5").read_bytes())
    content[128:130] = bytes(2)
    Path("generator.h5").write_bytes(content)


@case("generator.h5", "a pickle", use_generator)
def pickle_generator():
    Path("generator.h5").write_bytes(b"cos\nabort\n(tR.")


@case("generator.h5", "Lambda layer that would run code, without weights", use_generator)
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


@case("generator.h5", "measured defect of a generator that restores", use_generator)
def measured_cgan_generator():
    write_generator(degradation={"Cells": [{"blur_px": [1.0, 2.0]}]})


@case("generator.h5", "measured defect as wide as a field", use_generator)
def wide_generator():
    write_generator(degradation={"Cells": [{"blur_px": [1e9, 2.0]}]})


@case("generator.h5", "measured defect with a setting that is not known", use_generator)
def unknown_setting_generator():
    write_generator(degradation={"Cells": [{"__class__": "os.system"}]})


@case("generator.h5", "measured defect that is not a list", use_generator)
def unlisted_generator():
    write_generator(degradation={"Cells": {"blur_px": [1.0, 2.0]}})


@case("generator.h5", "measured defects as a list", use_generator)
def listed_generator():
    write_generator(degradation=[1.0, 2.0])


@case("generator.h5", "corrects a defect that was not measured", use_generator)
def correcting_generator():
    write_generator(corrected=["Cells"])


@case("generator.h5", "description is a list", use_generator)
def list_generator():
    write_generator(normalization=[1, 2])


@case("generator.h5", "description is not JSON", use_generator)
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


@case("generator.h5", "all weights a link to another file", use_generator)
def group_link_generator():
    with generator_opened() as (file, name):
        del file["model_weights"]
        file["model_weights"] = h5py.ExternalLink("../good.h5", "model_weights")


@case("generator.h5", "layer that is a link to a named pipe", use_generator)
def pipe_generator():
    os.mkfifo("pipe")
    with generator_opened() as (file, name):
        layer = name.split("/")[1]
        del file["model_weights"][layer]
        file["model_weights"][layer] = h5py.ExternalLink("pipe", "/")


@case("generator.h5", "setting that is not known", use_generator)
def unknown_generator():
    write_generator(run="import os")


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


@case("generator.h5", "one array named 500 times", use_generator)
def repeated_generator():
    with generator_opened() as (file, name):
        layer = file["model_weights"][name.split("/")[1]]
        layer["large"] = np.zeros(10**6, np.float32)
        layer.attrs["weight_names"] = np.array(500 * [b"large"])


@case("generator.h5", "half a million names", use_generator)
def names_generator():
    with h5py.File("generator.h5", "w", libver="latest") as file:
        file.attrs[ATTRIBUTE] = json.dumps(INFO.to_json())
        group = file.create_group("model_weights", track_order=True)
        group.attrs["layer_names"] = np.full(500_000, b"layer")


@case("generator.h5", "4,000 names that lead to one text of 3 MB", use_generator)
def long_names_generator():
    write_generator()
    with h5py.File("generator.h5", "r+") as file:
        names = [3_000_000 * "a", *(3999 * "b")]
        file["model_weights"].attrs.create("layer_names", names, dtype=h5py.string_dtype())
    content = bytearray(Path("generator.h5").read_bytes())
    first = next(match.start() for match in re.finditer(
        re.escape(struct.pack("<I", 3_000_000)), content)
        if content[match.start() + 16:match.start() + 20] == struct.pack("<I", 1))
    content[first:first + 16 * 4000] = 4000 * content[first:first + 16]
    Path("generator.h5").write_bytes(content)


@case("generator.h5", "description of 5 MB", use_generator)
def long_generator():
    write_generator(tasks=500_000 * ["Cells"])


@case("generator.h5", "NaN", use_generator)
def nan_generator():
    with generator_opened() as (file, name):
        file[name][...] = np.nan


@case("generator.h5", "numbers beyond 32 bits", use_generator)
def huge_generator():
    with generator_opened() as (file, name):
        shape = file[name].shape
        del file[name]
        file[name] = np.full(shape, 1e300)


@case("generator.h5", "axes of another method", use_generator)
def axes_generator():
    write_generator(axes="ZYX")


@case("generator.h5", "texts for numbers", use_generator)
def texts_generator():
    with generator_opened() as (file, name):
        del file[name]
        file[name] = np.array([b"evil"])


def use_vgg(name):
    return lambda: run_command(CGANConfig, "", lambda config: read_vgg_weights(
        config.content_features), ["train_cGAN.py", f"--content_features={name}"])


def write_vgg(**changes):
    """VGG's layers, one of them with another array; all zero, which is not looked at."""
    arrays = {}
    for name, shape in VGG_KERNEL_SHAPES.items():
        arrays[f"{name}__kernel"] = np.zeros(shape, np.float32)
        arrays[f"{name}__bias"] = np.zeros(shape[-1], np.float32)
    np.savez_compressed("vgg.npz", **{**arrays, **changes})
    return arrays


@case("VGG weights", ".npz claims terabytes", use_vgg("vgg.npz"))
def terabytes_vgg():
    write_vgg()
    rewrite_member("vgg.npz", "block1_conv1__bias.npy", npy_bytes((2**40,), "<f4"))


@case("VGG weights", ".h5 with a chunk larger than its array", use_vgg("vgg.h5"))
def chunk_vgg_h5():
    with vgg_opened() as file:
        del file["block1_conv1/bias"]
        bias = file.create_dataset("block1_conv1/bias", (64,), np.float32, chunks=(3 * 10**8,),
                                   maxshape=(None,), compression="gzip")
        bias.id.write_direct_chunk((0,), zlib.compress(bytes(10**6)))


@case("VGG weights", ".h5 of 3,000 groups", use_vgg("vgg.h5"))
def groups_vgg():
    with vgg_opened() as file:
        for number in range(3000):
            file.create_group(f"g{number}")


@case("VGG weights", ".npz of objects", use_vgg("vgg.npz"))
def objects_vgg():
    write_vgg(block1_conv1__bias=np.array([{"a": 1}]))


@case("VGG weights", ".npz of NaN", use_vgg("vgg.npz"))
def nan_vgg():
    write_vgg(block1_conv1__bias=np.full(64, np.nan, np.float32))


@contextlib.contextmanager
def vgg_opened():
    """The same in HDF5, to be changed."""
    with h5py.File("vgg.h5", "w") as file:
        for name, array in write_vgg().items():
            file.create_dataset(name.replace("__", "/"), data=array, compression="gzip")
        yield file


@case("VGG weights", ".h5 claims terabytes", use_vgg("vgg.h5"))
def terabytes_vgg_h5():
    with vgg_opened() as file:
        del file["block1_conv1/kernel"]
        file.create_dataset("block1_conv1/kernel", (1, 1, 2**20, 2**20), np.float32,
                            chunks=(1, 1, 1024, 1024))


@case("VGG weights", ".h5 with an array of another file", use_vgg("vgg.h5"))
def external_vgg_h5():
    with vgg_opened() as file:
        del file["block1_conv1/bias"]
        file.create_dataset("block1_conv1/bias", (64,), np.float32,
                            external=[("/etc/passwd", 0, 256)])


@case("VGG weights", ".h5 with a link to a named pipe", use_vgg("vgg.h5"))
def pipe_vgg_h5():
    os.mkfifo("pipe")
    with vgg_opened() as file:
        del file["block1_conv1"]
        file["block1_conv1"] = h5py.ExternalLink("pipe", "/")
