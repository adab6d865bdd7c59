"""`microgan-simulate`: simulate the images of `data/`, or more of them."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from microgan.cli.command import run_command
from microgan.config import SimulateConfig

DESCRIPTION = """\
Simulate microscope images with known truth: pairs of degraded and clean images, and z-stacks.
Without flags it writes what ships in data/, bit for bit."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program and return its exit status."""
    return run_command(SimulateConfig, DESCRIPTION, _work, argv)


def _work(config: SimulateConfig) -> None:
    from microgan.programs.simulate import simulate

    simulate(config)


if __name__ == "__main__":
    sys.exit(main())
