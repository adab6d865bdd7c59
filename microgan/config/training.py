"""Settings of every training."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from typing import Any

from microgan.config.base import RECIPES, Config, precision_setting, setting
from microgan.config.settings_file import read_settings
from microgan.config.data_folder import data_folder, half_setting
from microgan.datasets.task_files import DataFolder
from microgan.errors import UserError


@dataclass(frozen=True, kw_only=True)
class TrainingConfig(Config):
    """Settings that every training has; each method may change their defaults."""

    recipe: str = setting(
        "paper", "Set of defaults. paper: MicroscopyGAN as published, with its bugs fixed. "
        "limited: ours, for ten pairs and minutes on a CPU.", choices=RECIPES)
    config: str | None = setting(
        None, "JSON file of settings: the config.json of a run, of which all but --resume, "
        "--overwrite and --dry_run is taken, or a table such as {\"num_iters\": 500}. Flags win "
        "over it, and it wins over the recipe.")
    dir: str = setting(".", "Folder in which the run folder is created.")
    overwrite: bool = setting(False, "Replace an earlier run in the run folder.")
    resume: bool = setting(False, "Continue from the last checkpoint in the run folder, or "
                           "start a new run if it holds none. With a higher --num_iters, prolong "
                           "the run, even a finished one.")
    dry_run: bool = setting(
        False, "Try every step, from reading to scoring, with two updates; print the time and "
        "memory that the run will take; leave no files.")
    seed: int | None = setting(None, "Random seed. Unset: drawn and recorded.", minimum=0,
                               maximum=2**31 - 1)
    deterministic: bool = setting(
        False, "The same seed gives the same files, bit for bit, on one machine; slower.")
    num_gpu: int | None = setting(
        None, "GPUs to use. 0: the CPU. Unset: all GPUs found, or the CPU if there are none.",
        minimum=0)
    precision: str = precision_setting()
    num_iters: int = setting(3000, "Updates of the generator; the original's 3000.",
                             limited=4000, minimum=1, maximum=10**9)
    batch_size: int = setting(100, "Images per update, over all GPUs; the original's 100.",
                              limited=4, minimum=1)
    patch_size: int = setting(128, "Side of the square training crops in pixels; the paper's 128.",
                              limited=64, minimum=16)
    learning_rate: float = setting(1e-4, "Adam's learning rate, both networks; the original's "
                                   "1e-4.", limited=1e-3, above=0)
    learning_rate_decay: str = setting(
        "none", "none: constant, as in the original. cosine: rises over the first 5 % of "
        "--num_iters, then falls to zero along a cosine.",
        limited="cosine", choices=("none", "cosine"))
    adam_epsilon: float = setting(1e-8, "Adam's epsilon; the original's 1e-8.", above=0)
    ema_decay: float = setting(
        0.0, "Decay per update of the moving average of the generator's weights, which is "
        "validated and saved. 0: the weights themselves, as in the original.",
        limited=0.98, minimum=0, maximum=0.99999)
    validate_every: int = setting(
        100, "Updates between validations; the best weights are saved. Ours: the original has "
        "none.", minimum=1)
    checkpoint_every: int = setting(
        500, "Updates between checkpoints, from which --resume continues; ours.", minimum=1)
    checkpoint_minutes: float = setting(
        10.0, "Minutes between checkpoints, if that is sooner; ours.", above=0)
    tensorboard: bool = setting(
        False, "Also log losses, scores and samples of every validation to the folder tensorboard "
        "of the run, for TensorBoard: pip install 'microgan[tensorboard]'. Ours.")
    max_bad_steps: int = setting(
        20, "An update with a loss or gradient that is not finite is skipped and counted. After "
        "this many in a row the run stops; ours.", minimum=1)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.resume and self.overwrite:
            raise UserError("--resume keeps what --overwrite deletes. Pass only one of them.")

    @classmethod
    def stored_settings(cls, explicit: dict[str, Any]) -> dict[str, Any]:
        path = explicit.get("config")
        if not isinstance(path, str):  # None, or refused like any other wrong type
            return {}
        stored = read_settings(path, cls)
        recipe = explicit.get("recipe", stored.get("recipe"))
        if recipe != stored.get("recipe", recipe):
            raise UserError(f"--recipe={recipe} contradicts --config={path}, which has the values "
                            f"of --recipe={stored['recipe']}. Leave one of them out.")
        return stored

    def follows_num_iters(self) -> tuple[str, ...]:
        """Return the flags of what changes over the whole run, so that its length matters."""
        return () if self.learning_rate_decay == "none" else (
            f"--learning_rate_decay={self.learning_rate_decay}",)

    def loss_weights(self) -> dict[str, float]:
        """Weight of each loss by name: the settings NAME_weight that are above 0."""
        weights = {item.name.removesuffix("_weight"): getattr(self, item.name)
                   for item in dataclasses.fields(self) if item.name.endswith("_weight")}
        return {name: weight for name, weight in weights.items() if weight}


@dataclass(frozen=True, kw_only=True)
class TaskTrainingConfig(TrainingConfig):
    """Settings of a training on clean and degraded images of named tasks."""

    data_dir: str = setting("data", "Folder of NAME_X.npy (degraded) and NAME_Y.npy (clean), of "
                            "NAME/degraded/*.tif and NAME/clean/*.tif, or of NAME.npz.")
    degraded_dir: str = half_setting("degraded")
    clean_dir: str = half_setting("clean")
    datasets: tuple[str, ...] = setting(
        (), "Names of the tasks, separated by commas. Unset: all in --data_dir.")
    channels: tuple[str, ...] = setting(
        (), "Channels of the files in NAME/degraded and NAME/clean to learn, separated by commas: "
        "names, such as DAPI, or numbers from 1. Each becomes a task, such as NAME_DAPI, which "
        "restore.py applies to the channel of that name. Unset: the files have one channel.")
    images_limit: int | None = setting(
        None, "Pairs per task for training and validation together. The paper's headline setting "
        "is 10. Unset or -1: all that are not kept for the test.")
    validation_fraction: float = setting(
        0.2, "Share of those pairs used only for validation, which chooses the checkpoint: at "
        "least one, and one is left to train on. Validation sees the middle 512 x 512 pixels of "
        "large images, and at most 64 pairs per task. Ours.", above=0, maximum=0.9)
    test_fraction: float | None = setting(
        None, "Share of the pairs kept for the test where there is no NAME_test_X.npy, if "
        "--images_limit leaves any. Unset: 0.2 of 20 or more pairs, otherwise none; ours.",
        minimum=0, maximum=0.9)
    symmetries: tuple[str, ...] = setting(
        (), "NAME:none, NAME:flips or NAME:all for any task: the symmetries of both its images "
        "and its defect. flips: mirrored along X and Y, as for a blur or scan lines along one "
        "axis. all: also rotated by 90 degrees, for a defect without direction, such as noise or "
        "a round blur. Unset: flips, but all for the simulated sets Synthetic_tubulin_tubules "
        "and Nuclei_low_light.")
    normalization: str = setting(
        "min_max", "Intensities of the training images, per task, that are mapped to -1 and 1. "
        "min_max: the extremes, as in the original. percentiles: the 0.1 and 99.9 percentiles.",
        limited="percentiles", choices=("min_max", "percentiles"))
    eval_limit: int | None = setting(
        None, "Test images scored per task at the end. Unset: all.", minimum=1)

    @property
    def data_folder(self) -> DataFolder:
        """The folder of the data sets, and the names of their folders of images."""
        return data_folder(self)

    def __post_init__(self) -> None:
        super().__post_init__()
        data_folder(self)
        for entry in self.symmetries:
            name, _, symmetry = entry.partition(":")
            if not name or symmetry not in ("none", "flips", "all"):
                raise UserError("--symmetries takes NAME:none, NAME:flips or NAME:all, separated "
                                f"by commas. Received: {entry}")
