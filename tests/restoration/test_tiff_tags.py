"""A TIFF's tags are kept unchanged, or named as lost."""

import numpy as np
import pytest
import tifffile

from helpers import round_trip

MICRO = {"latin-1": "scope \xb5m".encode("latin-1"), "UTF-8": "scope µm".encode()}


def pixels(shape):
    return np.random.default_rng(0).integers(0, 999, shape).astype(np.uint16)


def write_with(path, old, new, **arguments):
    """Write a TIFF and replace bytes in it, for what tifffile itself will not write."""
    tifffile.imwrite(path, pixels((20, 30)), **arguments)
    content = path.read_bytes()
    assert content.count(old) == 1 and len(old) == len(new)
    path.write_bytes(content.replace(old, new))


def raw(path, name):
    """The bytes of a tag of the first page."""
    with tifffile.TiffFile(path) as tiff:
        tag = tiff.pages.first.tags[name]
        tiff.filehandle.seek(tag.valueoffset)
        return tiff.filehandle.read(tag.count).rstrip(b"\0")


@pytest.mark.parametrize("encoding", MICRO)
@pytest.mark.parametrize("name", ["ImageDescription", "Software", "Artist"])
def test_text_of_any_encoding_is_kept_byte_for_byte(tmp_path, name, encoding):
    path, text = tmp_path / "image.tif", MICRO[encoding]
    placeholder = b"Q" * len(text)
    write_with(path, placeholder, text, metadata=None, **{
        "ImageDescription": {"description": placeholder}, "Software": {"software": placeholder},
        "Artist": {"extratags": [(315, 2, 0, placeholder, True)]}}[name])

    file, written = round_trip(path)

    assert raw(written, name) == text
    assert file.losses == ()


def test_dates_of_any_form_are_kept(tmp_path):
    path = tmp_path / "image.tif"
    write_with(path, b"2020:01:02 03:04:05", b"Thursday 2 Jan 2020", metadata=None,
               datetime="2020:01:02 03:04:05")

    _, written = round_trip(path)

    assert raw(written, "DateTime") == b"Thursday 2 Jan 2020"


def test_micrometres_of_imagej_are_written_as_imagej_writes_them(tmp_path):
    path = tmp_path / "image.tif"
    write_with(path, b"unit=Qm", b"unit=\xb5m", imagej=True, resolution=(5, 5),
               metadata={"unit": "Qm", "Info": "at 3 \xb5m"})

    _, written = round_trip(path)

    assert rb"unit=\u00B5m" in raw(written, "ImageDescription")
    with tifffile.TiffFile(written) as tiff:
        assert tiff.imagej_metadata["Info"] == "at 3 \xb5m"


@pytest.mark.parametrize("arguments", [{}, {"compression": "zlib"},
                                       {"compression": "lzw", "tile": (16, 16)}])
def test_every_page_of_a_plain_tiff_keeps_its_own_text(tmp_path, arguments):
    path, original = tmp_path / "image.tif", pixels((5, 20, 30))
    with tifffile.TiffWriter(path) as writer:
        for number, page in enumerate(original):
            writer.write(page, metadata=None, description=f"z {number}", software="acme",
                         resolution=(number + 1, 2), **arguments)

    _, written = round_trip(path)

    with tifffile.TiffFile(written) as tiff:
        assert [page.description for page in tiff.pages] == [f"z {z}" for z in range(5)]
        assert [page.tags["XResolution"].value for page in tiff.pages] == [
            (number + 1, 1) for number in range(5)]
        assert {page.software for page in tiff.pages} == {"acme"}
        assert [series.shape for series in tiff.series] == [original.shape]
        np.testing.assert_array_equal(tiff.asarray(), original)


def test_orientation_and_position_are_kept(tmp_path):
    path = tmp_path / "image.tif"
    tifffile.imwrite(path, pixels((20, 30)), metadata=None, extratags=[
        (274, 3, 1, 6, True), (286, 5, 1, (7, 2), True), (287, 5, 1, (1, 3), True)])

    file, written = round_trip(path)

    assert file.losses == ()
    with tifffile.TiffFile(written) as tiff:
        tags = tiff.pages.first.tags
        assert [tags.valueof(name) for name in ("Orientation", "XPosition", "YPosition")] == [
            6, (7, 2), (1, 3)]


def test_tags_that_are_not_kept_are_named(tmp_path):
    path = tmp_path / "image.tif"
    tifffile.imwrite(path, pixels((20, 30)), metadata=None, extratags=[
        (51123, 2, 0, '{"a": "bcd"}', True), (65001, 3, 1, 7, True)])

    file, _ = round_trip(path)

    assert file.losses == ("its tags 51123 (MicroManagerMetadata), 65001 are not kept",)
