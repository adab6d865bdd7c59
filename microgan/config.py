"""Settings of every script: each written once, with its default, unit and source.

Flags, `--help` and `config.json` are made from these fields (`microgan.cli.command`).
"""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from dataclasses import dataclass, field
from typing import Any, Self

from microgan.errors import UserError
from microgan.precision import PRECISIONS

RECIPES = ("paper", "limited")
_UNSET: Any = object()


def setting(default: Any, help: str, *, limited: Any = _UNSET,
            choices: tuple[str, ...] | None = None,
            minimum: float | None = None, above: float | None = None,
            maximum: float | None = None) -> Any:
    """A config field.

    Args:
        default: value in the paper recipe.
        help: what it does, its unit and the source of the default; shown by `--help`.
        limited: value in the limited recipe, where it differs.
        choices: the values allowed, for text.
        minimum: smallest value allowed, for numbers.
        above: largest value that is too small, for numbers.
        maximum: largest value allowed, for numbers.
    """
    return field(default=default, metadata={
        "help": help, "limited": limited, "choices": choices,
        "minimum": minimum, "above": above, "maximum": maximum})


def value_type(hint: Any) -> tuple[type, bool, bool]:
    """Read a field's annotation.

    Returns:
        The plain type, whether None is allowed, and whether it is a list of that type.
    """
    optional = False
    if isinstance(hint, types.UnionType):
        members = [member for member in typing.get_args(hint) if member is not type(None)]
        optional = len(members) < len(typing.get_args(hint))
        (hint,) = members
    if typing.get_origin(hint) is tuple:
        return typing.get_args(hint)[0], optional, True
    return hint, optional, False


@dataclass(frozen=True)
class Config:
    """Base of all configs: checked on creation, JSON both ways.

    Raises:
        UserError: a value is not of the field's type, not among its choices or out of
            its bounds; the message names the flag and the rule.
    """

    def __post_init__(self) -> None:
        hints = typing.get_type_hints(type(self))
        for item in dataclasses.fields(self):
            kind, optional, is_list = value_type(hints[item.name])
            value = getattr(self, item.name)
            if value is None and optional:
                continue
            for element in value if is_list and isinstance(value, tuple) else (value,):
                _check_value(item, kind, element)

    @classmethod
    def recipe_defaults(cls, recipe: str) -> dict[str, Any]:
        """The default of every field under one recipe."""
        if recipe not in RECIPES:
            raise UserError(f"--recipe must be one of {', '.join(RECIPES)}. Received: {recipe}")
        defaults = {}
        for item in dataclasses.fields(cls):
            limited = item.metadata["limited"]
            use_limited = recipe == "limited" and limited is not _UNSET
            defaults[item.name] = limited if use_limited else item.default
        if "recipe" in defaults:
            defaults["recipe"] = recipe
        return defaults

    @classmethod
    def create(cls, **explicit: Any) -> Self:
        """Build a config from the recipe's defaults and what was given explicitly.

        Args:
            **explicit: field values; they win over the recipe's. `recipe` chooses the
                recipe, "paper" if absent.

        Raises:
            UserError: a value is not allowed.
        """
        defaults = cls.recipe_defaults(explicit.get("recipe", "paper"))
        config = cls(**{**defaults, **explicit})
        object.__setattr__(config, "_explicit", frozenset(explicit))
        return config

    @property
    def explicit(self) -> frozenset[str]:
        """Names of the fields that `create` was given, not their defaults."""
        return getattr(self, "_explicit", frozenset())

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Self:
        """The reverse of `to_json`.

        Raises:
            TypeError or UserError: `content` is not what that gives.
        """
        return cls(**{name: tuple(value) if isinstance(value, list) else value
                      for name, value in content.items()})

    def to_json(self) -> dict[str, Any]:
        """As plain JSON, every field."""
        return {name: list(value) if isinstance(value, tuple) else value
                for name, value in dataclasses.asdict(self).items()}


