"""Random samples in three dimensions, and random microscopes that see them slice by slice.

For networks that shall have seen many z-stacks before: everything is drawn at random, so that
no sample and no microscope of a user is special. Lengths are in voxels; volumes are (Z, Y, X).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation
from scipy.special import expit

from microgan.simulation.microscope import Microscope

MARGIN_PX = 16  # beyond each lateral border: blur needs it
_MOST_STEP = 4.0  # longest voxels, in their width
_PERCENTILES = (0.1, 99.9)
_ALIKE_SHARE = 0.25


def _smooth_field(rng: np.random.Generator, size_px: int, scale_px: float) -> np.ndarray:
    """Draw a random field, mean 0, standard deviation 1, that varies over `scale_px`."""
    factor = max(1, int(scale_px / 2.5))
    coarse_px = -(-size_px // factor) + 3
    coarse = ndimage.gaussian_filter(rng.normal(size=(coarse_px,) * 3).astype(np.float32),
                                     scale_px / factor, mode="wrap")
    field = ndimage.zoom(coarse, factor, order=1) if factor > 1 else coarse
    field = field[:size_px, :size_px, :size_px]
    return np.asarray((field - field.mean()) / field.std())


def _fractal_field(rng: np.random.Generator, size_px: int, exponent: float) -> np.ndarray:
    """Draw a random field, mean 0, standard deviation 1, of amplitude frequency ** -exponent."""
    axis = np.fft.fftfreq(size_px)
    squared = (axis[:, np.newaxis, np.newaxis] ** 2 + axis[:, np.newaxis] ** 2
               + np.fft.rfftfreq(size_px) ** 2)
    squared[0, 0, 0] = size_px ** -2
    spectrum = np.fft.rfftn(rng.normal(size=(size_px,) * 3))
    field = np.fft.irfftn(spectrum * squared ** (-exponent / 2), (size_px,) * 3, (0, 1, 2))
    return np.asarray((field - field.mean()) / field.std())


def _add_body(volume: np.ndarray, centre: np.ndarray, axes: np.ndarray, radii: np.ndarray,
              density: float, edge_px: float) -> None:
    """Draw an ellipsoid in place: keep the larger density, or add a negative one."""
    reach = radii.max() + 3 * edge_px
    low = np.clip(np.floor(centre - reach), 0, volume.shape).astype(int)
    high = np.clip(np.ceil(centre + reach) + 1, 0, volume.shape).astype(int)
    if np.any(low >= high):
        return
    place = tuple(slice(*ends) for ends in zip(low, high))
    offset = np.moveaxis(np.mgrid[place], 0, -1) - centre
    distance = np.sqrt((((offset @ axes.T) / radii) ** 2).sum(axis=-1))
    drawn = density * expit((1 - distance) * radii.min() / edge_px)
    volume[place] = (np.maximum(volume[place], drawn) if density > 0
                     else np.maximum(volume[place] + drawn, 0))


def bodies(rng: np.random.Generator, size_px: int) -> np.ndarray:
    """Draw cells or nuclei: ellipsoids, filled, hollow or with paler insides, some branched."""
    radius_px = 10 ** rng.uniform(0.3, 1.15)
    share = 10 ** rng.uniform(-2, -0.4)
    count = int(np.clip(share * size_px ** 3 / (4.2 * radius_px ** 3), 3, 2500))
    edge_px = rng.uniform(0.2, 0.25 * radius_px + 0.2)
    hollow, spread = rng.uniform(-0.5, 0.95), rng.uniform(0.05, 0.6)
    stretch, branches = rng.uniform(1, 2.5), rng.integers(0, 5) * rng.integers(0, 2)
    volume = np.zeros((size_px,) * 3, np.float32)
    trails: list[np.ndarray] = []
    for centre in rng.uniform(-radius_px, size_px + radius_px, (count, 3)):
        radii = radius_px * np.exp(rng.normal(0, 0.25, 3)) * (stretch ** 0.67, *2 * (
            stretch ** -0.33,))
        axes = Rotation.from_quat(rng.normal(size=4)).as_matrix()
        density = np.exp(rng.normal(0, spread))
        _add_body(volume, centre, axes, radii, density, edge_px)
        if hollow > 0:
            _add_body(volume, centre, axes, radii * rng.uniform(0.45, 0.85), -hollow * density,
                      edge_px)
        for _ in range(branches if len(trails) < 400 else 0):
            trails.append(_walk(rng, centre, radius_px * rng.uniform(2, 7), 0.08))
    if trails:
        lines = _lines(trails, size_px, rng.uniform(0.6, 0.35 * radius_px + 0.6))
        volume = np.maximum(volume, rng.uniform(0.3, 0.9) * lines)
    return volume


def fibres(rng: np.random.Generator, size_px: int) -> np.ndarray:
    """Draw filaments, vessels or neurites: straight to curled, thin to thick."""
    width_px = rng.uniform(0.6, 3.5)
    count = max(2, round(10 ** rng.uniform(0.7, 2.3) / width_px))
    bend = 10 ** rng.uniform(-2, -0.5)
    trails = [_walk(rng, start, size_px * rng.uniform(0.2, 1.5), bend)
              for start in rng.uniform(0, size_px, (count, 3))]
    return _lines(trails, size_px, width_px)


def _walk(rng: np.random.Generator, start: np.ndarray, length_px: float, bend: float
          ) -> np.ndarray:
    """Return points (N, 3) half a voxel apart along a gently turning line."""
    count = int(2 * length_px) + 2
    headings = rng.normal(size=3) / 1.7 + np.cumsum(rng.normal(0, bend, (count, 3)), axis=0)
    headings /= np.linalg.norm(headings, axis=1, keepdims=True)
    return np.asarray(start + np.cumsum(headings, axis=0) / 2)


def _lines(trails: Sequence[np.ndarray], size_px: int, width_px: float) -> np.ndarray:
    """Draw lines of a Gaussian profile, 1 at their middle."""
    volume = np.zeros((size_px,) * 3, np.float32)
    points = np.rint(np.concatenate(trails)).astype(int)
    points = points[((points >= 0) & (points < size_px)).all(axis=1)]
    volume[tuple(points.T)] = 1
    return np.asarray(np.minimum(
        ndimage.gaussian_filter(volume, width_px) * (2 * np.pi * width_px ** 2), 1.5))


def spots(rng: np.random.Generator, size_px: int) -> np.ndarray:
    """Draw small spots, alone or in crowds."""
    count = round(10 ** rng.uniform(1.8, 3.8))
    places = rng.uniform(0, size_px - 1, (count, 3))
    if rng.uniform() < 0.5:
        hosts = rng.uniform(0, size_px, (rng.integers(3, 40), 3))
        places = hosts[rng.integers(len(hosts), size=count)] + rng.normal(
            0, size_px * rng.uniform(0.02, 0.1), (count, 3))
    points = np.rint(places).astype(int)
    inside = ((points >= 0) & (points < size_px)).all(axis=1)
    volume = np.zeros((size_px,) * 3, np.float32)
    np.add.at(volume, tuple(points[inside].T),
              rng.lognormal(0, rng.uniform(0.1, 0.9), count)[inside])
    return np.asarray(ndimage.gaussian_filter(volume, rng.uniform(0.6, 2.5)))


def walls(rng: np.random.Generator, size_px: int) -> np.ndarray:
    """Draw the walls between the cells of a tissue, with or without filled cells."""
    diameter_px = 10 ** rng.uniform(0.9, 1.6)
    seeds = rng.uniform(-diameter_px, size_px + diameter_px, (
        round((size_px / diameter_px + 2) ** 3) + 4, 3))
    # Distances vary so slowly that every second voxel is enough.
    grid = np.moveaxis(np.mgrid[:size_px:2, :size_px:2, :size_px:2], 0, -1)
    distance_px, cell = cKDTree(seeds).query(grid, k=2)
    gap_px = ndimage.zoom(distance_px[..., 1] - distance_px[..., 0], 2, order=1)
    volume = np.exp(-0.5 * (gap_px / rng.uniform(0.8, 3.0)) ** 2)
    if rng.uniform() < 0.5:
        filled = rng.uniform(0, 0.6) * rng.uniform(0, 1, len(seeds))[cell[..., 0]]
        volume += ndimage.gaussian_filter(np.kron(filled, np.ones((2, 2, 2))), 0.7)
    return np.asarray(volume[:size_px, :size_px, :size_px])


def sheets(rng: np.random.Generator, size_px: int) -> np.ndarray:
    """Draw thin bent sheets, or their crossings, which are branching tubes."""
    mesh_px = 10 ** rng.uniform(0.5, 1.1)
    width = rng.uniform(0.1, 0.35)
    squared = (_smooth_field(rng, size_px, mesh_px) / width) ** 2
    if rng.uniform() < 0.6:
        squared = squared + (_smooth_field(rng, size_px, mesh_px) / width) ** 2
    return np.asarray(np.exp(-squared / 2))


def clouds(rng: np.random.Generator, size_px: int) -> np.ndarray:
    """Draw clouds whose power falls with frequency, as tissue without clear outlines has it."""
    return np.asarray(np.exp(rng.uniform(0.4, 1.2) * _fractal_field(
        rng, size_px, rng.uniform(1.2, 2.6))))


def opaque_balls(rng: np.random.Generator, size_px: int) -> np.ndarray:
    """Draw balls of all sizes over each other: edges at every scale."""
    volume = np.zeros((size_px,) * 3, np.float32)
    for _ in range(rng.integers(60, 500)):
        radius = (2 ** -2.0 + rng.uniform() * ((size_px / 4) ** -2.0 - 2 ** -2.0)) ** -0.5
        centre = rng.uniform(0, size_px, 3)
        low = np.clip(np.floor(centre - radius), 0, size_px).astype(int)
        high = np.clip(np.ceil(centre + radius) + 1, 0, size_px).astype(int)
        place = tuple(slice(*ends) for ends in zip(low, high))
        offset = np.moveaxis(np.mgrid[place], 0, -1) - centre
        volume[place][np.square(offset).sum(axis=-1) < radius ** 2] = rng.uniform() ** 2
    return np.asarray(ndimage.gaussian_filter(volume, rng.uniform(0.3, 0.9)))


SAMPLES: dict[str, tuple[Callable[[np.random.Generator, int], np.ndarray], float]] = {
    "bodies": (bodies, 0.38), "fibres": (fibres, 0.16), "spots": (spots, 0.1),
    "walls": (walls, 0.1), "sheets": (sheets, 0.08), "clouds": (clouds, 0.08),
    "opaque_balls": (opaque_balls, 0.1)}
_NAMES = tuple(SAMPLES)
_SHARES = np.array([share for _, share in SAMPLES.values()])


def draw_volume(rng: np.random.Generator, size_px: int) -> np.ndarray:
    """Draw a sample of a random kind, or a mixture, with an uneven ground.

    Args:
        rng: source of everything random.
        size_px: side of the cube, voxels, at least 32.

    Returns:
        float32 (size_px, size_px, size_px) >= 0; 1 is its 99.9 percentile.

    Source:
        ours.
    """
    volume = _to_unit(_draw_kind(rng, size_px))
    if rng.uniform() < 0.4:
        volume = volume + rng.uniform(0.1, 0.8) * _to_unit(_draw_kind(rng, size_px))
    if rng.uniform() < 0.6:
        volume = volume + 10 ** rng.uniform(-1.7, -0.4)  # the ground is stained, too
    if rng.uniform() < 0.7:  # unevenly, at the finest scale
        volume = volume * np.exp(rng.uniform(0.05, 0.5) * _smooth_field(
            rng, size_px, rng.uniform(0.5, 1.5)))
    if rng.uniform() < 0.4:  # and from place to place
        volume = volume * np.exp(rng.uniform(0.1, 0.8) * _smooth_field(
            rng, size_px, rng.uniform(5, 25)))
    return np.clip(volume / np.percentile(volume, _PERCENTILES[1]), 0, 3).astype(np.float32)


def _draw_kind(rng: np.random.Generator, size_px: int) -> np.ndarray:
    name = _NAMES[rng.choice(len(_NAMES), p=_SHARES / _SHARES.sum())]
    return SAMPLES[name][0](rng, size_px)


def _to_unit(volume: np.ndarray) -> np.ndarray:
    low, high = np.percentile(volume, _PERCENTILES)
    return np.clip((volume - low) / max(high - low, 1e-9), 0, None)


@dataclass(frozen=True)
class Setting:
    """One microscope and how it records one stack.

    Args:
        microscope: the optics; its lengths are in pixels.
        contrast: optical density, or emission, of the sample's 99.9 percentile.
        is_absorbing: bright field instead of fluorescence.
        background: light without a sample, in fluorescence, relative to full brightness.
        read_noise: standard deviation of the camera's noise, photons.
        tissue: shares of the depth at which the sample begins and ends, from below 0 to above 1
            where it is thicker than the stack.
    """

    microscope: Microscope
    contrast: float
    is_absorbing: bool
    background: float
    read_noise: float
    tissue: tuple[float, float]


def are_alike(microscope: Microscope, other: Microscope) -> bool:
    """Whether two microscopes blur nearly alike.

    Args:
        microscope: lengths in pixels.
        other: the same.

    Returns:
        True if blur in focus, lateral growth and axial growth each differ by at most a quarter
        of the other's.

    Source:
        ours.
    """
    return all(abs(getattr(microscope, name) - getattr(other, name))
               <= _ALIKE_SHARE * getattr(other, name)
               for name in ("sigma_um", "lateral_growth_per_um", "axial_growth_per_um"))


def draw_setting(rng: np.random.Generator, num_slices: int,
                 excluded: Sequence[Microscope] = ()) -> Setting:
    """Draw a random microscope, its sampling and its noise.

    Args:
        rng: source of everything random.
        num_slices: of the stack.
        excluded: microscopes, lengths in pixels, of which none like them is drawn: those of
            tests.
    """
    while True:
        setting = _draw_any_setting(rng, num_slices)
        if not any(are_alike(setting.microscope, other) for other in excluded):
            return setting


def _draw_any_setting(rng: np.random.Generator, num_slices: int) -> Setting:
    is_absorbing = bool(rng.uniform() < 0.5)
    step_px = rng.choice([1.0, rng.uniform(0.6, 1.5), rng.uniform(1, _MOST_STEP)])
    # Most stacks are sharpest near their middle; some nowhere in particular.
    focal_plane = int(np.clip(rng.normal(0.5, 0.12), 0, 1) * (num_slices - 1))
    farthest_px = step_px * max(focal_plane, num_slices - 1 - focal_plane)
    sigma_px = rng.uniform(0.35, 1.1)

    def growth(most_px: float) -> float:
        return 0.0 if rng.uniform() < 0.12 else most_px * rng.uniform() / farthest_px ** 2

    begin, end = rng.uniform(-0.1, 0.25, 2)
    microscope = Microscope(
        focal_plane=focal_plane, sigma_um=sigma_px, lateral_growth_per_um=growth(7.0),
        axial_growth_per_um=growth(9.0),
        cone=0.0 if rng.uniform() < 0.4 else rng.uniform(0.05, 0.8),
        axial_ratio=1.0 if rng.uniform() < 0.4 else 10 ** rng.uniform(0, 0.7),
        z_step_um=step_px, photons=10 ** rng.uniform(2.0, 4.7))
    return Setting(microscope, rng.uniform(0.3, 2.5) if is_absorbing else 1.0, is_absorbing,
                   0.0 if is_absorbing else rng.uniform(0, 0.3), rng.uniform(0, 5),
                   (float(begin), float(1 - end)))


@dataclass(frozen=True)
class RecordedStack:
    """A simulated stack and its sharp volume.

    Args:
        measured: float (Z, Y, X), grey levels.
        sharp: like `measured`, without noise: as sharp in all directions and slices as
            `measured` is within its sharpest slice, and empty outside the sample.
        is_inside: bool (Z,), which slices lie in the sample.
        step_px: distance between slices.
    """

    measured: np.ndarray
    sharp: np.ndarray
    is_inside: np.ndarray
    step_px: float


def record_stack(rng: np.random.Generator, volumes: Sequence[np.ndarray],
                 shape: tuple[int, int, int], excluded: Sequence[Microscope] = ()
                 ) -> RecordedStack:
    """Draw a random place of a random sample, and see it through a random microscope.

    Args:
        rng: source of everything random.
        volumes: from `draw_volume`, a cube each of at least `_MOST_STEP` times the depth, and of
            twice `MARGIN_PX` more than the sides.
        shape: (Z, Y, X) of the stack.
        excluded: as for `draw_setting`.

    Source:
        ours.
    """
    num_slices = shape[0]
    setting = draw_setting(rng, num_slices, excluded)
    microscope = setting.microscope
    step = microscope.z_step_um
    begin, end = (share * (num_slices - 1) * step for share in setting.tissue)
    # Depths are a pixel apart, as far as the volume goes beyond the first and last slice.
    positions_px = np.arange(np.floor(max(begin, -3)), min(end, (num_slices - 1) * step + 3) + 1)
    density = draw_place(rng, volumes, (len(positions_px), *shape[1:])) * setting.contrast
    seen, sharp, is_inside = see_slices(
        microscope, density, ndimage.gaussian_filter(density, microscope.sigma_um, mode="nearest"),
        positions_px, num_slices)
    light, sharp_light = (_light(values, setting) for values in (seen, sharp))
    # Slices differ a little in exposure.
    flicker = 1 + rng.choice([0, 0.02]) * rng.normal(size=(num_slices, 1, 1))
    photons = rng.poisson(np.clip(light * flicker, 0, None) * microscope.photons)
    measured = photons + setting.read_noise * rng.normal(size=photons.shape)
    if rng.uniform() < 0.5:  # stored as 8 bits
        levels = max(np.percentile(measured, 99.99), 1) / 250
        measured = np.rint(measured / levels) * levels
    return RecordedStack(measured, sharp_light * microscope.photons, is_inside, float(step))


def see_slices(microscope: Microscope, density: np.ndarray, sharp: np.ndarray,
               positions_px: np.ndarray, num_slices: int
               ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """See a sample slice by slice, and take the same slices from its sharp volume.

    Args:
        microscope: the optics; lengths in pixels.
        density: float (T, Y, X) with `MARGIN_PX` at each lateral border.
        sharp: like `density`, as sharp as it shall be.
        positions_px: float (T,), depths of both, a pixel apart; slice 0 is at 0.
        num_slices: of the stack.

    Returns:
        What is seen and what is sharp, float (num_slices, Y, X) without margins, the latter 0
        outside the sample; and bool (num_slices,), which slices lie in the sample.
    """
    step = microscope.z_step_um
    depths = positions_px / step
    seen = microscope.see(density, depths, num_slices)
    slices = np.arange(num_slices)
    is_inside = (slices >= depths[0] - 0.5 / step) & (slices <= depths[-1] + 0.5 / step)
    at_slices = ndimage.map_coordinates(
        sharp, np.meshgrid(slices * step - positions_px[0], *map(np.arange, density.shape[1:]),
                           indexing="ij"), order=1, mode="nearest")
    at_slices = at_slices * is_inside[:, np.newaxis, np.newaxis]
    inner = (slice(None), *2 * (slice(MARGIN_PX, -MARGIN_PX),))
    return seen[inner], at_slices[inner], is_inside


def draw_stack(rng: np.random.Generator, volumes: Sequence[np.ndarray],
               shape: tuple[int, int, int], excluded: Sequence[Microscope] = ()
               ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Record a stack as `record_stack` and scale its intensities.

    Returns:
        the blurred stack and the sharp one, float32, mapped by the 0.1 and 99.9 percentiles of
        the blurred one to -1 and 1; and bool (Z,), which slices lie in the sample.

    Source:
        ours.
    """
    recorded = record_stack(rng, volumes, shape, excluded)
    low, high = np.percentile(recorded.measured, _PERCENTILES)
    blurred, sharp = ((2 * (values - low) / max(high - low, 1e-6) - 1).astype(np.float32)
                      for values in (recorded.measured, recorded.sharp))
    return blurred, sharp, recorded.is_inside


def _light(density: np.ndarray, setting: Setting) -> np.ndarray:
    return np.exp(-density) if setting.is_absorbing else density + setting.background


def draw_place(rng: np.random.Generator, volumes: Sequence[np.ndarray],
               shape: tuple[int, int, int]) -> np.ndarray:
    """Cut a block with lateral margins, in one of the 48 symmetries of a cube.

    Args:
        rng: source of everything random.
        volumes: cubes (Z, Y, X), of which one is drawn.
        shape: (Z, Y, X) without margins.

    Returns:
        float64 (Z, Y + 2 * MARGIN_PX, X + 2 * MARGIN_PX).
    """
    volume = volumes[int(rng.integers(len(volumes)))]
    volume = volume.transpose(rng.permutation(3))
    full = (shape[0], shape[1] + 2 * MARGIN_PX, shape[2] + 2 * MARGIN_PX)
    starts = [rng.integers(length - needed + 1) for length, needed in zip(volume.shape, full)]
    block = volume[tuple(slice(start, start + needed) for start, needed in zip(starts, full))]
    return np.flip(block, tuple(axis for axis in range(3) if rng.integers(2))).astype(np.float64)
