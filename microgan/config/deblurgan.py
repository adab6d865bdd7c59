"""Settings of `benchmarks/train_deblurgan.py`."""

from __future__ import annotations

from dataclasses import dataclass

from microgan.config.base import setting
from microgan.config.rivals import RivalGANConfig


@dataclass(frozen=True)
class DeblurGANConfig(RivalGANConfig):
    """Settings of DeblurGAN. Defaults: as published (arXiv:1711.07064)."""

    num_iters: int = setting(
        300_000, "Updates of the generator; the original's 300 epochs of a thousand images.",
        minimum=1, maximum=10**9)
    batch_size: int = setting(1, "Images an update; the original's 1.", minimum=1)
    learning_rate: float = setting(1e-4, "Of Adam, both networks; the original's 1e-4.", above=0)
    critic_filters: int = setting(64, "Channels of the critic's first convolution; the "
                                  "original's 64.", minimum=1)
    critic_steps: int = setting(5, "Updates of the critic per update of the generator; the "
                                "original's 5.", minimum=1)
    penalty_weight: float = setting(10.0, "Factor of the critic's gradient penalty; the "
                                    "original's 10.", above=0)
    content_weight: float = setting(
        100.0, "Factor of the content loss, squared distance of the features over 127.5; the "
        "original's 100.", above=0)
    content_features: str = setting(
        "imagenet", "What the content loss compares. The original's are VGG19's at block3_conv3. "
        "imagenet: VGG16's, which Keras downloads once. embedded: those of a small network that "
        "comes with microgan. Or the path of an .npz or .h5 with VGG's kernels and biases.")
    dropout: float = setting(0.5, "In the generator's residual blocks; the original's 0.5.",
                             minimum=0, maximum=0.9)
