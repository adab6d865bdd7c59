"""Settings of `train_zsegan.py`."""

from __future__ import annotations

from dataclasses import dataclass

from microgan.config.base import RECIPES, Meaningless, setting
from microgan.config.training import TrainingConfig
from microgan.errors import UserError

SIMULATED_PX = 80  # side of simulated stacks, from which crops are cut
_OF_PAPER = (
    "in_focus_from", "normalization", "discriminator_learning_rate", "discriminator_filters",
    "pool_size", "adversarial_weight", "vertical_share", "consistency_weight", "identity_weight")


@dataclass(frozen=True, kw_only=True)
class ZSEGANConfig(TrainingConfig):
    """Settings of `train_zsegan.py`. Defaults: ZSE-GAN as published (docs/zse_gan.md)."""

    recipe: str = setting(
        "paper", "What is learned, and the defaults. paper: ZSE-GAN as published, with its bugs "
        "fixed. limited: ours, what a filter fitted to the stacks lacks, in some 10 minutes on a "
        "CPU.", choices=RECIPES)
    data_dir: str = setting(
        "data/zstack", "Folder of z-stacks (TIFF or .npy with axes ZYX, .npz with axes YXZ) or a "
        "quoted pattern such as 'stacks/*.tif'; or a folder in the layout of ZSE-GAN's authors: "
        "stacks in trainB, in-focus images in trainA2D, in-focus crops in the shape of vertical "
        "sections in trainA29.")
    in_focus_from: str = setting(
        "folders", "Where sharp images come from. folders: trainA2D and trainA29, or the stacks "
        "where one is missing. stacks: each stack's focal plane and its two neighbours.",
        choices=("folders", "stacks"))
    focal_plane: int | None = setting(
        None, "Number of the slice in focus in every stack, counted from 1. Unset: the sharpest "
        "slice of each stack.", minimum=1)
    pixel_size_um: float | None = setting(
        None, "Distance between pixels in micrometres. Unset: that stored in the files.", above=0)
    z_step_um: float | None = setting(
        None, "Distance between slices in micrometres. Unset: that stored in the files.", above=0)
    validation_fraction: float = setting(
        0.1, "Share of the stacks that nothing is learned from; at least one. paper: they choose "
        "the checkpoint. limited: samples/ shows them; none of fewer than three stacks.", above=0,
        maximum=0.9)
    simulated_stacks: int = setting(
        300, "Stacks to train on, simulated as the fitted microscope would take them, no more "
        "than are used. A twelfth as many others validate.", minimum=1)
    normalization: str = setting(
        "type_range", "Intensities that are mapped to -1 and 1. type_range: the limits of an "
        "integer type, as in the original; for other types, the extremes of the training stacks. "
        "percentiles: the 0.1 and 99.9 percentiles of the training stacks.",
        choices=("type_range", "percentiles"))
    num_iters: int = setting(40000, "Updates of the translators; the original's 200 epochs of "
                             "200 stacks.", limited=1500, minimum=1, maximum=10**9)
    batch_size: int = setting(1, "Stacks per update, over all GPUs; the original's 1.", limited=2,
                              minimum=1)
    patch_size: int = setting(128, "Side of the square training crops in pixels, of full depth; "
                              "the original's 128. limited: at most 80.", limited=64, minimum=16)
    learning_rate: float = setting(2e-4, "Learning rate of the translators' Adam; the original's "
                                   "2e-4.", limited=1e-3, above=0)
    discriminator_learning_rate: float = setting(
        2e-4, "Learning rate of the discriminators' Adam; the original's 2e-4.",
        above=0)
    ema_decay: float = setting(
        0.0, "Decay per update of the moving average of the translators' weights, which is "
        "validated and saved. 0: the weights themselves, as in the original.",
        limited=0.998, minimum=0, maximum=0.99999)
    validate_every: int = setting(200, "Updates between validations; the best weights are saved.",
                                  limited=250, minimum=1)
    translator_filters: int = setting(
        16, "Channels of the translators at full resolution; the original's 16.", minimum=1)
    discriminator_filters: int = setting(
        32, "Channels of the discriminators' first convolution; the original's 32.", minimum=1)
    pool_size: int = setting(
        50, "Earlier volumes of each translator kept for the discriminators; the original's 50. "
        "0: none.", minimum=0)
    adversarial_weight: float = setting(
        1.0, "Weight of both translators' adversarial losses; the original's 1.",
        above=0)
    vertical_share: float = setting(
        0.35, "Weight of vertical sections among the in-focus images a discriminator learns from; "
        "horizontal ones have the rest. The original's c = 0.35; vertical sections of sharpened "
        "stacks have c / 2, which looks like a mistake.", minimum=0, maximum=1)
    consistency_weight: float = setting(
        10.5, "Weight of the consistency loss, the mean absolute difference between a stack and "
        "its sharpened and blurred version; the original's 10.5.", minimum=0)
    identity_weight: float = setting(
        0.5, "Weight of the identity losses: blurring a blurred stack or sharpening a sharpened "
        "one changes nothing; the original's 0.5.", minimum=0)

    def meaningless(self) -> dict[str, Meaningless]:
        if self.recipe == "limited":
            return dict.fromkeys(_OF_PAPER, Meaningless("with --recipe=limited",
                                                        "pass --recipe=paper"))
        return {"simulated_stacks": Meaningless("with --recipe=paper", "pass --recipe=limited")}

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.recipe == "limited" and self.patch_size > SIMULATED_PX:
            raise UserError(f"--patch_size={self.patch_size} is more than the {SIMULATED_PX} "
                            "pixels of simulated stacks. Lower it.")
