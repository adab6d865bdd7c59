"""matplotlib without a backend or the user's style."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from microgan.runtime.startup import import_matplotlib

import_matplotlib()

import matplotlib  # noqa: E402
from matplotlib.axes import Axes  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402
from matplotlib.patches import Circle  # noqa: E402

__all__ = ["Axes", "Circle", "Figure", "plain_style"]


@contextmanager
def plain_style() -> Iterator[None]:
    """Draw in matplotlib's default style, whatever the user's settings; also a decorator."""
    with matplotlib.rc_context({name: value for name, value in matplotlib.rcParamsDefault.items()
                                if name != "backend"}):
        yield
