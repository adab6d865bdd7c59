"""Z-stacks of microscopes and samples that the pretraining of `sharpen` never sees.

    python -m benchmarks.unseen_stacks --kind=rods --seed=1 --dir=STACKS

Writes STACKS/trainB, testB and testSharp for `python evaluate.py --stacks=STACKS/testB`. Rods:
fluorescent walls of straight rods in chains, voxels three times as deep as wide, widefield light.
Tubes: stained walls of straight tubes that branch, in bright field.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tifffile
from scipy import ndimage

from microgan.cli.command import run_command
from microgan.config import Config, setting
from microgan.files.whole import written_whole
from microgan.simulation.microscope import Microscope

_SIDE_PX, _MARGIN_PX, _NUM_SLICES = 96, 16, 29
_NUM = {"trainB": 6, "testB": 4}


@dataclass(frozen=True)
class Kind:
    """One kind of test stacks.

    Args:
        draw: shape (Z, Y, X) in voxels that are cubes -> density of that shape, 0 to about 1.
        microscope: the optics, lengths in pixels.
        contrast: optical density, or emission, of a density of 1.
        is_absorbing: bright field instead of fluorescence.
        tissue: first and one past the last slice within the sample.
    """

    draw: Callable[[np.random.Generator, tuple[int, int, int]], np.ndarray]
    microscope: Microscope
    contrast: float
    is_absorbing: bool
    tissue: tuple[int, int]


def _line(volume: np.ndarray, start: np.ndarray, end: np.ndarray) -> None:
    """Set the voxels along a straight line to 1, as far as they lie in the volume."""
    count = 2 * int(np.linalg.norm(end - start)) + 2
    points = np.rint(np.linspace(start, end, count)).astype(int)
    volume[tuple(points[((points >= 0) & (points < volume.shape)).all(axis=1)].T)] = 1


def _walls(axes: np.ndarray, radius_px: float, wall_px: float) -> np.ndarray:
    """Return the walls of tubes with round ends about lines."""
    distance_px = ndimage.distance_transform_edt(axes == 0)
    return np.asarray(np.exp(-0.5 * ((distance_px - radius_px) / wall_px) ** 2))


def draw_rods(rng: np.random.Generator, shape: tuple[int, int, int]) -> np.ndarray:
    """Draw chains of straight rods with bright walls, as of bacteria with stained membranes."""
    volume = np.zeros(shape)
    for _ in range(round(np.prod(shape) / 6000)):
        place, heading = rng.uniform(0, shape), rng.normal(size=3)
        rods = np.zeros(shape, bool)
        for _ in range(rng.integers(1, 4)):
            heading = heading / np.linalg.norm(heading) + rng.normal(0, 0.2, 3)
            heading /= np.linalg.norm(heading)
            end = place + rng.uniform(5, 14) * heading
            _line(rods, place, end)
            place = end + 7 * heading
        if rods.any():
            low, high = (np.array([limit(kept) for kept in np.nonzero(rods)])
                         for limit in (np.min, np.max))
            near = tuple(slice(max(0, first - 8), last + 9) for first, last in zip(low, high))
            volume[near] = np.maximum(volume[near], rng.uniform(0.5, 1) * _walls(
                rods[near], 3.0, 0.8))
    return volume


def draw_tubes(rng: np.random.Generator, shape: tuple[int, int, int]) -> np.ndarray:
    """Draw straight tubes with stained walls, as of vessels, each with branches, and a ground."""
    axes = np.zeros(shape, bool)
    for _ in range(max(1, round(np.prod(shape) / 30_000))):
        start, heading = rng.uniform(0, shape), rng.normal(size=3)
        end = start + 60 * heading / np.linalg.norm(heading)
        _line(axes, start, end)
        for share in rng.uniform(0.1, 0.9, 3):
            side = np.cross(heading, rng.normal(size=3))
            root = start + share * (end - start)
            _line(axes, root, root + rng.uniform(10, 30) * side / np.linalg.norm(side))
    return 0.1 + 0.9 * _walls(axes, 4.0, 1.0)


KINDS = {
    "rods": Kind(draw_rods, Microscope(
        focal_plane=14, sigma_um=0.75, lateral_growth_per_um=0.0019, axial_growth_per_um=0.0025,
        cone=0.2, axial_ratio=2.5, z_step_um=3.0, photons=3000), 1.0, False, (3, 26)),
    "tubes": Kind(draw_tubes, Microscope(
        focal_plane=13, sigma_um=0.9, lateral_growth_per_um=0.012, axial_growth_per_um=0.010,
        cone=0.35, axial_ratio=1.5, z_step_um=1.5, photons=9000), 1.4, True, (4, 25))}
# Not to be pretrained on: also that of data/zstack.
TEST_MICROSCOPES = (Microscope(), *(kind.microscope for kind in KINDS.values()))
_BACKGROUND = 0.1  # of fluorescence


def simulate(rng: np.random.Generator, kind: Kind, side_px: int = _SIDE_PX
             ) -> tuple[np.ndarray, np.ndarray]:
    """Simulate a stack and its sharp volume.

    Args:
        rng: source of everything random.
        kind: what is seen, and how.
        side_px: of the slices.

    Returns:
        the blurred stack and the sharp volume, uint16 (29, side_px, side_px); the sharp one is
        as sharp everywhere as the other in focus, without noise and empty outside the sample.
    """
    microscope = kind.microscope
    step_px, (first, end) = microscope.z_step_um, kind.tissue
    # The sample's depths are a pixel apart, half a slice beyond its outermost slices.
    positions_px = np.arange(np.floor((first - 0.5) * step_px), (end - 0.5) * step_px + 1)
    side = side_px + 2 * _MARGIN_PX
    density = kind.contrast * kind.draw(rng, (len(positions_px), side, side))
    seen = microscope.see(density, positions_px / step_px, _NUM_SLICES)
    in_focus = ndimage.gaussian_filter(density, microscope.sigma_um, mode="nearest")
    sharp = np.zeros_like(seen)
    depths = np.arange(first, end) * step_px - positions_px[0]
    sharp[first:end] = ndimage.map_coordinates(
        in_focus, np.meshgrid(depths, np.arange(side), np.arange(side), indexing="ij"),
        order=1, mode="nearest")
    inner = (slice(None), *2 * (slice(_MARGIN_PX, -_MARGIN_PX),))

    def photons(of_density: np.ndarray) -> np.ndarray:
        light = np.exp(-of_density) if kind.is_absorbing else of_density + _BACKGROUND
        return np.asarray(np.clip(light, 0, None) * microscope.photons)

    return (rng.poisson(photons(seen[inner])).astype(np.uint16),
            np.rint(photons(sharp[inner])).astype(np.uint16))


@dataclass(frozen=True, kw_only=True)
class Settings(Config):
    """Settings of the stacks."""

    kind: str = setting("rods", "What is simulated.", choices=tuple(KINDS))
    seed: int = setting(1, "Of everything random.", minimum=0)
    dir: str = setting("unseen_stacks", "Folder for trainB, testB and testSharp.")


def write_stacks(config: Settings) -> None:
    """Simulate and write the stacks of one kind."""
    kind = KINDS[config.kind]
    for part, (name, count) in enumerate(_NUM.items()):
        for index in range(count):
            rng = np.random.default_rng([config.seed, part, index])
            names = (name, "testSharp") if name == "testB" else (name,)
            for folder, stack in zip(names, simulate(rng, kind)):
                path = Path(config.dir) / folder / f"{config.kind}_{index}.tif"
                path.parent.mkdir(parents=True, exist_ok=True)
                with written_whole(path) as temporary:
                    tifffile.imwrite(temporary, stack, imagej=True, resolution=(1.0, 1.0),
                                     metadata={"axes": "ZYX", "unit": "um",
                                               "spacing": kind.microscope.z_step_um})


if __name__ == "__main__":
    sys.exit(run_command(Settings, __doc__ or "", write_stacks))
