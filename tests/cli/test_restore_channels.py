"""restore.py on files of several channels: each is restored by its own task."""

import json

import numpy as np
import pytest
import tifffile

from cli.conftest import DOUBLE
from microgan.datasets.normalization import IntensityRange, TaskNormalization
from microgan.generator_file import GeneratorInfo, build_network, save_generator

# Four times as bright.
FOURFOLD = TaskNormalization(IntensityRange(0, 50), IntensityRange(0, 200))
NAMES = ["DAPI", "Actin", "BF"]


@pytest.fixture(scope="module")
def channels(generators):
    info = GeneratorInfo("cgan", "unet", {"filters": 2, "depth": 1}, ("A_DAPI", "A_Actin"),
                         {"A_DAPI": DOUBLE, "A_Actin": FOURFOLD}, "YX", "0.1.0", "",
                         channels={"A_DAPI": "DAPI", "A_Actin": "Actin"})
    save_generator(generators / "channels.h5", build_network(info).get_weights(), info)
    return "channels"


@pytest.fixture
def movie(tmp_path, random):
    pixels = random.integers(0, 50, (2, 3, 20, 24)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", pixels, imagej=True,
                     metadata={"axes": "TCYX", "Labels": NAMES * 2})
    return pixels


def test_every_known_channel_has_its_task_and_others_stay(restore, channels, movie, tmp_path):
    status, out, _ = restore("--input=a.tif", generator=channels)

    assert status == 0
    restored = tifffile.imread(tmp_path / "restored" / "a.tif")
    np.testing.assert_array_equal(restored, movie * np.array([2, 4, 1])[:, None, None])
    assert "a.tif: channel DAPI as A_DAPI, channel Actin as A_Actin; left as it was: BF." in out


def test_channels_of_ome_files_are_found_in_any_order(restore, channels, movie, tmp_path):
    tifffile.imwrite(tmp_path / "b.ome.tif", movie[:, ::-1], photometric="minisblack",
                     metadata={"axes": "TCYX", "Channel": {"Name": NAMES[::-1]}})

    status, _, _ = restore("--input=b.ome.tif", "--task=A_Actin", "--output_type=float32",
                           generator=channels)

    assert status == 0
    np.testing.assert_allclose(tifffile.imread(tmp_path / "restored" / "b.ome.tif"),
                               movie[:, ::-1] * np.array([1, 4, 1])[:, None, None], atol=1e-3)


def test_unknown_channels_end_in_one_line_before_the_work(restore, channels, movie, tmp_path):
    tifffile.imwrite(tmp_path / "c.ome.tif", movie, photometric="minisblack",
                     metadata={"axes": "TCYX", "Channel": {"Name": ["x", "y", "z"]}})

    status, _, err = restore("--input=c.ome.tif", generator=channels)

    assert status == 2 and err.count("\n") == 1
    assert "c.ome.tif: no channel of it (1 x, 2 y, 3 z) is one that the generator" in err


def test_trust_maps_are_of_the_restored_channel(restore, channels, movie, tmp_path):
    status, _, err = restore("--input=a.tif", "--task=A_Actin", "--trust_map=True",
                             "--test_time_augmentation=True", generator=channels)

    assert status == 0, err
    spread = tifffile.imread(tmp_path / "restored" / "a_spread.tif")
    assert spread.shape == movie.shape and not spread[:, ::2].any()
    scores = json.loads((tmp_path / "restored" / "a_trust.json").read_text())
    assert scores["image"]["spread"] < 1e-3
