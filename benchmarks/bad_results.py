"""Pictures of what goes wrong, for docs/when_the_result_is_bad.md.

Draws every symptom on simulated images, measured, restored badly, and clean. Nothing is trained:
the symptoms are drawn, so that each shows alone.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import imagecodecs
import numpy as np
from scipy import ndimage

from microgan.cli.command import run_command
from microgan.config import Config, setting
from microgan.files.whole import make_folder, written_whole
from microgan.simulation.datasets import simulate_pair

SIDE_PX = 112
ZOOM = 2  # a pixel is drawn as ZOOM x ZOOM
LEVELS = 24  # of grey: noise in 256 would make large files
_SEED = 5
_TUBULES, _NUCLEI = "Synthetic_tubulin_tubules", "Nuclei_low_light"


@dataclass(frozen=True)
class Settings(Config):
    """Where to write."""

    output: str = setting("docs/images/bad", "Folder of the pictures.")


# Each symptom takes random numbers, the degraded image, the clean one and one of another sample,
# float64 (Y, X), and returns the badly restored image in the clean one's intensities.
Symptom = Callable[[np.random.Generator, np.ndarray, np.ndarray, np.ndarray], np.ndarray]


def blurry(rng, degraded, clean, other):
    """Average over what the input does not decide."""
    return ndimage.gaussian_filter(clean, 2.2)


def grainy(rng, degraded, clean, other):
    """Leave a part of the noise, smoothed into grain."""
    noise = ndimage.gaussian_filter(rng.normal(size=clean.shape), 1.0)
    return ndimage.gaussian_filter(clean, 0.7) + 0.11 * clean.max() * noise / noise.std()


def grid(rng, degraded, clean, other):
    """Add the pattern of a transposed convolution of stride 2 in a network of two halvings."""
    row = np.arange(clean.shape[0]) % 4 < 2
    pattern = np.where(row[:, None] ^ row, 1.0, -1.0)
    smooth = ndimage.gaussian_filter(clean, 1.0)
    return smooth + 0.15 * pattern * (0.3 * clean.max() + smooth)


def seams(rng, degraded, clean, other):
    """Normalise each tile on its own."""
    side = clean.shape[0] // 2
    factors = np.kron([[1.25, 0.8], [0.85, 1.15]], np.ones((side, side)))
    return ndimage.gaussian_filter(clean, 0.7) * factors


def brightness(rng, degraded, clean, other):
    """Restore in intensities of another scale."""
    return 0.4 * ndimage.gaussian_filter(clean, 0.7) + 0.35 * clean.max()


def invented(rng, degraded, clean, other):
    """Show a structure of another sample where the input has none."""
    y, x = np.indices(clean.shape) - np.reshape([0.35, 0.6], (2, 1, 1)) * clean.shape[0]
    share = np.exp(-(y ** 2 + x ** 2) / (2 * (0.2 * clean.shape[0]) ** 2))
    return ndimage.gaussian_filter((1 - share) * clean + share * other, 0.7)


def shifted(rng, degraded, clean, other):
    """Average over pairs that were shifted by different amounts."""
    return np.mean([ndimage.shift(clean, (step, -2 * step), order=1, mode="nearest")
                    for step in (-1.5, 1.5)], axis=0)


def same(rng, degraded, clean, other):
    """Change nothing but the scale."""
    low, high = np.percentile(degraded, (1, 99))
    return (degraded - low) / (high - low) * np.percentile(clean, 99)


def stretched(rng, degraded, clean, other):
    """Guess a brightness that the input does not tell, differently from place to place."""
    field = ndimage.gaussian_filter(rng.normal(size=clean.shape), 18)
    field /= field.std()
    return ndimage.gaussian_filter(clean, 0.7) * np.exp(0.5 * field) + (
        0.15 * clean.max() * np.clip(1 + field, 0, None))


# Name of the file -> the simulated set and the symptom.
PICTURES: dict[str, tuple[str, Symptom]] = {
    "blurry": (_TUBULES, blurry), "grainy": (_NUCLEI, grainy), "grid": (_TUBULES, grid),
    "seams": (_NUCLEI, seams), "brightness": (_NUCLEI, brightness),
    "invented": (_TUBULES, invented), "shifted": (_TUBULES, shifted), "same": (_NUCLEI, same),
    "stretched": (_NUCLEI, stretched)}


def draw(name: str) -> np.ndarray:
    """Draw a picture: degraded, badly restored and clean, side by side.

    Args:
        name: of `PICTURES`.

    Returns:
        uint8 (Y, X).
    """
    simulated_set, symptom = PICTURES[name]
    images = [np.asarray(image, np.float64) for index in (0, 1) for image in simulate_pair(
        simulated_set, seed=_SEED, part="test", index=index, image_size=SIDE_PX)]
    degraded, clean, _, other = images
    bad = symptom(np.random.default_rng(_SEED), degraded, clean, other)
    panels = [_grey(degraded, *np.percentile(degraded, (0.5, 99.5))),
              *(_grey(image, *np.percentile(clean, (0.5, 99.5))) for image in (bad, clean))]
    line = np.full((SIDE_PX, 2), 255, np.uint8)
    whole = np.hstack([panels[0], line, panels[1], line, panels[2]])
    return np.kron(whole, np.ones((ZOOM, ZOOM), np.uint8))


def _grey(image: np.ndarray, low: float, high: float) -> np.ndarray:
    levels = np.round(np.clip((image - low) / (high - low), 0, 1) * (LEVELS - 1))
    return np.round(levels * (255 / (LEVELS - 1))).astype(np.uint8)


def write(settings: Settings) -> None:
    """Draw and write all pictures."""
    folder = Path(settings.output)
    make_folder(folder, "--output")
    for name in PICTURES:
        with written_whole(folder / f"{name}.png") as temporary:
            temporary.write_bytes(imagecodecs.png_encode(draw(name), level=9))
        print(folder / f"{name}.png", flush=True)


if __name__ == "__main__":
    sys.exit(run_command(Settings, __doc__ or "", write))
