import numpy as np
import pytest
import tifffile

from microgan.datasets.z_stacks import find_stacks, read_images, read_stack
from microgan.errors import UserError


@pytest.fixture
def pixels(random):
    return random.integers(0, 255, (5, 18, 20)).astype(np.uint8)


def test_array_is_read_as_it_is(pixels, tmp_path):
    np.save(tmp_path / "a.npy", pixels.astype(np.uint16))

    stack = read_stack(tmp_path / "a.npy")

    np.testing.assert_array_equal(stack.pixels, pixels)
    assert stack.pixels.dtype == np.uint16
    assert (stack.pixel_size_um, stack.z_step_um) == (None, None)


def test_archive_in_the_authors_layout_is_turned_to_zyx(pixels, tmp_path):
    np.savez(tmp_path / "a.npz", np.moveaxis(pixels, 0, -1))

    np.testing.assert_array_equal(read_stack(tmp_path / "a.npz").pixels, pixels)


def test_imagej_file_has_voxel_sizes(pixels, tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", pixels, imagej=True, resolution=(4, 4),
                     metadata={"axes": "ZYX", "spacing": 0.5, "unit": "um"})

    stack = read_stack(tmp_path / "a.tif")

    np.testing.assert_array_equal(stack.pixels, pixels)
    assert (stack.pixel_size_um, stack.z_step_um) == (0.25, 0.5)


def test_ome_file_has_voxel_sizes_in_its_unit(pixels, tmp_path):
    tifffile.imwrite(tmp_path / "a.ome.tif", pixels, metadata={
        "axes": "ZYX", "PhysicalSizeX": 200, "PhysicalSizeXUnit": "nm", "PhysicalSizeZ": 1.5})

    stack = read_stack(tmp_path / "a.ome.tif")

    assert stack.pixel_size_um == pytest.approx(0.2)
    assert stack.z_step_um == 1.5


def test_plain_file_of_pages_is_a_stack_without_sizes(pixels, tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="minisblack", resolution=(72, 72))

    stack = read_stack(tmp_path / "a.tif")

    np.testing.assert_array_equal(stack.pixels, pixels)
    assert stack.pixel_size_um is None


def test_folder_file_and_pattern_are_found_in_order(pixels, tmp_path):
    for name in ("b.npy", "a.npy", "c.npz", ".hidden.npy", "notes.txt"):
        (tmp_path / name).touch()

    assert [path.name for path in find_stacks(tmp_path)] == ["a.npy", "b.npy", "c.npz"]
    assert find_stacks(tmp_path / "b.npy") == [tmp_path / "b.npy"]
    assert [path.name for path in find_stacks(f"{tmp_path}/*.npz")] == ["c.npz"]


@pytest.mark.parametrize("missing, words", [
    ("nowhere", "no file or folder .*nowhere"), ("*.tif", r"no z-stacks in .*\*.tif"),
    (".", "no z-stacks in")])
def test_no_stacks_is_an_error_that_names_the_place(missing, words, tmp_path):
    with pytest.raises(UserError, match=words):
        find_stacks(tmp_path / missing)


@pytest.mark.parametrize("broken, words", [
    (np.array([[[None]]]), "cannot be read"),
    (np.full((5, 18, 20), "a"), "expected integers or real"),
    (np.zeros((18, 20)), "three axes"),
    (np.arange(5 * 18 * 8).reshape(5, 18, 8), "at least 3 of 16 x 16"),
    (np.where(np.arange(1800).reshape(5, 18, 20) == 7, np.nan, 1.0), "1 pixel is NaN or infinite"),
    (np.where(np.arange(1800).reshape(5, 18, 20) == 7, -1e30, 1.0), "-1e.30, which no camera"),
    (np.full((5, 18, 20), 7), r"constant \(7\)"),
])
@pytest.mark.parametrize("suffix, save", [(".npy", np.save), (".npz", np.savez)])
def test_unfit_array_is_refused_by_name(suffix, save, broken, words, tmp_path):
    path = tmp_path / f"broken{suffix}"
    save(path, np.moveaxis(broken, 0, -1) if suffix == ".npz" and broken.ndim == 3 else broken)

    with pytest.raises(UserError, match=f"broken{suffix}.*{words}"):
        read_stack(path)


