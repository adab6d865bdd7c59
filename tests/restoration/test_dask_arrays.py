"""A Dask array is restored lazily, block by block, as the whole image is."""

import dataclasses

import numpy as np
import pytest

from microgan.datasets.normalization import IntensityRange, TaskNormalization
from microgan.errors import UserError
from microgan.generator_file import GeneratorInfo, build_network, save_generator
from microgan.restoration.restorer import Restorer, load_restorer

dask = pytest.importorskip("dask")
array = pytest.importorskip("dask.array")

RANGES = TaskNormalization(IntensityRange(0, 100), IntensityRange(0, 200))


def save(path, *, seed=0, method="cgan", network="unet", tasks=("A",), **arguments):
    """Write a generator that treats no two pixels alike."""
    arguments = {"filters": 2, **(arguments or {"depth": 2})}
    info = GeneratorInfo(method, network, arguments, tasks, dict.fromkeys(tasks, RANGES), "YX",
                         "0.1.0", "")
    random = np.random.default_rng(seed)
    save_generator(path, [random.normal(0, 0.2, weight.shape)
                          for weight in build_network(info).get_weights()], info)
    return path


@pytest.fixture(scope="module")
def restorer(tmp_path_factory):
    path = save(tmp_path_factory.mktemp("generator") / "generator.h5")
    return load_restorer(path, precision="float32", tile=32)


@pytest.fixture
def image(random):
    return random.integers(0, 101, (2, 70, 101)).astype(np.uint8)


def test_a_dask_array_becomes_what_the_image_does(restorer, image):
    lazy = restorer.restore_dask(array.from_array(image, chunks=(2, 33, 50)), axes="CYX")

    assert (lazy.shape, lazy.dtype) == (image.shape, image.dtype)
    assert len(lazy.chunks[1]) > 1 and len(lazy.chunks[2]) > 1
    restored = lazy.compute(scheduler="synchronous")
    whole = restorer(image, axes="CYX", report=lambda line: None)
    assert np.abs(restored.astype(int) - whole).max() <= 1
    assert (restored == whole).mean() > 0.99
    assert np.abs(whole.astype(int) - 2 * image.astype(int)).max() > 10


def test_axes_come_in_any_order_and_chunks_of_any_size_give_the_same(restorer, image):
    restored = [restorer.restore_dask(array.from_array(values, chunks=chunks), axes=axes)
                .compute(scheduler="synchronous")
                for values, chunks, axes in (
                    (image, (1, 32, 32), "CYX"), (np.moveaxis(image, 0, 2), 101, "YXC"))]

    np.testing.assert_array_equal(restored[0], np.moveaxis(restored[1], 2, 0))


def test_nothing_is_computed_before_it_is_asked_for(restorer):
    def fail():
        raise AssertionError("computed")

    lazy = array.from_delayed(dask.delayed(fail)(), (300, 500), "uint16")

    restored = restorer.restore_dask(lazy)

    assert restored.shape == (300, 500)
    assert max(map(max, restored.chunks)) <= 64


@pytest.mark.parametrize("kind, words", [
    ({"network": "resnet", "num_blocks": 0}, "instance norms take mean .* --recipe=limited"),
    ({"method": "cin_gan", "network": "resnet", "num_blocks": 0}, "defects .* whole image"),
    ({"tasks": ("A", "B")}, "without a task, .* name --task=A or --task=B"),
    ({"tasks": ()}, "no tasks, so the result's brightness comes from the whole image")])
def test_what_needs_the_whole_image_is_refused(tmp_path, image, kind, words):
    path = save(tmp_path / "generator.h5", **kind)
    task = "A" if kind.get("method") == "cin_gan" else None

    with pytest.raises(UserError, match=f"cannot be restored block by block: .*{words}"):
        load_restorer(path).restore_dask(image, axes="CYX", task=task)


@pytest.mark.parametrize("change, words", [
    (lambda image: image.astype("complex64"), "holds complex64 values"),
    (lambda image: image[:, :10], "10 x 101 pixels are too small"),
    (lambda image: image[0] > 5, "holds bool values"),
    (lambda image: array.from_array(image)[array.from_array(image)[:, 0, 0] > 1000],
     "does not know its shape")])
def test_what_is_no_image_is_refused_before_the_work(restorer, image, change, words):
    with pytest.raises(UserError, match=words):
        restorer.restore_dask(change(image))


def test_a_restorer_without_a_file_is_refused(restorer, identity):
    with pytest.raises(UserError, match="Only a restorer that load_restorer has loaded"):
        Restorer(identity, restorer.info).restore_dask(np.zeros((20, 20), np.uint8))


def test_another_file_or_version_on_a_worker_is_refused(tmp_path, image):
    restorer = load_restorer(save(tmp_path / "generator.h5"))
    lazy = restorer.restore_dask(image)
    restorer.loaded_from = dataclasses.replace(restorer.loaded_from, version="0.0.1")
    of_other_version = restorer.restore_dask(image)
    save(tmp_path / "generator.h5", seed=1)

    with pytest.raises(UserError, match="generator.h5 has changed since the work began"):
        lazy.compute(scheduler="synchronous")
    with pytest.raises(UserError, match="A worker has microgan .*, but 0.0.1 is needed"):
        of_other_version.compute(scheduler="synchronous")