def _check_value(item: dataclasses.Field, kind: type, value: Any) -> None:
    rules = item.metadata
    flag = f"--{item.name}"
    accepted = (int, float) if kind is float else kind
    if not isinstance(value, accepted) or (isinstance(value, bool) and kind is not bool):
        raise UserError(f"{flag} must be of type {kind.__name__}. Received: {value!r}")
    if isinstance(value, float) and not math.isfinite(value):
        raise UserError(f"{flag} must be finite. Received: {value}")
    if rules["choices"] is not None and value not in rules["choices"]:
        raise UserError(
            f"{flag} must be one of {', '.join(rules['choices'])}. Received: {value}")
    if rules["minimum"] is not None and not value >= rules["minimum"]:
        raise UserError(f"{flag} must be at least {rules['minimum']}. Received: {value}")
    if rules["above"] is not None and not value > rules["above"]:
        raise UserError(f"{flag} must be above {rules['above']}. Received: {value}")
    if rules["maximum"] is not None and not value <= rules["maximum"]:
        raise UserError(f"{flag} must be at most {rules['maximum']}. Received: {value}")


@dataclass(frozen=True)
class TrainingConfig(Config):
    """Settings that every training has. Each method sets its own defaults."""

    recipe: str = setting(
        "paper", "Set of defaults. paper: MicroscopyGAN as published, its bugs repaired. "
        "limited: ours, for ten pairs and minutes on a CPU.", choices=RECIPES)
    data_dir: str = setting("data", "Folder of NAME_X.npy (degraded) and NAME_Y.npy (clean), of "
                            "NAME/degraded/*.tif and NAME/clean/*.tif, or of NAME.npz.")
    datasets: tuple[str, ...] = setting(
        (), "Names of the tasks, separated by commas. Unset: every one in --data_dir.")
    images_limit: int | None = setting(
        None, "Pairs per task that training and the choice of the checkpoint see together. The "
        "paper's headline setting is 10. Unset or -1: all that the test part leaves.")
    validation_fraction: float = setting(
        0.2, "Share of those pairs that choose the checkpoint, at least one pair.",
        above=0, maximum=0.9)
    test_fraction: float = setting(
        0.2, "Share of the pairs kept for the test where there is no NAME_test_X.npy, as far as "
        "--images_limit leaves any and there are at least 20 pairs.", minimum=0, maximum=0.9)
    symmetries: tuple[str, ...] = setting(
        (), "NAME:none, NAME:flips or NAME:all for any task: the symmetries that its images and "
        "its defect share. flips: mirrored along X and Y. all: also turned by 90 degrees, for a "
        "defect without direction. Unset: flips, but all for the simulated sets "
        "Synthetic_tubulin_tubules and Nuclei_low_light.")
    dir: str = setting(".", "Folder in which the run folder appears.")
    overwrite: bool = setting(False, "Replace an earlier run in the run folder.")
    resume: bool = setting(False, "Go on from the last checkpoint in the run folder.")
    seed: int | None = setting(None, "Seed of every random choice. Unset: drawn and recorded.",
                               minimum=0, maximum=2**31 - 1)
    deterministic: bool = setting(
        False, "Make the same seed give the same files, bit for bit, on one machine; slower.")
    num_gpu: int | None = setting(
        None, "GPUs to use. 0: the CPU. Unset: all GPUs found, else the CPU.", minimum=0)
    precision: str = setting(
        "auto", "Number format. auto: bfloat16 where the hardware multiplies it faster.",
        choices=PRECISIONS)
    num_iters: int = setting(3000, "Updates of the generator; the original's 3000.",
                             limited=2000, minimum=1,
                             maximum=10**9)
    batch_size: int = setting(100, "Images an update, over all GPUs; the original's 100.",
                              limited=8, minimum=1)
    patch_size: int = setting(128, "Side of the square training crops in pixels; the paper's 128.",
                              limited=64, minimum=16)
    learning_rate: float = setting(1e-4, "Of Adam, both networks; the original's 1e-4.",
                                   limited=1e-3, above=0)
    learning_rate_decay: str = setting(
        "none", "cosine: the learning rate rises over the first 5 % of --num_iters, then falls to "
        "zero along a cosine.",
        limited="cosine", choices=("none", "cosine"))
    adam_epsilon: float = setting(1e-8, "Of Adam; the original's 1e-8.", above=0)
    normalization: str = setting(
        "min_max", "Intensities that become -1 and 1, per task, from the training images. "
        "min_max: the extremes, as the original. percentiles: 0.1 and 99.9 per cent.",
        limited="percentiles", choices=("min_max", "percentiles"))
    ema_decay: float = setting(
        0.0, "Decay per update of the moving average of the generator's weights that is "
        "validated and saved. 0: the weights themselves, as the original.",
        limited=0.98, minimum=0, maximum=0.99999)
    validate_every: int = setting(100, "Updates between validations; the best one is saved.",
                                  minimum=1)
    checkpoint_minutes: float = setting(
        10.0, "Minutes between checkpoints, from which --resume goes on.", above=0)
    eval_limit: int | None = setting(
        None, "Test images scored per task at the end. Unset: all.", minimum=1)

    def __post_init__(self) -> None:
        super().__post_init__()
        for entry in self.symmetries:
            name, _, symmetry = entry.partition(":")
            if not name or symmetry not in ("none", "flips", "all"):
                raise UserError("--symmetries takes NAME:none, NAME:flips or NAME:all, separated "
                                f"by commas. Received: {entry}")
        if self.resume and self.overwrite:
            raise UserError("--resume keeps what --overwrite deletes. Pass only one of them.")


