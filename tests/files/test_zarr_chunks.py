"""Every encoding that is read gives what zarr itself reads."""

import numpy as np
import pytest

from microgan.files.zarr_chunks import ZarrPixels
from microgan.files.zarr_metadata import read_array

zarr = pytest.importorskip("zarr")
numcodecs = pytest.importorskip("numcodecs")
codecs = zarr.codecs

SHAPE = (3, 17, 23)


def stored(path, version, dtype, **settings):
    """Random values, and what is read of them."""
    values = np.random.default_rng(0).integers(0, 200, SHAPE).astype(dtype)
    array = zarr.create_array(str(path), shape=SHAPE, dtype=dtype, zarr_format=version, **{
        "chunks": (2, 8, 10), **settings})
    array[:] = values
    return values, ZarrPixels(path, read_array(path, version), path)


def assert_same(values, pixels):
    assert pixels.shape == SHAPE and pixels.dtype == values.dtype and not pixels.num_missing
    for where in [(slice(None),) * 3, (slice(1, 3), slice(3, 17), slice(0, 9)),
                  (slice(2, 3), slice(8, 9), slice(10, 20)), (slice(0, 0),) * 3]:
        np.testing.assert_array_equal(pixels[where], values[where])


@pytest.mark.parametrize("dtype", ["|u1", ">u2", "<f4", ">f8"])
@pytest.mark.parametrize("compressor", [
    None, numcodecs.Blosc("zstd", shuffle=1), numcodecs.Blosc("lz4", shuffle=2),
    numcodecs.Blosc("blosclz"), numcodecs.Blosc("zlib"), numcodecs.Zlib(), numcodecs.GZip(),
    numcodecs.BZ2(), numcodecs.LZMA(), numcodecs.Zstd(), numcodecs.LZ4()], ids=repr)
def test_version_2(tmp_path, dtype, compressor):
    assert_same(*stored(tmp_path, 2, dtype, compressors=compressor))


@pytest.mark.parametrize("settings", [
    {"order": "F"}, {"chunks": (4, 40, 40)},
    {"chunk_key_encoding": {"name": "v2", "separator": "/"}},
    {"filters": [numcodecs.Shuffle(2)]}, {"filters": [numcodecs.Delta(dtype=">u2")]},
    {"filters": [numcodecs.Delta(dtype=">u2", astype="<i4"), numcodecs.Shuffle(4)]}], ids=str)
def test_filters_and_layouts_of_version_2(tmp_path, settings):
    assert_same(*stored(tmp_path, 2, ">u2", **settings))


@pytest.mark.parametrize("compressors", [
    None, codecs.BloscCodec(cname="lz4"), codecs.GzipCodec(), codecs.ZstdCodec(),
    codecs.Crc32cCodec(), [codecs.ZstdCodec(), codecs.Crc32cCodec()]],
    ids=["none", "blosc", "gzip", "zstd", "crc32c", "zstd and crc32c"])
@pytest.mark.parametrize("settings", [
    {}, {"shards": (4, 16, 20)}, {"serializer": codecs.BytesCodec(endian="big")},
    {"chunk_key_encoding": {"name": "v2", "separator": "."}},
    {"filters": [codecs.TransposeCodec(order=(2, 0, 1)), codecs.TransposeCodec(order=(1, 0, 2))]}],
    # Zarr's own texts hold sets, whose order changes from process to process.
    ids=["plain", "shards", "big-endian", "chunk keys", "transposed"])
def test_version_3(tmp_path, compressors, settings):
    assert_same(*stored(tmp_path, 3, "uint16", compressors=compressors, **settings))


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("fill_value", [3.5, np.nan, np.inf, -np.inf])
def test_missing_chunks_have_the_fill_value(tmp_path, version, fill_value):
    array = zarr.create_array(str(tmp_path), shape=(4, 8), dtype="float32", chunks=(4, 4),
                              zarr_format=version, fill_value=fill_value)
    array[:, :4] = 1

    pixels = ZarrPixels(tmp_path, read_array(tmp_path, version), tmp_path)

    assert pixels.num_missing == 1
    np.testing.assert_array_equal(pixels[:, 0:8], array[:])
