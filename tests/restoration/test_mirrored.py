"""The mean over mirror images, by hand and of networks."""

import dataclasses

import numpy as np
import pytest

from helpers import with_random_weights
from microgan.datasets.normalization import IntensityRange, TaskNormalization
from microgan.errors import UserError
from microgan.generator_file import GeneratorInfo, build_network, read_info, save_generator
from microgan.restoration.in_memory import InMemoryRestorer
from microgan.restoration.mirrored import average_over_mirrors
from microgan.restoration.restorer import load_restorer
from microgan.restoration.tiled_network import TiledNetwork

RANGE = IntensityRange(0, 100)
INFO = GeneratorInfo("cgan", "unet", {"filters": 2, "depth": 2}, ("A",),
                     {"A": TaskNormalization(RANGE, RANGE)}, "YX", "0.1.0", "",
                     test_time_augmentation=True)


@pytest.fixture(scope="module")
def network():
    """A U-Net of stride 4 that treats no two mirror images alike."""
    return with_random_weights(build_network(INFO))


@pytest.fixture
def path(network, tmp_path):
    save_generator(tmp_path / "generator.h5", network.get_weights(), INFO)
    return tmp_path / "generator.h5"


def test_values_worked_by_hand():
    def to_the_right(images):
        return np.roll(images, 1, axis=2)

    result = average_over_mirrors(to_the_right, np.float32([[[1, 0, 0], [0, 0, 0]]]), 1)

    # Mirrored along X, the network moves pixels to the left.
    np.testing.assert_array_equal(result, np.float32([[[0, 0.5, 0.5], [0, 0, 0]]]))


def test_sizes_are_padded_by_reflection_before_mirroring():
    seen = []

    def look(images):
        seen.append(images[0])
        return images

    image = np.arange(15, dtype=np.float32).reshape(1, 3, 5)
    result = average_over_mirrors(look, image, 4)

    np.testing.assert_array_equal(result, image)
    padded = np.pad(image[0], [(0, 1), (0, 3)], "reflect")
    for view, expected in zip(seen, [padded, padded[::-1], padded[:, ::-1], padded[::-1, ::-1]],
                              strict=True):
        np.testing.assert_array_equal(view, expected)


def test_a_mirrored_image_is_restored_to_the_mirrored_result(network, random):
    planes = [random.uniform(0, 100, (16, 24)).astype(np.float32)]
    restore = InMemoryRestorer(network, INFO)

    (restored,) = restore("A", planes)
    (mirrored,) = restore("A", [planes[0][:, ::-1]])

    np.testing.assert_allclose(mirrored[:, ::-1], restored, atol=1e-3)
    once_info = dataclasses.replace(INFO, test_time_augmentation=False)
    (once,) = InMemoryRestorer(network, once_info)("A", planes)
    assert np.abs(once - restored).max() > 1


def test_tiles_agree_with_the_whole_whatever_the_size(network, random):
    tiled_network = TiledNetwork(network, test_time_augmentation=True)
    image = random.normal(size=(103, 150)).astype(np.float32)
    result = np.full(image.shape, np.nan, np.float32)

    for _ in tiled_network.restore(lambda where: image[where], result.__setitem__, image.shape,
                                   40):
        pass

    assert tiled_network.grid_size(image.shape, 40)[0] > 4
    np.testing.assert_allclose(result, tiled_network.restore_batch(image[None], [0])[0],
                               atol=1e-5)


def test_generator_remembers_and_a_user_may_choose(path, random):
    image = random.uniform(0, 100, (16, 24)).astype(np.float32)
    restore, once = (load_restorer(path, precision="float32", test_time_augmentation=chosen)
                     for chosen in (None, False))

    expected = np.mean([np.flip(once(np.flip(image, axes)), axes)
                        for axes in ((), (0,), (1,), (0, 1))], axis=0)

    assert read_info(path, method="cgan").test_time_augmentation
    np.testing.assert_allclose(restore(image), expected, atol=1e-3)


def test_generators_with_instance_norm_have_none(tmp_path):
    resnet = dataclasses.replace(INFO, network="resnet", test_time_augmentation=False,
                                 network_arguments={"filters": 2, "num_blocks": 0})
    model = build_network(resnet)
    save_generator(tmp_path / "resnet.h5", model.get_weights(), resnet)

    with pytest.raises(UserError, match="for the U-Net of train_cGAN.py; this is the resnet"):
        load_restorer(tmp_path / "resnet.h5", test_time_augmentation=True)
    with pytest.raises(ValueError, match="without instance norms"):
        TiledNetwork(model, test_time_augmentation=True)
    for value in (True, "yes"):
        with pytest.raises(ValueError, match="test_time_augmentation"):
            GeneratorInfo.from_json({**resnet.to_json(), "test_time_augmentation": value})
