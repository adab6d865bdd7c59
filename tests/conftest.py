"""Settings and fixtures of all tests."""

# flake8: noqa: E402
import os
import signal
import subprocess
import sys

# Before TensorFlow is imported: its start-up lines are not what a test report is for.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# What a shell starts in the background ignores Ctrl-C, and so would the programs tested.
signal.signal(signal.SIGINT, signal.default_int_handler)

import numpy as np
import pytest

from helpers import write_pairs


@pytest.fixture
def random():
    """A seeded random generator."""
    return np.random.default_rng(7)


@pytest.fixture
def written(monkeypatch):
    """Names of the files that appear from now on, in that order."""
    names, usual = [], os.replace

    def replace(source, target):
        usual(source, target)
        names.append(os.path.basename(target))

    monkeypatch.setattr(os, "replace", replace)
    return names


@pytest.fixture
def data_dir(tmp_path, random):
    """A folder with two tasks of ten tiny pairs, 32 x 32, and four test pairs each."""
    folder = tmp_path / "images"
    folder.mkdir()
    for name in ("Blobs", "Stripes"):
        write_pairs(folder, name, 10, random)
        write_pairs(folder, f"{name}_test", 4, random)
    return folder


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 64 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(disk)]
    if sys.platform != "linux" or os.geteuid() or subprocess.run(
            command, capture_output=True).returncode:
        pytest.skip("only root can mount a small file system, on Linux")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


@pytest.fixture(scope="session")
def identity():
    """A generator that changes nothing."""
    from microgan.runtime.startup import import_tensorflow_quietly

    import_tensorflow_quietly()
    import keras

    image = keras.Input((None, None, 1))
    return keras.Model(image, keras.layers.Activation("linear")(image))
