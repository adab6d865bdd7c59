"""Settings of `train_cGAN.py`."""

from __future__ import annotations

from dataclasses import dataclass

from microgan.config.base import Meaningless, setting
from microgan.config.restoring import RestoringConfig
from microgan.errors import UserError


@dataclass(frozen=True, kw_only=True)
class CGANConfig(RestoringConfig):
    """Settings of `train_cGAN.py`. Defaults: MicroscopyGAN as published (docs/method.md)."""

    cross_validate: int | None = setting(
        None, "For scores where there are too few pairs to keep some for a test: after the "
        "training, train this many networks more, such as 5, each without its share of the pairs, "
        "and score those that each was not given. With --resume, also after a finished run. "
        "Unset: without pairs to test, the validation pairs are scored, which come out too well. "
        "Ours.", minimum=2, maximum=100)
    cin_augment: bool = setting(
        False, "Also train on synthetic pairs: clean images, degraded by the CIN-GAN generator at "
        "--cin_generator_path. Writes Microscopy_cGAN_results_CIN_augm.")
    alpha: float | None = setting(
        None, "With --cin_augment: share of synthetic pairs in every batch; 0.3 if unset, as in "
        "the original's README, or 0.5 with --alpha_decay=linear, where it is the share at the "
        "start. 1: no real pairs, neither for training nor for validation.",
        above=0, maximum=1)
    alpha_decay: str = setting(
        "none", "With --cin_augment: how the share of synthetic pairs changes. none: not at all, "
        "as in the original. linear: it falls evenly to nothing at the last update, so that real "
        "pairs have the last word.", limited="linear", choices=("none", "linear"))
    cin_generator_path: str | None = setting(
        None, "With --cin_augment: a generator.h5 written by train_CIN_GAN.py.")
    register: str = setting(
        "off", "What to do with pairs whose images are shifted, which are named before the "
        "training. off: learn from them as they are. auto: move them over each other by whole "
        "pixels and crop both; evaluate.py does the same with the pairs of this run. Ours.",
        choices=("off", "auto"))
    upsample: bool = setting(
        False, "For clean images that are larger than the degraded ones by a whole factor, the "
        "same for all: enlarge the degraded ones by linear interpolation before training. The "
        "generator enlarges the images that it restores in the same way. Ours.")
    init_generator: str = setting(
        "none", "Weights to start from. none: random ones, as in the original. embedded: those "
        "that come with microgan, pretrained on simulated images, for --generator=unet with 16 "
        "filters. Or the path of a generator.h5 with the same --generator and "
        "--generator_filters, such as one of your own runs. With both, the learning rate is twice "
        "as high, or 0.7 times where there are no clean images, unless given.", limited="embedded")
    generator: str = setting(
        "resnet", "resnet: the published network, output (tanh + input) / 2. unet: ours, input "
        "plus an unbounded correction.", limited="unet", choices=("resnet", "unet"))
    generator_filters: int = setting(64, "Channels of the generator at full resolution; the "
                                     "original's 64.", limited=16, minimum=1)
    discriminator: str = setting(
        "dense", "dense: the published network, which judges the whole image. patch: ours, which "
        "judges each neighbourhood together with the degraded image.", limited="patch",
        choices=("dense", "patch"))
    discriminator_filters: int = setting(
        64, "Channels of the discriminator's first convolution; the original's 64.", limited=32,
        minimum=1)
    dropout: float = setting(0.5, "Dropout rate in the residual blocks of the resnet; the "
                             "original's 0.5.", minimum=0, maximum=0.9)
    content_weight: float = setting(
        1.0, "Weight of the content loss; the original's 1. Feature distances are in VGG's "
        "units, some hundreds for dissimilar images.", limited=3e-4, minimum=0)
    adversarial_weight: float = setting(
        0.1, "Weight of the generator's adversarial loss; the original's 0.1. 0: no "
        "discriminator.", limited=0.0, minimum=0)
    pixel_weight: float = setting(
        0.0, "Weight of the mean absolute difference of the pixels; the original has none.",
        limited=0.1, minimum=0)
    fitted_pixel_weight: float = setting(
        0.0, "Weight of the same difference after scale and offset are fitted per image, because "
        "exposure differs between images. A --pixel_weight of 0.1 keeps the brightness.",
        limited=0.9, minimum=0)
    fourier_weight: float = setting(
        0.0, "Weight of the mean absolute difference of Fourier coefficients, scale and offset "
        "fitted; the original has none.", limited=0.5, minimum=0)
    content_features: str = setting(
        "imagenet", "Features that the content loss compares. imagenet: VGG16 block3_conv3, as in "
        "the paper; Keras downloads it once. embedded: a small network that comes with microgan. "
        "Or the path of an .npz or .h5 with VGG's kernels and biases.", limited="embedded")
    content_distance: str = setting(
        "absolute", "Mean absolute or squared difference of the features. The original has two "
        "functions of one name, of which the absolute one is used.",
        choices=("absolute", "squared"))

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.cin_augment and not self.cin_generator_path:
            raise UserError("--cin_augment needs --cin_generator_path, a generator.h5 written by "
                            "train_CIN_GAN.py.")
        if self.upsample and self.cin_augment:
            raise UserError("--upsample=True is for measured pairs: the images that a CIN-GAN "
                            "degrades are not enlarged. Leave out one of --upsample and "
                            "--cin_augment.")
        if self.test_time_augmentation and self.generator != "unet":
            raise UserError(f"--generator={self.generator} has no test-time augmentation: add "
                            "--test_time_augmentation=False.")
        if not (self.content_weight or self.adversarial_weight or self.pixel_weight
                or self.fitted_pixel_weight or self.fourier_weight):
            raise UserError("At least one of --content_weight, --adversarial_weight, "
                            "--pixel_weight, --fitted_pixel_weight and --fourier_weight must be "
                            "above 0.")

    def meaningless(self) -> dict[str, Meaningless]:
        reasons: dict[str, Meaningless] = {}
        if not self.cin_augment:
            reasons |= dict.fromkeys(
                ("alpha", "alpha_decay", "cin_generator_path"),
                Meaningless("without --cin_augment=True", "add that"))
        else:
            reasons["cross_validate"] = Meaningless(
                "with --cin_augment=True, whose CIN-GAN has seen every pair", "leave that out")
        if self.synthetic_share == 1:
            reasons["normalization"] = Meaningless(
                "with --alpha=1, which uses the CIN-GAN's intensities", "lower --alpha")
            reasons["register"] = reasons["alpha_decay"] = Meaningless(
                "with --alpha=1, which has no real pairs", "lower --alpha")
        if self.generator == "unet":
            reasons["dropout"] = Meaningless("with --generator=unet", "pass --generator=resnet")
        if not self.content_weight:
            reasons |= dict.fromkeys(
                ("content_features", "content_distance"),
                Meaningless("with --content_weight=0", "pass --content_weight, such as 0.0003"))
        if not self.adversarial_weight:
            reasons |= dict.fromkeys(
                ("discriminator", "discriminator_filters"),
                Meaningless("with --adversarial_weight=0",
                            "pass --adversarial_weight, such as 0.005"))
        return reasons

    def follows_num_iters(self) -> tuple[str, ...]:
        falls = self.cin_augment and self.synthetic_updates is not None
        return super().follows_num_iters() + (
            (f"--alpha_decay={self.alpha_decay}",) if falls else ())

    @property
    def synthetic_share(self) -> float:
        """Share of synthetic pairs in every batch, or in the first ones."""
        if not self.cin_augment:
            return 0.0
        if self.alpha is None:
            return 0.5 if self.alpha_decay == "linear" else 0.3
        return self.alpha

    @property
    def synthetic_updates(self) -> int | None:
        """Updates over which the share of synthetic pairs falls to nothing; None: constant."""
        falls = self.alpha_decay == "linear" and self.synthetic_share < 1
        return self.num_iters if falls else None
