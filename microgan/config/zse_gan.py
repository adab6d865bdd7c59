"""Settings of `train_zsegan.py`."""

from __future__ import annotations

from dataclasses import dataclass

from microgan.config.base import RECIPES, Meaningless, setting
from microgan.config.training import TrainingConfig
from microgan.errors import UserError

SIMULATED_PX = 80  # side of simulated stacks, from which crops are cut
_OF_PAPER = (
    "in_focus_from", "symmetries", "normalization", "num_sections", "discriminator_learning_rate",
    "translator", "discriminator_filters", "discriminator_halvings", "discriminator_norm",
    "pool_size", "adversarial_weight", "vertical_share", "made_vertical_share",
    "consistency_weight", "slice_weights", "identity_weight", "defocus_weight",
    "spectrum_weight", "outside_share")


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
    symmetries: str = setting(
        "none", "Random symmetries of stacks and images, depth unchanged. none: as in the "
        "original. flips: mirrored along X and Y. all: also rotated by 90 degrees.",
        choices=("none", "flips", "all"))
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
    num_sections: int = setting(
        1, "Random horizontal slices, and as many vertical sections, that the discriminators "
        "judge per stack and update; the original's 1.", minimum=1)
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
    translator: str = setting(
        "published", "published: 3D convolutions, instance norm, tanh. residual: ours, input plus "
        "an unbounded correction.", choices=("published", "residual"))
    translator_filters: int = setting(
        16, "Channels of the translators at full resolution; the original's 16.", minimum=1)
    discriminator_filters: int = setting(
        32, "Channels of the discriminators' first convolution; the original's 32.", minimum=1)
    discriminator_halvings: int = setting(
        4, "Strided convolutions of the discriminators; the original's 4 see 62 pixels at a time, "
        "3 see 30.", minimum=1, maximum=6)
    discriminator_norm: bool = setting(
        True, "Whether the discriminators have the original's instance norms, which hide "
        "contrast from them.")
    pool_size: int = setting(
        50, "Earlier volumes of each translator kept for the discriminators; the original's 50. "
        "0: none.", minimum=0)
    adversarial_weight: float = setting(
        1.0, "Weight of both translators' adversarial losses; the original's 1.",
        above=0)
    vertical_share: float = setting(
        0.35, "Weight of vertical sections among the in-focus images a discriminator learns from; "
        "horizontal ones have the rest. The original's c = 0.35.", minimum=0, maximum=1)
    made_vertical_share: float = setting(
        0.175, "Weight of vertical sections of sharpened stacks; the original's c / 2, which "
        "looks like a mistake.", minimum=0, maximum=1)
    consistency_weight: float = setting(
        10.5, "Weight of the consistency loss, the mean absolute difference between a stack and "
        "its sharpened and blurred version; the original's 10.5.", minimum=0)
    slice_weights: bool = setting(
        True, "Whether the consistency loss takes only the worst slice, weighted by depth, as "
        "published; otherwise all slices count equally.")
    identity_weight: float = setting(
        0.5, "Weight of the identity losses: blurring a blurred stack or sharpening a sharpened "
        "one changes nothing; the original's 0.5.", minimum=0)
    defocus_weight: float = setting(
        0.0, "Weight of the defocus loss, the mean absolute difference between a stack and its "
        "sharpened version, defocused as measured on the training stacks; the original has none.",
        minimum=0)
    spectrum_weight: float = setting(
        0.0, "Weight of the spectrum loss, the mean absolute difference in log10 power over "
        "frequency and direction between slices and their stack's focal plane, and between "
        "vertical sections and in-focus crops; the original has none.",
        minimum=0)
    outside_share: float = setting(
        0.0, "Share of a stack's depth at each end that focuses outside the sample: it need not "
        "become sharp, and the defocus loss keeps it unchanged. 0: the original, which invents "
        "structure there.", minimum=0, maximum=0.4)

    def meaningless(self) -> dict[str, Meaningless]:
        if self.recipe == "limited":
            return dict.fromkeys(_OF_PAPER, Meaningless("with --recipe=limited",
                                                        "pass --recipe=paper"))
        return {"simulated_stacks": Meaningless("with --recipe=paper", "pass --recipe=limited")}

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.recipe == "limited":
            if self.patch_size > SIMULATED_PX:
                raise UserError(f"--patch_size={self.patch_size} is more than the {SIMULATED_PX} "
                                "pixels of simulated stacks. Lower it.")
            return
        if self.spectrum_weight and self.patch_size < 32:
            raise UserError(f"--patch_size={self.patch_size} is too small for a spectrum. Pass 32 "
                            "or more, or --spectrum_weight=0.")
        if 2 ** self.discriminator_halvings > self.patch_size:
            raise UserError(
                f"--discriminator_halvings={self.discriminator_halvings} needs crops of "
                f"{2 ** self.discriminator_halvings} pixels, but --patch_size={self.patch_size}. "
                "Lower the first or raise the second.")
