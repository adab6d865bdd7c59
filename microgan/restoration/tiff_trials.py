"""Find the tags and texts of a TIFF that can be written, by trial on one pixel."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import numpy as np
import tifffile


def unwritable(options: Mapping[str, Any], *, imagej: bool) -> set[str]:
    """Find the parts of an image's description that cannot be written, each tried alone.

    Args:
        options: arguments of `TiffWriter.write`.
        imagej: whether ImageJ's format is written.

    Returns:
        Names to leave out: "resolution", numbers of tags, and "metadata KEY".
    """
    if _can_write(options, imagej):
        return set()
    parts = {"resolution": _resolution(options),
             **{str(tag[0]): {"extratags": [tag]} for tag in options.get("extratags", ())},
             **{f"metadata {key}": {"metadata": {key: value}}
                for key, value in (options.get("metadata") or {}).items() if key != "axes"}}
    return {name for name, part in parts.items() if not _can_write(part, imagej)}


def without(options: dict[str, Any], names: set[str]) -> dict[str, Any]:
    """Return the arguments without what `unwritable` names."""
    kept = {name: value for name, value in options.items() if name not in (
        ("resolution", "resolutionunit") if "resolution" in names else ())}
    kept["extratags"] = [tag for tag in options.get("extratags", ()) if str(tag[0]) not in names]
    if options.get("metadata"):
        kept["metadata"] = {key: value for key, value in options["metadata"].items()
                            if f"metadata {key}" not in names}
    return kept


def _resolution(options: Mapping[str, Any]) -> dict[str, Any]:
    return {name: options[name] for name in ("resolution", "resolutionunit") if name in options}


def _can_write(options: Mapping[str, Any], imagej: bool) -> bool:
    tried = {name: options[name] for name in (
        "resolution", "resolutionunit", "extratags", "metadata", "description") if name in options}
    tried["software"] = False
    if tried.get("metadata"):
        tried["metadata"] = {**tried["metadata"], "axes": "YX"}
    try:
        with tifffile.TiffWriter(io.BytesIO(), imagej=imagej, ome=False) as writer:
            writer.write(np.zeros((1, 1), np.uint8), photometric="minisblack", **tried)
    except Exception:  # tifffile raises nearly anything about values it cannot write
        return False
    return True
