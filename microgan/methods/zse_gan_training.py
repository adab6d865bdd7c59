"""The part of a ZSE-GAN run that needs TensorFlow: networks, training, validation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np

from microgan.config import ZSEGANConfig
from microgan.datasets.normalization import IntensityRange, TaskNormalization
from microgan.datasets.section_sampling import StackBatches
from microgan.evaluation.figures import save_history_figure
from microgan.evaluation.stack_validation import mean_scores, score_stack
from microgan.evaluation.stack_views import save_orthogonal_views
from microgan.evaluation.z_stack_report import PAGE
from microgan.runs.estimates import restoring_memory
from microgan.runs.run_folder import create_run_folder
from microgan.runs.training import (
    adam, describe_generator, memory_watched, memory_watched_afterwards, print_end, print_settings,
    run_training, set_up_devices)
from microgan.methods.validated import middle
from microgan.runs.workers import this_worker
from microgan.methods.z_stack_data import TASK, ZStackData
from microgan.programs.evaluate_stacks import ReportedStacks, write_stack_report
from microgan.generator_file import GeneratorInfo, build_network, save_generator
from microgan.metrics.defocus import estimate_transfer, radial_filters
from microgan.metrics.sharpness import mean_absolute_gradient
from microgan.networks.zse_gan import build_discriminator
from microgan.runtime.precision import keras_settings_kept
from microgan.restoration.stacks import translate_stacks
from microgan.trainers.zse_gan import ZSEGANTrainer

# Stacks and pixels a side that a validation looks at: more change its score little.
_VALIDATED_STACKS = 6
_VALIDATED_PX = 128
_NUM_SAMPLES = 2


@keras_settings_kept()
def train_and_report(config: ZSEGANConfig, data: ZStackData, split: dict[str, Any],
                     draw: StackBatches, folder: Path, test_stacks: ReportedStacks | None
                     ) -> None:
    """Train on checked data and report on test stacks; see `experiments.zse_gan.train_zse_gan`.

    Args:
        config: with its seed.
        data: stacks and in-focus images.
        split: which stacks are for what.
        draw: update number -> batch.
        folder: the run folder, checked.
        test_stacks: to report on, or None.
    """
    strategy, precision = set_up_devices(config)
    info = _describe(config, data)
    with strategy.scope(), memory_watched(config):
        trainer = build_trainer(config, info, draw)
        validated = build_network(info)
    create_run_folder(folder, config, split)
    print(f"{len(data.train)} stacks to train, {len(data.validation)} to validate, "
          f"{len(data.sharp_lateral)} in-focus images. Intensities {data.intensities.low:g} and "
          f"{data.intensities.high:g} become -1 and 1.")
    print_settings(config, strategy, precision)
    validation = _Validation(validated, data, config.outside_share)

    def on_validated(update: int, rows: list[dict[str, float]]) -> None:
        save_history_figure(folder / "history.png", rows, score_label="validation score")
        validation.save_samples(folder / "samples", update)

    best_update = run_training(
        config, folder, trainer, strategy=strategy, draw=draw, validated=validated,
        save_generator=lambda weights: save_generator(folder / "generator.h5", weights, info),
        validate=validation.scores, on_validated=on_validated,
        validation_bytes=restoring_memory(validated.get_layer("sharpen"), max(
            stack.size for stack in validation.stacks)))
    if not this_worker().is_chief:
        return
    best = f"Best on the validation stacks: update {best_update}."
    if test_stacks is None:
        print_end(config, folder, best, "generator.h5, samples, history.png")
        return
    print(best)
    with memory_watched_afterwards(config, folder):
        table = write_stack_report(folder, test_stacks, folder / "generator.h5",
                                   precision=config.precision)
    print_end(config, folder, table, f"generator.h5, {PAGE}, samples, history.png")


def _describe(config: ZSEGANConfig, data: ZStackData) -> GeneratorInfo:
    arguments: dict[str, float] = {"filters": config.translator_filters}
    if config.translator == "residual":
        arguments["outside_share"] = config.outside_share
    return describe_generator(
        config, method="zse_gan", network=config.translator,
        network_arguments=arguments, axes="ZYX",
        normalization={TASK: TaskNormalization(data.intensities, data.intensities)})


def build_trainer(config: ZSEGANConfig, info: GeneratorInfo,
                  draw: StackBatches) -> ZSEGANTrainer:
    """As `cgan_training.build_trainer`, for what `draw` gives."""
    filters = None
    if config.defocus_weight:
        filters = radial_filters(estimate_transfer(draw.stacks, draw.focal_planes),
                                 2 * config.patch_size, 2 * config.patch_size)
    discriminators = [build_discriminator(
        filters=config.discriminator_filters, num_halvings=config.discriminator_halvings,
        use_norm=config.discriminator_norm) for _ in range(2)]
    assert config.seed is not None
    return ZSEGANTrainer(
        build_network(info), *discriminators,
        generator_optimizer=adam(config, config.learning_rate, num_updates=config.num_iters,
                                 ema_decay=config.ema_decay),
        discriminator_optimizer=adam(config, config.discriminator_learning_rate,
                                     num_updates=config.num_iters),
        stack_shape=(draw.depth, config.patch_size, config.patch_size), pool_size=config.pool_size,
        adversarial_weight=config.adversarial_weight, vertical_share=config.vertical_share,
        made_vertical_share=config.made_vertical_share,
        consistency_weight=config.consistency_weight, use_slice_weights=config.slice_weights,
        identity_weight=config.identity_weight, defocus_weight=config.defocus_weight,
        defocus_filters=filters, spectrum_weight=config.spectrum_weight,
        outside_share=config.outside_share, global_batch_size=config.batch_size,
        seed=config.seed)


class _Validation:
    """Scores and pictures of the stacks that choose the checkpoint.

    Args:
        generator: its weights change between calls.
        data: of the run.
        outside_share: of a stack's depth at each end, which is not scored.
    """

    def __init__(self, generator: keras.Model, data: ZStackData, outside_share: float) -> None:
        self.generator = generator
        self.intensities = data.intensities
        self.outside_share = outside_share
        stacks, focal_planes = data.part("validation")
        self.stacks = [data.intensities.normalize(middle(stack, _VALIDATED_PX))
                       for stack in stacks[:_VALIDATED_STACKS]]
        self.focal_planes = focal_planes[:_VALIDATED_STACKS]
        self.axial_gradient = float(np.mean([
            mean_absolute_gradient(data.intensities.normalize(image))
            for image in data.sharp_axial]))
        self.results: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])

    def scores(self) -> dict[str, float]:
        """Translate all stacks and score them."""
        # In network values already: nothing is rounded.
        self.results = translate_stacks(self.generator, self.stacks, IntensityRange(-1, 1))
        scored = []
        for stack, sharpened, back, focal_plane in zip(self.stacks, *self.results,
                                                       self.focal_planes):
            num_outside = round(self.outside_share * len(stack))
            scored.append(score_stack(
                stack, sharpened, back, focal_plane, axial_gradient=self.axial_gradient,
                inside=slice(num_outside, len(stack) - num_outside)))
        return mean_scores(scored)

    def save_samples(self, folder: Path, update: int) -> None:
        """Draw the first stacks from three sides."""
        shown = list(zip(self.stacks, *self.results))[:_NUM_SAMPLES]
        for number, (stack, sharpened, back) in enumerate(shown, start=1):
            save_orthogonal_views(folder / f"update_{update:06d}_{number}.png", stack, sharpened,
                                  back, title=f"validation stack {number}, update {update}")