@dataclass(frozen=True)
class CGANConfig(TrainingConfig):
    """Settings of `train_cGAN.py`. Defaults: MicroscopyGAN as published (docs/method.md)."""

    generator: str = setting(
        "resnet", "resnet: the published network, output (tanh + input) / 2. unet: ours, input "
        "plus an unbounded correction.", limited="unet", choices=("resnet", "unet"))
    generator_filters: int = setting(64, "Channels of the generator at full resolution; the "
                                     "original's 64.", limited=32, minimum=1)
    discriminator: str = setting(
        "dense", "dense: the published network, which judges the whole image. patch: ours, which "
        "judges every neighbourhood beside the degraded image.", limited="patch",
        choices=("dense", "patch"))
    discriminator_filters: int = setting(
        64, "Channels of the discriminator's first convolution; the original's 64.", limited=32,
        minimum=1)
    dropout: float = setting(0.5, "In the residual blocks of the resnet; the original's 0.5.",
                             minimum=0, maximum=0.9)
    content_weight: float = setting(
        1.0, "Factor of the content loss; the original's 1. Feature distances are in VGG's "
        "units, some hundreds for unlike images.", limited=3e-4, minimum=0)
    adversarial_weight: float = setting(
        0.1, "Factor of the generator's adversarial loss; the original's 0.1. 0: no "
        "discriminator.", limited=0.005, minimum=0)
    pixel_weight: float = setting(
        0.0, "Factor of the mean absolute difference of the pixels; the original has none.",
        limited=0.1, minimum=0)
    fitted_pixel_weight: float = setting(
        0.0, "Factor of the same difference after scale and offset of each image are fitted, as "
        "exposure differs between images. 0.1 of the plain one keeps the brightness.",
        limited=0.9, minimum=0)
    content_features: str = setting(
        "imagenet", "What the content loss compares. imagenet: VGG16 block3_conv3, as the paper; "
        "Keras downloads it once. embedded: a small network that comes with microgan. Or the path "
        "of an .npz or .h5 with VGG's kernels and biases.", limited="embedded")
    content_distance: str = setting(
        "absolute", "Mean absolute or squared difference of the features; of the original's two "
        "functions of one name the absolute one wins.", choices=("absolute", "squared"))

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (self.content_weight or self.adversarial_weight or self.pixel_weight
                or self.fitted_pixel_weight):
            raise UserError("At least one of --content_weight, --adversarial_weight, "
                            "--pixel_weight and --fitted_pixel_weight must be above 0.")


@dataclass(frozen=True)
class SimulateConfig(Config):
    """Settings of `microgan-simulate`; the defaults make the arrays shipped in `data/`."""

    output: str = setting("data", "folder of the arrays; made if it isn't there")
    datasets: tuple[str, ...] = setting(
        ("Drosophila", "Retina", "Synthetic_tubulin_tubules"),
        "sets to simulate, separated by commas",
        choices=("Drosophila", "Retina", "Synthetic_tubulin_tubules", "Nuclei_low_light"))
    num_pairs: int = setting(60, "pairs per set for training, in NAME_X.npy, NAME_Y.npy; "
                             "more pairs leave the first ones as they are", minimum=1)
    num_test_pairs: int = setting(20, "pairs per set for testing, in NAME_test_X.npy, "
                                  "NAME_test_Y.npy", minimum=1)
    image_size: int = setting(128, "side of the images, pixels", minimum=16)
    seed: int = setting(0, "seed of everything random", minimum=0)
    overwrite: bool = setting(False, "replace arrays that are there already")


