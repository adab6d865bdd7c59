"""Fill a page's template with plain data."""

from __future__ import annotations

import base64
import math
from typing import Any

import jinja2

from microgan.runtime.amounts import significant


def render(template: str, **content: Any) -> str:
    """Fill a template.

    Args:
        template: file name in `microgan/pages/templates`.
        **content: its variables. Text is escaped; bytes are PNG files, to be embedded by the
            filter `embedded`.

    Returns:
        HTML that needs neither another file nor the network.

    Raises:
        jinja2.UndefinedError: a variable of the template is missing.

    Source:
        ours.

    Example:
        >>> "<h1>A &amp; B</h1>" in render("z_stack.html", notes=[], criteria=[], tables={},
        ...                                figures={}, names={}, title="A & B")
        True
    """
    return _ENVIRONMENT.get_template(template).render(content)


def _shown(value: Any) -> str:
    """Write a cell of a table: numbers to three digits; nothing where there is none."""
    if isinstance(value, float):
        return significant(value) if math.isfinite(value) else ""
    return "" if value is None else str(value)


def _embedded(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")


_ENVIRONMENT = jinja2.Environment(
    loader=jinja2.PackageLoader("microgan.pages"), autoescape=True, trim_blocks=True,
    lstrip_blocks=True, undefined=jinja2.StrictUndefined)
_ENVIRONMENT.filters |= {"shown": _shown, "embedded": _embedded}
