"""Readers are given good files with random changes: each reads or refuses, nothing else.

What a longer run finds is kept as a case of hostile_files.py.
"""

import contextlib
import json
import os
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

import hostile_files
from hostile import arrays, cases, networks, runs, tiffs, zarrs
from microgan.config import CGANConfig
from microgan.datasets.file_notes import FileNotes
from microgan.datasets.grey_images import load_array, load_care_archive
from microgan.datasets.image_planes import load_planes
from microgan.datasets.paired_arrays import check_image
from microgan.datasets.z_stacks import read_stack
from microgan.errors import UserError
from microgan.runs.run_folder import check_run_folder
from microgan.generator_file import _opened, _read_weights, read_info
from microgan.losses.vgg_weights import read_vgg_weights
from microgan.restoration.image_files import open_image_file
from microgan.restoration.kept_pixels import check_pixels
from microgan.restoration.planes import percentiles
from microgan.runs.checkpoints import load_last_checkpoint

SIZES = [0, 1, 0x7f, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0xffffffff, 2**63 - 1, 2**64 - 1]


def read_generator(path):
    read_info(path)
    with _opened(path) as file:
        _read_weights(file, path)


def read_all(images):
    for image in images:
        check_image(image, "Image")


def read_restored(path):
    with open_image_file(path) as file:
        for image in file.images:
            check_pixels(image.pixels, None)
            percentiles(image.pixels)


def read_config(path):
    check_run_folder(path.parent, CGANConfig.create(resume=True), ())


def write_tiff(**settings):
    return lambda: tiffs.write_tiff(**settings)


def write_config():
    runs.write_run(
        config=json.dumps({"config": CGANConfig.create(seed=1).to_json()}))


def write_vgg():
    with networks.vgg_opened():
        pass


def read_tiff(path):
    read_all(load_planes(path, FileNotes()))


# By name: what writes a good file, its path, and what reads it.
READERS = {
    "npy": (cases.write_pair, "Cells_X.npy", lambda path: read_all(load_array(path))),
    "npz": (arrays.write_npz, "Cells.npz",
            lambda path: [read_all(images) for images in load_care_archive(path)]),
    "tiff": (write_tiff(), "Cells/degraded/1.tif", read_tiff),
    "zlib": (write_tiff(compression="zlib"), "Cells/degraded/1.tif",
             read_tiff),
    "imagej": (write_tiff(imagej=True), "Cells/degraded/1.tif",
               read_tiff),
    "ome": (write_tiff(ome=True), "Cells/degraded/1.tif",
            read_tiff),
    "z-stack": (lambda: tiffs.write_stack(imagej=True, metadata={"axes": "ZYX"}),
                "stacks/1.tif", read_stack),
    "restored": (write_tiff(compression="zlib"), "Cells/degraded/1.tif", read_restored),
    "restored OME": (write_tiff(ome=True), "Cells/degraded/1.tif", read_restored),
    "Zarr array": (zarrs.write_zarr, "image.zarr/0/.zarray",
                   lambda path: read_restored(path.parent.parent)),
    "Zarr group": (zarrs.write_zarr, "image.zarr/.zattrs",
                   lambda path: read_restored(path.parent)),
    "Zarr 3 array": (zarrs.write_zarr_v3, "image.zarr/0/zarr.json",
                     lambda path: read_restored(path.parent.parent)),
    "Zarr 3 group": (zarrs.write_zarr_v3, "image.zarr/zarr.json",
                     lambda path: read_restored(path.parent)),
    "Zarr 3 shard": (zarrs.write_shard, "image.zarr/0/c/0/0",
                     lambda path: read_restored(path.parents[3])),
    "VGG": (write_vgg, "vgg.h5", read_vgg_weights),
    "config": (write_config, "Microscopy_cGAN_results/config.json", read_config),
    "generator": (networks.write_generator, "generator.h5", read_generator),
    "checkpoint": (runs.write_checkpoint,
                   "Microscopy_cGAN_results/checkpoint/update_000007.npz",
                   lambda path: load_last_checkpoint(path.parent)),
}

places = st.tuples(st.booleans(), st.floats(0, 1, exclude_max=True))
changes = st.lists(min_size=1, max_size=6, elements=st.one_of(
    st.tuples(st.just("put"), places, st.one_of(
        st.binary(min_size=1, max_size=8),
        st.builds(lambda value, size, order: (value % 256**size).to_bytes(size, order),
                  st.sampled_from(SIZES), st.sampled_from([1, 2, 4, 8]),
                  st.sampled_from(["little", "big"])))),
    st.tuples(st.just("insert"), places, st.binary(min_size=1, max_size=40)),
    st.tuples(st.just("remove"), places, st.integers(1, 40)),
    st.tuples(st.just("cut"), places, st.none())))


def changed(content, edits):
    """Apply edits; half of them in the first 512 bytes, where the headers are."""
    content = bytearray(content)
    for kind, (in_header, share), value in edits:
        place = int(share * (min(len(content), 512) if in_header else len(content)))
        if kind == "put":
            content[place:place + len(value)] = value
        elif kind == "insert":
            content[place:place] = value
        elif kind == "remove":
            del content[place:place + value]
        else:
            del content[place:]
    return bytes(content)


@pytest.fixture(scope="module")
def good_generator(tmp_path_factory):
    path = tmp_path_factory.mktemp("good") / "good.h5"
    hostile_files.write_good_generator(path)
    return path.read_bytes()


@pytest.fixture(params=READERS)
def reader(request, tmp_path, monkeypatch, good_generator):
    """A good file's path and content, and what reads it."""
    folder = tmp_path / "case"
    folder.mkdir()
    (tmp_path / "good.h5").write_bytes(good_generator)
    monkeypatch.chdir(folder)
    write, name, read = READERS[request.param]
    write()
    return Path(name).resolve(), Path(name).read_bytes(), read


def assert_harmless(reader, edits):
    path, good, read = reader
    path.write_bytes(changed(good, edits))
    memory = hostile_files.reset_peak_memory()
    started = time.process_time()

    with contextlib.suppress(UserError):
        read(path)

    assert time.process_time() - started < 1
    assert hostile_files.peak_memory() - memory < 500e6


quickly = settings(deadline=None, database=None,
                   suppress_health_check=[HealthCheck.function_scoped_fixture])


@settings(quickly, max_examples=30, derandomize=True)
@given(edits=changes)
def test_changed_file_is_read_or_refused(reader, edits):
    assert_harmless(reader, edits)


@pytest.mark.endurance
def test_many_changed_files_are_read_or_refused(reader):
    """For MICROGAN_FUZZ_SECONDS of computing over all readers, ten minutes if unset."""
    end = time.process_time() + float(os.environ.get("MICROGAN_FUZZ_SECONDS", 600)) / len(READERS)
    number = 0
    while time.process_time() < end:
        number += 1

        @seed(number)
        @settings(quickly, max_examples=200)
        @given(edits=changes)
        def look(edits):
            assert_harmless(reader, edits)

        look()