@dataclass(frozen=True)
class RestoreConfig(Config):
    """Settings of `restore.py`."""

    generator: str | None = setting(None, "The generator.h5 of a run folder.")
    input: tuple[str, ...] = setting(
        (), "Files to restore, separated by commas: .npy, .tif or .tiff, folders of such files, "
        "or quoted patterns such as 'cells/*.tif'.")
    output: str = setting("restored", "Folder of the restored files, which keep their names.")
    task: str | None = setting(
        None, "Task whose intensity constants to use. Unset: those of the generator's only task, "
        "else the image's own 0.1 and 99.9 percentiles.")
    axes: str | None = setting(
        None, "The images' axes, one letter each, such as TZYX; every YX plane is restored. "
        "Unset: what a TIFF says; of an array, YX or ZYX.")
    overwrite: bool = setting(False, "Replace files of the same name in --output.")
    precision: str = setting(
        "auto", "Number format. auto: bfloat16 where the hardware multiplies it faster.",
        choices=PRECISIONS)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.generator:
            raise UserError("--generator is missing: name the generator.h5 of a run folder.")
        if not self.input:
            raise UserError("--input is missing: name the files to restore.")


@dataclass(frozen=True)
class EvaluateConfig(Config):
    """Settings of `evaluate.py`."""

    generator: str | None = setting(
        None, "The generator.h5 of a run folder. Unset: score files, see --restored.")
    data_dir: str = setting("data", "With --generator: folder of the images, as in training.")
    datasets: tuple[str, ...] = setting(
        (), "With --generator: names of the tasks, separated by commas. Unset: every one of the "
        "generator's that is in --data_dir.")
    split: str = setting(
        "test", "With --generator: test scores NAME_test_X.npy and NAME_test_Y.npy, or else the "
        "pairs that training kept for the test (split.json beside the generator); validation "
        "scores those that chose its weights.", choices=("test", "validation"))
    stretched: tuple[str, ...] = setting(
        (), "With --generator: tasks whose images were each stretched to their own extremes "
        "before they were saved; the range protocol has no meaning for them.")
    restored: tuple[str, ...] = setting(
        (), "Without a generator: restored files to score, .npy or TIFF, separated by commas.")
    clean: tuple[str, ...] = setting((), "The clean files of --restored, in the same order.")
    degraded: tuple[str, ...] = setting(
        (), "The raw input of --restored, in the same order, to be scored beside it. Unset: "
        "not scored.")
    axes: str | None = setting(
        None, "Axes of the files, one letter each, such as TZYX; every YX plane is an image. "
        "Unset: what a TIFF says; of an array, YX or ZYX.")
    output: str = setting("evaluation", "Folder of the tables and figures.")
    overwrite: bool = setting(False, "Replace earlier scores in --output.")
    eval_limit: int | None = setting(
        None, "Score only the first so many images of each task. Unset: all.", minimum=1)
    precision: str = setting(
        "auto", "Number format. auto: bfloat16 where the hardware multiplies it faster.",
        choices=PRECISIONS)

    def __post_init__(self) -> None:
        super().__post_init__()
        if bool(self.generator) == bool(self.restored):
            raise UserError("Name either a --generator, to score what it makes of the images in "
                            "--data_dir, or files: --restored and --clean.")
        of_the_other = (("restored", "clean", "degraded", "axes") if self.generator
                        else ("datasets", "stretched"))
        for name in of_the_other:
            if getattr(self, name):
                raise UserError(f"--{name} has no meaning with"
                                f"{'' if self.generator else 'out'} --generator. Leave it out.")
        counts = {name: len(getattr(self, name)) for name in ("restored", "clean", "degraded")}
        if counts["clean"] != counts["restored"] or counts["degraded"] not in (
                0, counts["restored"]):
            raise UserError("--restored, --clean and --degraded need as many files each. "
                            f"Received: {', '.join(map(str, counts.values()))}")


