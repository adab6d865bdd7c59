"""The part of a cGAN run that needs TensorFlow: networks, training, scores."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from microgan.config import CGANConfig
from microgan.datasets.sampling import PairedBatches
from microgan.datasets.splits import spread_over
from microgan.methods.synthetic_pairs import PairMaker
from microgan.methods.paired_data import TaskData
from microgan.methods.paired_training import Pairs, print_parts, train_restorer
from microgan.runs.training import adam, describe_generator, set_up_devices
from microgan.generator_file import GeneratorInfo, build_network
from microgan.losses.perceptual import load_feature_extractor
from microgan.networks.cgan import build_dense_discriminator, build_patch_discriminator
from microgan.runtime.precision import keras_settings_kept
from microgan.trainers.cgan import Adversary, CGANTrainer

# Images a task: two numbers need no more.
_MOST_TO_CALIBRATE = 16


@keras_settings_kept()
def train_and_score(config: CGANConfig, tasks: dict[str, TaskData], split: dict[str, Any],
                    draw: PairedBatches, folder: Path, maker: PairMaker | None) -> None:
    """Train on checked data and score on the test images; see `experiments.cgan.train_cgan`.

    Args:
        config: with its seed.
        tasks: by name.
        split: by task, which images are for what.
        draw: update number -> batch.
        folder: the run folder, checked.
        maker: of pairs, with CIN-GAN.
    """
    strategy, precision = set_up_devices(config)
    maker_of_all = maker if config.made_share == 1 else None
    if maker_of_all is not None:
        tasks = maker_of_all.with_made_validation(tasks)
    info = _describe(config, tasks)
    print_parts(tasks)

    def calibration_pairs(name: str) -> Pairs:
        # Of images that it has learned by heart a network knows the intensities too well.
        degraded, clean = (spread_over(images, _MOST_TO_CALIBRATE)
                           for images in tasks[name].validated())
        return degraded, clean

    train_restorer(config, tasks, folder, info, split=split, draw=draw, strategy=strategy,
                   precision=precision, build_trainer=lambda: build_trainer(config, info),
                   calibration_pairs=calibration_pairs if config.calibrate else None)


def _describe(config: CGANConfig, tasks: dict[str, TaskData]) -> GeneratorInfo:
    arguments: dict[str, Any] = {"filters": config.generator_filters}
    if config.generator == "resnet":
        arguments["dropout"] = config.dropout
    return describe_generator(
        config, method="cgan", network=config.generator, network_arguments=arguments,
        normalization={name: task.normalization for name, task in tasks.items()},
        test_time_augmentation=config.test_time_augmentation)


def build_trainer(config: CGANConfig, info: GeneratorInfo) -> CGANTrainer:
    """Build networks, losses and optimizers as the config says; call it under the strategy."""
    adversary = _build_adversary(config) if config.adversarial_weight else None
    features = load_feature_extractor(config.content_features) if config.content_weight else None
    return CGANTrainer(
        build_network(info), adversary=adversary,
        generator_optimizer=adam(config, config.learning_rate, num_updates=config.num_iters,
                                 ema_decay=config.ema_decay),
        content_features=features, squared_content=config.content_distance == "squared",
        content_weight=config.content_weight, pixel_weight=config.pixel_weight,
        fitted_pixel_weight=config.fitted_pixel_weight, fourier_weight=config.fourier_weight,
        global_batch_size=config.batch_size)


def _build_adversary(config: CGANConfig) -> Adversary:
    if config.discriminator == "dense":
        discriminator = build_dense_discriminator(config.patch_size,
                                                  filters=config.discriminator_filters)
    else:
        discriminator = build_patch_discriminator(filters=config.discriminator_filters)
    optimizer = adam(config, config.learning_rate, num_updates=config.num_iters)
    return Adversary(discriminator, optimizer, config.adversarial_weight)
