"""Pretrain `sharpen` of `train_zsegan.py --recipe=limited` on simulated stacks alone.

    python -m benchmarks.pretraining_stacks --dir=RUN
    python -m benchmarks.pretraining_stacks --dir=RUN --resume

Learns to sharpen random samples seen by random microscopes, neither of which it is told; the sharp
volumes are known. No microscope like those of `benchmarks.unseen_stacks`, which test it, is drawn.
Writes the folder StackPretraining_results; its generator.h5 is one of ZSE-GAN whose second
translator, `blur`, is untrained. `python evaluate.py --generator=... --stacks=...` reports what it
does to other stacks.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from benchmarks.simulated import VALIDATION_SEED, PretrainingConfig, drawn_once
from benchmarks.unseen_stacks import TEST_MICROSCOPES
from microgan.cli.command import run_command
from microgan.config import setting
from microgan.datasets.normalization import IntensityRange, TaskNormalization
from microgan.files.whole import write_text
from microgan.generator_file import GeneratorInfo, build_network, load_generator
from microgan.losses.pixel import fitted_pixel_loss, fourier_loss, pixel_loss
from microgan.metrics.paired import align_care, psnr, ssim
from microgan.runs.method import Method, Report, Scores, Trainer, describe_generator
from microgan.runs.optimizers import adam
from microgan.runs.run import train
from microgan.simulation.random_stacks import draw_stack, draw_volume

TASK = "Simulated"
VOLUME_PX = 112
_VALIDATED_PX = 64
# Slices whose contrast is less, in network values, have nothing to fit.
_LEAST_CONTRAST = 0.05


@dataclass(frozen=True, kw_only=True)
class Settings(PretrainingConfig):
    """Settings of the pretraining."""

    num_iters: int = setting(6000, "Updates.", minimum=1, maximum=10**9)
    batch_size: int = setting(2, "Stacks per update.", minimum=1)
    patch_size: int = setting(64, "Side of the slices, pixels.", minimum=16, maximum=80)
    num_slices: int = setting(25, "Slices per stack.", minimum=8, maximum=26)
    num_volumes: int = setting(300, "Simulated samples that stacks are cut from.", minimum=1)
    num_validated: int = setting(24, "Others, for one validation stack each.", minimum=1)
    translator_filters: int = setting(16, "Channels at full resolution.", minimum=1)


class SupervisedSharpening:
    """One update of `sharpen` on stacks whose sharp volumes are known.

    Args:
        generator: of ZSE-GAN; only its layer "sharpen" learns.
        generator_optimizer: with `use_ema`, it also keeps the weights' moving average.
        weights: factors of "pixel", which counts in all slices, and of "fitted_pixel" and
            "fourier", which count in slices within the sample.
        global_batch_size: stacks per batch over all replicas.
    """

    def __init__(self, generator: keras.Model, generator_optimizer: keras.optimizers.Optimizer, *,
                 weights: Mapping[str, float], global_batch_size: int) -> None:
        self.generator = generator
        generator.get_layer("blur").trainable = False
        self.sharpen = generator.get_layer("sharpen")
        self.generator_optimizer = generator_optimizer
        self.weights = weights
        self.global_batch_size = global_batch_size
        generator_optimizer.build(generator.trainable_variables)

    @property
    def state(self) -> dict[str, list[Any]]:
        """Return all variables that a resumed run needs, by owner."""
        return {"generator": self.generator.variables,
                "generator_optimizer": self.generator_optimizer.variables}

    def train_step(self, batch: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Update `sharpen` on one batch.

        Args:
            batch: `blurred` and `sharp`, float (B, Z, Y, X, 1), normalised; `inside`, float
                (B, Z), 1 for slices within the sample.

        Returns:
            Scalars whose sums over replicas are the unweighted means over the batch.
        """
        def of_slices(stack: tf.Tensor) -> tf.Tensor:
            return tf.reshape(stack, (-1, *stack.shape[2:]))

        inside = tf.reshape(batch["inside"], [-1])
        with tf.GradientTape() as tape:
            sharpened = of_slices(self.sharpen(batch["blurred"], training=True))
            sharp = of_slices(batch["sharp"])
            num_slices = self.global_batch_size * batch["sharp"].shape[1]
            losses = {
                "pixel": tf.reduce_sum(pixel_loss(sharp, sharpened)) / num_slices,
                "fitted_pixel": tf.reduce_sum(
                    inside * fitted_pixel_loss(sharp, sharpened)) / num_slices,
                "fourier": tf.reduce_sum(inside * fourier_loss(sharp, sharpened)) / num_slices}
            total = sum(weight * losses[name] for name, weight in self.weights.items())
        variables = self.generator.trainable_variables
        self.generator_optimizer.apply(tape.gradient(total, variables), variables)
        return losses


