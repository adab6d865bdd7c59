"""Tiny images, and programs run as a user would."""

import contextlib
import csv
import os
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from scipy import ndimage

from microgan.generator_file import read_info
from microgan.losses.vgg_weights import VGG_KERNEL_SHAPES
from microgan.restoration.image_files import open_image_file
from microgan.restoration.stored_images import Scratch

ROOT = Path(__file__).resolve().parent.parent

# Networks narrow enough to compile and run in seconds; with the discriminator that
# --recipe=limited has not.
NARROW = ("--recipe=limited", "--generator_filters=4", "--discriminator_filters=4",
          "--adversarial_weight=0.005", "--patch_size=32", "--batch_size=4", "--num_gpu=0",
          "--precision=float32")

# The narrowest, where only the run's course is of interest; for images of 16 x 16 pixels.
_NARROWEST = ("--recipe=limited", "--patch_size=16", "--batch_size=2", "--num_gpu=0",
              "--precision=float32")
NARROW_CGAN = (*_NARROWEST, "--generator_filters=2", "--discriminator_filters=2",
               "--adversarial_weight=0.005", "--content_weight=0")
NARROW_CIN_GAN = (*_NARROWEST, "--generator_filters=2", "--critic_filters=2", "--critic_steps=1",
                  "--style_weight=0")
NARROW_ZSE_GAN = (*_NARROWEST, "--translator_filters=2", "--simulated_stacks=2")


def make_pairs(count, random, size=32):
    """Clean uint8 images of smooth blobs, and the same blurred and noisy."""
    clean = ndimage.gaussian_filter(random.normal(size=(count, size, size)), (0, 1.5, 1.5))
    clean = np.clip(120 + 250 * clean, 0, 255)
    degraded = ndimage.gaussian_filter(clean, (0, 1, 1)) + random.normal(0, 20, clean.shape)
    return np.clip(degraded, 0, 255).astype(np.uint8), clean.astype(np.uint8)


def with_random_weights(model):
    """Give a network that gives its input back at first random weights, always the same."""
    random = np.random.default_rng(0)
    for weight in model.weights:
        weight.assign(random.normal(0, 1.4 / np.sqrt(np.prod(weight.shape[:-1])), weight.shape))
    return model


def write_pairs(folder, name, count, random, size=32):
    """Write `NAME_X.npy` (degraded) and `NAME_Y.npy` (clean)."""
    for letter, images in zip("XY", make_pairs(count, random, size)):
        np.save(folder / f"{name}_{letter}.npy", images)


def run_script(name, *arguments, cwd, timeout=300, **variables):
    """Run a script of the project, or a module of it, in a folder; what it did.

    Further keywords are variables of the environment.
    """
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **variables}
    started = [str(ROOT / name)] if str(name).endswith(".py") else ["-m", name]
    return subprocess.run([sys.executable, *started, *map(str, arguments)], cwd=cwd,
                          env=environment, text=True, capture_output=True, timeout=timeout)


def run_without_tensorflow(module, *arguments, cwd):
    """Run a program of `microgan.cli` and return what it did; importing TensorFlow is an error."""
    program = (f"import sys; from microgan.cli.{module} import main; status = main(); "
               "assert 'tensorflow' not in sys.modules; sys.exit(status)")
    return subprocess.run([sys.executable, "-c", program, *map(str, arguments)], cwd=cwd,
                          env={**os.environ, "PYTHONPATH": str(ROOT)}, text=True,
                          capture_output=True)


