"""Find the one OME-Zarr image of a Zarr folder: at its top, in a plate or in a well."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from microgan.errors import UserError
from microgan.files.zarr_metadata import inside, is_zarr_folder, read_json

# Plate, well, field.
_MOST_LEVELS = 3
# Most images that a message names.
_NAMED_IMAGES = 3


@dataclass(frozen=True)
class Group:
    """A Zarr group.

    Args:
        folder: of it.
        version: of the Zarr format, 2 or 3.
        content: its JSON without the attributes.
        attributes: of it.
    """

    folder: Path
    version: int
    content: dict[str, Any]
    attributes: dict[str, Any]

    @property
    def ome(self) -> dict[str, Any]:
        """OME-Zarr's metadata: the attributes, since version 0.5 those within "ome"."""
        found = self.attributes.get("ome", self.attributes)
        return found if isinstance(found, dict) else {}


def find_image(path: Path) -> Group:
    """Find the group of the one image in a folder.

    Args:
        path: an image; or a plate, a well or what bioformats2raw writes, around one image.

    Raises:
        UserError: it holds several.
        ValueError, KeyError and others: it holds none, or is damaged.
    """
    group = _read_group(path)
    for _ in range(_MOST_LEVELS):
        if "multiscales" in group.ome:
            break
        kind, inner = _inner_paths(group)
        if len(inner) > 1:
            named = ", ".join(map(str, (_first_image(inside(group.folder, name))
                                        for name in inner[:_NAMED_IMAGES])))
            raise UserError(f"{path} holds {len(inner)} {kind}. Name one image of them: "
                            f"{named}{', ...' if len(inner) > _NAMED_IMAGES else ''}")
        group = _read_group(inside(group.folder, inner[0]))
    group.ome["multiscales"]
    return group


def _first_image(folder: Path) -> Path:
    """Follow the metadata to the first image in a folder."""
    for _ in range(_MOST_LEVELS):
        group = _read_group(folder)
        if "multiscales" in group.ome:
            break
        folder = inside(folder, _inner_paths(group)[1][0])
    return folder


def _inner_paths(group: Group) -> tuple[str, Sequence[str]]:
    """Return what a group that is not an image holds: their kind, and at least one path."""
    ome = group.ome
    if "plate" in ome:
        kind, inner = "wells", [well["path"] for well in ome["plate"]["wells"]]
    elif "well" in ome:
        kind, inner = "fields", [image["path"] for image in ome["well"]["images"]]
    elif "bioformats2raw.layout" in ome:
        kind, inner = "images", _series(group)
    else:
        raise KeyError("multiscales")
    if not inner:
        raise ValueError("it holds no image")
    return kind, inner


def _series(group: Group) -> list[str]:
    """Return the paths of the images that bioformats2raw wrote: listed, or counted from 0."""
    folder = inside(group.folder, "OME")
    listed = _read_group(folder).ome.get("series") if is_zarr_folder(folder) else None
    if listed:
        return list(listed)
    found: list[str] = []
    while is_zarr_folder(group.folder / str(len(found))):
        found.append(str(len(found)))
    return found


def _read_group(folder: Path) -> Group:
    content = read_json(folder, "zarr.json")
    if content is not None:
        attributes = content.pop("attributes", {})
        # Its copy of the arrays' metadata is not used.
        content.pop("consolidated_metadata", None)
        if content.get("zarr_format") != 3 or content.get("node_type") != "group":
            raise ValueError(f"{folder.name} in it is not a group of Zarr version 3")
    else:
        content, attributes = read_json(folder, ".zgroup"), read_json(folder, ".zattrs")
        if content is None:
            raise ValueError("it has no .zgroup and no zarr.json" if attributes is None else
                             "it has no .zgroup")
        if content.get("zarr_format") != 2:
            raise ValueError(f"{folder.name} in it is not a group of Zarr version 2")
    if not isinstance(attributes, dict | None):
        raise ValueError(f"{folder.name} in it has attributes that are not a JSON object")
    return Group(folder, content["zarr_format"], content, attributes or {})