class StackPretraining(Method):
    """Blind sharpening of simulated stacks."""

    run_folder = "StackPretraining_results"
    report_files = ("validation.md",)
    score_label = "validation score (PSNR in dB)"

    def load(self) -> None:
        config = self.config
        folder = Path(config.dir)
        self.volumes = _draw_volumes(folder, self.seed, config.num_volumes)
        others = _draw_volumes(folder, VALIDATION_SEED, config.num_validated)
        shape = (config.num_slices, _VALIDATED_PX, _VALIDATED_PX)
        self.validated = [
            draw_stack(np.random.default_rng([VALIDATION_SEED, index]), [volume], shape,
                       TEST_MICROSCOPES)
            for index, volume in enumerate(others)]
        self.raw = score_stacks(self.validated, [blurred for blurred, _, _ in self.validated])

    def split(self) -> dict[str, Any]:
        return {TASK: {"volumes": len(self.volumes), "validated": len(self.validated)}}

    def describe_data(self) -> str:
        return (f"{len(self.volumes)} simulated samples of {VOLUME_PX} voxels a side, "
                f"{len(self.validated)} stacks of others for validation")

    def batch(self, update: int) -> dict[str, np.ndarray]:
        config = self.config
        rng = np.random.default_rng([self.seed, update])
        stacks = [draw_stack(rng, self.volumes,
                             (config.num_slices, config.patch_size, config.patch_size),
                             TEST_MICROSCOPES)
                  for _ in range(config.batch_size)]
        blurred, sharp, inside = (np.stack(part) for part in zip(*stacks))
        return {"blurred": blurred[..., np.newaxis], "sharp": sharp[..., np.newaxis],
                "inside": inside.astype(np.float32)}

    def describe(self) -> GeneratorInfo:
        unit = IntensityRange(-1.0, 1.0)
        return describe_generator(
            self.config, method="zse_gan", network="residual", axes="ZYX",
            network_arguments={"filters": self.config.translator_filters},
            normalization={TASK: TaskNormalization(unit, unit)})

    def build(self, info: GeneratorInfo) -> tuple[Trainer, keras.Model]:
        config = self.config
        generator = build_network(info)
        if config.init_generator:
            start, _ = load_generator(config.init_generator, method="zse_gan",
                                      precision="float32")
            generator.set_weights(start.get_weights())
        trainer = SupervisedSharpening(
            generator, adam(config, config.learning_rate, num_updates=config.num_iters,
                            ema_decay=config.ema_decay),
            weights=config.loss_weights(), global_batch_size=config.batch_size)
        return trainer, build_network(info)

    def validate(self, network: keras.Model) -> Scores:
        sharpen = network.get_layer("sharpen")
        sharpened = [sharpen(blurred[np.newaxis, ..., np.newaxis], training=False)[0, ..., 0]
                     for blurred, _, _ in self.validated]
        found_psnr, found_ssim = score_stacks(self.validated, list(map(np.asarray, sharpened)))
        return {"score": found_psnr, "ssim": found_ssim,
                "psnr_raw input": self.raw[0], "ssim_raw input": self.raw[1]}

    def report(self, folder: Path) -> Report:
        model, _ = load_generator(folder / "generator.h5", method="zse_gan",
                                  precision="float32")
        scores = self.validate(model)
        table = ("| simulated stacks, slices within the sample | PSNR, `care` | SSIM |\n"
                 f"|---|---|---|\n| raw input | {self.raw[0]:.2f} | {self.raw[1]:.3f} |\n"
                 f"| sharpened | {scores['score']:.2f} | {scores['ssim']:.3f} |")
        write_text(folder / "validation.md", table + "\n")
        return Report(table, "generator.h5, validation.md, history.csv")


def score_stacks(truths: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray]],
                 found: Sequence[np.ndarray]) -> tuple[float, float]:
    """Return mean PSNR in dB and SSIM, `care`, of all slices within the sample with contrast.

    Args:
        truths: from `draw_stack`.
        found: (Z, Y, X) each.
    """
    scores = []
    for (_, sharp, inside), stack in zip(truths, found, strict=True):
        for wanted, image, is_inside in zip(sharp, stack, inside):
            if is_inside and wanted.std() > _LEAST_CONTRAST:
                aligned = align_care(wanted, image)
                scores.append([measure(aligned.clean, aligned.restored,
                                       data_range=aligned.data_range)
                               for measure in (psnr, ssim)])
    first, second = np.mean(scores, axis=0)
    return float(first), float(second)


def _draw_volumes(folder: Path, seed: int, number: int) -> np.ndarray:
    return drawn_once(folder, "volumes", seed, number, lambda rng: draw_volume(rng, VOLUME_PX))


def pretrain(config: Settings) -> Path:
    """Pretrain; see `microgan.runs.run.train`."""
    return train(StackPretraining, config)


if __name__ == "__main__":
    sys.exit(run_command(Settings, __doc__ or "", pretrain))
