"""ZSE-GAN: z-stacks sharp at every depth, learned without a sharp stack."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from microgan.datasets.normalization import IntensityRange, TaskNormalization
from microgan.datasets.section_sampling import StackBatches
from microgan.errors import UserError
from microgan.evaluation import Z_STACK_FILES
from microgan.generator_file import GeneratorInfo, build_network
from microgan.datasets.middle import middle
from microgan.methods.stack_correction import VALIDATION_FILE
from microgan.methods.tested_stacks import load_test_stacks, report_on_stacks
from microgan.methods.z_stack_data import TASK, load_z_stacks
from microgan.runs.method import Method, Report, Scores, Trainer, describe_generator
from microgan.runs.run_files import SAMPLES
from microgan.runtime.amounts import interval

if TYPE_CHECKING:
    import keras

_LEAST_DEPTH = 16  # which the discriminators halve four times
# Stacks, and their side in pixels, of a validation: more change its score little.
_VALIDATED_STACKS = 6
_VALIDATED_PX = 128
_NUM_SAMPLES = 2


class ZSEGAN(Method):
    """The paper recipe: two translators, sharp from blurred and back, judged by their sections."""

    run_folder = "ZSE-GAN_results"
    report_files = (VALIDATION_FILE, *Z_STACK_FILES)  # the first of the limited recipe

    @classmethod
    def chosen(cls, config: Any) -> type[Method]:
        """Return the method that corrects a filter for the limited recipe."""
        from microgan.methods.zse_gan_correction import ZSEGANCorrection

        return ZSEGANCorrection if config.recipe == "limited" else cls

    def load(self) -> None:
        config = self.config
        self.data = data = load_z_stacks(config)
        self.reported = load_test_stacks(config, data.names, data.stacks)
        self.batches = StackBatches(
            data.training_stacks(), batch_size=config.batch_size, patch_size=config.patch_size,
            seed=self.seed)
        self._refuse_shallow(self.batches.depth)

    def _refuse_shallow(self, depth: int) -> None:
        """Refuse stacks too shallow for the discriminators."""
        if depth < _LEAST_DEPTH:
            raise UserError(f"The shallowest z-stack has {depth} slices, but the discriminators "
                            f"need {_LEAST_DEPTH}. Leave it out, or pass --recipe=limited.")

    def split(self) -> dict[str, Any]:
        return {TASK: self.data.split_record(
            *(self.reported.all_images() if self.reported else ()))}

    def describe_data(self) -> str:
        data = self.data
        return (f"{len(data.train)} stacks to train, {len(data.validation)} to validate, "
                f"{len(data.sharp_lateral)} in-focus images. Intensities "
                f"{interval(data.intensities.low, data.intensities.high)} are mapped to -1 to 1.")

    def batch(self, update: int) -> dict[str, np.ndarray]:
        return self.batches(update)

    def describe(self) -> GeneratorInfo:
        config = self.config
        return describe_generator(
            config, method="zse_gan", network="published",
            network_arguments={"filters": config.translator_filters}, axes="ZYX", normalization={
                TASK: TaskNormalization(self.data.intensities, self.data.intensities)})

    def build(self, info: GeneratorInfo) -> tuple[Trainer, keras.Model]:
        from microgan.networks.zse_gan import build_discriminator
        from microgan.runs.optimizers import adam
        from microgan.trainers.zse_gan import (
            SectionDiscriminators, SectionSettings, ZSEGANTrainer)

        config = self.config
        discriminators = [build_discriminator(filters=config.discriminator_filters)
                          for _ in range(2)]
        trainer = ZSEGANTrainer(
            build_network(info),
            adam(config, config.learning_rate, num_updates=config.num_iters,
                 ema_decay=config.ema_decay),
            discriminators=SectionDiscriminators(
                discriminators[0], discriminators[1],
                adam(config, config.discriminator_learning_rate, num_updates=config.num_iters)),
            weights=config.loss_weights(),
            sections=SectionSettings(
                stack_shape=(self.batches.depth, config.patch_size, config.patch_size),
                pool_size=config.pool_size, vertical_share=config.vertical_share),
            global_batch_size=config.batch_size, seed=self.seed)
        return trainer, build_network(info)

    def validation_bytes(self, network: keras.Model) -> float:
        from microgan.runs.estimates import restoring_memory

        return restoring_memory(network.get_layer("sharpen"),
                                max(stack.size for stack in self._validated()[0]))

    def _validated(self) -> tuple[list[np.ndarray], list[int]]:
        """Return the middle of the first validation stacks, normalised, and focal planes."""
        stacks, focal_planes = self.data.part("validation")
        return ([self.data.intensities.normalize(middle(stack, _VALIDATED_PX))
                 for stack in stacks[:_VALIDATED_STACKS]], focal_planes[:_VALIDATED_STACKS])

    def validate(self, network: keras.Model) -> Scores:
        from microgan.evaluation.stack_validation import mean_scores, score_stack
        from microgan.metrics.sharpness import mean_absolute_gradient
        from microgan.restoration.in_memory import translate_stacks

        stacks, focal_planes = self._validated()
        axial_gradient = float(np.mean([
            mean_absolute_gradient(self.data.intensities.normalize(image))
            for image in self.data.sharp_axial]))
        # In network values already: nothing is rounded.
        sharpened, reconstructed = translate_stacks(network, stacks, IntensityRange(-1, 1))
        self.shown = list(zip(stacks, sharpened, reconstructed))[:_NUM_SAMPLES]
        scored = [score_stack(*each, axial_gradient=axial_gradient)
                  for each in zip(stacks, sharpened, reconstructed, focal_planes)]
        return mean_scores(scored)

    def draw(self, folder: Path, update: int, rows: list[Scores]) -> None:
        from microgan.evaluation.figures import save_history_figure
        from microgan.evaluation.stack_views import save_orthogonal_views

        save_history_figure(folder / "history.png", rows, score_label=self.score_label,
                            weights=self.config.loss_weights())
        for number, volumes in enumerate(self.shown, start=1):
            save_orthogonal_views(
                folder / SAMPLES / f"update_{update:06d}_{number}.png",
                dict(zip(("input", "sharpened", "blurred again"), volumes)),
                title=f"validation stack {number}, update {update}")

    def report(self, folder: Path) -> Report:
        return report_on_stacks(folder, self.reported, self.config)
