"""PNG files of one grey image, which fits in memory."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from microgan.errors import UserError
from microgan.files.png_images import png_bytes, read_png
from microgan.files.whole import written_whole
from microgan.restoration.displayed import IntensityMap
from microgan.restoration.stored_images import ImageFile, Scratch, stored_image


class PngFile(ImageFile):
    """A grey PNG.

    Args:
        path: `.png`.
        axes: two letters, or None.

    Raises:
        UserError: as `read_png` and `stored_image`.
    """

    def __init__(self, path: Path, axes: str | None) -> None:
        self._path = path
        pixels, self.notes = read_png(path)
        self.images = (stored_image(pixels, "YX", axes, path),)
        self.losses = ("written as a grey PNG; texts and calibrations are not kept",)

    def check_writable(self, output_type: str | None) -> None:
        if output_type is not None and np.dtype(output_type).kind == "f":
            raise UserError(f"{self._path} is a PNG, which cannot hold {output_type}. Save it as "
                            "TIFF first.")

    def write_like(self, path: Path, pixels: Sequence[Scratch],
                   maps: Sequence[Sequence[IntensityMap]] = ()) -> None:
        (only,) = pixels
        content = png_bytes(only[tuple(slice(0, length) for length in only.shape)])
        with written_whole(path) as temporary:
            temporary.write_bytes(content)
