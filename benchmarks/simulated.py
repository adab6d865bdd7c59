"""What the pretrainings on simulated images share: settings, and specimens that are drawn once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from microgan.config import TrainingConfig, setting
from microgan.files.whole import written_whole
from microgan.runtime.progress import Progress

# Their own seeds, so that nothing of the training is also validated.
VALIDATION_SEED = 10**6


@dataclass(frozen=True, kw_only=True)
class PretrainingConfig(TrainingConfig):
    """Settings of a pretraining, whatever it simulates."""

    recipe: str = setting("paper", "The only one.", choices=("paper",))
    num_iters: int = setting(20_000, "Updates.", minimum=1, maximum=10**9)
    learning_rate: float = setting(1.5e-3, "Adam's highest learning rate.", above=0)
    learning_rate_decay: str = setting("cosine", "As for train_cGAN.py.",
                                       choices=("none", "cosine"))
    ema_decay: float = setting(0.998, "Decay per update of the moving average of the weights.",
                               minimum=0, maximum=0.99999)
    validate_every: int = setting(500, "Updates between validations.", minimum=1)
    pixel_weight: float = setting(0.3, "Weight of the mean absolute difference.", minimum=0)
    fitted_pixel_weight: float = setting(
        0.7, "Weight of the same after scale and offset are fitted per image or slice.",
        minimum=0)
    fourier_weight: float = setting(0.5, "Weight of the same of Fourier coefficients.", minimum=0)
    init_generator: str | None = setting(None, "A generator.h5 to start from.")


def drawn_once(folder: Path, name: str, seed: int, number: int,
               draw: Callable[[np.random.Generator], np.ndarray]) -> np.ndarray:
    """Draw specimens, or read those that an earlier call with the same seed has drawn.

    Args:
        folder: where they are kept, made if need be.
        name: what they are, for the file and the progress.
        seed: with the number of each, the seed of its draw.
        number: how many.
        draw: a source of everything random -> an array, of one shape for all.

    Returns:
        float16 (number, ...); memory-mapped if they were drawn before.
    """
    path = folder / f"{name}_{seed}_{number}.npy"
    if path.exists():
        return np.asarray(np.load(path, mmap_mode="r"))
    progress = Progress(name)
    drawn = []
    for index in range(number):
        drawn.append(draw(np.random.default_rng([seed, index])).astype(np.float16))
        progress((index + 1) / number)
    folder.mkdir(parents=True, exist_ok=True)
    stacked = np.stack(drawn)
    with written_whole(path) as temporary, open(temporary, "wb") as file:
        np.save(file, stacked)
    return stacked
