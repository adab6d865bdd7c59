"""MicroscopyGAN's cGAN: restoring from a few pairs, real or synthetic."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from microgan.datasets.paired_arrays import has_clean
from microgan.datasets.splits import spread_over
from microgan.datasets.task_files import channels_of
from microgan.errors import UserError
from microgan.generator_file import (
    GeneratorInfo, build_network, load_generator, read_info, save_generator)
from microgan.losses.vgg_weights import check_feature_source
from microgan.methods.calibration import Pairs, with_error_bounds
from microgan.methods.chosen_tasks import chosen_tasks
from microgan.methods.cross_validation import divided, honest_scores, restored_when_left_out
from microgan.methods.intensity_jitter import choose_intensity_jitter
from microgan.methods.paired_data import TaskData, load_tasks, paired_batches
from microgan.methods.restoring import MOST_TO_CALIBRATE, RestoringMethod
from microgan.methods.synthetic_pairs import (
    PairSynthesizer, load_tasks_and_synthesizer, seed_of_generator)
from microgan.runs.method import Trainer, describe_generator
from microgan.runs.run_files import GENERATOR_FILE

if TYPE_CHECKING:
    import keras

    from microgan.programs.scoring import RestoredImages

_NO_START = "none"
# Learning rates from given weights, over the recipe's: docs/pretraining.md.
_FASTER_FROM_START, _SLOWER_ALONE = 2, 0.7


class CGAN(RestoringMethod):
    """A generator that restores, judged by pixels, features and a discriminator."""

    run_folder = "Microscopy_cGAN_results"
    augmented_run_folder = "Microscopy_cGAN_results_CIN_augm"

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.folds: list[dict[str, TaskData]] = []

    @classmethod
    def settle(cls, config: Any) -> Any:
        """Default to the CIN-GAN's seed, so that both hold out the same images.

        Start from random weights where the network is not the pretrained one, unless told to.
        From others, learn faster; without clean images more slowly, so as not to forget what
        images look like.
        """
        settings: dict[str, Any] = {}
        if config.seed is None:
            settings["seed"] = seed_of_generator(config)
        starts = config.init_generator != _NO_START
        if starts:
            fits = _fits(read_info(config.init_generator), config)
            if not fits and "init_generator" not in config.explicit:
                starts, settings["init_generator"] = False, _NO_START
            elif not fits:
                raise UserError(_unlike(config))
        if starts and "learning_rate" not in config.explicit:
            factor = _FASTER_FROM_START if cls.chosen(config) is cls else _SLOWER_ALONE
            settings["learning_rate"] = factor * config.learning_rate
        return config.replaced(**settings) if settings else config

    @classmethod
    def folder(cls, config: Any) -> Path:
        """The folder of augmented or plain runs; of a run to be resumed, the existing one."""
        plain, augmented = (Path(config.dir).absolute() / name
                            for name in (cls.run_folder, cls.augmented_run_folder))
        only_augmented = config.resume and augmented.exists() and not plain.exists()
        return augmented if config.cin_augment or only_augmented else plain

    @classmethod
    def chosen(cls, config: Any) -> type[CGAN]:
        """Return the method for degraded images alone where no task has clean ones."""
        from microgan.methods.cgan_alone import CGANAlone

        if config.cin_augment or any(
                has_clean(config.data_folder, name) for name in chosen_tasks(config)):
            return cls
        return CGANAlone

    def load(self) -> None:
        config = self.config
        if config.cin_augment:
            self.take(*load_tasks_and_synthesizer(config))
        else:
            self.take(load_tasks(config, register=config.register == "auto"))
        if config.cross_validate:
            if config.cin_augment:  # of a run that is resumed
                raise UserError(f"--cross_validate={config.cross_validate} has no meaning with "
                                "synthetic pairs, whose CIN-GAN has seen every pair. Leave it "
                                "out.")
            self.folds = divided(self.tasks, config)
        if config.content_weight:
            check_feature_source(config.content_features)

    def take(self, tasks: dict[str, TaskData], synthesizer: PairSynthesizer | None = None) -> None:
        """Take loaded and divided data, and what synthesises further pairs."""
        config, synthetic = self.config, None
        self.tasks, self.synthesizer = tasks, synthesizer
        if synthesizer is not None:
            synthetic = synthesizer.synthetic_pairs(
                config.synthetic_share, tasks, num_updates=config.synthetic_updates)
        self.jitter = choose_intensity_jitter(config.intensity_jitter, tasks)
        self.batches = paired_batches(config, tasks, synthetic,
                                      intensity_jitter=self.jitter.by_task)

    @property
    def later_trainings(self) -> int:
        return len(self.folds)

    def scored_too_well(self) -> str:
        return (super().scored_too_well() if self.config.cin_augment else
                honest_scores(self.tasks, self.seed))

    def cross_validated(self, folder: Path) -> list[RestoredImages]:
        return restored_when_left_out(self, folder, self.folds) if self.folds else []

    def describe_data(self) -> str:
        return "\n".join([super().describe_data(), *self.jitter.describe()])

    def prepare(self) -> None:
        if self.synthesizer is not None and self.config.synthetic_share == 1:
            self.tasks = self.synthesizer.with_synthetic_validation(self.tasks)

    def describe(self) -> GeneratorInfo:
        config = self.config
        return describe_generator(
            config, method="cgan", network=config.generator,
            network_arguments=_network_arguments(config),
            normalization={name: task.normalization for name, task in self.tasks.items()},
            test_time_augmentation=config.test_time_augmentation,
            channels=channels_of(config.data_folder, self.tasks),
            upsample=next(iter(self.tasks.values())).pairs.upsample)

    def build(self, info: GeneratorInfo) -> tuple[Trainer, keras.Model]:
        from microgan.losses.perceptual import load_feature_extractor
        from microgan.runs.optimizers import adam
        from microgan.trainers.cgan import CGANTrainer

        config = self.config
        adversary = self._build_adversary() if config.adversarial_weight else None
        features = (load_feature_extractor(config.content_features) if config.content_weight
                    else None)
        generator = build_network(info)
        if config.init_generator != _NO_START:
            start, _ = load_generator(config.init_generator, precision="float32")
            generator.set_weights(start.get_weights())
        trainer = CGANTrainer(
            generator,
            adam(config, config.learning_rate, num_updates=config.num_iters,
                 ema_decay=config.ema_decay, bounded=config.bounded_updates),
            weights=self.loss_weights(), adversary=adversary, content_features=features,
            squared_content=config.content_distance == "squared",
            global_batch_size=config.batch_size)
        return trainer, build_network(info)

    def _build_adversary(self) -> Any:
        from microgan.networks.cgan import build_dense_discriminator, build_patch_discriminator
        from microgan.runs.optimizers import adam
        from microgan.trainers.cgan import Adversary

        config = self.config
        if config.discriminator == "dense":
            discriminator = build_dense_discriminator(config.patch_size,
                                                      filters=config.discriminator_filters)
        else:
            discriminator = build_patch_discriminator(filters=config.discriminator_filters)
        return Adversary(discriminator,
                         adam(config, config.learning_rate, num_updates=config.num_iters))

    def load_best(self, folder: Path) -> tuple[keras.Model, GeneratorInfo]:
        """Load the generator with the best weights and measure its errors.

        It is calibrated if the config asks for it.
        """
        model, info = (self.load_calibrated(folder) if self.config.calibrate
                       else super().load_best(folder))
        info = with_error_bounds(model, info, self._learned_and_held_out)
        save_generator(folder / GENERATOR_FILE, model.get_weights(), info)
        return model, info

    def filtered(self, task: str, degraded: Sequence[np.ndarray]) -> list[np.ndarray] | None:
        """Apply the linear filter of the defect, from the training pairs or the CIN-GAN's model.

        None for a CIN-GAN without a model, or images too small to measure.
        """
        from microgan.estimation.linear_filter import LinearFilter, clean_spectrum
        from microgan.estimation.paired import measure_paired

        data = self.tasks[task]
        measured, clean = data.part("train")
        try:
            if measured:
                model = measure_paired(measured, clean, seed=self.seed).model
            elif self.synthesizer is not None and task in self.synthesizer.info.degradation:
                model, clean = (self.synthesizer.info.degradation[task],
                                list(data.clean_to_degrade))
            else:
                return None
            restore = LinearFilter(model, clean_spectrum(clean)).restore
        except ValueError:
            return None
        return [restore(image) for image in degraded]

    def _learned_and_held_out(self, name: str) -> tuple[Pairs, Pairs]:
        task = self.tasks[name]
        if not task.is_paired:
            return ([], []), ([], [])
        degraded, clean = (spread_over(images, MOST_TO_CALIBRATE) for images in task.part("train"))
        return (degraded, clean), self.calibration_pairs(name)


def _network_arguments(config: Any) -> dict[str, Any]:
    arguments = {"filters": config.generator_filters}
    return arguments | {"dropout": config.dropout} if config.generator == "resnet" else arguments


def _fits(info: GeneratorInfo, config: Any) -> bool:
    """Whether a generator has the weights of the network that a config asks for."""
    wanted, held = (arguments | {"dropout": None} for arguments in (
        _network_arguments(config), info.network_arguments))
    return info.network == config.generator and held == wanted


def _unlike(config: Any) -> str:
    info = read_info(config.init_generator)
    held = (f"--generator={info.network} "
            f"--generator_filters={info.network_arguments.get('filters')}")
    return (f"--init_generator={config.init_generator} is a network of {held}, not of "
            f"--generator={config.generator} --generator_filters={config.generator_filters}. "
            "Pass those, or --init_generator=none.")
