"""Untrained generators, and restore.py run in an empty folder."""

import numpy as np
import pytest

from microgan.cli.restore import main
from microgan.datasets.error_bounds import ErrorBounds
from microgan.datasets.normalization import IntensityRange, TaskNormalization
from microgan.generator_file import GeneratorInfo, build_network, save_generator

# Untrained, the network gives its input back; these ranges then make it twice as bright.
DOUBLE = TaskNormalization(IntensityRange(0, 100), IntensityRange(0, 200))
BOUNDS = ErrorBounds((0.0, 1.0, 3.0), (1.0, 5.0, 7.0))

# File name -> method, network and its arguments, tasks, axes.
NETWORKS = {
    "one": ("cgan", "unet", {"filters": 2, "depth": 1}, ("A",), "YX"),
    "uneven": ("cgan", "unet", {"filters": 2, "depth": 1}, ("A",), "YX"),
    "bounded": ("cgan", "unet", {"filters": 2, "depth": 1}, ("A",), "YX"),
    "two": ("cgan", "unet", {"filters": 2, "depth": 1}, ("A", "B"), "YX"),
    "defects": ("cin_gan", "resnet", {"filters": 2, "num_blocks": 0}, ("A", "B"), "YX"),
    "enlarging": ("cgan", "unet", {"filters": 2, "depth": 1}, ("A",), "YX"),
    "stacks": ("zse_gan", "residual", {"filters": 2, "num_blocks": 0}, ("A",), "ZYX"),
}


@pytest.fixture(scope="session")
def generators(tmp_path_factory):
    """A folder of generator files, NAME.h5 for each of `NETWORKS`."""
    folder = tmp_path_factory.mktemp("generators")
    for name, (method, network, arguments, tasks, axes) in NETWORKS.items():
        info = GeneratorInfo(method, network, arguments, tasks, dict.fromkeys(tasks, DOUBLE),
                             axes, "0.1.0", "", upsample=2 if name == "enlarging" else 1,
                             error_bounds={"A": BOUNDS} if name == "bounded" else {})
        weights = build_network(info).get_weights()
        if name in ("uneven", "bounded"):  # treat no two mirror images alike
            weights = [np.random.default_rng(0).normal(0, 0.2, weight.shape)
                       for weight in weights]
        save_generator(folder / f"{name}.h5", weights, info)
    return folder


@pytest.fixture
def image(random):
    return random.integers(0, 101, (3, 20, 30)).astype(np.uint8)


@pytest.fixture
def restore(generators, tmp_path, monkeypatch, capsys):
    """Run the program in an empty folder; gives its status and what it printed."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments, generator="one"):
        status = main(["restore.py", f"--generator={generators / generator}.h5",
                       "--precision=float32", *arguments])
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return run
