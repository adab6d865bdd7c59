"""`microgan-simulate`: makes the arrays of `data/`, or larger ones."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from microgan.cli.command import run_command
from microgan.config import SimulateConfig

DESCRIPTION = """\
Simulate pairs of degraded and clean microscope images with known truth.
Without flags it makes the arrays that ship in data/, bit for bit."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program and return its exit status."""
    return run_command(SimulateConfig, DESCRIPTION, _work, argv)


def _work(config: SimulateConfig) -> None:
    from microgan.experiments.simulation import simulate_arrays

    simulate_arrays(config)


if __name__ == "__main__":
    sys.exit(main())
