"""What the integers stored in a TIFF mean, where the file says so."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from microgan.errors import UserError

# ImageJ's numbers of calibrations: line c0 + c1 * stored, none, uncalibrated optical density.
_STRAIGHT_LINE, _NONE, _UNCALIBRATED_OD = 0, 20, 21
# Calibration in ImageJ's description, dropped when plain numbers are written.
IMAGEJ_CALIBRATION = frozenset({"cf", "zeroclip", *(f"c{number}" for number in range(5))})


@dataclass(frozen=True)
class StoredValues:
    """Integers whose values are an offset plus or minus what is stored.

    Args:
        offset: value of a stored 0.
        sign: 1 or -1.
        dtype: of the values, byte order included; as many bits as what is stored.
        stored: type of what is stored.
        why: the reason, a line that follows the file's name.
    """

    offset: int
    sign: int
    dtype: np.dtype
    stored: np.dtype
    why: str

    def read(self, stored: np.ndarray) -> np.ndarray:
        """Convert stored numbers, of any shape, to values."""
        return self._mapped(stored, self.offset).astype(self.dtype)

    def store(self, values: np.ndarray) -> np.ndarray:
        """Reverse `read`, in all bits of the type: packed bits are written unpacked."""
        offset = -self.offset if self.sign > 0 else self._whole_offset
        return self._mapped(values, offset).astype(self.stored)

    @property
    def _whole_offset(self) -> int:
        """Where 0 is white and bits are packed, white is written as 0 of all bits."""
        if self.dtype == self.stored and self.dtype.kind == "u":
            return int(np.iinfo(self.stored).max)
        return self.offset

    def _mapped(self, array: np.ndarray, offset: int) -> np.ndarray:
        unsigned = np.dtype(f"u{self.stored.itemsize}")  # its overflows are exact
        numbers = array.astype(unsigned)
        start = np.full(1, offset % 2**(8 * unsigned.itemsize), unsigned)
        return start + numbers if self.sign > 0 else start - numbers


def stored_values(series: tifffile.TiffPageSeries, path: Path) -> StoredValues | None:
    """Return what an image's stored numbers mean; None if they are the values.

    ImageJ stores signed integers of 16 bits with 32768 added, and marks that by a calibration.
    In a file that ImageJ did not write, PhotometricInterpretation 0 means that 0 is white.

    Args:
        series: the image.
        path: of its file, for messages.

    Raises:
        UserError: the values are not integers of the same number of bits, such as optical
            densities.
    """
    page, dtype = series.keyframe, np.dtype(series.dtype)
    if series.transform is not None:
        raise UserError(f"{path} stores its values by a formula of the kind {series.kind}, which "
                        "is not read. Save it as plain numbers first.")
    if page.samplesperpixel > 1 or dtype.kind not in "iu":
        return None
    stored = dtype.newbyteorder(page.parent.byteorder)
    if page.parent.is_imagej:
        return _calibrated(page.parent.imagej_metadata or {}, stored, path)
    if page.photometric == tifffile.PHOTOMETRIC.MINISWHITE and dtype.kind == "u":
        white = 2**int(page.bitspersample) - 1
        return StoredValues(white, -1, stored, stored,
                            f"0 is white in it, so its values are {white} - what is stored")
    return None


def display_note(series: tifffile.TiffPageSeries) -> str:
    """Return a note if 0 is white only on the screen, otherwise ""."""
    page = series.keyframe
    if page.photometric != tifffile.PHOTOMETRIC.MINISWHITE or (
            np.dtype(series.dtype).kind == "u" and not page.parent.is_imagej):
        return ""
    return "it is shown inverted (0 is white); its values are read as they are stored"


def _calibrated(found: dict[str, Any], stored: np.dtype, path: Path) -> StoredValues | None:
    if stored.itemsize > 2:  # ImageJ has none for these
        return None
    function = int(found.get("cf", _STRAIGHT_LINE if "c0" in found else _NONE))
    numbers = [float(found[key]) for key in (f"c{number}" for number in range(5))
               if key in found]
    if function == _NONE or (not numbers and function != _UNCALIBRATED_OD):
        return None
    if function == _STRAIGHT_LINE and len(numbers) == 2 and not found.get("zeroclip"):
        offset, sign = numbers
        values = _whole_type(offset, sign, stored)
        if values is not None:
            if stored.kind == "i":  # ImageJ adds this on opening, before it calibrates
                offset += sign * 2**(8 * stored.itemsize - 1)
            formula = f"stored {offset:+.0f}" if sign > 0 else f"{offset:.0f} - stored"
            return None if (offset, sign) == (0, 1) else StoredValues(
                int(offset), int(sign), values, stored,
                f"ImageJ calibrates its values: {formula}")
    entries = ", ".join(f"{key}={found[key]}"
                        for key in sorted(IMAGEJ_CALIBRATION & found.keys()))
    raise UserError(
        f"{path} calibrates its values ({entries}, as ImageJ does), which is not read. Convert "
        "them to plain numbers (in ImageJ: Image > Type > 32-bit), or drop the calibration "
        "(Analyze > Calibrate, Function: None).")


def _whole_type(offset: float, sign: float, stored: np.dtype) -> np.dtype | None:
    """Return the type of equal size whose range is that of a calibration, if any."""
    ends = {offset, offset + sign * (256**stored.itemsize - 1)}
    for kind in "ui":
        limits = np.iinfo(f"{kind}{stored.itemsize}")
        if ends == {limits.min, limits.max}:
            return limits.dtype.newbyteorder(stored.byteorder)
    return None
