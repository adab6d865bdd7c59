import numpy as np
import pytest
import tifffile

from microgan.datasets.unpaired_arrays import load_unpaired, load_unpaired_test
from microgan.errors import UserError


@pytest.fixture
def images(random):
    return random.normal(size=(7, 20, 24)).astype(np.float32)


def test_arrays_of_different_number_and_size_load(tmp_path, images):
    np.save(tmp_path / "Cells_X.npy", images[:3])
    np.save(tmp_path / "Cells_Y.npy", images[:, :16, :16, np.newaxis])

    found = load_unpaired(tmp_path, "Cells")

    np.testing.assert_array_equal(found.degraded, images[:3])
    np.testing.assert_array_equal(found.clean, images[:, :16, :16])
    assert len(found.extra_clean) == 0


def test_extra_clean_images_are_kept_apart(tmp_path, images):
    for name in ("Cells_X", "Cells_Y", "Cells_extra_Y"):
        np.save(tmp_path / f"{name}.npy", images[len(name) - 7:])

    assert len(load_unpaired(tmp_path, "Cells").extra_clean) == 1


def test_extra_clean_images_may_be_tiffs_but_not_both(tmp_path, images):
    for letter in "XY":
        np.save(tmp_path / f"Cells_{letter}.npy", images)
    (tmp_path / "Cells_extra" / "clean").mkdir(parents=True)
    tifffile.imwrite(tmp_path / "Cells_extra" / "clean" / "a.tif", images[0])

    (extra,) = load_unpaired(tmp_path, "Cells").extra_clean

    np.testing.assert_array_equal(extra, images[0])
    np.save(tmp_path / "Cells_extra_Y.npy", images)
    with pytest.raises(UserError, match="Cells_extra_Y.npy and in .*Cells_extra/clean: only one"):
        load_unpaired(tmp_path, "Cells")


def test_tiff_folders_need_no_common_names(tmp_path, images):
    for part, names in (("degraded", "ab"), ("clean", "xyz")):
        (tmp_path / "Cells" / part).mkdir(parents=True)
        for index, name in enumerate(names):
            tifffile.imwrite(tmp_path / "Cells" / part / f"{name}.tif", images[index])

    found = load_unpaired(tmp_path, "Cells")

    assert (len(found.degraded), len(found.clean)) == (2, 3)
    np.testing.assert_array_equal(found.clean[1], images[1])


def test_test_images_are_optional(tmp_path, images):
    assert load_unpaired_test(tmp_path, "Cells") is None

    np.save(tmp_path / "Cells_test_X.npy", images[:2])
    np.save(tmp_path / "Cells_test_Y.npy", images)

    assert len(load_unpaired_test(tmp_path, "Cells").clean) == 7


def test_missing_half_is_named(tmp_path, images):
    np.save(tmp_path / "Cells_X.npy", images)

    with pytest.raises(UserError, match="There is no .*Cells_Y.npy, though its partner exists"):
        load_unpaired(tmp_path, "Cells")


def test_unknown_task_is_named(tmp_path):
    with pytest.raises(UserError, match="No images of 'Cells'.*--data_dir"):
        load_unpaired(tmp_path, "Cells")


def test_empty_folder_is_named(tmp_path, images):
    for part in ("degraded", "clean"):
        (tmp_path / "Cells" / part).mkdir(parents=True)
    tifffile.imwrite(tmp_path / "Cells" / "clean" / "a.tif", images[0])

    with pytest.raises(UserError, match="degraded is empty"):
        load_unpaired(tmp_path, "Cells")


def test_constant_image_is_named(tmp_path, images):
    images[4] = 2
    np.save(tmp_path / "Cells_X.npy", images[:3])
    np.save(tmp_path / "Cells_Y.npy", images)

    with pytest.raises(UserError, match="Image 4 of .*Cells_Y.npy is constant"):
        load_unpaired(tmp_path, "Cells")
