"""Settings of `microgan-simulate`."""

from __future__ import annotations

from dataclasses import dataclass

from microgan.config.base import Config, setting


@dataclass(frozen=True, kw_only=True)
class SimulateConfig(Config):
    """Settings of `microgan-simulate`; the defaults give what ships in `data/`."""

    output: str = setting("data", "Folder to write to; created if missing.")
    datasets: tuple[str, ...] = setting(
        ("Drosophila", "Retina", "Synthetic_tubulin_tubules", "zstack"),
        "Sets to simulate, separated by commas; zstack: z-stacks in the folder zstack, the "
        "others: pairs of images.",
        choices=("Drosophila", "Retina", "Synthetic_tubulin_tubules", "Nuclei_low_light",
                 "zstack"))
    num_pairs: int = setting(60, "Pairs per set for training, in NAME_X.npy, NAME_Y.npy; "
                             "a higher number keeps the first pairs the same.", minimum=1)
    num_test_pairs: int = setting(20, "Pairs per set for testing, in NAME_test_X.npy, "
                                  "NAME_test_Y.npy.", minimum=1)
    num_stacks: int = setting(12, "Z-stacks for training, with three in-focus images and three "
                              "crops of other sections for each.", minimum=1)
    num_test_stacks: int = setting(4, "Z-stacks for testing, each with its sharp volume.",
                                   minimum=1)
    image_size: int = setting(128, "Side of the paired images, pixels.", minimum=16, maximum=8192)
    stack_size: int = setting(96, "Side of the z-stacks' slices, pixels.", minimum=32,
                              maximum=2048)
    seed: int = setting(0, "Random seed.", minimum=0)
    overwrite: bool = setting(False, "Replace existing files.")
