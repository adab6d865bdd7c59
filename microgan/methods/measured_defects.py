"""Defects measured before CIN-GAN learns what their models lack."""

from __future__ import annotations

import time
from collections.abc import Mapping

from microgan.errors import UserError, one_line
from microgan.estimation.measured_defect import MeasuredDefect
from microgan.estimation.unpaired import measure_unpaired
from microgan.methods.unpaired_data import UnpairedTaskData
from microgan.runtime.amounts import duration

# How far around a crop a model sees: blur and unfocused light come from there, and images that
# are stretched one by one take their extremes from more than the crop.
MODEL_MARGIN_PX = 32


def measure(tasks: Mapping[str, UnpairedTaskData], seed: int) -> dict[str, MeasuredDefect]:
    """Measure the defect of each task on all degraded images but the test's.

    Two validation images more sharpen a model of few numbers, and do not hide an overfit.

    Args:
        tasks: their images.
        seed: of resampling; the same seed gives the same numbers.

    Raises:
        UserError: a task's images are too small.
    """
    measured = {}
    for name, task in tasks.items():
        started = time.perf_counter()
        degraded, _ = task.seen()
        try:
            measured[name] = measure_unpaired(
                degraded, task.part("train")[1] + task.extra_clean, seed=seed)
        except ValueError as error:
            raise UserError(f"The defect of '{name}' cannot be measured: {one_line(error)}. Add "
                            "--measure_defect=False.") from error
        print(f"{name}: defect measured in {duration(time.perf_counter() - started)}.", flush=True)
    return measured
