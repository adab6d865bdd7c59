"""Settings of every training."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from microgan.config.base import RECIPES, Config, precision_setting, setting
from microgan.errors import UserError


@dataclass(frozen=True, kw_only=True)
class TrainingConfig(Config):
    """Settings that every training has. Each method sets its own defaults."""

    recipe: str = setting(
        "paper", "Set of defaults. paper: MicroscopyGAN as published, its bugs repaired. "
        "limited: ours, for ten pairs and minutes on a CPU.", choices=RECIPES)
    dir: str = setting(".", "Folder in which the run folder appears.")
    overwrite: bool = setting(False, "Replace an earlier run in the run folder.")
    resume: bool = setting(False, "Go on from the last checkpoint in the run folder.")
    dry_run: bool = setting(
        False, "Go once through everything, from reading to scoring, with two updates; print the "
        "time and memory that the run will take; leave nothing.")
    seed: int | None = setting(None, "Seed of every random choice. Unset: drawn and recorded.",
                               minimum=0, maximum=2**31 - 1)
    deterministic: bool = setting(
        False, "Make the same seed give the same files, bit for bit, on one machine; slower.")
    num_gpu: int | None = setting(
        None, "GPUs to use. 0: the CPU. Unset: all GPUs found, else the CPU.", minimum=0)
    precision: str = precision_setting()
    num_iters: int = setting(3000, "Updates of the generator; the original's 3000.",
                             limited=4000, minimum=1, maximum=10**9)
    batch_size: int = setting(100, "Images an update, over all GPUs; the original's 100.",
                              limited=8, minimum=1)
    patch_size: int = setting(128, "Side of the square training crops in pixels; the paper's 128.",
                              limited=64, minimum=16)
    learning_rate: float = setting(1e-4, "Of Adam, both networks; the original's 1e-4.",
                                   limited=1e-3, above=0)
    learning_rate_decay: str = setting(
        "none", "none: it stays, as the original's. cosine: it rises over the first 5 % of "
        "--num_iters, then falls to zero along a cosine.",
        limited="cosine", choices=("none", "cosine"))
    adam_epsilon: float = setting(1e-8, "Of Adam; the original's 1e-8.", above=0)
    ema_decay: float = setting(
        0.0, "Decay per update of the moving average of the generator's weights that is "
        "validated and saved. 0: the weights themselves, as the original.",
        limited=0.98, minimum=0, maximum=0.99999)
    validate_every: int = setting(
        100, "Updates between validations; the best one is saved. Ours: the original has none.",
        minimum=1)
    checkpoint_every: int = setting(
        500, "Updates between checkpoints, from which --resume goes on; ours.", minimum=1)
    checkpoint_minutes: float = setting(
        10.0, "Minutes between checkpoints, if that is sooner; ours.", above=0)
    max_bad_steps: int = setting(
        20, "An update with a loss or gradient that is not finite is undone and counted. After "
        "this many in a row the run stops; ours.", minimum=1)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.resume and self.overwrite:
            raise UserError("--resume keeps what --overwrite deletes. Pass only one of them.")

    def loss_weights(self) -> dict[str, float]:
        """Factor of each loss by its name: the settings NAME_weight that are above 0."""
        weights = {item.name.removesuffix("_weight"): getattr(self, item.name)
                   for item in dataclasses.fields(self) if item.name.endswith("_weight")}
        return {name: weight for name, weight in weights.items() if weight}


@dataclass(frozen=True, kw_only=True)
class TaskTrainingConfig(TrainingConfig):
    """Settings of a training on clean and degraded images of named tasks."""

    data_dir: str = setting("data", "Folder of NAME_X.npy (degraded) and NAME_Y.npy (clean), of "
                            "NAME/degraded/*.tif and NAME/clean/*.tif, or of NAME.npz.")
    datasets: tuple[str, ...] = setting(
        (), "Names of the tasks, separated by commas. Unset: every one in --data_dir.")
    images_limit: int | None = setting(
        None, "Pairs per task that training and the choice of the checkpoint see together. The "
        "paper's headline setting is 10. Unset or -1: all that the test part leaves.")
    validation_fraction: float = setting(
        0.2, "Share of those pairs that choose the checkpoint; at least one does, and one is left "
        "to train. Of large images the middle 512 x 512 pixels do, of at most 64 pairs a task. "
        "Ours.",
        above=0, maximum=0.9)
    test_fraction: float | None = setting(
        None, "Share of the pairs kept for the test where there is no NAME_test_X.npy, as far as "
        "--images_limit leaves any. Unset: 0.2 of 20 pairs or more, else none; ours.",
        minimum=0, maximum=0.9)
    symmetries: tuple[str, ...] = setting(
        (), "NAME:none, NAME:flips or NAME:all for any task: the symmetries that its images and "
        "its defect share. flips: mirrored along X and Y, as for a blur or scan lines along one "
        "axis. all: also turned by 90 degrees, for a defect without direction, such as noise or a "
        "round blur. Unset: flips, but all for the simulated sets "
        "Synthetic_tubulin_tubules and Nuclei_low_light.")
    normalization: str = setting(
        "min_max", "Intensities that become -1 and 1, per task, from the training images. "
        "min_max: the extremes, as the original. percentiles: 0.1 and 99.9 per cent.",
        limited="percentiles", choices=("min_max", "percentiles"))
    eval_limit: int | None = setting(
        None, "Test images scored per task at the end. Unset: all.", minimum=1)

    def __post_init__(self) -> None:
        super().__post_init__()
        for entry in self.symmetries:
            name, _, symmetry = entry.partition(":")
            if not name or symmetry not in ("none", "flips", "all"):
                raise UserError("--symmetries takes NAME:none, NAME:flips or NAME:all, separated "
                                f"by commas. Received: {entry}")
