"""Pretrain the U-Net of `train_cGAN.py --recipe=limited` on simulated images alone.

    python -m benchmarks.pretraining --dir=RUN --num_iters=20000
    python -m benchmarks.pretraining --dir=RUN --resume
    python -m benchmarks.pretraining --dir=NEXT \\
        --init_generator=RUN/Pretraining_results/generator.h5

Learns to restore random defects of random specimens, neither of which it is told. Writes the
folder Pretraining_results, as train_cGAN.py does; with --init_generator it continues from an
earlier result. `python -m benchmarks.ship_generator` turns a result into the file that comes
with microgan.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from benchmarks.simulated import VALIDATION_SEED, PretrainingConfig, drawn_once
from microgan.cli.command import run_command
from microgan.config import setting
from microgan.datasets.normalization import IntensityRange, TaskNormalization
from microgan.files.whole import write_text
from microgan.generator_file import GeneratorInfo, build_network, load_generator
from microgan.metrics.paired import mean_care_psnr
from microgan.runs.method import Method, Report, Scores, Trainer, describe_generator
from microgan.runs.optimizers import adam
from microgan.runs.run import train
from microgan.simulation.random_pairs import draw_pair
from microgan.simulation.specimens import draw_specimen
from microgan.trainers.cgan import CGANTrainer

TASK = "Simulated"
SPECIMEN_PX = 192
_VALIDATED_PX = 96


@dataclass(frozen=True, kw_only=True)
class Settings(PretrainingConfig):
    """Settings of the pretraining."""

    batch_size: int = setting(8, "Pairs per update.", minimum=1)
    patch_size: int = setting(64, "Side of the pairs, pixels.", minimum=16, maximum=160)
    num_specimens: int = setting(1500, "Simulated specimens that pairs are cut from.", minimum=1)
    num_validated: int = setting(96, "Others, for one validation pair each.", minimum=1)
    generator_filters: int = setting(16, "Channels at full resolution.", minimum=1)


class Pretraining(Method):
    """Blind restoring of simulated images."""

    run_folder = "Pretraining_results"
    report_files = ("validation.md",)
    score_label = "validation score (PSNR in dB)"

    def load(self) -> None:
        config = self.config
        self.specimens = _draw_specimens(Path(config.dir), self.seed, config.num_specimens)
        validated = _draw_specimens(Path(config.dir), VALIDATION_SEED,
                                    config.num_validated)
        self.validated = [draw_pair(np.random.default_rng([VALIDATION_SEED, index]),
                                    [specimen], _VALIDATED_PX)
                          for index, specimen in enumerate(validated)]
        # An empty place has no score.
        self.validated = [pair for pair in self.validated if np.ptp(pair[1]) > 0.5]
        degraded, clean = zip(*self.validated)
        self.raw_score = mean_care_psnr(list(clean), list(degraded))

    def split(self) -> dict[str, Any]:
        return {TASK: {"specimens": len(self.specimens), "validated": len(self.validated)}}

    def describe_data(self) -> str:
        return (f"{len(self.specimens)} simulated specimens of {SPECIMEN_PX} x {SPECIMEN_PX} "
                f"pixels, {len(self.validated)} pairs of others for validation")

    def batch(self, update: int) -> dict[str, np.ndarray]:
        rng = np.random.default_rng([self.seed, update])
        pairs = [draw_pair(rng, self.specimens, self.config.patch_size)
                 for _ in range(self.config.batch_size)]
        degraded, clean = (np.stack(images)[..., np.newaxis] for images in zip(*pairs))
        return {"degraded": degraded, "clean": clean}

    def describe(self) -> GeneratorInfo:
        unit = IntensityRange(0.0, 1.0)
        return describe_generator(
            self.config, method="cgan", network="unet",
            network_arguments={"filters": self.config.generator_filters},
            normalization={TASK: TaskNormalization(unit, unit)})

    def build(self, info: GeneratorInfo) -> tuple[Trainer, keras.Model]:
        config = self.config
        generator = build_network(info)
        if config.init_generator:
            start, _ = load_generator(config.init_generator, precision="float32")
            generator.set_weights(start.get_weights())
        trainer = CGANTrainer(
            generator, adam(config, config.learning_rate, num_updates=config.num_iters,
                            ema_decay=config.ema_decay),
            weights=config.loss_weights(), global_batch_size=config.batch_size)
        return trainer, build_network(info)

    def validate(self, network: keras.Model) -> Scores:
        degraded, clean = (np.stack(images) for images in zip(*self.validated))
        restored = np.concatenate([network(degraded[start:start + 16, ..., np.newaxis],
                                           training=False)[..., 0]
                                   for start in range(0, len(degraded), 16)])
        return {"score": mean_care_psnr(list(clean), list(restored)),
                "psnr_raw input": self.raw_score}

    def report(self, folder: Path) -> Report:
        model, _ = load_generator(folder / "generator.h5", precision="float32")
        scores = self.validate(model)
        table = (f"| simulated validation pairs | PSNR, `care` |\n|---|---|\n"
                 f"| raw input | {self.raw_score:.2f} |\n| restored | {scores['score']:.2f} |")
        write_text(folder / "validation.md", table + "\n")
        return Report(table, "generator.h5, validation.md, history.csv")


def _draw_specimens(folder: Path, seed: int, number: int) -> np.ndarray:
    return drawn_once(folder, "specimens", seed, number,
                      lambda rng: draw_specimen(rng, SPECIMEN_PX)).astype(np.float32)


def pretrain(config: Settings) -> Path:
    """Pretrain; see `microgan.runs.run.train`."""
    return train(Pretraining, config)


if __name__ == "__main__":
    sys.exit(run_command(Settings, __doc__ or "", pretrain))
