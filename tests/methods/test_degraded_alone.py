"""Loading degraded images that have no clean ones."""

import numpy as np
import pytest

from helpers import write_pairs
from microgan.config import CGANConfig
from microgan.errors import UserError
from microgan.methods.degraded_alone import load_degraded_tasks
from microgan.methods.paired_data import load_tasks


@pytest.fixture
def folder(tmp_path, random):
    """Five degraded images and three test pairs."""
    write_pairs(tmp_path, "Blobs", 5, random)
    write_pairs(tmp_path, "Blobs_test", 3, random)
    return tmp_path


def load(folder, **settings):
    return load_degraded_tasks(CGANConfig.create(
        recipe="limited", data_dir=folder, seed=1, **settings))["Blobs"]


def test_clean_images_are_not_read_even_if_there_are_some(folder):
    (folder / "Blobs_Y.npy").write_bytes(b"damaged")

    task = load(folder)

    assert task.split.train == (0, 1, 2, 3, 4)
    assert task.split.validation == ()
    assert task.clean_part("test") and len(task.pairs.clean) == 0


def test_images_are_those_of_a_training_on_pairs_with_the_same_seed(folder):
    pairs = load_tasks(CGANConfig.create(recipe="limited", data_dir=folder, seed=1,
                                         images_limit=3))["Blobs"].split

    task = load(folder, images_limit=3)

    assert len(task.split.train) == len(pairs.train + pairs.validation) == 3


def test_one_image_is_enough_and_test_images_without_clean_ones_are_left(folder):
    images = np.load(folder / "Blobs_X.npy")[:1]
    np.save(folder / "Blobs_X.npy", images)
    for name in ("Blobs_Y.npy", "Blobs_test_Y.npy"):
        (folder / name).unlink()

    task = load(folder)

    assert (task.split.train, task.split.test) == ((0,), ())
    np.testing.assert_array_equal(task.degraded_part("train"), images)


def test_folders_of_tiffs_and_ranges(folder, random):
    import tifffile

    (folder / "Drops" / "degraded").mkdir(parents=True)
    for number in range(2):
        tifffile.imwrite(folder / "Drops" / "degraded" / f"{number}.tif",
                         random.integers(0, 100, (20, 24)).astype(np.uint8))

    task = load_degraded_tasks(CGANConfig.create(
        recipe="limited", data_dir=folder, datasets=["Drops"], seed=1,
        normalization="min_max"))["Drops"]

    assert task.normalization.clean == task.normalization.degraded
    assert task.normalization.degraded.low == min(image.min() for image in task.pairs.degraded)


def test_a_test_image_that_was_learned_is_refused(folder):
    images = np.load(folder / "Blobs_test_X.npy")
    images[0] = np.load(folder / "Blobs_X.npy")[2]
    np.save(folder / "Blobs_test_X.npy", images)

    with pytest.raises(UserError, match="0 of 'Blobs_test' is also image 2"):
        load(folder)
