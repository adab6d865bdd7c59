"""Images of any number and size through a network, few pixels at a time."""

import numpy as np
import pytest

from helpers import with_random_weights
from microgan.datasets.normalization import IntensityRange, TaskNormalization
from microgan.generator_file import GeneratorInfo, build_network
from microgan.restoration import in_memory
from microgan.restoration.in_memory import InMemoryRestorer
from microgan.restoration.tiled_network import TiledNetwork

RANGE = IntensityRange(0, 100)
INFO = GeneratorInfo("cgan", "unet", {"filters": 2, "depth": 1}, ("A", "B"),
                     {name: TaskNormalization(RANGE, RANGE) for name in "AB"}, "YX", "0", "",
                     test_time_augmentation=True)


@pytest.fixture(scope="module")
def unet():
    return with_random_weights(build_network(INFO))


@pytest.fixture
def pixels_at_once(monkeypatch):
    """How many pixels each call of a network got."""
    counts = []
    apply_network, restored = in_memory.apply_network, TiledNetwork._restored

    def applied(model, inputs, *, training):
        counts.append(inputs[..., 0].size)
        return apply_network(model, inputs, training=training)

    def tile_restored(self, network, images, *arguments):
        counts.append(images.size)
        return restored(self, network, images, *arguments)

    monkeypatch.setattr(in_memory, "apply_network", applied)
    monkeypatch.setattr(TiledNetwork, "_restored", tile_restored)
    return counts


def limit_batches(monkeypatch, pixels):
    for module in ("batching", "restoration.in_memory", "restoration.restorer"):
        monkeypatch.setattr(f"microgan.{module}.PIXELS_PER_BATCH", pixels)


def images_of(random, *shapes):
    return [random.uniform(0, 100, shape) for shape in shapes]


def test_images_of_many_sizes_keep_their_order(identity, random):
    planes = images_of(random, *((size, 20) for size in (16, 30, 16, 17, 30, 18)))

    restored = InMemoryRestorer(identity, INFO)("A", planes)

    for plane, image in zip(planes, restored, strict=True):
        np.testing.assert_allclose(image, plane, atol=1e-4)


def test_batches_make_no_difference(identity, random, monkeypatch):
    planes = images_of(random, *[(16, 20)] * 7)
    restore = InMemoryRestorer(identity, INFO)
    at_once = restore("A", planes)

    limit_batches(monkeypatch, 3 * 16 * 20)

    np.testing.assert_array_equal(restore("A", planes), at_once)


def test_large_images_go_in_tiles_and_agree_with_the_whole(unet, random, monkeypatch,
                                                           pixels_at_once):
    planes = images_of(random, (180, 203), (30, 20), (203, 180))
    whole = InMemoryRestorer(unet, INFO)("A", planes)
    assert max(pixels_at_once) >= 180 * 203
    pixels_at_once.clear()
    limit_batches(monkeypatch, 100 * 100)
    monkeypatch.setattr("microgan.runtime.memory.free_bytes", lambda: 0.0)

    tiled = InMemoryRestorer(unet, INFO)("A", planes)

    assert max(pixels_at_once) <= 100 * 100
    for image, expected in zip(tiled, whole, strict=True):
        assert image.dtype == expected.dtype == np.float64
        np.testing.assert_allclose(image, expected, atol=1e-3)


def test_large_images_are_compiled_for_once(unet, random, monkeypatch):
    made, usual = [], in_memory.Restorer

    def counted(*arguments):
        made.append(arguments)
        return usual(*arguments)

    monkeypatch.setattr(in_memory, "Restorer", counted)
    limit_batches(monkeypatch, 16 * 16)
    restore = InMemoryRestorer(unet, INFO)

    for task in "AB":
        restore(task, images_of(random, (20, 24), (24, 20)))

    assert made == [(unet, INFO)]