@pytest.mark.parametrize("name", ["a.npy", "a.npz", "a.tif"])
def test_truncated_file_is_refused_by_name(name, pixels, tmp_path):
    writers = {".npy": np.save, ".npz": np.savez_compressed,
               ".tif": lambda path, array: tifffile.imwrite(path, array, photometric="minisblack")}
    writers[name[1:]](tmp_path / name, pixels)
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content[:len(content) // 2])

    with pytest.raises(UserError, match=f"{name} cannot be read"):
        read_stack(tmp_path / name)


@pytest.mark.parametrize("options", [
    {"imagej": True, "metadata": {"axes": "ZYX"}}, {"metadata": None}])
def test_truncated_pages_are_refused_in_one_line(options, pixels, tmp_path, caplog):
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="minisblack", **options)
    content = (tmp_path / "a.tif").read_bytes()
    (tmp_path / "a.tif").write_bytes(content[:len(content) * 3 // 4])

    with pytest.raises(UserError, match="a.tif cannot be read"):
        read_stack(tmp_path / "a.tif")
    assert caplog.records == []


def test_archive_of_two_arrays_is_refused(pixels, tmp_path):
    np.savez(tmp_path / "a.npz", pixels, pixels)

    with pytest.raises(UserError, match="holds 2 arrays"):
        read_stack(tmp_path / "a.npz")


def test_colours_are_refused(random, tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", random.integers(0, 9, (20, 20, 3)).astype(np.uint8),
                     photometric="rgb")

    with pytest.raises(UserError, match="axes YXS: expected ZYX"):
        read_stack(tmp_path / "a.tif")


@pytest.mark.parametrize("name, options", [
    ("a.tif", {"imagej": True}), ("a.ome.tif", {}), ("a.tif", {})])
@pytest.mark.parametrize("axes", ["TYX", "CYX"])
def test_time_series_and_channels_are_not_a_stack(name, options, axes, pixels, tmp_path):
    tifffile.imwrite(tmp_path / name, pixels, photometric="minisblack",
                     metadata={"axes": axes}, **options)

    with pytest.raises(UserError, match=f"{name} has axes {axes}: expected ZYX.*save it with Z"):
        read_stack(tmp_path / name)


@pytest.mark.parametrize("options", [{"metadata": None}, {"metadata": {"axes": "QYX"}}, {
    "metadata": None, "description": "ImageJ=1.54\nimages=5\n"}])
def test_pages_that_the_file_does_not_name_are_slices(options, pixels, tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="minisblack", **options)

    np.testing.assert_array_equal(read_stack(tmp_path / "a.tif").pixels, pixels)


@pytest.mark.parametrize("name, words", [("a.tif", "There is no file"), (".", "There is no file")])
def test_missing_file_is_an_error(name, words, tmp_path):
    with pytest.raises(UserError, match=words):
        read_stack(tmp_path / name)


def test_other_suffix_is_an_error(tmp_path):
    (tmp_path / "a.czi").touch()

    with pytest.raises(UserError, match="suffix '.czi'"):
        read_stack(tmp_path / "a.czi")


def test_in_focus_images_are_read_in_order(pixels, tmp_path):
    for number in (1, 0):
        tifffile.imwrite(tmp_path / f"{number}.tif", pixels[number])

    images = read_images(tmp_path, np.dtype(np.uint8), tmp_path / "stack.npy")

    np.testing.assert_array_equal(images, pixels[:2])


def test_folder_without_in_focus_images_is_an_error(tmp_path):
    with pytest.raises(UserError, match="is empty"):
        read_images(tmp_path, np.dtype(np.uint8), tmp_path / "stack.npy")
