"""The cGAN's generator from degraded images alone: simulated pairs and recorrupted images."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from microgan.datasets.sampling import draw_crops, refuse_small
from microgan.errors import UserError
from microgan.estimation.alone import measure_alone
from microgan.estimation.linear_filter import LinearFilter, clean_spectrum
from microgan.estimation.measured_defect import Estimate, MeasuredDefect
from microgan.generator_file import GeneratorInfo
from microgan.methods.cgan import CGAN
from microgan.methods.degraded_alone import DegradedAlone
from microgan.methods.paired_data import TaskData
from microgan.methods.restoring import RestoringMethod
from microgan.methods.simulated_clean import SPECIMEN_PX, simulate_clean
from microgan.runs.method import Trainer
from microgan.runtime.progress import Progress
from microgan.simulation.degradation_model import Degradation

if TYPE_CHECKING:
    import keras

LEAST_SIDE_PX = 32  # to measure noise
_RECORRUPTED_WEIGHT = 2.0
# Standard deviation of the noise that is added, over that of the image.
_ADDED_NOISE = 0.5
# Where the signal for the noise's variance is averaged, standard deviation in pixels.
_SIGNAL_PX = 2.0
_TINY_VARIANCE, _LEAST_SKEWNESS = 1e-12, 1e-2


class CGANAlone(DegradedAlone, CGAN):
    """A generator that restores, without any clean image.

    It learns from simulated clean images with the noise measured on the degraded ones, and, where
    that noise is independent from pixel to pixel, from the degraded images: noise is added to
    one copy and as much subtracted from another, which then have independent noise. The noisier
    an image, the more its linear filter replaces that other copy, whose noise the network would
    memorise.
    """

    def load(self) -> None:
        config = self.config
        super().load()
        if config.recipe != "limited":
            raise UserError(
                f"There are no clean images of '{next(iter(self.tasks))}' in {config.data_dir}, "
                "and the published method needs some: add them, or pass --recipe=limited, which "
                "learns from degraded images alone.")
        if config.upsample:
            raise UserError("--upsample=True enlarges degraded images to the size of clean ones, "
                            f"and there are none in {config.data_dir}. Leave it out.")
        if config.cross_validate:
            raise UserError(f"--cross_validate={config.cross_validate} compares with clean "
                            f"images, and there are none in {config.data_dir}. Leave it out.")
        if config.patch_size > SPECIMEN_PX:
            raise UserError(f"--patch_size={config.patch_size} is more than the {SPECIMEN_PX} "
                            "pixels of simulated clean images. Lower it.")
        self.synthesizer = None
        self._learned = []
        for position, (name, task) in enumerate(self.tasks.items()):
            degraded = task.degraded_part("train")
            refuse_small(name, degraded, max(config.patch_size, LEAST_SIDE_PX))
            defect = measure_alone(degraded, seed=self.seed)
            clean = simulate_clean(np.random.default_rng([self.seed, position]), degraded,
                                   report=Progress(f"Simulating clean images for {name}"))
            self._learned.append(_LearnedTask(
                task, degraded, defect, clean,
                LinearFilter(defect.model, clean_spectrum(clean)).restore))

    def describe_data(self) -> str:
        lines = []
        for learned in self._learned:
            name, defect = learned.task.pairs.name, learned.defect
            lines += [learned.task.describe(),
                      f"{name}: no clean images; they are simulated, with the noise measured on "
                      "the degraded ones. Measured: " + "; ".join(
                          f"{kind.replace('_', ' ')} {value}"
                          for kind, value in defect.estimates.items()) + "."
                      + _about_floor(defect.estimates),
                      *(f"{name}: {note}" for note in defect.notes)]
        return "\n".join(lines)

    def batch(self, update: int) -> dict[str, np.ndarray]:
        """Return the batch of an update.

        Returns:
            As `PairedBatches`, and `own`, float32 (B,): 1 for the user's own images, whose
            `clean` one has independent noise of its own, 0 for simulated pairs.
        """
        config = self.config
        random = np.random.default_rng([self.seed, update])
        first = int(random.integers(len(self._learned)))
        positions = [(first + number) % len(self._learned) for number in range(config.batch_size)]
        # Every second image of a task whose noise allows it.
        own = [number // len(self._learned) % 2 == 0 and self._learned[position].has_white_noise
               for number, position in enumerate(positions)]
        pairs = [self._learned[position].draw_pair(random, config.patch_size, is_own)
                 for position, is_own in zip(positions, own)]
        degraded, clean = (np.stack(images)[..., np.newaxis] for images in zip(*pairs))
        return {"degraded": degraded, "clean": clean, "own": np.array(own, np.float32),
                "condition": np.array(positions, np.int32)}

    def build(self, info: GeneratorInfo) -> tuple[Trainer, keras.Model]:
        self.trainer, validated = super().build(info)
        return self.trainer, validated

    def loss_weights(self) -> dict[str, float]:
        return {**super().loss_weights(), "recorrupted": _RECORRUPTED_WEIGHT}

    def load_best(self, folder: Path) -> tuple[keras.Model, GeneratorInfo]:
        """Load the generator with the last weights; nothing tells how to calibrate it."""
        return RestoringMethod.load_best(self, folder)

    def filtered(self, task: str, degraded: Sequence[np.ndarray]) -> list[np.ndarray] | None:
        """Apply the linear filter of the measured noise and the simulated clean images."""
        (learned,) = (each for each in self._learned if each.task.pairs.name == task)
        try:
            return [learned.filter(image) for image in degraded]
        except ValueError:  # too small
            return None


@dataclass(frozen=True)
class _LearnedTask:
    """What training draws from.

    Args:
        task: its split and ranges.
        degraded: images (Y, X).
        defect: measured on them, with an example for each.
        clean: simulated images.
        filter: the linear filter of the defect, image -> image.
    """

    task: TaskData
    degraded: list[np.ndarray]
    defect: MeasuredDefect
    clean: list[np.ndarray]
    filter: Callable[[np.ndarray], np.ndarray]

    @property
    def has_white_noise(self) -> bool:
        """Whether the noise of one pixel tells nothing of another's."""
        example = self.defect.model.examples[0]
        return not example.noise_transfer and example.step_px == 1

    @functools.cached_property
    def _filtered(self) -> list[np.ndarray]:
        return [self.filter(image) for image in self.degraded]

    @functools.cached_property
    def _filter_shares(self) -> list[float]:
        return [filter_share(image, example)
                for image, example in zip(self.degraded, self.defect.model.examples)]

    def draw_pair(self, random: np.random.Generator, patch_size: int, is_own: bool
                  ) -> tuple[np.ndarray, np.ndarray]:
        """Draw a crop of a simulated pair or of a recorrupted image, in network values."""
        size, symmetries = (patch_size, patch_size), self.task.symmetries
        index = int(random.integers(len(self.degraded if is_own else self.clean)))
        if is_own:
            noisy, filtered = draw_crops([self.degraded[index], self._filtered[index]], size,
                                         symmetries, random)
            more, less = recorrupt(random, noisy, self.defect.model.examples[index])
            share = self._filter_shares[index]
            pair = more, (1 - share) * less + share * filtered
        else:
            (clean,) = draw_crops([self.clean[index]], size, symmetries, random)
            pair = self.defect.model.apply(random, clean), clean
        ranges = self.task.normalization
        return ranges.degraded.normalize(pair[0]), ranges.clean.normalize(pair[1])


