"""The pixels of a TIFF, read piece by piece."""

from __future__ import annotations

import functools
import itertools
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from microgan.files.checked_tiffs import damaged_tiff
from microgan.files.tiff_values import StoredValues
from microgan.files.pieces import overlap

# Of decoded strips and tiles, in case the next part needs them again.
_KEPT_BYTES = 256 * 2**20


class SeriesPixels:
    """The pixels of one series; only the strips or tiles needed are decoded.

    Args:
        series: of an opened TIFF.
        shape: of the part to read, the series' or shorter along its first axis; no plane
            of it is missing.
        values: what its stored numbers mean; None if they are the values.
        path: of the file.
    """

    def __init__(self, series: tifffile.TiffPageSeries, shape: tuple[int, ...],
                 values: StoredValues | None, path: Path) -> None:
        self.shape = shape
        self._stored = np.dtype(series.dtype).newbyteorder(series.keyframe.parent.byteorder)
        self._values = values
        self.dtype = self._stored if values is None else values.dtype
        self._series = series
        self._page: Any = series.keyframe  # says how all pages of the series are stored
        self._path = path
        segment_bytes = int(np.prod(self._page.chunks)) * self._stored.itemsize
        num_segments = _KEPT_BYTES // segment_bytes
        self._segment = functools.lru_cache(maxsize=max(1, num_segments))(self._decode)

    def __getitem__(self, index: Any, /) -> np.ndarray:
        index = tuple(slice(*part.indices(length)) for part, length in zip(index, self.shape))
        stored = self._read(index)
        return stored if self._values is None else self._values.read(stored)

    def _read(self, index: tuple[slice, ...]) -> np.ndarray:
        try:
            if self._series.dataoffset is not None:
                return np.array(self._mapped(self._series.dataoffset, self.shape)[index])
            return self._read_pages(index)
        except Exception as error:  # a damaged TIFF makes tifffile raise nearly anything
            raise damaged_tiff(self._path, error) from error

    def _mapped(self, offset: int, shape: tuple[int, ...]) -> np.ndarray:
        return np.memmap(self._path, self._stored, "r", offset, shape)

    def _read_pages(self, index: tuple[slice, ...]) -> np.ndarray:
        page_shape = self._page.shape
        if self.shape[len(self.shape) - len(page_shape):] != page_shape or len(page_shape) != 2:
            return self._series.asarray()[index]  # volumes in one page, which are rare and small
        *outer, rows, columns = index
        values = np.zeros(tuple(part.stop - part.start for part in index), self._stored)
        places = itertools.product(*(range(part.start, part.stop) for part in outer))
        pages = values.reshape(-1, *values.shape[-2:])
        for page, place in zip(pages, places):
            number = np.ravel_multi_index(place, self.shape[:-2]) if place else 0
            self._read_page(page, int(number), rows, columns)
        return values

    def _read_page(self, values: np.ndarray, number: int, rows: slice, columns: slice) -> None:
        page: Any = self._series.pages[number]
        if self._page.is_memmappable:
            values[:] = self._mapped(page.dataoffsets[0], self._page.shape)[rows, columns]
            return
        height, width = self._page.chunks
        across = -(-self._page.shape[1] // width)
        for row in range(rows.start // height, -(-rows.stop // height)):
            for column in range(columns.start // width, -(-columns.stop // width)):
                segment = self._segment(number, row * across + column)
                top, left = row * height, column * width
                inner_rows, rows_there = overlap(rows, top, segment.shape[0])
                inner_columns, columns_there = overlap(columns, left, segment.shape[1])
                values[rows_there, columns_there] = segment[inner_rows, inner_columns]

    def _decode(self, number: int, segment: int) -> np.ndarray:
        page: Any = self._series.pages[number]
        offset, num_bytes = page.dataoffsets[segment], page.databytecounts[segment]
        decode, tables = self._page.decode, page.jpegtables  # may move the file's position
        file = page.parent.filehandle
        file.seek(offset)
        data, _, shape = decode(file.read(num_bytes), segment, jpegtables=tables)
        return data[0, :shape[1], :shape[2], 0]
