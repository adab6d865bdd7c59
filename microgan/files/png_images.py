"""Read and write PNG files of one grey image."""

from __future__ import annotations

import struct
from pathlib import Path

import imagecodecs
import numpy as np

from microgan.errors import UserError, one_line
from microgan.files.arrays import check_expansion, check_regular

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_HEADER = struct.Struct(">I4sIIBB")
# By colour type: samples of a pixel. Palettes (3) are refused.
_SAMPLES = {0: 1, 2: 3, 4: 2, 6: 4}
# With those: the last is opacity.
_WITH_ALPHA = (4, 6)


def read_png(path: Path) -> tuple[np.ndarray, tuple[str, ...]]:
    """Read a grey PNG, or one whose colours are equal everywhere.

    Args:
        path: of the file.

    Returns:
        uint8 or uint16 (Y, X); and what the user should know, a line each.

    Raises:
        UserError: it is damaged, claims far more than it holds, or holds colours, a palette or
            pixels of fewer than 8 bits.
    """
    try:
        check_regular(path)
        content = path.read_bytes()
        if len(content) < len(_SIGNATURE) + _HEADER.size or not content.startswith(_SIGNATURE):
            raise ValueError("it does not begin like a PNG")
        _, name, width, height, depth, colours = _HEADER.unpack_from(content, len(_SIGNATURE))
        if name != b"IHDR":
            raise ValueError("its header is damaged")
        if colours not in _SAMPLES or depth not in (8, 16):
            raise UserError(f"{path} holds a palette, or pixels of fewer than 8 bits. Save it as "
                            "a grey image of 8 or 16 bits.")
        check_expansion(width * height * _SAMPLES[colours] * depth // 8, path)
        pixels = imagecodecs.png_decode(content)
    except UserError:
        raise
    except Exception as error:  # damaged bytes make the decoder raise nearly anything
        raise UserError(f"{path} cannot be read as a PNG: {one_line(error)}. Get a whole copy, or "
                        "save it again.") from error
    if pixels.ndim == 2:
        return pixels, ()
    intensities = pixels[..., :-1] if colours in _WITH_ALPHA else pixels
    if not (intensities == intensities[..., :1]).all():
        raise UserError(f"{path} holds colours, but only grey images are read. Save a grey image, "
                        "or each colour as a file of its own.")
    return np.ascontiguousarray(intensities[..., 0]), (
        "its pixels are stored as colours that are all grey, and read as such",)


def png_bytes(pixels: np.ndarray) -> bytes:
    """Return the content of a PNG file.

    Args:
        pixels: uint8 or uint16 (Y, X).

    Raises:
        ValueError: a PNG cannot hold their type.
    """
    if pixels.dtype.name not in ("uint8", "uint16"):
        raise ValueError(f"a PNG cannot hold {pixels.dtype}")
    return bytes(imagecodecs.png_encode(pixels))