def _about_floor(estimates: Mapping[str, Estimate]) -> str:
    """Explain a noise floor below 0, which nobody expects of a variance."""
    gain, floor = estimates["noise_gain"].value, estimates["noise_floor"].value
    if floor >= 0:
        return ""
    if gain <= 0:
        return " The noise floor is below 0 by chance: take it for 0."
    return (" The noise floor, the variance that the noise would have at grey level 0, is below 0 "
            f"where black is brighter than 0: this noise ends at grey level {-floor / gain:.3g}.")


def filter_share(image: np.ndarray, degradation: Degradation) -> float:
    """Return how much an image's linear filter counts in what the network is to predict.

    Args:
        image: (Y, X).
        degradation: its noise.

    Returns:
        0 without noise, 1/2 where half of the variance is noise, 1 where all is.

    Source:
        ours: r² / (r² + (1 - r)²) of the noise's share r in the variance; docs/pretraining.md.
    """
    image = image.astype(np.float64)
    noise = float(degradation.noise_variance(image).mean())
    signal = max(float(image.var()) - noise, 0.0)
    return noise ** 2 / (noise ** 2 + signal ** 2) if noise > 0 else 0.0


def recorrupt(random: np.random.Generator, image: np.ndarray, degradation: Degradation
              ) -> tuple[np.ndarray, np.ndarray]:
    """Make two noisy images of one, whose noise is uncorrelated.

    A network that predicts the second from the first by least squares predicts the image without
    noise. Noise n of the image's own variance is added as n / 2 and subtracted as 2 n. The
    covariance of the two is the noise's variance less the variance of n, which is 0. Twice as
    skewed as the noise, n makes the mean of the second independent of the first's square, too:
    otherwise bright outliers of shot noise become dark dots.

    Args:
        random: source of n.
        image: (Y, X), with white noise.
        degradation: its noise's gain and floor.

    Returns:
        The noisier image and the one to predict, float64 (Y, X).

    Source:
        Pang et al. 2021, Recorrupted-to-Recorrupted, eq. 8, for Gaussian noise of one variance.
        Ours: variance linear in the signal, which is estimated by smoothing, since n must not
        depend on the noise; and skewness, of a gamma distribution.
    """
    signal = ndimage.gaussian_filter(image.astype(np.float64), _SIGNAL_PX)
    variance = np.maximum(degradation.noise_variance(signal), _TINY_VARIANCE)
    shot = np.maximum(variance - max(degradation.noise_floor, 0.0), 0.0)
    # The third cumulant of shot noise is its gain times its variance.
    skewness = 2 * degradation.noise_gain * shot / variance ** 1.5
    shape = 4 / np.maximum(skewness, _LEAST_SKEWNESS) ** 2
    noise = np.sqrt(variance / shape) * (random.standard_gamma(shape) - shape)
    return image + _ADDED_NOISE * noise, image - noise / _ADDED_NOISE
