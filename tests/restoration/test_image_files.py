"""What is read is written back as it was: the table of docs/files.md, row by row."""

import itertools
import json

import numpy as np
import pytest
import skimage.io
import tifffile

from helpers import round_trip
from microgan.datasets.file_notes import FileNotes
from microgan.errors import UserError
from microgan.restoration.image_files import open_image_file, read_image

TYPES = ("uint8", "uint16", "uint32", "int8", "int16", "int32", "int64", "uint64", "float16",
         "float32", "float64")
UM = {"PhysicalSizeX": 0.1, "PhysicalSizeXUnit": "µm", "PhysicalSizeY": 0.1,
      "PhysicalSizeYUnit": "µm", "PhysicalSizeZ": 0.5, "PhysicalSizeZUnit": "µm"}
OME = {"axes": "TZCYX", "Channel": {"Name": ["DAPI", "GFP"]}, "TimeIncrement": 3.0, **UM}
IMAGEJ = {"axes": "TZCYX", "spacing": 0.7, "unit": "um", "finterval": 2.5, "mode": "composite",
          "Labels": [f"plane {number}" for number in range(12)], "Info": "scope 12"}
# Name of the kind -> arguments of tifffile.imwrite.
KINDS = {
    "imagej": {"imagej": True, "metadata": IMAGEJ, "resolution": (5.0, 5.0)},
    "imagej, zlib": {"imagej": True, "metadata": IMAGEJ, "resolution": (5.0, 5.0),
                     "compression": "zlib"},
    "ome": {"ome": True, "metadata": OME},
    "ome, bigtiff, zstd, tiles": {"ome": True, "metadata": OME, "bigtiff": True,
                                  "compression": "zstd", "predictor": True, "tile": (16, 32)},
    "shaped": {"metadata": {"axes": "TZCYX", "channel_names": ["DAPI", "GFP"]},
               "resolution": (300, 150), "resolutionunit": "CENTIMETER"},
    "shaped, lzw": {"metadata": {"axes": "TZCYX"}, "compression": "lzw", "predictor": True},
    "shaped, zlib strips": {"metadata": {"axes": "TZCYX"}, "compression": "zlib",
                            "rowsperstrip": 7},
    "shaped, tiles, big-endian": {"metadata": {"axes": "TZCYX"}, "tile": (16, 16),
                                  "byteorder": ">"},
    "plain": {"metadata": None, "description": "scope 12", "software": "acme",
              "datetime": "2020:01:02 03:04:05", "resolution": (300, 150),
              "resolutionunit": "CENTIMETER", "extratags": [(315, 2, 0, "me", True)]},
    "plain, bigtiff, packbits": {"metadata": None, "bigtiff": True, "compression": "packbits"},
    "plain, white is zero": {"metadata": None, "photometric": "miniswhite"},
}


def pixels(shape, dtype="uint16"):
    return (100 * np.random.default_rng(0).uniform(size=shape)).astype(dtype)


def properties(path):
    """What a reader of the file learns besides the pixels."""
    with tifffile.TiffFile(path) as tiff:
        page = tiff.pages.first
        names = ("XResolution", "YResolution", "ResolutionUnit", "Software", "DateTime", "Artist",
                 "PhotometricInterpretation", "Predictor")
        found = {name: page.tags.valueof(name) for name in names}
        found |= {"kind": [series.kind for series in tiff.series],
                  "axes": [series.axes for series in tiff.series],
                  "type": [series.dtype for series in tiff.series],
                  "compression": page.compression, "bigtiff": tiff.is_bigtiff,
                  "byteorder": tiff.byteorder, "tiles": page.is_tiled and page.tile,
                  "imagej": tiff.imagej_metadata}
        if tiff.is_ome:
            ome = tifffile.xml2dict(tiff.ome_metadata)["OME"]
            ome.pop("UUID", None)  # of the first file, not of its copy
            found["ome"] = ome
        elif not tiff.is_imagej:
            text = page.description
            found["description"] = json.loads(text) if tiff.is_shaped else text
        return found


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_tiff_keeps_everything(tmp_path, kind):
    path, original = tmp_path / "image.tif", pixels((2, 3, 2, 40, 50))
    tifffile.imwrite(path, original, **{"photometric": "minisblack", **KINDS[kind]})

    file, written = round_trip(path)

    assert file.losses == ()
    assert properties(written) == properties(path)
    np.testing.assert_array_equal(tifffile.imread(written), tifffile.imread(path))
    np.testing.assert_array_equal(skimage.io.imread(written), skimage.io.imread(path))


