"""Pretrain a network that corrects what filters make of z-stacks, on simulated stacks alone.

    python -m benchmarks.pretraining_stacks --dir=RUN
    python -m benchmarks.pretraining_stacks --dir=RUN --resume
    python -m benchmarks.pretraining_stacks --dir=RUN --stacks=data/zstack/trainB

Random samples are seen by random microscopes, and sharpened by the filter of
`restore.py --method=filter`, which knows neither. The network learns what is then still missing
from the sharp volumes, which are known. No microscope like those of `benchmarks.unseen_stacks`,
which test it, is drawn. With --stacks, there is one microscope and one filter: those fitted to the
stacks of a user; and samples are random ones or what the filter makes of these stacks. Writes the
folder StackPretraining_results.
"""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable, Mapping, Sequence
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
from microgan.datasets.normalization import PERCENTILES, IntensityRange
from microgan.datasets.z_stacks import find_stacks, read_stacks, voxel_size_um
from microgan.estimation.densities import are_absorbing
from microgan.estimation.stack_filters import choose_blur_left, choose_filter, fit_middles
from microgan.estimation.stack_pairs import MeasuredMicroscope
from microgan.files.whole import write_text
from microgan.generator_file import GeneratorInfo, build_network, load_generator
from microgan.losses.pixel import fitted_pixel_loss, fourier_loss, pixel_loss
from microgan.metrics.paired import align_care, psnr, ssim
from microgan.metrics.sharpness import find_focal_plane
from microgan.runs.method import Method, Report, Scores, Trainer, describe_generator
from microgan.runs.optimizers import adam
from microgan.runs.run import train
from microgan.simulation.random_stacks import RecordedStack, draw_volume, record_stack

TASK = "Simulated"
VOLUME_PX, STACK_PX = 112, 80
# Of the arrays that are kept.
_BLURRED, _FILTERED, _SHARP, _INSIDE = range(4)
# Slices whose contrast is less, in network values, have nothing to fit.
_LEAST_CONTRAST = 0.05
# Added to errors, in network values, that others are divided by.
_LEAST_ERROR = 0.005


@dataclass(frozen=True, kw_only=True)
class Settings(PretrainingConfig):
    """Settings of the pretraining."""

    num_iters: int = setting(6000, "Updates.", minimum=1, maximum=10**9)
    learning_rate: float = setting(1e-3, "Adam's highest learning rate.", above=0)
    batch_size: int = setting(2, "Stacks per update.", minimum=1)
    patch_size: int = setting(64, "Side of the slices, pixels.", minimum=16, maximum=80)
    num_slices: int = setting(25, "Slices per stack, of random microscopes.", minimum=8,
                              maximum=26)
    num_stacks: int = setting(300, "Simulated stacks, each of a different sample.", minimum=1)
    num_validated: int = setting(24, "Others, for validation.", minimum=1)
    stacks: str | None = setting(
        None, "Stacks of one microscope, which is then the only one. Unset: random microscopes.")
    focal_plane: int | None = setting(
        None, "Slice of --stacks that is in focus, from 1. Unset: each stack's sharpest.",
        minimum=1)
    own_share: float = setting(0.6, "Share of samples that come from --stacks, not at random.",
                               minimum=0, maximum=1)
    translator_filters: int = setting(16, "Channels at full resolution.", minimum=1)


class SupervisedSharpening:
    """One update of a network on filtered stacks whose sharp volumes are known.

    Args:
        generator: filtered stack -> sharpened one.
        generator_optimizer: with `use_ema`, it also keeps the weights' moving average.
        weights: factors of "pixel", which counts in all slices, and of "fitted_pixel" and
            "fourier", which count in slices within the sample. Each is a share of what it is
            for the filtered slice: in focus, where the filter leaves little to correct, a
            change for the worse counts as much as elsewhere.
        global_batch_size: stacks per batch over all replicas.
    """

    def __init__(self, generator: keras.Model, generator_optimizer: keras.optimizers.Optimizer, *,
                 weights: Mapping[str, float], global_batch_size: int) -> None:
        self.generator = generator
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
        """Update the network on one batch.

        Args:
            batch: `filtered` and `sharp`, float (B, Z, Y, X, 1), normalised; `inside`, float
                (B, Z), 1 for slices within the sample.

        Returns:
            Scalars whose sums over replicas are the unweighted means over the batch.
        """
        def of_slices(stack: tf.Tensor) -> tf.Tensor:
            return tf.reshape(stack, (-1, *stack.shape[2:]))

        sharp, filtered = of_slices(batch["sharp"]), of_slices(batch["filtered"])
        inside = tf.reshape(batch["inside"], [-1])
        num_slices = self.global_batch_size * batch["sharp"].shape[1]
        with tf.GradientTape() as tape:
            corrected = of_slices(self.generator(batch["filtered"], training=True))
            losses = {}
            for name, loss, counts in (("pixel", pixel_loss, 1.0),
                                       ("fitted_pixel", fitted_pixel_loss, inside),
                                       ("fourier", fourier_loss, inside)):
                errors = loss(sharp, corrected) / (loss(sharp, filtered) + _LEAST_ERROR)
                losses[name] = tf.reduce_sum(counts * errors) / num_slices
            total = sum(weight * losses[name] for name, weight in self.weights.items())
        variables = self.generator.trainable_variables
        self.generator_optimizer.apply(tape.gradient(total, variables), variables)
        return losses


