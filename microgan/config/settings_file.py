"""Settings from a file: a run's `config.json`, or a table like it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from microgan.config.base import Config
from microgan.errors import UserError, one_line

# What is to be done now is said on the command line.
_NEVER_STORED = ("config", "resume", "overwrite", "dry_run")


def read_settings(path: str, config_type: type[Config]) -> dict[str, Any]:
    """Read settings for `--config`.

    Args:
        path: a JSON file: a table of settings, such as {"num_iters": 500, "datasets": ["A"]}, or
            the `config.json` of a run.
        config_type: whose settings they are.

    Returns:
        Values by name. Of a run, all but those that say what to do with its folder.

    Raises:
        UserError: the file is not readable, or a setting in it is unknown, not allowed or has
            its place on the command line.
    """
    flag = f"--config={path}"
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{flag} cannot be read: {error.strerror}. Name the config.json of a run, "
                        "or another JSON file of settings.") from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{flag} is not JSON: {one_line(error)}. Name the config.json of a run, "
                        'or write a table such as {"num_iters": 500}.') from error
    if not isinstance(content, dict):
        raise UserError(f'{flag} is not a table of settings, such as {{"num_iters": 500}}.')
    if isinstance(content.get("config"), dict):
        content = {name: value for name, value in content["config"].items()
                   if name not in _NEVER_STORED}
    for name in _NEVER_STORED:
        if name in content:
            raise UserError(f"{flag} must not contain {name}: give it on the command line.")
    settings = {name: os.path.expanduser(value) if isinstance(value, str) else value
                for name, value in content.items()}
    try:
        config_type.check_settings(settings)
    except UserError as error:
        raise UserError(f"{flag}: {error}") from error
    return settings
