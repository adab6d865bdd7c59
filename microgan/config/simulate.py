"""Settings of `microgan-simulate`."""

from __future__ import annotations

from dataclasses import dataclass

from microgan.config.base import Config, setting


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
