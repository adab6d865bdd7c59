"""The one image in what bioformats2raw writes, a plate or a well is opened; several are named."""

import json

import numpy as np
import pytest

from helpers import read_pixels
from microgan.errors import UserError
from microgan.programs.restore import _find_files
from microgan.restoration.image_files import images_in_folder, open_image_file, result_name

zarr = pytest.importorskip("zarr")

PIXELS = np.arange(256, dtype=np.uint8).reshape(16, 16)


def write_group(folder, version, ome):
    """A group whose OME metadata are these."""
    folder.mkdir(parents=True, exist_ok=True)
    if version == 2:
        (folder / ".zgroup").write_text('{"zarr_format": 2}')
        (folder / ".zattrs").write_text(json.dumps(ome))
    else:
        (folder / "zarr.json").write_text(json.dumps({
            "zarr_format": 3, "node_type": "group",
            "attributes": {"ome": {"version": "0.5", **ome}}}))


def write_image(folder, version):
    write_group(folder, version, {"multiscales": [{
        "axes": [{"name": "y"}, {"name": "x"}], "datasets": [{"path": "0"}]}]})
    zarr.create_array(str(folder / "0"), shape=(16, 16), dtype="uint8", chunks=(16, 16),
                      zarr_format=version)[:] = PIXELS


def write_bioformats2raw(path, version, names, listed):
    write_group(path, version, {"bioformats2raw.layout": 3})
    for name in names:
        write_image(path / name, version)
    write_group(path / "OME", version, {"series": names} if listed else {})
    (path / "OME" / "METADATA.ome.xml").write_text("<OME/>")


def write_plate(path, version, wells, fields, layout):
    """A plate; `layout`: with what bioformats2raw adds."""
    write_group(path, version, {"plate": {"wells": [{"path": well} for well in wells]},
                                **({"bioformats2raw.layout": 3} if layout else {})})
    for well in wells:
        write_group(path / well.split("/")[0], version, {})
        write_group(path / well, version, {"well": {"images": [
            {"path": field} for field in fields]}})
        for field in fields:
            write_image(path / well / field, version)


both_versions = pytest.mark.parametrize("version", [2, 3])


@both_versions
@pytest.mark.parametrize("listed", [True, False])
def test_one_image_of_bioformats2raw_is_opened(tmp_path, version, listed):
    path = tmp_path / "b2r.zarr"
    write_bioformats2raw(path, version, ["0"], listed)

    file = open_image_file(path)

    np.testing.assert_array_equal(file.images[0].pixels[:, :], PIXELS)
    assert file.losses == (f"what lies around the image {path}/0 is not kept",)


@both_versions
@pytest.mark.parametrize("names, listed", [(["0", "1"], False), (["0", "1"], True),
                                           (["first", "second"], True)])
def test_several_images_of_bioformats2raw_are_named(tmp_path, version, names, listed):
    path = tmp_path / "b2r.zarr"
    write_bioformats2raw(path, version, names, listed)

    with pytest.raises(UserError, match="holds 2 images. Name one image of them: "
                       f"{path}/{names[0]}, {path}/{names[1]}$"):
        open_image_file(path)
    for name in names:
        np.testing.assert_array_equal(read_pixels(path / name), PIXELS)
        assert images_in_folder(path / name) is None
        assert result_name(path / name) == f"b2r_{name}.zarr"


@both_versions
@pytest.mark.parametrize("layout", [True, False])
def test_plate_of_one_field_is_opened(tmp_path, version, layout):
    path = tmp_path / "plate.zarr"
    write_plate(path, version, ["A/1"], ["0"], layout)

    for folder in (path, path / "A" / "1", path / "A" / "1" / "0"):
        np.testing.assert_array_equal(read_pixels(folder), PIXELS)
    assert result_name(path / "A" / "1" / "0") == "plate_A_1_0.zarr"


@both_versions
def test_images_of_a_plate_are_named(tmp_path, version):
    path = tmp_path / "plate.zarr"
    write_plate(path, version, ["A/1", "A/2", "B/1", "B/2"], ["0", "1"], False)

    with pytest.raises(UserError, match=f"holds 4 wells. Name one image of them: {path}/A/1/0, "
                       f"{path}/A/2/0, {path}/B/1/0, ...$"):
        open_image_file(path)
    with pytest.raises(UserError, match=f"holds 2 fields. Name one image of them: {path}/A/1/0, "
                       f"{path}/A/1/1$"):
        open_image_file(path / "A" / "1")


def test_array_and_row_of_a_plate_are_not_images(tmp_path):
    path = tmp_path / "plate.zarr"
    write_plate(path, 2, ["A/1"], ["0"], False)

    for folder in (path / "A", path / "A" / "1" / "0" / "0"):
        with pytest.raises(UserError, match="Name the folder that holds 'multiscales'"):
            open_image_file(folder)


def test_pattern_finds_the_images_of_a_plate(tmp_path):
    write_plate(tmp_path / "plate.zarr", 2, ["A/1", "A/2"], ["0", "1"], True)

    found = _find_files([f"{tmp_path}/plate.zarr/*/*/*"])

    assert [result_name(path) for path in found] == [
        f"plate_A_{well}_{field}.zarr" for well in (1, 2) for field in (0, 1)]
