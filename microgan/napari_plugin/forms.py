"""What the widgets share: forms, and mistakes as napari's notifications."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from magicgui.widgets import Container, Widget
from napari.layers import Image
from napari.utils.notifications import show_error

from microgan.errors import told

if TYPE_CHECKING:
    from napari.viewer import Viewer


def aligned(fields: Sequence[Widget]) -> Container:
    """Put fields below each other, labels of one width."""
    form: Container = Container()
    form.extend(fields)  # passed on creation, their labels have different widths
    return form


def image_layers(viewer: Viewer) -> list[Image]:
    """Return the layers of a viewer that are images."""
    return [layer for layer in viewer.layers if isinstance(layer, Image)]


@contextlib.contextmanager
def mistakes_shown() -> Iterator[None]:
    """Show what the user can mend in one line; a bug is raised."""
    try:
        yield
    except Exception as error:
        line = told(error)
        if line is None:
            raise
        show_error(line)
