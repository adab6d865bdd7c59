"""PNG files: grey ones are read and written, others end in one line."""

import struct
import zlib

import imagecodecs
import numpy as np
import pytest

from microgan.errors import UserError
from microgan.files.png_images import png_bytes, read_png
from microgan.restoration.image_files import open_image_file, result_name
from microgan.restoration.stored_images import Scratch


def write_png(path, pixels):
    path.write_bytes(imagecodecs.png_encode(pixels))
    return path


def assert_refused(path, *words):
    with pytest.raises(UserError) as caught:
        read_png(path)
    assert str(caught.value).isprintable()
    for word in (str(path), *words):
        assert word in str(caught.value)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_grey_image_is_read_and_restored_in_its_type(tmp_path, random, dtype):
    pixels = random.integers(0, np.iinfo(dtype).max, (20, 24), dtype)
    path = write_png(tmp_path / "a.png", pixels)
    (tmp_path / "out").mkdir()

    with open_image_file(path) as file, Scratch(tmp_path, (20, 24), dtype) as part:
        (image,) = file.images
        file.check_writable(None)
        part[...] = image.pixels[::-1]
        file.write_like(tmp_path / "out" / result_name(path), [part])

    np.testing.assert_array_equal(read_png(path)[0], pixels)
    found, notes = read_png(tmp_path / "out" / "a.png")
    np.testing.assert_array_equal(found, pixels[::-1])
    assert found.dtype == dtype and image.axes == "YX" and not notes


@pytest.mark.parametrize("samples", [2, 3, 4])
def test_colours_that_are_grey_are_read_as_such(tmp_path, random, samples):
    pixels = random.integers(0, 255, (20, 24, 1), np.uint8).repeat(samples, 2)
    if samples in (2, 4):
        pixels[..., -1] = 255

    found, notes = read_png(write_png(tmp_path / "a.png", pixels))

    np.testing.assert_array_equal(found, pixels[..., 0])
    assert "colours that are all grey" in notes[0]


def test_colours_are_refused(tmp_path, random):
    pixels = random.integers(0, 255, (20, 24, 3), np.uint8)

    assert_refused(write_png(tmp_path / "a.png", pixels), "holds colours")


def write_header(path, width, height, depth, colours, rest=b""):
    header = struct.pack(">IIBBBBB", width, height, depth, colours, 0, 0, 0)
    chunks = b"".join(struct.pack(">I", len(data)) + name + data + struct.pack(
        ">I", zlib.crc32(name + data)) for name, data in ((b"IHDR", header), (b"IDAT", rest),
                                                          (b"IEND", b"")))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunks)
    return path


@pytest.mark.parametrize("depth, colours", [(8, 3), (1, 0), (4, 0)])
def test_palettes_and_few_bits_are_refused(tmp_path, depth, colours):
    assert_refused(write_header(tmp_path / "a.png", 20, 24, depth, colours), "holds a palette")


def test_terabytes_are_refused(tmp_path):
    path = write_header(tmp_path / "a.png", 2**30, 2**30, 16, 0, zlib.compress(bytes(10**6)))

    assert_refused(path, "claims", "times its own size")


def test_what_is_cut_short_or_changed_ends_in_one_line(tmp_path, random, capfd):
    path = write_png(tmp_path / "a.png", random.integers(0, 255, (20, 24), np.uint8))
    content = path.read_bytes()
    for length in (0, 5, 20, 40, 100, len(content) - 20):
        path.write_bytes(content[:length])
        assert_refused(path, "cannot be read as a PNG")
    for _ in range(100):
        changed = np.frombuffer(content, np.uint8).copy()
        changed[random.integers(0, len(changed), 3)] = random.integers(0, 256, 3)
        path.write_bytes(changed.tobytes())
        try:
            read_png(path)
        except UserError as error:
            assert str(error).isprintable()
    assert capfd.readouterr().err == ""


def test_other_types_are_not_written(tmp_path, random):
    path = write_png(tmp_path / "a.png", random.integers(0, 255, (20, 24), np.uint8))

    with open_image_file(path) as file, pytest.raises(UserError, match="cannot hold float32"):
        file.check_writable("float32")
    with pytest.raises(ValueError, match="cannot hold float64"):
        png_bytes(np.zeros((4, 4)))
