"""Which task restores which channel."""

from dataclasses import replace

import numpy as np
import pytest

from microgan.datasets.normalization import IntensityRange, TaskNormalization
from microgan.errors import UserError
from microgan.generator_file import GeneratorInfo
from microgan.restoration.channels import find_channel_tasks
from microgan.restoration.stored_images import StoredImage

RANGES = TaskNormalization(IntensityRange(0, 1), IntensityRange(0, 1))
TASKS = ("Cells_DAPI", "Cells_2", "Other")
INFO = GeneratorInfo("cgan", "unet", {}, TASKS, dict.fromkeys(TASKS, RANGES), "YX", "0", "",
                     channels={"Cells_DAPI": "DAPI", "Cells_2": "2"})


def image(axes="TCYX", shape=(2, 3, 4, 4), names=("DAPI", "Actin", "BF")):
    return StoredImage(np.arange(np.prod(shape), dtype=np.uint8).reshape(shape), axes,
                       channel_names=names)


@pytest.mark.parametrize("names, tasks", [
    (("DAPI", "Actin", "BF"), ("Cells_DAPI", "Cells_2", None)),
    (("BF", "Actin", "DAPI"), (None, "Cells_2", "Cells_DAPI")),
    ((), (None, "Cells_2", None))])
def test_channels_are_matched_by_name_or_number(names, tasks):
    assert find_channel_tasks(INFO, image(names=names), None).tasks == tasks


def test_one_named_task_restores_its_channel_alone():
    found = find_channel_tasks(INFO, image(), "Cells_2")

    assert found.tasks == (None, "Cells_2", None)
    assert found.describe() == "channel Actin as Cells_2; left as it was: DAPI, BF"


@pytest.mark.parametrize("task, axes, shape, names", [
    ("Other", "TCYX", (2, 3, 4, 4), ("DAPI", "Actin", "BF")),
    (None, "YX", (4, 4), ()), (None, "YX", (4, 4), ("GFP",)), ("Cells_2", "YX", (4, 4), ("DAPI",)),
    (None, "CYX", (1, 4, 4), ())])
def test_other_tasks_and_images_of_one_channel_are_restored_whole(task, axes, shape, names):
    assert find_channel_tasks(INFO, image(axes, shape, names), task) is None


@pytest.mark.parametrize("axes, shape", [("YX", (4, 4)), ("CYX", (1, 4, 4))])
def test_the_only_channel_is_known_by_its_name(axes, shape):
    found = find_channel_tasks(INFO, image(axes, shape, ("DAPI",)), None)

    assert found.tasks == ("Cells_DAPI",) and found.describe() == "channel DAPI as Cells_DAPI"
    assert found.view(INFO, 0) is INFO  # no axis to cut


def test_a_generator_without_channels_restores_all():
    assert find_channel_tasks(replace(INFO, channels={}), image(), None) is None


def test_unknown_channels_and_two_tasks_for_one_are_errors():
    names = ("GFP", "RFP")

    with pytest.raises(UserError, match=r"no channel of it \(1 GFP, 2 RFP\) is one .*\(DAPI\)"):
        find_channel_tasks(INFO, image(shape=(2, 2, 4, 4), names=names), "Cells_DAPI")
    with pytest.raises(UserError, match="channel DAPI is that of the tasks Cells_DAPI and Cells_2"
                       ": choose with --task"):
        find_channel_tasks(INFO, image(names=("BF", "DAPI", "RFP")), None)


def test_views_are_of_one_channel_and_the_others_are_copied():
    whole = image()
    found = find_channel_tasks(INFO, whole, "Cells_2")
    target = np.full((2, 3, 4, 4), 77, np.float32)
    everything = (slice(0, 2), slice(0, 1), slice(0, 4), slice(0, 4))

    found.leave_others(target, whole.pixels)
    view = found.view(target, 1)
    view[everything] = 5

    assert view.shape == (2, 1, 4, 4) and (view[everything] == 5).all()
    assert (target[:, 1] == 5).all()
    np.testing.assert_array_equal(target[:, ::2], whole.pixels[:, ::2])
