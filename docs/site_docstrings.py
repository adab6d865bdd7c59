"""How the reference of the documentation site reads docstrings; see mkdocs.yml."""

from __future__ import annotations

import re
from typing import Any

import griffe


class Ours(griffe.Extension):
    """Show examples as code, and programs with the arguments that they take."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Call a section `Example:` as griffe does."""
        if obj.docstring:
            obj.docstring.value = re.sub(r"^( *)Example:$", r"\1Examples:", obj.docstring.value,
                                         flags=re.MULTILINE)

    def on_function(self, *, func: griffe.Function, **_: Any) -> None:
        """Give a function that takes a config's fields `**settings`."""
        if any("_takes_settings_of" in str(each.value) for each in func.decorators):
            func.parameters = griffe.Parameters(griffe.Parameter(
                "settings", kind=griffe.ParameterKind.var_keyword))
