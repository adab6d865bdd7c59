"""Base of every config: checked settings, to JSON and back."""

from __future__ import annotations

import dataclasses
import difflib
import math
import os
import types
import typing
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self

from microgan.errors import UserError, printable
from microgan.files.names import composed
from microgan.runtime.precision import PRECISIONS

RECIPES = ("paper", "limited")
_UNSET: Any = object()
_LARGEST_INT = 2**31 - 1  # TensorFlow counts in 32 bits
_TASK_FIELDS = {"channels", "datasets", "task", "add_task", "stretched", "symmetries"}


def setting(default: Any, help: str, *, limited: Any = _UNSET,
            choices: tuple[str, ...] | None = None,
            minimum: float | None = None, above: float | None = None,
            maximum: float | None = None, is_finite: bool = True) -> Any:
    """Define a config field.

    Args:
        default: value in the paper recipe.
        help: effect, unit and source of the default; shown by `--help`.
        limited: value in the limited recipe, where it differs.
        choices: allowed texts.
        minimum: smallest allowed number.
        above: the number must exceed this.
        maximum: largest allowed number; 2**31 - 1 for integers if unset.
        is_finite: whether NaN and infinity are refused.
    """
    return field(default=default, metadata={
        "help": help, "limited": limited, "choices": choices,
        "minimum": minimum, "above": above, "maximum": maximum, "is_finite": is_finite})


def precision_setting() -> Any:
    """The field `precision` of every program that computes with a network."""
    return setting("auto", "Number format. auto: bfloat16 where the hardware multiplies it "
                   "faster.", choices=PRECISIONS)


def value_type(hint: Any) -> tuple[type, bool, bool]:
    """Read a field's annotation.

    Returns:
        The plain type, whether None is allowed, and whether it is a list of that type.
    """
    optional = False
    if isinstance(hint, types.UnionType):
        members = [member for member in typing.get_args(hint) if member is not type(None)]
        optional = len(members) < len(typing.get_args(hint))
        (hint,) = members
    if typing.get_origin(hint) is tuple:
        return typing.get_args(hint)[0], optional, True
    return hint, optional, False


class Meaningless(NamedTuple):
    """Why a field has no effect, given the other fields.

    Args:
        reason: such as "without --stacks".
        remedy: what would give it an effect, such as "add --stacks"; empty if nothing would.
    """

    reason: str
    remedy: str = ""


