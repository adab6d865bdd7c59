"""Files of microscopes' makers, read by the libraries that the extra `formats` names.

The files are written from their formats' descriptions, since the libraries only read.
"""

import sys

import numpy as np
import pytest

from microgan.errors import UserError
from microgan.files.vendor_images import VendorFile
from vendor_writers import PACKAGES, WRITERS

CHANNELS = ["DAPI", "Actin"]
WHOLE = (slice(None),) * 4


@pytest.fixture
def movie(random):
    return random.integers(1, 255, (3, 2, 20, 24), np.uint8)


@pytest.fixture(params=WRITERS)
def kind(request):
    pytest.importorskip(PACKAGES[request.param])
    return request.param


@pytest.fixture
def path(kind, tmp_path, movie):
    path = tmp_path / f"a.{kind}"
    WRITERS[kind](path, movie, CHANNELS)
    return path


def read(path):
    with VendorFile(path) as file:
        return [image.pixels[WHOLE] for image in file.images]


def assert_refused(path, *words):
    with pytest.raises(UserError) as caught:
        read(path)
    message = str(caught.value)
    assert message.isprintable() and message.startswith(str(path))
    for word in words:
        assert word in message


def test_pixels_names_and_sizes_are_those_of_the_file(path, movie):
    with VendorFile(path) as file:
        (image,) = file.images
        part = image.pixels[1:3, 0:2, 3:9, 4:24]
        whole = image.pixels[WHOLE]

    assert (image.label, image.axes, image.channel_names) == ("", "TCYX", ("DAPI", "Actin"))
    assert image.voxel_size_um == (pytest.approx(0.2), None)
    np.testing.assert_array_equal(whole, movie)
    np.testing.assert_array_equal(part, movie[1:3, 0:2, 3:9, 4:24])


@pytest.mark.parametrize("share", [0, 0.01, 0.2, 0.5, 0.99])
def test_a_file_that_is_cut_short_ends_in_one_line(path, share):
    content = path.read_bytes()
    path.write_bytes(content[:int(share * len(content))])

    assert_refused(path, "cannot be read as", "Get a whole copy")


def test_a_file_of_something_else_ends_in_one_line(path):
    path.write_bytes(b"GIF89a" + bytes(5000))

    assert_refused(path, "cannot be read as")


def test_changed_bytes_end_in_one_line_or_are_read(path, random, capfd):
    content = path.read_bytes()
    for _ in range(60):
        changed = np.frombuffer(content, np.uint8).copy()
        changed[random.integers(0, len(changed), 8)] = random.integers(0, 256, 8)
        path.write_bytes(changed.tobytes())
        try:
            read(path)
        except UserError as error:
            assert str(error).isprintable()
    assert capfd.readouterr().err == ""


def test_the_library_is_named_where_it_is_missing(path, kind, monkeypatch):
    monkeypatch.setitem(sys.modules, PACKAGES[kind], None)

    assert_refused(path, "which needs an extra: ")


@pytest.mark.parametrize("kind, left_out, words", [
    ("czi", {(1, 0)}, "the plane T2 C1 is missing"),
    ("nd2", {1}, "frame 2 is missing, or 0 everywhere")])
def test_missing_planes_are_not_read_as_dark(tmp_path, movie, kind, left_out, words):
    pytest.importorskip(PACKAGES[kind])
    WRITERS[kind](tmp_path / f"a.{kind}", movie, CHANNELS, left_out=left_out)

    assert_refused(tmp_path / f"a.{kind}", words)


def test_every_image_of_a_lif_is_read(tmp_path, movie):
    pytest.importorskip("liffile")
    WRITERS["lif"](tmp_path / "a.lif", movie, CHANNELS, images=("one", "two"))

    with VendorFile(tmp_path / "a.lif") as file:
        assert [image.label for image in file.images] == ["one", "two"]
    for pixels in read(tmp_path / "a.lif"):
        np.testing.assert_array_equal(pixels, movie)


def test_a_lif_that_names_other_files_is_refused(tmp_path):
    pytest.importorskip("liffile")
    (tmp_path / "a.lif").write_text(
        '<LMSDataContainerHeader Version="2"><Element Name="a"><Data><Experiment/></Data>'
        '<Children><Reference File="/etc/passwd"/></Children></Element>'
        "</LMSDataContainerHeader>", encoding="utf-8")

    assert_refused(tmp_path / "a.lif")


def test_a_lif_that_claims_terabytes_is_refused(tmp_path, movie):
    pytest.importorskip("liffile")
    WRITERS["lif"](tmp_path / "a.lif", movie, CHANNELS, images=["movie1234567890"])
    content = (tmp_path / "a.lif").read_bytes()
    for old, new in (('Elements="3"', 'Elements="30000000000"'),
                     ("movie1234567890", "movie")):
        assert old.encode("utf-16-le") in content
        content = content.replace(old.encode("utf-16-le"), new.encode("utf-16-le"))
    (tmp_path / "a.lif").write_bytes(content)

    assert_refused(tmp_path / "a.lif", "it claims 30000000000 places along an axis")
