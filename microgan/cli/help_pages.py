"""The pages that `--help` and `--helpfull` show: what a program does, and its flags in groups."""

from __future__ import annotations

import dataclasses
import re
import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

from microgan.cli.program_list import named_as_started
from microgan.config import (
    CGANConfig, CINGANConfig, Config, EvaluateConfig, ExportConfig, RestoreConfig, ZSEGANConfig)

_WIDTH = 88
# The flags that matter first, at most ten, in the order in which a user needs them.
FIRST_FLAGS: dict[type[Config], tuple[str, ...]] = {
    CGANConfig: (
        "recipe", "data_dir", "datasets", "images_limit", "num_iters", "symmetries",
        "init_generator", "dir", "resume", "dry_run"),
    CINGANConfig: (
        "recipe", "data_dir", "datasets", "images_limit", "num_iters", "add_task",
        "init_generator", "dir", "resume", "dry_run"),
    ZSEGANConfig: (
        "recipe", "data_dir", "focal_plane", "pixel_size_um", "z_step_um", "num_iters", "dir",
        "resume", "dry_run"),
    RestoreConfig: (
        "generator", "method", "input", "output", "task", "axes", "output_type", "trust_map",
        "tile", "overwrite"),
    EvaluateConfig: (
        "generator", "data_dir", "datasets", "split", "stacks", "restored", "clean", "degraded",
        "output", "overwrite"),
    ExportConfig: ("generator", "format", "task", "output", "image", "authors", "overwrite"),
}
# Every other flag, whichever programs have it.
GROUPS = {
    "Data": (
        "validation_fraction", "test_fraction", "simulated_stacks", "in_focus_from",
        "cross_validate", "symmetries", "normalization",
        "eval_limit", "axes", "nodata", "stretched", "focal_plane", "pixel_size_um", "z_step_um",
        "tissue_from", "tissue_to", "cell_radius_um", "cin_generator_path", "cin_augment", "alpha",
        "alpha_decay", "intensity_jitter", "data_dir", "degraded_dir", "clean_dir", "channels",
        "register", "upsample"),
    "Networks": (
        "generator", "generator_filters", "discriminator", "discriminator_filters",
        "critic", "critic_filters", "translator_filters", "dropout", "measure_defect",
        "test_time_augmentation", "calibrate"),
    "Training": (
        "config", "num_iters", "batch_size", "patch_size", "learning_rate",
        "learning_rate_decay", "critic_learning_rate", "discriminator_learning_rate",
        "adam_beta_1", "adam_beta_2", "adam_epsilon", "ema_decay", "critic_steps", "pool_size",
        "validate_every", "max_bad_steps", "bounded_updates"),
    "Losses": (
        "content_weight", "content_features", "content_distance", "content_from",
        "adversarial_weight", "penalty_weight", "pixel_weight", "fitted_pixel_weight",
        "fourier_weight", "style_weight", "spectrum_weight", "intensity_weight",
        "structure_weight", "consistency_weight", "identity_weight", "vertical_share"),
    "Computing": ("seed", "deterministic", "num_gpu", "precision", "backend", "shard", "dask"),
    "Output": (
        "overwrite", "checkpoint_every", "checkpoint_minutes", "tensorboard", "name",
        "citation", "license"),
}
_OTHERS = "Others"


def help_text(config_type: type[Config], program: str, description: str, *,
              is_full: bool = False) -> str:
    """Return a help page: what the program does, and its flags with their defaults.

    Args:
        config_type: the dataclass whose fields are the flags.
        program: its name, as the user typed it.
        description: what it does; programs are called by their scripts.
        is_full: whether to explain all flags, as `--helpfull` does. If not, those in
            `FIRST_FLAGS` are explained and the others named, group by group; programs that
            are not in `FIRST_FLAGS` always get the whole page.
    """
    first = FIRST_FLAGS.get(config_type, ())
    description = named_as_started(description.strip(), program)
    lines = ["\n\n".join(map(_wrapped, description.split("\n\n"))), "",
             f"usage: {program} [--flag=value ...]", ""]
    if first:
        lines += ["First of all:", *_explained(config_type, first, program), ""]
    for group, names in _grouped(config_type, first):
        lines += [f"{group}:"] if group else []
        lines += (_explained(config_type, names, program) if is_full or not first else
                  _indented(" ".join(f"--{name}" for name in names), 2))
        lines += [""] if group else []
    help_flags = {"--help": "Show this page.", "--version": "Show the version."}
    if first:
        help_flags = {"--help": "Explain the flags that matter first.",
                      "--helpfull": "Explain every flag.", "--version": "Show the version."}
        lines.append("Help:")
    for name, effect in help_flags.items():
        lines += [f"  {name}", f"      {effect}"]
    return "\n".join(lines)


def _grouped(config_type: type[Config], first: Sequence[str]
             ) -> Iterator[tuple[str, list[str]]]:
    """Yield the groups of a program's other flags, and the names in each."""
    rest = [item.name for item in dataclasses.fields(config_type) if item.name not in first]
    if not first:
        yield "", rest
        return
    for group, members in GROUPS.items():
        found = [name for name in rest if name in members]
        if found:
            yield group, found
    others = sorted(set(rest).difference(*GROUPS.values()))
    if others:
        yield _OTHERS, others


def _explained(config_type: type[Config], names: Sequence[str], program: str) -> list[str]:
    """Return the lines that explain flags: values, effect and the recipes' defaults."""
    fields = {item.name: item for item in dataclasses.fields(config_type)}
    paper = config_type.recipe_defaults("paper")
    limited = (config_type.recipe_defaults("limited") if "limited" in config_type.recipes()
               else paper)
    lines = []
    for name in names:
        rules = fields[name].metadata
        default = f"default: {_shown(paper[name])}"
        if name != "recipe" and limited[name] != paper[name]:
            default += f"; with --recipe=limited: {_shown(limited[name])}"
        values = f"={'|'.join(rules['choices'])}" if rules["choices"] else ""
        lines.append(f"  --{name}{values}")
        lines += _indented(named_as_started(f"{rules['help']} ({default})", program), 6)
    return lines


def _indented(text: str, spaces: int) -> list[str]:
    return textwrap.wrap(text, width=_WIDTH, initial_indent=" " * spaces,
                         subsequent_indent=" " * spaces, break_on_hyphens=False)


def _wrapped(paragraph: str) -> str:
    """Wrap a paragraph, unless it has commands, which stay on their lines."""
    is_text = not re.search(r"^ |(\.py|microgan[ -][\w-]+) --", paragraph, re.MULTILINE)
    return textwrap.fill(paragraph, _WIDTH, break_on_hyphens=False) if is_text else paragraph


def _shown(value: Any) -> str:
    if value is None:
        return "unset"
    if isinstance(value, tuple):
        return ",".join(value) or "unset"
    return str(value)