def files_in(folder):
    """Paths of all files below a folder, relative to it, as text."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def assert_mistake(result, *words):
    """Assert that a program ended with one line on standard error and status 2."""
    assert result.returncode == 2, result.stderr
    assert len(result.stderr.strip().splitlines()) == 1, result.stderr
    for word in words:
        assert word in result.stderr


def assert_printed_mistake(status, printed, *words):
    """As `assert_mistake`, of a program run within the test and what `capsys` read."""
    assert status == 2, printed.err
    assert printed.err.endswith("\n") and printed.err.count("\n") == 1, printed.err
    for word in words:
        assert word in printed.err


def write_random_vgg(path):
    """Write VGG weights of the right shapes to block3_conv3, random but of sane size."""
    random = np.random.default_rng(0)
    weights = {}
    for name, shape in VGG_KERNEL_SHAPES.items():
        scale = np.sqrt(2 / np.prod(shape[:3]))
        weights[f"{name}__kernel"] = (scale * random.normal(size=shape)).astype(np.float32)
        weights[f"{name}__bias"] = np.zeros(shape[-1], np.float32)
    np.savez(path, **weights)


def round_trip(path, dtype=None, maps=(), **arguments):
    """Write an image file's own pixels back like it; give the opened file and the new path.

    As restoring does: in the image's own type, or in another; with `maps` of the intensities.
    """
    folder = path.parent / "out"
    folder.mkdir()
    with open_image_file(path, **arguments) as file, contextlib.ExitStack() as stack:
        parts = []
        for image in file.images:
            part = stack.enter_context(Scratch(folder, image.pixels.shape,
                                               dtype or image.pixels.dtype))
            part[...] = image.pixels[(slice(None),) * len(image.axes)]
            parts.append(part)
        file.write_like(folder / path.name, parts, maps)
        return file, folder / path.name


def assert_same_arrays(arrays, wanted):
    """Assert that two lists of arrays are equal, bit for bit."""
    assert len(arrays) == len(wanted)
    for array, other in zip(arrays, wanted):
        np.testing.assert_array_equal(array, other)


def run_history(folder):
    """The rows of a run's `history.csv`, without the times."""
    with open(folder / "history.csv") as file:
        return [{name: value for name, value in row.items() if name != "seconds"}
                for row in csv.DictReader(file)]


def assert_same_run(one, other):
    """Assert that two run folders hold the same history and generator, bit for bit."""
    np.testing.assert_equal(run_history(one), run_history(other))
    first, second = (_arrays_in(folder / "generator.h5") for folder in (one, other))
    assert first
    np.testing.assert_equal(list(first), list(second))
    for name, array in first.items():
        np.testing.assert_array_equal(array, second[name], err_msg=name)
    assert read_info(one / "generator.h5", method=None).normalization == read_info(
        other / "generator.h5", method=None).normalization


def _arrays_in(path):
    """Every array in an HDF5 file, by name."""
    found = {}
    with h5py.File(path) as file:
        file.visititems(lambda name, node: found.update({name: node[()]})
                        if isinstance(node, h5py.Dataset) else None)
    return found


class Trainings:
    """Stands in for `cells.train`: an update takes a second, whatever the method."""

    def __init__(self):
        self.done = []

    def __call__(self, script, folder, flags):
        flags = dict(flag[2:].split("=", 1) for flag in flags)
        self.done.append((script, folder.name, flags))
        run = folder / "run"
        run.mkdir(parents=True, exist_ok=True)  # a finished run is resumed
        every, last = int(flags["validate_every"]), int(flags["num_iters"])
        with open(run / "history.csv", "w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["update", "seconds"])
            writer.writerows([update, update] for update in (*range(every, last, every), last))
        return run

    def updates(self):
        """Of the trainings that are no trials."""
        return {name: int(flags["num_iters"]) for _, name, flags in self.done
                if not name.startswith("updates_")}


def need_napari():
    """Skip the module unless napari, pytest-qt and a display are there."""
    pytest.importorskip("napari")
    pytest.importorskip("pytestqt")
    if sys.platform == "linux" and not os.environ.get("DISPLAY"):
        pytest.skip("needs a display: run under xvfb-run", allow_module_level=True)


def read_pixels(path):
    """All values of the one image of a file."""
    with open_image_file(path) as file:
        (image,) = file.images
        return image.pixels[(slice(None),) * len(image.axes)]
