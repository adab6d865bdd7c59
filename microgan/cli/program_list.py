"""Every program of the package: its names, its settings, and when to use it."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from microgan.config import (
    CGANConfig, CINGANConfig, Config, EvaluateConfig, ExportConfig, RestoreConfig, SimulateConfig,
    ZSEGANConfig)


class Program(NamedTuple):
    """A program of the package.

    Args:
        command: name after `microgan`; `microgan-COMMAND` is the same program.
        script: name of its script in the repository; "" if it has none.
        config_type: whose fields are its flags.
        purpose: when to use it, on one line of `microgan --help`.
        is_training: whether it trains.
    """

    command: str
    script: str
    config_type: type[Config]
    purpose: str
    is_training: bool = False

    def main(self) -> Callable[[Sequence[str]], int]:
        """Import the program and return its function: name and arguments -> exit status."""
        module = importlib.import_module(f"microgan.cli.{self.command.replace('-', '_')}")
        main: Callable[[Sequence[str]], int] = module.main
        return main


PROGRAMS = (
    Program("train-cgan", "train_cGAN.py", CGANConfig,
            "pairs of a degraded and a good image, or degraded images alone", True),
    Program("train-cin-gan", "train_CIN_GAN.py", CINGANConfig,
            "good and degraded images that do not match: learn the defect", True),
    Program("train-zsegan", "train_zsegan.py", ZSEGANConfig,
            "z-stacks that are sharp at one depth only", True),
    Program("restore", "restore.py", RestoreConfig,
            "restore image files, or z-stacks, with what a training wrote"),
    Program("evaluate", "evaluate.py", EvaluateConfig,
            "score restored images, or z-stacks, beside the raw ones"),
    Program("export", "", ExportConfig,
            "write a network for ONNX Runtime, Fiji and the BioImage Model Zoo"),
    Program("simulate", "", SimulateConfig,
            "make pairs and z-stacks with known truth, to try all of it"),
)


def named_as_started(text: str, started_as: str) -> str:
    """Return a text in which all programs have the kind of name that the user typed.

    Args:
        text: in which they are called by their scripts, or `microgan-COMMAND` without one.
        started_as: the name of the running program, such as "microgan restore",
            "microgan-restore" or "restore.py".
    """
    match = re.match(r"microgan[ -]", started_as)
    if match:
        for program in PROGRAMS:
            for name in filter(None, (program.script, f"microgan-{program.command}")):
                text = re.sub(rf"\b{re.escape(name)}\b", match[0] + program.command, text)
    return text
