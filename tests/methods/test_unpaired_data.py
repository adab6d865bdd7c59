"""What an unpaired training learns from, and what it is judged by."""

import numpy as np
import pytest

from microgan.config import CINGANConfig
from microgan.errors import UserError
from microgan.methods.unpaired_data import load_unpaired_tasks


def load(data_dir):
    config = CINGANConfig.create(data_dir=str(data_dir), seed=1)
    return load_unpaired_tasks(config, ("Blobs", "Stripes"))


@pytest.fixture
def shared(data_dir):
    """Two tasks with the same ten clean images."""
    for name in ("Blobs_Y", "Blobs_test_Y"):
        np.save(data_dir / f"{name.replace('Blobs', 'Stripes')}.npy",
                np.load(data_dir / f"{name}.npy"))
    return data_dir


def test_tasks_may_share_clean_images_that_are_divided_alike(shared):
    blobs, stripes = (task.clean_split for task in load(shared).values())

    assert (blobs.train, blobs.validation) == (stripes.train, stripes.validation)


def test_a_clean_image_that_one_task_learns_from_is_not_judged_in_another(shared):
    judged = load(shared)["Stripes"].part("validation")[1]
    np.save(shared / "Blobs_extra_Y.npy", np.stack(judged))  # held out in Blobs, too
    load(shared)
    np.save(shared / "Stripes_extra_Y.npy", np.load(shared / "Blobs_test_Y.npy") ^ 1)
    np.save(shared / "Blobs_test_Y.npy", np.load(shared / "Blobs_test_Y.npy") ^ 1)

    with pytest.raises(UserError, match="test part of 'Blobs' is also learned from in 'Stripes'"):
        load(shared)