@pytest.mark.parametrize("ome", [True, False])
@pytest.mark.parametrize("compression", [None, "lzw"])
def test_every_image_of_a_multi_series_tiff_is_kept(tmp_path, ome, compression):
    path = tmp_path / "image.tif"
    with tifffile.TiffWriter(path, ome=ome) as writer:
        for shape, axes, dtype in (((3, 40, 50), "ZYX", "uint16"), ((2, 20, 30), "CYX", "f4")):
            writer.write(pixels(shape, dtype), photometric="minisblack", compression=compression,
                         metadata={"axes": axes, **(UM if ome else {})})

    file, written = round_trip(path)

    assert [image.label for image in file.images] == ["image 1", "image 2"]
    assert properties(written) == properties(path)
    for number in (0, 1):
        np.testing.assert_array_equal(tifffile.imread(written, series=number),
                                      tifffile.imread(path, series=number))


@pytest.mark.parametrize("kind", KINDS)
def test_parts_of_a_tiff_are_those_of_the_whole(tmp_path, kind):
    path, original = tmp_path / "image.tif", pixels((2, 3, 2, 40, 50))
    tifffile.imwrite(path, original, **{"photometric": "minisblack", **KINDS[kind]})
    whole = tifffile.imread(path)
    if "white is zero" in kind:
        whole = np.iinfo(whole.dtype).max - whole
    part = tuple(slice(length // 3, length - length // 4) for length in whole.shape)

    with open_image_file(path) as file:
        np.testing.assert_array_equal(file.images[0].pixels[part], whole[part])


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("suffix", [".npy", ".tif"])
def test_type_and_values_are_kept(tmp_path, suffix, dtype):
    path, original = tmp_path / f"image{suffix}", pixels((5, 20, 30), dtype)
    np.save(path, original) if suffix == ".npy" else tifffile.imwrite(path, original)

    _, written = round_trip(path)

    again = np.load(written) if suffix == ".npy" else tifffile.imread(written)
    assert again.dtype == original.dtype
    np.testing.assert_array_equal(again, original)


@pytest.mark.parametrize("axes", ["".join(order) for order in itertools.permutations("ZYX")]
                         + ["YX", "XY", "TZCYX", "YXZ", "CYX", "QQYX"])
def test_axes_named_in_a_tiff_are_kept(tmp_path, axes):
    path = tmp_path / "image.tif"
    original = pixels(tuple(range(4, 4 + len(axes))))
    tifffile.imwrite(path, original, metadata={"axes": axes}, photometric="minisblack")

    file, written = round_trip(path)

    assert file.images[0].axes == axes
    assert not file.images[0].axes_are_assumed
    again = read_image(written, FileNotes())
    assert again.axes == axes
    np.testing.assert_array_equal(again.pixels, original)


@pytest.mark.parametrize("shape", [(3, 20, 30), (4, 20, 30), (20, 30, 3), (1, 20, 30)])
def test_short_axes_do_not_become_colours(tmp_path, shape):
    path, original = tmp_path / "image.tif", pixels(shape)
    tifffile.imwrite(path, original, photometric="minisblack")

    _, written = round_trip(path)

    again = read_image(written, FileNotes()).pixels
    assert again.shape == read_image(path, FileNotes()).pixels.shape
    np.testing.assert_array_equal(again.squeeze(), original.squeeze())


def test_what_is_not_kept_is_named(tmp_path):
    path = tmp_path / "image.tif"
    with tifffile.TiffWriter(path) as writer:
        writer.write(pixels((64, 64), "uint8"), compression="jpeg", subifds=1)
        writer.write(pixels((32, 32), "uint8"), subfiletype=1)

    file, written = round_trip(path)

    assert file.losses == ("its smaller copies (pyramid levels) are not kept",
                           "JPEG compression is replaced by ADOBE_DEFLATE, which changes no pixel")
    np.testing.assert_array_equal(tifffile.imread(written), tifffile.imread(path))


def test_large_compressed_pages_are_written_in_tiles(tmp_path, monkeypatch):
    monkeypatch.setattr("microgan.restoration.tiff_files._STRIPPED_PAGE_BYTES", 1000)
    path, original = tmp_path / "image.tif", pixels((300, 270))
    tifffile.imwrite(path, original, compression="zlib")

    _, written = round_trip(path)

    with tifffile.TiffFile(written) as tiff:
        assert tiff.pages.first.is_tiled
        np.testing.assert_array_equal(tiff.asarray(), original)


def test_axes_argument_wins_and_is_not_stored(tmp_path):
    path = tmp_path / "image.tif"
    tifffile.imwrite(path, pixels((6, 20, 30)), metadata={"axes": "ZYX"})

    file, written = round_trip(path, axes="YXZ")

    assert file.images[0].axes == "YXZ"
    assert file.notes == ("its axes are named ZYX, but --axes=YXZ is used",)
    assert read_image(written, FileNotes()).axes == "ZYX"


def test_axes_argument_names_what_a_tiff_does_not(tmp_path):
    tifffile.imwrite(tmp_path / "image.tif", pixels((6, 20, 30)), photometric="minisblack")

    with open_image_file(tmp_path / "image.tif", axes="TYX") as file:
        assert file.images[0].axes == "TYX"
        assert file.notes == ()


@pytest.mark.parametrize("shape, axes", [((20, 30), "YX"), ((5, 20, 30), "ZYX")])
def test_axes_of_an_array_are_assumed_and_marked(tmp_path, shape, axes):
    np.save(tmp_path / "image.npy", pixels(shape))

    (image,) = open_image_file(tmp_path / "image.npy").images
    (named,) = open_image_file(tmp_path / "image.npy", axes=axes).images

    assert (image.axes, image.axes_are_assumed) == (axes, True)
    assert (named.axes, named.axes_are_assumed) == (axes, False)


@pytest.mark.parametrize("array, axes, message", [
    (pixels((2, 3, 20, 30)), None, "--axes=TZYX"),
    (pixels((20, 30)), "ZYX", "'ZYX' do not fit"),
    (pixels((20, 30)), "YY", "'YY' do not fit"),
    (pixels((20, 30, 3)), "YXS", "only grey images"),
    (pixels((20, 30), "complex64"), None, "complex64"),
    (pixels((20, 30), bool), None, "bool"),
    (pixels((0, 30)), None, "empty"),
    (np.array([{"a": 1}]), None, "cannot be read"),
])
def test_unfit_arrays_are_refused_by_name(tmp_path, array, axes, message):
    path = tmp_path / "image.npy"
    np.save(path, array, allow_pickle=True)

    with pytest.raises(UserError, match=message) as caught:
        open_image_file(path, axes=axes)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_colours_are_refused(tmp_path):
    tifffile.imwrite(tmp_path / "rgb.tif", pixels((20, 30, 3), "uint8"), photometric="rgb")
    tifffile.imwrite(tmp_path / "palette.tif", pixels((20, 30), "uint8"),
                     colormap=np.zeros((3, 256), "uint16"))

    with pytest.raises(UserError, match="only grey images"):
        open_image_file(tmp_path / "rgb.tif")
    with pytest.raises(UserError, match="palette"):
        open_image_file(tmp_path / "palette.tif")


def test_only_one_image_can_be_read_at_once(tmp_path):
    with tifffile.TiffWriter(tmp_path / "image.tif") as writer:
        writer.write(pixels((20, 30)))
        writer.write(pixels((9, 9)))

    with pytest.raises(UserError, match="2 separate images"):
        read_image(tmp_path / "image.tif", FileNotes())


@pytest.mark.parametrize("suffix", [".npy", ".tif"])
def test_truncated_files_are_refused(tmp_path, suffix):
    path = tmp_path / f"image{suffix}"
    original = pixels((20, 30))
    np.save(path, original) if suffix == ".npy" else tifffile.imwrite(path, original)
    path.write_bytes(path.read_bytes()[:350])

    with pytest.raises(UserError, match="cannot be read"):
        open_image_file(path)


def test_damaged_strips_are_refused(tmp_path):
    path = tmp_path / "image.tif"
    tifffile.imwrite(path, pixels((20, 30)), compression="zlib")
    with tifffile.TiffFile(path) as tiff:
        (offset,) = tiff.pages.first.dataoffsets
    content = bytearray(path.read_bytes())
    content[offset:offset + 20] = bytes(20)
    path.write_bytes(content)

    with open_image_file(path) as file, pytest.raises(UserError, match="cannot be read"):
        file.images[0].pixels[:5, :5]


def test_missing_and_foreign_files_are_refused(tmp_path):
    (tmp_path / "image.jpg").write_bytes(b"")

    with pytest.raises(UserError, match="no file"):
        open_image_file(tmp_path / "none.npy")
    with pytest.raises(UserError, match="expected .npy, .tif, .tiff, .zarr, .png, .czi, .lif or"):
        open_image_file(tmp_path / "image.jpg")