@dataclass(frozen=True)
class CINGANConfig(TrainingConfig):
    """Settings of `train_CIN_GAN.py`. Defaults: MicroscopyGAN as published (docs/method.md)."""

    images_limit: int | None = setting(
        None, "Degraded images per task that training and validation see together; clean images "
        "are all that validation and test leave. Unset or -1: all that the test part leaves.")
    validation_fraction: float = setting(
        0.2, "Share of those images that only choose the checkpoint, at least one.",
        above=0, maximum=0.9)
    num_iters: int = setting(3000, "Updates of the generator; as for the cGAN.",
                             limited=3000, minimum=1)
    batch_size: int = setting(
        100, "Images an update of the generator, and of the critic each time, over all GPUs; the "
        "original's 100.", limited=6, minimum=1)
    learning_rate: float = setting(1e-5, "Of the generator's Adam; the original's 1e-5.",
                                   limited=5e-4, above=0)
    critic_learning_rate: float = setting(
        1e-5, "Of the critic's Adam; the original's 1e-5.", limited=1e-3, above=0)
    adam_beta_1: float = setting(0.5, "Decay of Adam's mean gradient; the original's 0.5.",
                                 minimum=0, maximum=0.999)
    adam_beta_2: float = setting(0.9, "Decay of Adam's mean squared gradient; the original's 0.9.",
                                 minimum=0, maximum=0.9999)
    ema_decay: float = setting(
        0.0, "Decay per update of the moving average of the generator's weights that is "
        "validated and saved. 0: the weights themselves, as the original.",
        limited=0.99, minimum=0, maximum=0.99999)
    generator: str = setting(
        "resnet", "resnet: the published network, output (tanh + input) / 2. unet: ours, noise at "
        "every scale, input plus an unbounded correction.", limited="unet",
        choices=("resnet", "unet"))
    generator_filters: int = setting(64, "Channels of the generator at full resolution; the "
                                     "original's 64.", limited=16, minimum=1)
    critic: str = setting(
        "dense", "dense: the published network, which judges the whole image. patch: ours, which "
        "judges neighbourhoods.", limited="patch", choices=("dense", "patch"))
    critic_filters: int = setting(64, "Channels of the critic's first convolution; the "
                                  "original's 64.", limited=32, minimum=1)
    critic_steps: int = setting(5, "Updates of the critic per update of the generator; the "
                                "original's 5.", limited=3, minimum=1)
    dropout: float = setting(
        0.5, "In the residual blocks of the resnet, whose only randomness it is; the original's "
        "0.5.", minimum=0, maximum=0.9)
    adversarial_weight: float = setting(
        0.1, "Factor of the generator's adversarial loss; the original's 0.1.", limited=1.0,
        above=0)
    penalty_weight: float = setting(10.0, "Factor of the critic's gradient penalty; the "
                                    "original's 10.", above=0)
    content_weight: float = setting(1.0, "Factor of the content loss; the original's 1.",
                                    limited=0.0, minimum=0)
    style_weight: float = setting(
        1.0, "Factor of the style loss, the distance of the Gram matrices from those of an "
        "unpaired degraded image; the original's 1.", limited=1.0, minimum=0)
    spectrum_weight: float = setting(
        0.0, "Factor of the spectrum loss, the mean absolute difference in log10 power over "
        "frequency and direction from an unpaired degraded image; the original has none.",
        limited=30.0, minimum=0)
    content_from: str = setting(
        "clean", "What the content loss compares with. clean: the generator's own input. "
        "degraded: an unrelated degraded image, as published.", choices=("clean", "degraded"))
    content_features: str = setting(
        "imagenet", "What the content and style losses compare. imagenet: VGG16 block3_conv3 and "
        "VGG19 block1_conv1 to block4_conv1, as the paper; Keras downloads them once. embedded: a "
        "small network that comes with microgan. Or the path of an .npz or .h5 with VGG's kernels "
        "and biases.", limited="embedded")
    content_distance: str = setting(
        "absolute", "Mean absolute or squared difference of the features; of the original's two "
        "functions of one name the absolute one wins.", choices=("absolute", "squared"))
    eval_limit: int | None = setting(
        None, "Images of each kind in the defect report, per task. Unset: all.", minimum=1)
