"""What a case is, the programs that are given it, and arrays to break."""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from microgan.cli import restore, train_cgan, train_cin_gan, train_zsegan


@dataclass(frozen=True)
class Case:
    """A file in the current folder and the program that is given it."""

    kind: str
    name: str
    make: Callable[[], None]
    run: Callable[[], int]


CASES: list[Case] = []


def case(kind, name, run):
    """Register a function that writes the files of a case."""
    def add(make):
        CASES.append(Case(kind, name, make, run))
        return make
    return add


def train_paired():
    return train_cgan.main(["train_cGAN.py", "--data_dir=.", "--seed=1"])


def train_unpaired():
    return train_cin_gan.main(["train_CIN_GAN.py", "--data_dir=.", "--seed=1"])


def train_stacks():
    return train_zsegan.main(["train_zsegan.py", "--data_dir=stacks", "--seed=1"])


def restore_image(name):
    return lambda: restore.main(["restore.py", "--generator=../good.h5", f"--input={name}",
                                 "--precision=float32"])


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


def cut(path, keep):
    content = Path(path).read_bytes()
    Path(path).write_bytes(content[:keep])


def rewrite_member(path, name, content, **settings):
    with zipfile.ZipFile(path) as archive:
        members = {member: archive.read(member) for member in archive.namelist()}
    with zipfile.ZipFile(path, "w", **settings) as archive:
        for member, old in {**members, name: content}.items():
            archive.writestr(member, old)
