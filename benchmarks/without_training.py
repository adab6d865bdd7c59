"""What the generator that comes with microgan makes of images that it was not pretrained on.

    python -m benchmarks.without_training --data_dirs=data,REAL
    python -m benchmarks.without_training --data_dirs= --generator=OTHER.h5

Restores the test images of every set, its clean ones with hardly any noise, photographs that come
with scikit-image, and patterns, the latter two with noise and with blur. Prints the mean PSNR
under `care` of the measured and of the restored images, how many became worse, and how many were
told to be unlike all that it knows.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import skimage

from microgan.cli.command import run_command
from microgan.config import Config, setting
from microgan.datasets.paired_arrays import find_datasets, load_test_pairs
from microgan.datasets.splits import spread_over
from microgan.datasets.task_files import DataFolder
from microgan.generator_file import EMBEDDED
from microgan.metrics.paired import mean_care_psnr
from microgan.restoration.restorer import load_restorer
from microgan.simulation.degradation_model import Degradation

_PHOTOGRAPHS = ("camera", "coins", "page", "text", "brick", "grass", "gravel", "moon", "clock",
                "cell")
_SIDE_PX, _CROPS = 160, 4
_HARDLY_ANY_NOISE = Degradation(scale=3000.0, noise_gain=1.0)
_DEFECTS = {"hardly any noise, sharp": _HARDLY_ANY_NOISE,
            "noise of 10 photons, sharp": Degradation(scale=10.0, noise_gain=1.0),
            "blur of 2.5 px": Degradation(scale=1000.0, noise_gain=1.0, blur_px=(2.5, 2.5))}
_SEED = 1

Restore = Callable[[np.ndarray], tuple[np.ndarray, bool]]


@dataclass(frozen=True)
class Settings(Config):
    """Which images."""

    data_dirs: tuple[str, ...] = setting(("data",), "Folders of sets with test pairs.")
    generator: str = setting(EMBEDDED, "Another without tasks, to compare; it tells no image "
                                       "unlike.")
    eval_limit: int = setting(24, "Images of each set, at most.", minimum=1)


def report(settings: Settings) -> None:
    """Print two rows for each set, and one for each defect of photographs and patterns."""
    restorer = load_restorer(settings.generator)

    def restore(image: np.ndarray) -> tuple[np.ndarray, bool]:
        lines: list[str] = []
        restored = restorer(image.astype(np.float32), axes="YX", report=lines.append)
        return restored, any("unlike" in line for line in lines)

    print("| images | number | measured, dB | restored, dB | worse | told unlike |\n"
          "|---|---|---|---|---|---|")
    for name, clean, degraded in _all_images(settings):
        print(row(name, clean, degraded, restore), flush=True)


def row(name: str, clean: Sequence[np.ndarray], degraded: Sequence[np.ndarray], restore: Restore
        ) -> str:
    """Restore images and return their row of the table.

    Args:
        name: what they are.
        clean: (Y, X) each.
        degraded: as `clean`.
        restore: image -> restored image, and whether it was told to be unlike those known.
    """
    restored, unlike = zip(*map(restore, degraded))
    before, after = ([mean_care_psnr([truth], [image]) for truth, image in zip(clean, images)]
                     for images in (degraded, restored))
    return (f"| {name} | {len(clean)} | {np.mean(before):.2f} | {np.mean(after):.2f} | "
            f"{sum(np.less(after, before))} | {sum(unlike)} |")


def _all_images(settings: Settings) -> Iterator[tuple[str, list[np.ndarray], list[np.ndarray]]]:
    rng = np.random.default_rng(_SEED)
    good = np.random.default_rng(_SEED + 1)
    for folder in settings.data_dirs:
        data = DataFolder(Path(folder))
        for name in find_datasets(data):
            pairs = load_test_pairs(data, name)
            if pairs is not None:
                clean, degraded = (spread_over(images, settings.eval_limit)
                                   for images in (pairs.clean, pairs.degraded))
                yield name, list(clean), list(degraded)
                sharp = [_to_unit(image.astype(np.float64)) for image in clean]
                yield (f"{name}, clean, with hardly any noise", sharp,
                       [_HARDLY_ANY_NOISE.apply(good, image) for image in sharp])
    for kind, images in (("photographs", photographs()), ("patterns", patterns())):
        for name, defect in _DEFECTS.items():
            yield f"{kind}, {name}", images, [defect.apply(rng, image) for image in images]


def photographs() -> list[np.ndarray]:
    """Return places of photographs, from 0 to 1, at most four of each."""
    crops = []
    for name in _PHOTOGRAPHS:
        image = np.asarray(getattr(skimage.data, name)(), np.float64)
        places = [image[top:top + _SIDE_PX, left:left + _SIDE_PX]
                  for top in range(0, image.shape[0] - _SIDE_PX + 1, _SIDE_PX)
                  for left in range(0, image.shape[1] - _SIDE_PX + 1, _SIDE_PX)]
        crops += [_to_unit(place) for place in places if np.ptp(place)][:_CROPS]
    return crops


def patterns() -> list[np.ndarray]:
    """Return stripes, a ramp, an edge, a disc and a chessboard, from 0 to 1."""
    y, x = np.mgrid[:_SIDE_PX, :_SIDE_PX].astype(np.float64)
    middle = _SIDE_PX / 2
    return [_to_unit(image) for image in (
        np.sin(0.8 * x), np.sin(0.2 * x), np.sin(0.5 * (x + y)), np.where(x % 6 < 2, 1.0, 0.0),
        x + y, np.where(x > middle, 1.0, 0.0),
        np.where(np.hypot(x - middle, y - middle) < 40, 1.0, 0.0), (x // 8 + y // 8) % 2)]


def _to_unit(image: np.ndarray) -> np.ndarray:
    return (image - image.min()) / np.ptp(image)


if __name__ == "__main__":
    sys.exit(run_command(Settings, __doc__ or "", report))