class StackPretraining(Method):
    """Correction of filtered simulated stacks."""

    run_folder = "StackPretraining_results"
    report_files = ("validation.md",)
    score_label = "validation score (PSNR in dB)"

    def load(self) -> None:
        config = self.config
        draw = _of_one_microscope(config) if config.stacks else (
            lambda rng: draw_filtered(rng, config.num_slices))

        def drawn(seed: int, number: int) -> np.ndarray:
            drawn_from = (config.stacks, config.focal_plane, config.own_share, config.num_slices)
            name = f"stacks_{zlib.crc32(repr(drawn_from).encode()):08x}"
            return drawn_once(Path(config.dir), name, seed, number, draw)

        self.stacks = drawn(self.seed, config.num_stacks)
        validated = drawn(VALIDATION_SEED, config.num_validated).astype(np.float32)
        self.filtered = list(validated[:, _FILTERED])
        self.truths = [(stack[_SHARP], stack[_INSIDE, :, 0, 0] > 0) for stack in validated]
        self.raw = {"raw input": score_stacks(self.truths, list(validated[:, _BLURRED])),
                    "filter": score_stacks(self.truths, self.filtered)}

    def split(self) -> dict[str, Any]:
        return {TASK: {"stacks": len(self.stacks), "validated": len(self.filtered)}}

    def describe_data(self) -> str:
        return (f"{len(self.stacks)} simulated stacks of {STACK_PX} pixels a side, "
                f"{len(self.filtered)} others for validation")

    def batch(self, update: int) -> dict[str, np.ndarray]:
        config = self.config
        rng = np.random.default_rng([self.seed, update])
        crops = np.stack([_draw_crop(rng, self.stacks, config.patch_size)
                          for _ in range(config.batch_size)])
        return {"filtered": crops[:, _FILTERED, ..., np.newaxis],
                "sharp": crops[:, _SHARP, ..., np.newaxis],
                "inside": crops[:, _INSIDE, :, 0, 0]}

    def describe(self) -> GeneratorInfo:
        return describe_generator(
            self.config, method="zse_gan", network="correction", axes="ZYX",
            network_arguments={"filters": self.config.translator_filters}, normalization={})

    def build(self, info: GeneratorInfo) -> tuple[Trainer, keras.Model]:
        config = self.config
        generator = build_network(info)
        if config.init_generator:
            start, _ = load_generator(config.init_generator, method="zse_gan",
                                      precision="float32")
            generator.set_weights(start.get_weights())
        trainer = SupervisedSharpening(
            # Unbounded, steps near the highest rate once destroyed the network.
            generator, adam(config, config.learning_rate, num_updates=config.num_iters,
                            ema_decay=config.ema_decay, bounded=True),
            weights=config.loss_weights(), global_batch_size=config.batch_size)
        return trainer, build_network(info)

    def validate(self, network: keras.Model) -> Scores:
        sharpened = [np.asarray(network(stack[np.newaxis, ..., np.newaxis], training=False))[
            0, ..., 0] for stack in self.filtered]
        found_psnr, found_ssim = score_stacks(self.truths, sharpened)
        return {"score": found_psnr, "ssim": found_ssim} | {
            f"{measure}_{name}": value for name, scores in self.raw.items()
            for measure, value in zip(("psnr", "ssim"), scores)}

    def report(self, folder: Path) -> Report:
        model, _ = load_generator(folder / "generator.h5", method="zse_gan",
                                  precision="float32")
        scores = self.validate(model)
        table = ("| simulated stacks, slices within the sample | PSNR, `care` | SSIM |\n"
                 "|---|---|---|")
        for name, found in (*self.raw.items(), ("corrected", (scores["score"], scores["ssim"]))):
            table += f"\n| {name} | {found[0]:.2f} | {found[1]:.3f} |"
        write_text(folder / "validation.md", table + "\n")
        return Report(table, "generator.h5, validation.md, history.csv")


