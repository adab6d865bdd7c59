"""Pretrain a network that corrects what filters make of z-stacks, on simulated stacks alone.

    python -m benchmarks.pretraining_stacks --dir=RUN
    python -m benchmarks.pretraining_stacks --dir=RUN --resume

Random samples are seen by random microscopes, and sharpened by the filter of
`restore.py --method=filter`, which knows neither. The network learns what is then still missing
from the sharp volumes, which are known. No microscope like those of `benchmarks.unseen_stacks`,
which test it, is drawn. Writes the folder StackPretraining_results. `train_zsegan.py` learns the
same for one microscope.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from benchmarks.simulated import VALIDATION_SEED, PretrainingConfig, drawn_once
from benchmarks.unseen_stacks import TEST_MICROSCOPES
from microgan.cli.command import run_command
from microgan.config import setting
from microgan.datasets.normalization import PERCENTILES, IntensityRange
from microgan.estimation.stack_filters import choose_filter
from microgan.generator_file import GeneratorInfo, load_generator
from microgan.methods.stack_correction import STACK_PX, VOLUME_PX, StackCorrection, as_drawn
from microgan.runs.method import Trainer, describe_generator
from microgan.runs.run import train
from microgan.simulation.random_stacks import draw_volume, record_stack

TASK = "Simulated"


@dataclass(frozen=True, kw_only=True)
class Settings(PretrainingConfig):
    """Settings of the pretraining."""

    num_iters: int = setting(6000, "Updates.", minimum=1, maximum=10**9)
    learning_rate: float = setting(1e-3, "Adam's highest learning rate.", above=0)
    batch_size: int = setting(2, "Stacks per update.", minimum=1)
    patch_size: int = setting(64, "Side of the slices, pixels.", minimum=16, maximum=STACK_PX)
    num_slices: int = setting(25, "Slices per stack.", minimum=8,
                              maximum=26)
    num_stacks: int = setting(300, "Simulated stacks, each of a different sample.", minimum=1)
    num_validated: int = setting(24, "Others, for validation.", minimum=1)
    translator_filters: int = setting(16, "Channels at full resolution.", minimum=1)


class StackPretraining(StackCorrection):
    """Correction of what filters make of stacks of random microscopes."""

    run_folder = "StackPretraining_results"

    def load(self) -> None:
        """Nothing is loaded: everything is drawn."""

    @property
    def num_drawn(self) -> tuple[int, int]:
        return self.config.num_stacks, self.config.num_validated

    def drawn(self, part: int, number: int) -> np.ndarray:
        """Return simulated stacks, which are kept in --dir for other runs."""
        return drawn_once(Path(self.config.dir), f"stacks_{self.config.num_slices}",
                          VALIDATION_SEED if part else self.seed, number, self.draw_stack)

    def draw_stack(self, rng: np.random.Generator) -> np.ndarray:
        """Draw as the base class; percentiles of the filtered stack become -1 and 1."""
        drawn = record_stack(rng, [draw_volume(rng, VOLUME_PX)],
                             (self.config.num_slices, STACK_PX, STACK_PX), TEST_MICROSCOPES)
        filtered = choose_filter(drawn.measured, step_px=drawn.step_px).sharpen(drawn.measured)
        low, high = np.percentile(filtered, PERCENTILES)
        return as_drawn(drawn, filtered, IntensityRange(
            float(low), float(max(high, low + 1e-3 * abs(low) + 1e-9))))

    def split(self) -> dict[str, Any]:
        return {TASK: dict(zip(("stacks", "validated"), self.num_drawn))}

    def describe(self) -> GeneratorInfo:
        return describe_generator(
            self.config, method="zse_gan", network="correction", axes="ZYX",
            network_arguments={"filters": self.config.translator_filters}, normalization={})

    def loss_weights(self) -> dict[str, float]:
        return self.config.loss_weights()

    def build(self, info: GeneratorInfo) -> tuple[Trainer, keras.Model]:
        trainer, validated = super().build(info)
        if self.config.init_generator:
            start, _ = load_generator(self.config.init_generator, method="zse_gan",
                                      precision="float32")
            trainer.generator.set_weights(start.get_weights())
        return trainer, validated


def pretrain(config: Settings) -> Path:
    """Pretrain; see `microgan.runs.run.train`."""
    return train(StackPretraining, config)


if __name__ == "__main__":
    sys.exit(run_command(Settings, __doc__ or "", pretrain))
