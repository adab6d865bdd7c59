"""Tasks that are channels of a data set's files."""

import numpy as np
import pytest
import tifffile

from helpers import make_pairs
from microgan.datasets.paired_arrays import has_clean, load_pairs, load_test_pairs
from microgan.datasets.splits import split_pairs
from microgan.datasets.task_files import channel_tasks, channels_of, locate
from microgan.datasets.unpaired_arrays import load_unpaired
from microgan.errors import UserError


def write_channels(folder, name, count, random, file="a.tif", halves=("degraded", "clean")):
    """Write a time series of the channels DAPI and Actin for each half; return the pairs."""
    pairs = [make_pairs(count, random), make_pairs(count, random)]
    for half in halves:
        number = ("degraded", "clean").index(half)
        (folder / name / half).mkdir(parents=True, exist_ok=True)
        tifffile.imwrite(
            folder / name / half / file, np.stack([pair[number] for pair in pairs], 1),
            imagej=True, metadata={"axes": "TCYX", "Labels": ["DAPI", "Actin"] * count})
    return dict(zip(("DAPI", "Actin"), pairs))


@pytest.fixture
def cells(tmp_path, random):
    return tmp_path, write_channels(tmp_path, "My_cells", 3, random)


@pytest.mark.parametrize("channel, same", [("Actin", "Actin"), ("2", "Actin"), ("1", "DAPI")])
def test_a_task_is_a_channel_of_a_folder(cells, channel, same):
    folder, pairs = cells

    found = load_pairs(folder, f"My_cells_{channel}")

    np.testing.assert_array_equal(found.degraded, pairs[same][0])
    np.testing.assert_array_equal(found.clean, pairs[same][1])
    assert has_clean(folder, f"My_cells_{channel}")


def test_test_and_further_images_are_of_the_same_channel(cells, random):
    folder, _ = cells
    assert load_test_pairs(folder, "My_cells_DAPI") is None
    tested = write_channels(folder, "My_cells_test", 2, random)
    extra = write_channels(folder, "My_cells_extra", 4, random, halves=["clean"])

    np.testing.assert_array_equal(load_test_pairs(folder, "My_cells_DAPI").clean,
                                  tested["DAPI"][1])
    np.testing.assert_array_equal(load_unpaired(folder, "My_cells_DAPI").extra_clean,
                                  extra["DAPI"][1])


def test_files_of_the_name_itself_come_first(cells, random):
    folder, _ = cells
    (folder / "My_cells_DAPI" / "clean").mkdir(parents=True)

    assert locate(folder, "My_cells_DAPI") == ("My_cells_DAPI", None)
    assert locate(folder, "My_cells_Actin") == ("My_cells", "Actin")
    assert locate(folder, "My_cells_test") == ("My_cells_test", None)
    assert locate(folder, "Nothing_here") == ("Nothing_here", None)
    with pytest.raises(UserError, match="holds a data set of that name. Rename one"):
        channel_tasks(folder, ["My_cells"], ["DAPI"])


def test_channels_are_named_after_their_data_set(cells):
    folder, _ = cells

    tasks = channel_tasks(folder, ["My_cells"], ["DAPI", "2"])

    assert tasks == ("My_cells_DAPI", "My_cells_2")
    assert channels_of(folder, [*tasks, "Other"]) == {"My_cells_DAPI": "DAPI", "My_cells_2": "2"}
    assert channel_tasks(folder, ["My_cells"], []) == ("My_cells",)


def test_several_channels_without_a_choice_are_listed(cells):
    with pytest.raises(UserError, match=r"a.tif holds 2 channels \(1 DAPI, 2 Actin\): choose .* "
                       "--channels=DAPI. Each becomes a task"):
        load_pairs(cells[0], "My_cells")


def test_a_channel_that_is_not_there_is_named(cells):
    with pytest.raises(UserError, match="a.tif has no channel 'GFP', but 1 DAPI, 2 Actin"):
        load_pairs(cells[0], "My_cells_GFP")


def test_channels_of_arrays_and_of_forbidden_names_are_refused(cells):
    np.save(cells[0] / "Flat_X.npy", np.zeros((2, 16, 16)))

    with pytest.raises(UserError, match="--channels is for folders of images.*no Flat/degraded"):
        channel_tasks(cells[0], ["Flat"], ["DAPI"])
    with pytest.raises(UserError, match="--channels=a/b: .* Or give the channel's number"):
        channel_tasks(cells[0], ["My_cells"], ["a/b"])


def test_all_channels_of_a_file_are_divided_alike(cells, random):
    folder, _ = cells
    for file in ("b.tif", "c.tif", "d.tif"):
        write_channels(folder, "My_cells", 3, random, file)

    splits = {seed: [split_pairs(load_pairs(folder, f"My_cells_{channel}"), None,
                                 images_limit=None, validation_fraction=0.2, test_fraction=0.2,
                                 seed=seed) for channel in ("DAPI", "Actin")]
              for seed in range(5)}

    for first, second in splits.values():
        assert (first.train, first.validation, first.test) == (
            second.train, second.validation, second.test)
    assert len({first.test for first, _ in splits.values()}) > 1
