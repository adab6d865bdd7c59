"""Test stacks of a training: loaded with the others, reported on at its end."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from microgan.config import EvaluateConfig, ZSEGANConfig
from microgan.methods.z_stack_data import refuse_learned
from microgan.programs.evaluate_stacks import (
    ReportedStacks, load_reported_stacks, write_stack_report)
from microgan.runs.method import Report
from microgan.runs.run_files import GENERATOR_FILE

_TEST_STACKS = "testB"  # in the layout of ZSE-GAN's authors


def load_test_stacks(config: ZSEGANConfig, names: Sequence[str], stacks: Sequence[np.ndarray]
                     ) -> ReportedStacks | None:
    """Load the stacks for the report; None without test stacks.

    Args:
        config: of the training.
        names: of the files that are trained on.
        stacks: in them.

    Raises:
        UserError: as `load_reported_stacks` and `refuse_learned`.
    """
    folder = Path(config.data_dir) / _TEST_STACKS
    if not folder.is_dir():
        return None
    reported = load_reported_stacks(EvaluateConfig(
        generator=GENERATOR_FILE, stacks=str(folder), focal_plane=config.focal_plane,
        pixel_size_um=config.pixel_size_um, z_step_um=config.z_step_um))
    refuse_learned(names, stacks, reported.paths, reported.blurred)
    return reported


def report_on_stacks(folder: Path, reported: ReportedStacks | None, config: ZSEGANConfig,
                     ) -> Report:
    """Write the z-stack report of a run's generator, if there are test stacks.

    Args:
        folder: of the run.
        reported: from `load_test_stacks`.
        config: of the training.
    """
    from microgan.evaluation.z_stack_report import PAGE

    if reported is None:
        return Report(f"No stacks were tested: there is no folder "
                      f"{Path(config.data_dir) / _TEST_STACKS}.",
                      "generator.h5, samples, history.png")
    table = write_stack_report(folder, reported.first() if config.dry_run else reported,
                               folder / GENERATOR_FILE, precision=config.precision)
    return Report(table, f"generator.h5, {PAGE}, samples, history.png", pages=[PAGE])