def score_stacks(truths: Sequence[tuple[np.ndarray, np.ndarray]],
                 found: Sequence[np.ndarray]) -> tuple[float, float]:
    """Return mean PSNR in dB and SSIM, `care`, of all slices within the sample with contrast.

    Args:
        truths: the sharp volume (Z, Y, X) and, bool (Z,), which slices lie in the sample.
        found: (Z, Y, X) each.
    """
    scores = []
    for (sharp, inside), stack in zip(truths, found, strict=True):
        for wanted, image, is_inside in zip(sharp, stack, inside):
            if is_inside and wanted.std() > _LEAST_CONTRAST:
                aligned = align_care(wanted, image)
                scores.append([measure(aligned.clean, aligned.restored,
                                       data_range=aligned.data_range)
                               for measure in (psnr, ssim)])
    first, second = np.mean(scores, axis=0)
    return float(first), float(second)


def draw_filtered(rng: np.random.Generator, num_slices: int) -> np.ndarray:
    """Draw a stack of a random sample and microscope, and filter it.

    Args:
        rng: source of everything random.
        num_slices: of the stack.

    Returns:
        float32 (4, Z, Y, X): the measured stack, the filtered one, the sharp one, and 1 in
        slices within the sample. The 0.1 and 99.9 percentiles of the filtered one are at -1
        and 1, as in restoring.
    """
    drawn = record_stack(rng, [draw_volume(rng, VOLUME_PX)], (num_slices, STACK_PX, STACK_PX),
                         TEST_MICROSCOPES)
    return _in_network_values(
        drawn, choose_filter(drawn.measured, step_px=drawn.step_px).sharpen(drawn.measured))


def _of_one_microscope(config: Settings) -> Callable[[np.random.Generator], np.ndarray]:
    """Fit a microscope to stacks; return what draws others of it, as `draw_filtered` does."""
    paths = find_stacks(config.stacks)
    stacks = read_stacks(paths)
    pixel_um, step_um = voxel_size_um(stacks, paths, pixel_size_um=None, z_step_um=None)
    measured = [stack.pixels for stack in stacks]
    focal_planes = [find_focal_plane(stack) if config.focal_plane is None
                    else config.focal_plane - 1 for stack in measured]
    fit = fit_middles(measured, step_px=step_um / pixel_um)
    tissue = tuple(int(np.clip(round(limit), 0, len(measured[0]))) for limit in fit.tissue)
    left_px = choose_blur_left(measured, focal_planes, tissue, fit, are_absorbing(measured))
    microscope = MeasuredMicroscope(measured, fit, left_px)

    def draw(rng: np.random.Generator) -> np.ndarray:
        drawn = (microscope.record_own(rng, STACK_PX) if rng.uniform() < config.own_share else
                 microscope.record(rng, draw_volume(rng, VOLUME_PX), STACK_PX))
        return _in_network_values(drawn, microscope.sharpen(drawn.measured))

    return draw


def _in_network_values(drawn: RecordedStack, filtered: np.ndarray) -> np.ndarray:
    low, high = np.percentile(filtered, PERCENTILES)
    unit = IntensityRange(float(low), float(max(high, low + 1e-3 * abs(low) + 1e-9)))
    inside = np.broadcast_to(drawn.is_inside[:, np.newaxis, np.newaxis], filtered.shape)
    return np.stack([*(unit.normalize(each) for each in (drawn.measured, filtered, drawn.sharp)),
                     inside]).astype(np.float32)


def _draw_crop(rng: np.random.Generator, stacks: np.ndarray, side_px: int) -> np.ndarray:
    """Cut a random part of a random stack, in one of 16 symmetries: float32 (4, Z, Y, X)."""
    stack = stacks[int(rng.integers(len(stacks)))]
    top, left = (int(rng.integers(length - side_px + 1)) for length in stack.shape[2:])
    crop = stack[:, :, top:top + side_px, left:left + side_px]
    crop = np.flip(crop, tuple(axis for axis in (1, 2, 3) if rng.integers(2)))
    return (crop.swapaxes(2, 3) if rng.integers(2) else crop).astype(np.float32)


def pretrain(config: Settings) -> Path:
    """Pretrain; see `microgan.runs.run.train`."""
    return train(StackPretraining, config)


if __name__ == "__main__":
    sys.exit(run_command(Settings, __doc__ or "", pretrain))
