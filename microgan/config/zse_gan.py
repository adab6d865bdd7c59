"""Settings of `train_zsegan.py`."""

from __future__ import annotations

from dataclasses import dataclass

from microgan.config.base import RECIPES, setting
from microgan.config.training import TrainingConfig
from microgan.errors import UserError


@dataclass(frozen=True, kw_only=True)
class ZSEGANConfig(TrainingConfig):
    """Settings of `train_zsegan.py`. Defaults: ZSE-GAN as published (docs/zse_gan.md)."""

    recipe: str = setting(
        "paper", "Set of defaults. paper: ZSE-GAN as published, its bugs repaired. limited: "
        "ours, for some 20 minutes on a CPU.", choices=RECIPES)
    data_dir: str = setting(
        "data/zstack", "Folder of z-stacks (TIFF or .npy with axes ZYX, .npz with axes YXZ) or a "
        "quoted pattern such as 'stacks/*.tif'; or a folder in the layout of ZSE-GAN's authors: "
        "stacks in trainB, in-focus images in trainA2D, in-focus crops in the shape of vertical "
        "sections in trainA29.")
    in_focus_from: str = setting(
        "folders", "Where sharp images come from. folders: trainA2D and trainA29 as far as they "
        "are there, else the stacks. stacks: each stack's focal plane and both its neighbours.",
        limited="stacks", choices=("folders", "stacks"))
    focal_plane: int | None = setting(
        None, "Number of the slice in focus in every stack, the first is 1. Unset: found in each "
        "stack by its sharpness.", minimum=1)
    pixel_size_um: float | None = setting(
        None, "Distance of neighbouring pixels in micrometres. Unset: what the files say.",
        above=0)
    z_step_um: float | None = setting(
        None, "Distance of neighbouring slices in micrometres. Unset: what the files say.",
        above=0)
    validation_fraction: float = setting(
        0.1, "Share of the stacks that only choose the checkpoint, at least one.",
        above=0, maximum=0.9)
    symmetries: str = setting(
        "none", "Random symmetries of stacks and images across their depth. none: as the "
        "original. flips: mirrored along X and Y. all: also turned by 90 degrees.",
        limited="all", choices=("none", "flips", "all"))
    normalization: str = setting(
        "type_range", "Intensities that become -1 and 1. type_range: the ends of an integer "
        "type's range, as the original; of other numbers, the extremes of the training stacks. "
        "percentiles: 0.1 and 99.9 per cent of the training stacks.",
        limited="percentiles", choices=("type_range", "percentiles"))
    num_iters: int = setting(40000, "Updates of the translators; the original's 200 epochs of "
                             "200 stacks.", limited=2000, minimum=1, maximum=10**9)
    batch_size: int = setting(1, "Stacks an update, over all GPUs; the original's 1.", minimum=1)
    patch_size: int = setting(128, "Side of the square training crops in pixels, of whole depth; "
                              "the original's 128.", limited=64, minimum=16)
    num_sections: int = setting(
        1, "Random horizontal slices, and as many vertical sections, that the discriminators "
        "judge per stack and update; the original's 1.", limited=8, minimum=1)
    learning_rate: float = setting(2e-4, "Of both Adams; the original's 2e-4.", limited=1e-3,
                                   above=0)
    discriminator_learning_rate: float = setting(
        2e-4, "Of the discriminators' Adam; the original's 2e-4.", limited=5e-4, above=0)
    ema_decay: float = setting(
        0.0, "Decay per update of the moving average of the translators' weights that is "
        "validated and saved. 0: the weights themselves, as the original.",
        limited=0.995, minimum=0, maximum=0.99999)
    validate_every: int = setting(200, "Updates between validations; the best one is saved.",
                                  minimum=1)
    translator: str = setting(
        "published", "published: 3D convolutions, instance norm, tanh. residual: ours, input plus "
        "an unbounded correction.", limited="residual", choices=("published", "residual"))
    translator_filters: int = setting(
        16, "Channels of the translators at full resolution; the original's 16.", minimum=1)
    discriminator_filters: int = setting(
        32, "Channels of the discriminators' first convolution; the original's 32.", minimum=1)
    discriminator_halvings: int = setting(
        4, "Strided convolutions of the discriminators; the original's 4, which see 62 pixels at "
        "a time; 3 see 30.", limited=3, minimum=1, maximum=6)
    discriminator_norm: bool = setting(
        True, "Whether the discriminators have the original's instance norms, which hide "
        "contrast from them.", limited=False)
    pool_size: int = setting(
        50, "Earlier volumes of each translator kept for the discriminators; the original's 50. "
        "0: none.", limited=0, minimum=0)
    adversarial_weight: float = setting(
        1.0, "Factor of both translators' adversarial losses; the original's 1.", limited=0.5,
        above=0)
    vertical_share: float = setting(
        0.35, "Weight of vertical sections among the in-focus images a discriminator learns from; "
        "horizontal ones have the rest. The original's c = 0.35.", minimum=0, maximum=1)
    made_vertical_share: float = setting(
        0.175, "Weight of vertical sections of sharpened stacks; the original's c / 2, which "
        "looks like a slip.", limited=0.35, minimum=0, maximum=1)
    consistency_weight: float = setting(
        10.5, "Factor of the consistency loss, the mean absolute difference of a stack and its "
        "sharpened and blurred version; the original's 10.5.", minimum=0)
    slice_weights: bool = setting(
        True, "Whether only the slice that comes back worst counts, weighted by depth, as "
        "published; else all slices count alike.", limited=False)
    identity_weight: float = setting(
        0.5, "Factor of the identity losses: blurring a blurred stack or sharpening a sharpened "
        "one changes nothing; the original's 0.5.", limited=0.0, minimum=0)
    defocus_weight: float = setting(
        0.0, "Factor of the defocus loss, the mean absolute difference of a stack and its "
        "sharpened version, defocused as measured on the training stacks; the original has none.",
        limited=30.0, minimum=0)
    spectrum_weight: float = setting(
        0.0, "Factor of the spectrum loss, the mean absolute difference in log10 power over "
        "frequency and direction: of slices from their stack's focal plane, of vertical sections "
        "from in-focus crops; the original has none.",
        limited=2.0, minimum=0)
    outside_share: float = setting(
        0.0, "Share of a stack's depth at each of its ends that focuses outside the sample: "
        "nothing sharp is asked for there, and the defocus loss keeps it as it is. 0: the "
        "original, which invents there.",
        limited=0.14, minimum=0, maximum=0.4)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.spectrum_weight and self.patch_size < 32:
            raise UserError(f"--patch_size={self.patch_size} is too small for a spectrum. Pass 32 "
                            "or more, or --spectrum_weight=0.")
        if 2 ** self.discriminator_halvings > self.patch_size:
            raise UserError(
                f"--discriminator_halvings={self.discriminator_halvings} needs crops of "
                f"{2 ** self.discriminator_halvings} pixels, but --patch_size={self.patch_size}. "
                "Lower the one or raise the other.")
