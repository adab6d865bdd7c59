"""Settings of `train_CIN_GAN.py`."""

from __future__ import annotations

from dataclasses import dataclass

from microgan.config.base import Meaningless, setting
from microgan.config.training import TaskTrainingConfig
from microgan.errors import UserError


@dataclass(frozen=True, kw_only=True)
class CINGANConfig(TaskTrainingConfig):
    """Settings of `train_CIN_GAN.py`. Defaults: MicroscopyGAN as published (docs/method.md)."""

    images_limit: int | None = setting(
        None, "Degraded images per task for training and validation together; all clean images "
        "outside validation and test are used. Unset or -1: all that are not kept for the test.")
    validation_fraction: float = setting(
        0.2, "Share of those images used only for validation, which chooses the checkpoint; at "
        "least one.", above=0, maximum=0.9)
    add_task: str | None = setting(
        None, "Name of a task in --data_dir to add to the generator at --init_generator: only "
        "the new task's parameters are learned, all others stay the same, bit for bit. Use "
        "another --dir.")
    init_generator: str | None = setting(
        None, "With --add_task: a generator.h5 written by train_CIN_GAN.py, which also sets "
        "--generator, --generator_filters, --dropout and --measure_defect.")
    num_iters: int = setting(3000, "Updates of the generator; as for the cGAN.",
                             limited=400, minimum=1)
    batch_size: int = setting(
        100, "Images per update of the generator, and per update of the critic, over all GPUs; "
        "the original's 100.", limited=6, minimum=1)
    learning_rate: float = setting(
        1e-5, "Learning rate of the generator's Adam; the original's 1e-5. Unset with --add_task: "
        "ten times as high.", limited=2e-3, above=0)
    critic_learning_rate: float = setting(
        1e-5, "Learning rate of the critic's Adam; the original's 1e-5.", limited=1e-3, above=0)
    adam_beta_1: float = setting(0.5, "Decay of Adam's mean gradient; the original's 0.5.",
                                 minimum=0, maximum=0.999)
    adam_beta_2: float = setting(0.9, "Decay of Adam's mean squared gradient; the original's 0.9.",
                                 minimum=0, maximum=0.9999)
    ema_decay: float = setting(
        0.0, "Decay per update of the moving average of the generator's weights, which is "
        "validated and saved. 0: the weights themselves, as in the original.",
        limited=0.99, minimum=0, maximum=0.99999)
    generator: str = setting(
        "resnet", "resnet: the published network, output (tanh + input) / 2. unet: ours, noise at "
        "every scale, input plus an unbounded correction.", limited="unet",
        choices=("resnet", "unet"))
    generator_filters: int = setting(64, "Channels of the generator at full resolution; the "
                                     "original's 64.", limited=16, minimum=1)
    measure_defect: bool = setting(
        False, "First measure blur, sampling, noise and intensities as a degradation model, which "
        "every image goes through before the network, so that the network learns only what the "
        "model lacks; it is kept where it comes nearer to the real images, by more than chance. "
        "Needs --generator=unet. The original does not.", limited=True)
    critic: str = setting(
        "dense", "dense: the published network, which judges the whole image. patch: ours, which "
        "judges neighbourhoods.", limited="patch", choices=("dense", "patch"))
    critic_filters: int = setting(64, "Channels of the critic's first convolution; the "
                                  "original's 64.", limited=32, minimum=1)
    critic_steps: int = setting(5, "Updates of the critic per update of the generator; the "
                                "original's 5.", limited=2, minimum=1)
    dropout: float = setting(
        0.5, "Dropout rate in the residual blocks of the resnet, its only source of randomness; "
        "the original's 0.5.", minimum=0, maximum=0.9)
    adversarial_weight: float = setting(
        0.1, "Weight of the generator's adversarial loss; the original's 0.1.", limited=1.0,
        above=0)
    penalty_weight: float = setting(10.0, "Weight of the critic's gradient penalty; the "
                                    "original's 10.", above=0)
    content_weight: float = setting(1.0, "Weight of the content loss; the original's 1.",
                                    limited=0.0, minimum=0)
    style_weight: float = setting(
        1.0, "Weight of the style loss, the distance of the Gram matrices from those of an "
        "unpaired degraded image; the original's 1.", limited=1.0, minimum=0)
    spectrum_weight: float = setting(
        0.0, "Weight of the spectrum loss, the mean absolute difference in log10 power over "
        "frequency and direction from an unpaired degraded image; the original has none.",
        limited=30.0, minimum=0)
    intensity_weight: float = setting(
        0.0, "Weight of the intensity loss, which pushes the intensity distribution of the "
        "synthetic images towards that of all degraded images; the original has none.",
        limited=300.0, minimum=0)
    structure_weight: float = setting(
        0.0, "Weight of the structure loss, one minus the correlation of the synthetic and the "
        "clean image, averaged over 4 x 4 pixels; the original has none.",
        limited=20.0, minimum=0)
    content_from: str = setting(
        "clean", "What the content loss compares with. clean: the generator's input. degraded: "
        "an unrelated degraded image, as published.", choices=("clean", "degraded"))
    content_features: str = setting(
        "imagenet", "Features that the content and style losses compare. imagenet: VGG16 "
        "block3_conv3 and VGG19 block1_conv1 to block4_conv1, as in the paper; Keras downloads "
        "them once. embedded: a small network that comes with microgan. Or the path of an .npz or "
        ".h5 with VGG's kernels and biases.", limited="embedded")
    content_distance: str = setting(
        "absolute", "Mean absolute or squared difference of the features. The original has two "
        "functions of one name, of which the absolute one is used.",
        choices=("absolute", "squared"))
    eval_limit: int | None = setting(
        None, "Images of each kind in the defect report, per task. Unset: all.", minimum=1)

    def __post_init__(self) -> None:
        super().__post_init__()
        if bool(self.add_task) != bool(self.init_generator):
            raise UserError("--add_task and --init_generator need each other: the name of a task "
                            "and the generator.h5 to add it to.")
        if self.measure_defect and self.generator != "unet" and not self.add_task:
            raise UserError(f"--generator={self.generator} cannot leave an image as a measured "
                            "model made it: add --measure_defect=False.")

    def meaningless(self) -> dict[str, Meaningless]:
        reasons: dict[str, Meaningless] = {}
        if self.add_task:
            reasons |= dict.fromkeys(("datasets", "channels"), Meaningless(
                f"with --add_task={self.add_task}, the only task that is learned"))
        if self.generator == "unet":
            reasons["dropout"] = Meaningless("with --generator=unet", "pass --generator=resnet")
        if not self.content_weight:
            reasons |= dict.fromkeys(
                ("content_from", "content_distance"),
                Meaningless("with --content_weight=0", "pass --content_weight, such as 1"))
        if not (self.content_weight or self.style_weight):
            reasons["content_features"] = Meaningless(
                "with --content_weight=0 and --style_weight=0", "pass one of them, such as 1")
        return reasons
