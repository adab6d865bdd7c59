"""What `split.json` records of images, so that a resumed run knows when they are others."""

import numpy as np
import pytest

from microgan.config import CGANConfig, CINGANConfig
from microgan.datasets.normalization import IntensityRange
from microgan.methods.paired_data import load_tasks
from microgan.methods.unpaired_data import load_unpaired_tasks
from microgan.methods.z_stack_data import ZStackData


def paired_record(data_dir):
    config = CGANConfig.create(data_dir=str(data_dir), seed=1)
    return load_tasks(config, degrades_clean=True)["Blobs"].split_record()


def unpaired_record(data_dir):
    config = CINGANConfig.create(data_dir=str(data_dir), seed=1)
    return load_unpaired_tasks(config, ("Blobs",))["Blobs"].split_record()


@pytest.mark.parametrize("record_of", [paired_record, unpaired_record])
@pytest.mark.parametrize("file, entry", [
    ("Blobs_X.npy", "images"), ("Blobs_test_X.npy", "test_images"),
    ("Blobs_test_Y.npy", "test_images"), ("Blobs_extra_Y.npy", "extra_images")])
def test_changed_images_change_their_entry_alone(data_dir, random, record_of, file, entry):
    np.save(data_dir / "Blobs_extra_Y.npy", random.integers(0, 255, (3, 32, 32), np.uint8))
    before = record_of(data_dir)
    images = np.load(data_dir / file)
    images[-1, 5, 5] ^= 1
    np.save(data_dir / file, images)

    now = record_of(data_dir)

    assert {name for name in now if now[name] != before[name]} == {entry}


@pytest.mark.parametrize("record_of", [paired_record, unpaired_record])
def test_extra_images_that_appear_are_noticed(data_dir, random, record_of):
    before = record_of(data_dir)
    np.save(data_dir / "Blobs_extra_Y.npy", random.integers(0, 255, (3, 32, 32), np.uint8))

    assert record_of(data_dir)["extra_images"] != before["extra_images"]


def test_stacks_of_the_report_are_recorded_beside_those_of_the_training(random):
    stack = random.integers(0, 255, (5, 8, 8), np.uint8)
    data = ZStackData(["a", "b"], [stack, stack], [2, 2], [0], [1], [stack[2]], [stack[2]],
                      IntensityRange(0, 255))
    none, one, other = (data.split_record(*tested)
                        for tested in ((), ([stack],), ([stack], [stack[0]])))

    assert len({record["test_images"] for record in (none, one, other)}) == 3
    assert none["images"] == one["images"] == other["images"]
