"""Base of the methods that learn, on simulated z-stacks, to correct what a filter makes."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from microgan.config.zse_gan import SIMULATED_PX
from microgan.datasets.normalization import IntensityRange
from microgan.files.whole import write_text
from microgan.generator_file import GeneratorInfo, build_network, load_generator
from microgan.metrics.paired import align_care, psnr, ssim
from microgan.runs.method import Method, Report, Scores, Trainer
from microgan.runs.run_files import GENERATOR_FILE
from microgan.runtime.progress import Progress
from microgan.simulation.random_stacks import MARGIN_PX, RecordedStack

if TYPE_CHECKING:
    import keras

STACK_PX = SIMULATED_PX
VOLUME_PX = STACK_PX + 2 * MARGIN_PX  # side of the samples in them, which need margins
# Of the arrays that are kept.
MEASURED, FILTERED, SHARP, INSIDE = range(4)
# Slices whose contrast is less, in network values, have nothing to fit.
_LEAST_CONTRAST = 0.05
VALIDATION_FILE = "validation.md"


class StackCorrection(Method):
    """Learns what is still missing from filtered stacks, on simulated ones, whose truth is known.

    A subclass defines `draw_stack` and `describe`. Simulated stacks are drawn when a run starts,
    and again when it is resumed: they are a function of the seed and of what was measured.
    """

    mirrors_depth = True  # of crops, at random
    report_files: tuple[str, ...] = (VALIDATION_FILE,)
    score_label = "validation score (PSNR in dB)"

    @abc.abstractmethod
    def draw_stack(self, rng: np.random.Generator) -> np.ndarray:
        """Draw a stack and filter it.

        Args:
            rng: source of everything random.

        Returns:
            From `as_drawn`, of one shape for all.
        """

    @property
    @abc.abstractmethod
    def num_drawn(self) -> tuple[int, int]:
        """How many stacks train, and how many others validate."""

    def drawn(self, part: int, number: int) -> np.ndarray:
        """Return the simulated stacks that train (part 0) or validate (1): float16 (N, ...)."""
        progress = Progress(f"Simulating stacks to {('train', 'validate')[part]}")
        stacks = []
        for index in range(number):
            stacks.append(self.draw_stack(np.random.default_rng([self.seed, part, index])).astype(
                np.float16))
            progress((index + 1) / number)
        return np.stack(stacks)

    def prepare(self) -> None:
        self.stacks, validated = (self.drawn(part, number)
                                  for part, number in enumerate(self.num_drawn))
        validated = validated.astype(np.float32)
        self.filtered = list(validated[:, FILTERED])
        self.truths = [(stack[SHARP], stack[INSIDE, :, 0, 0] > 0) for stack in validated]
        self.raw = {"raw input": score_stacks(self.truths, list(validated[:, MEASURED])),
                    "filter": score_stacks(self.truths, self.filtered)}

    def batch(self, update: int) -> dict[str, np.ndarray]:
        config = self.config
        rng = np.random.default_rng([self.seed, update])
        crops = np.stack([draw_crop(rng, self.stacks, config.patch_size,
                                    mirrors_depth=self.mirrors_depth)
                          for _ in range(config.batch_size)])
        return {"filtered": crops[:, FILTERED, ..., np.newaxis],
                "sharp": crops[:, SHARP, ..., np.newaxis],
                "inside": crops[:, INSIDE, :, 0, 0]}

    def loss_weights(self) -> dict[str, float]:
        """Weights of the trainer's losses."""
        return {"pixel": 0.3, "fitted_pixel": 0.7, "fourier": 0.5}

    def build(self, info: GeneratorInfo) -> tuple[Trainer, keras.Model]:
        from microgan.runs.optimizers import adam
        from microgan.trainers.stack_correction import StackCorrectionTrainer

        config = self.config
        trainer = StackCorrectionTrainer(
            # Unbounded, steps near the highest rate once destroyed the network.
            build_network(info), adam(config, config.learning_rate, num_updates=config.num_iters,
                                      ema_decay=config.ema_decay, bounded=True),
            weights=self.loss_weights(), global_batch_size=config.batch_size)
        return trainer, build_network(info)

    def validate(self, network: keras.Model) -> Scores:
        found_psnr, found_ssim = score_stacks(self.truths, [
            corrected(network, stack) for stack in self.filtered])
        return {"score": found_psnr, "ssim": found_ssim} | {
            f"{measure}_{name.replace(' ', '_')}": value for name, scores in self.raw.items()
            for measure, value in zip(("psnr", "ssim"), scores)}

    def report(self, folder: Path) -> Report:
        model, _ = load_generator(folder / GENERATOR_FILE, method="zse_gan", precision="float32")
        found = score_stacks(self.truths, [corrected(model, stack) for stack in self.filtered])
        table = ("| simulated stacks, slices within the sample | PSNR, `care` | SSIM |\n"
                 "|---|---|---|")
        for name, (of_psnr, of_ssim) in (*self.raw.items(), ("corrected", found)):
            table += f"\n| {name} | {of_psnr:.2f} | {of_ssim:.3f} |"
        write_text(folder / VALIDATION_FILE, table + "\n")
        return Report(table, f"generator.h5, {VALIDATION_FILE}, history.csv")


def as_drawn(drawn: RecordedStack, filtered: np.ndarray, intensities: IntensityRange
             ) -> np.ndarray:
    """Stack up what is kept of a simulated stack.

    Args:
        drawn: measured and sharp.
        filtered: (Z, Y, X), what the filter makes of the measured one.
        intensities: that become -1 and 1.

    Returns:
        float32 (4, Z, Y, X): the measured stack, the filtered one, the sharp one, and 1 in
        slices within the sample.
    """
    inside = np.broadcast_to(drawn.is_inside[:, np.newaxis, np.newaxis], filtered.shape)
    return np.stack([*(intensities.normalize(each)
                       for each in (drawn.measured, filtered, drawn.sharp)), inside]
                    ).astype(np.float32)


def draw_crop(rng: np.random.Generator, stacks: np.ndarray, side_px: int, *,
              mirrors_depth: bool) -> np.ndarray:
    """Cut a random part of a random stack, in one of 8 or 16 symmetries: float32 (4, Z, Y, X)."""
    stack = stacks[int(rng.integers(len(stacks)))]
    top, left = (int(rng.integers(length - side_px + 1)) for length in stack.shape[2:])
    crop = stack[:, :, top:top + side_px, left:left + side_px]
    axes = (1, 2, 3) if mirrors_depth else (2, 3)
    crop = np.flip(crop, tuple(axis for axis in axes if rng.integers(2)))
    return (crop.swapaxes(2, 3) if rng.integers(2) else crop).astype(np.float32)


def corrected(network: keras.Model, filtered: np.ndarray) -> np.ndarray:
    """Put one filtered stack (Z, Y, X), in network values, through a network."""
    from microgan.runtime.batching import apply_network

    values = filtered[np.newaxis, ..., np.newaxis]
    return np.asarray(apply_network(network, values, training=False))[0, ..., 0]


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