@dataclass(frozen=True)
class Config:
    """Base of all configs, checked on creation. Build one with `create`.

    Raises:
        UserError: a value has the wrong type, is not among the choices or is out of bounds;
            the message names the flag and the rule.
    """

    def __post_init__(self) -> None:
        hints = typing.get_type_hints(type(self))
        for item in dataclasses.fields(self):
            _check_field(item, hints[item.name], getattr(self, item.name))

    @classmethod
    def recipes(cls) -> tuple[str, ...]:
        """The recipes to choose from; none without a field `recipe`."""
        return next((item.metadata["choices"] for item in dataclasses.fields(cls)
                     if item.name == "recipe"), ())

    @classmethod
    def recipe_defaults(cls, recipe: str) -> dict[str, Any]:
        """The default of every field in a recipe."""
        if recipe not in RECIPES:
            raise UserError(f"--recipe must be one of {', '.join(RECIPES)}. Received: {recipe}")
        defaults = {}
        for item in dataclasses.fields(cls):
            limited = item.metadata["limited"]
            use_limited = recipe == "limited" and limited is not _UNSET
            defaults[item.name] = limited if use_limited else item.default
        if "recipe" in defaults:
            defaults["recipe"] = recipe
        return defaults

    @classmethod
    def create(cls, **explicit: Any) -> Self:
        """Build a config from explicit values and the recipe's defaults.

        Args:
            **explicit: field values; they override those of a settings file that they name,
                and these the recipe's. `recipe` defaults to "paper". A path may be a `Path`; a
                field of several values takes a list or a single value.

        Raises:
            UserError: there is no such field, or a value is not allowed or has no effect
                with the others.
        """
        explicit = cls._as_flags(explicit)
        stored = cls._as_flags(cls.stored_settings(explicit))
        defaults = cls.recipe_defaults({**stored, **explicit}.get("recipe", "paper"))
        config = cls(**{**defaults, **stored, **explicit})
        object.__setattr__(config, "_explicit", frozenset({**stored, **explicit}))
        for name, (reason, remedy) in config.meaningless().items():
            if explicit.get(name) not in (None, ()):
                raise UserError(f"--{name} has no meaning {reason}. Leave it out"
                                f"{remedy and f', or {remedy}'}.")
        return config

    @classmethod
    def stored_settings(cls, explicit: dict[str, Any]) -> dict[str, Any]:
        """Return the settings in a file that explicit ones name. They may have no effect."""
        return {}

    @classmethod
    def _as_flags(cls, settings: dict[str, Any]) -> dict[str, Any]:
        """Return settings as flags would give them."""
        hints = typing.get_type_hints(cls)
        plain = {}
        for name, value in settings.items():
            if name not in cls.__dataclass_fields__:
                near = difflib.get_close_matches(name, cls.__dataclass_fields__, n=1)
                raise UserError(f"There is no setting {name}."
                                + "".join(f" Did you mean {each}?" for each in near))
            value = _plain(value, is_list=value_type(hints[name])[2])
            plain[name] = _composed(value) if name in _TASK_FIELDS else value
        return plain

    @classmethod
    def check_settings(cls, settings: dict[str, Any]) -> None:
        """Check each of some settings on its own.

        Raises:
            UserError: there is no such field, or a value is not allowed.
        """
        hints = typing.get_type_hints(cls)
        for name, value in cls._as_flags(settings).items():
            _check_field(cls.__dataclass_fields__[name], hints[name], value)

    def meaningless(self) -> dict[str, Meaningless]:
        """Fields that have no effect, given the other fields, and why."""
        return {}

    @property
    def explicit(self) -> frozenset[str]:
        """Names of the fields that were passed to `create`."""
        return getattr(self, "_explicit", frozenset())

    def replaced(self, **changes: Any) -> Self:
        """Return a copy with other values and the same `explicit`."""
        config = dataclasses.replace(self, **changes)
        object.__setattr__(config, "_explicit", self.explicit)
        return config

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Self:
        """Rebuild a config from `to_json`.

        Raises:
            ValueError or UserError: `content` did not come from `to_json`.
        """
        if not isinstance(content, dict):
            raise ValueError("it is not a table of settings")
        unknown = sorted(set(content) - {item.name for item in dataclasses.fields(cls)})
        if unknown:
            raise ValueError(f"there is no setting {unknown[0]!r}")
        return cls(**{name: tuple(value) if isinstance(value, list) else value
                      for name, value in content.items()})

    def to_json(self) -> dict[str, Any]:
        """Every field, as plain JSON."""
        return {name: list(value) if isinstance(value, tuple) else value
                for name, value in dataclasses.asdict(self).items()}


def _composed(value: Any) -> Any:
    """Bring texts into the Unicode form of task names."""
    if isinstance(value, tuple):
        return tuple(map(_composed, value))
    return composed(value) if isinstance(value, str) else value


def _plain(value: Any, *, is_list: bool) -> Any:
    """Return a value as a flag would give it."""
    if is_list and isinstance(value, (str, os.PathLike)):
        value = (value,)
    if isinstance(value, (list, tuple)):
        return tuple(_plain(element, is_list=False) for element in value)
    return os.fspath(value) if isinstance(value, os.PathLike) else value


def _check_field(item: dataclasses.Field, hint: Any, value: Any) -> None:
    kind, optional, is_list = value_type(hint)
    if value is None and optional:
        return
    for element in value if is_list and isinstance(value, tuple) else (value,):
        _check_value(item, kind, element)


def _check_value(item: dataclasses.Field, kind: type, value: Any) -> None:
    rules = item.metadata
    flag = f"--{item.name}"
    accepted = (int, float) if kind is float else kind
    if not isinstance(value, accepted) or (isinstance(value, bool) and kind is not bool):
        raise UserError(f"{flag} must be of type {kind.__name__}. Received: "
                        f"{printable(repr(value), limit=60)}")
    if rules["is_finite"] and isinstance(value, float) and not math.isfinite(value):
        raise UserError(f"{flag} must be finite. Received: {value}")
    if rules["choices"] is not None and value not in rules["choices"]:
        raise UserError(
            f"{flag} must be one of {', '.join(rules['choices'])}. Received: {value}")
    if rules["minimum"] is not None and not value >= rules["minimum"]:
        raise UserError(f"{flag} must be at least {rules['minimum']}. Received: {value}")
    if rules["above"] is not None and not value > rules["above"]:
        raise UserError(f"{flag} must be above {rules['above']}. Received: {value}")
    maximum = rules["maximum"]
    if maximum is None and kind is int:
        maximum = _LARGEST_INT
    if maximum is not None and not value <= maximum:
        raise UserError(f"{flag} must be at most {maximum}. Received: {value}")
