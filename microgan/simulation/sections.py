"""Draw stained cells in a slab of tissue as optical density, in voxels of 1 um."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.spatial.transform import Rotation
from scipy.special import expit

from microgan.simulation.cells import Ellipsoid, pack_spheres


@dataclass(frozen=True)
class Staining:
    """Properties of a section's cells.

    Args:
        radius_um: mean radius of a neuron's cell body.
        radius_spread: standard deviation of the radius, as a share of it.
        elongation: mean ratio of the long axis to the others.
        neurons_per_mm3: density of neurons.
        glia_per_mm3: density of the small, round, paler cells between them.
        density: optical density of a typical cell body in one slice, natural logarithm.
        density_spread: standard deviation of the log density.
        pale_nucleus_share: share of cells with a nucleus paler than the rest.
        num_processes: largest number of processes of a neuron.
        ground_density: mean optical density of the tissue between cells.
        grain: standard deviation of the local log density.
        grain_size_um: standard deviation of the Gaussian that smooths the grain.
    """

    radius_um: float = 5.0
    radius_spread: float = 0.28
    elongation: float = 1.35
    neurons_per_mm3: float = 2.0e5
    glia_per_mm3: float = 1.2e5
    density: float = 1.7
    density_spread: float = 0.35
    pale_nucleus_share: float = 0.4
    num_processes: int = 4
    ground_density: float = 0.2
    grain: float = 0.22
    grain_size_um: float = 0.8


_EDGE_UM = 0.35  # width of a cell's border
_GLIA_RADIUS_SHARE = 0.6
_GLIA_DENSITY_SHARE = 0.6
_NUCLEUS_RADIUS_SHARE = 0.55
_NUCLEUS_DENSITY_SHARE = 0.35
_BEAD_STEP_UM = 0.9
_UM3_PER_MM3 = 1e9


def draw_section(rng: np.random.Generator, shape: tuple[int, int, int],
                 staining: Staining = Staining()) -> np.ndarray:
    """Draw the cells and the background of a section, whose faces cut through cells.

    Args:
        rng: source of everything random.
        shape: (Z, Y, X), micrometres.
        staining: properties of the cells.

    Returns:
        float64 (Z, Y, X), optical density >= 0.

    Source:
        ours.
    """
    density = np.full(shape, staining.ground_density)
    for body in _grow(rng, shape, staining):
        _stain(density, body)
    return density * _grain(rng, shape, staining)


def _grain(rng: np.random.Generator, shape: tuple[int, int, int], staining: Staining
           ) -> np.ndarray:
    """Draw uneven staining of background and cells, about 1."""
    grain = ndimage.gaussian_filter(rng.normal(size=shape), staining.grain_size_um, mode="wrap")
    return np.exp(staining.grain * grain / grain.std())


def _grow(rng: np.random.Generator, shape: tuple[int, int, int], staining: Staining
          ) -> list[Ellipsoid]:
    """Draw cell bodies, their processes as chains of beads, and paler nuclei."""
    # Cells centred beyond a face reach into the section, too.
    box_um = np.asarray(shape) + 2 * staining.radius_um
    volume_mm3 = box_um.prod() / _UM3_PER_MM3
    num_neurons = rng.poisson(staining.neurons_per_mm3 * volume_mm3)
    num_glia = rng.poisson(staining.glia_per_mm3 * volume_mm3)
    if num_neurons + num_glia == 0:
        return []
    shares = np.repeat([1.0, _GLIA_RADIUS_SHARE], [num_neurons, num_glia])
    radii_um = staining.radius_um * shares * np.clip(
        rng.normal(1.0, staining.radius_spread, len(shares)), 0.5, 1.6)
    centres = pack_spheres(rng, box_um, radii_um) + np.asarray(shape) / 2
    bodies: list[Ellipsoid] = []
    for number, (centre, radius_um) in enumerate(zip(centres, radii_um, strict=True)):
        is_neuron = number < num_neurons
        axes = Rotation.from_quat(rng.normal(size=4)).as_matrix()
        stretch = max(1.0, rng.normal(staining.elongation, 0.2)) if is_neuron else 1.0
        radii = radius_um * np.array([stretch, 1.0, 1.0]) / np.cbrt(stretch)
        dark = staining.density * np.exp(rng.normal(0.0, staining.density_spread))
        dark *= 1.0 if is_neuron else _GLIA_DENSITY_SHARE
        if is_neuron:
            for _ in range(rng.integers(0, staining.num_processes + 1)):
                bodies += _process(rng, centre, axes[0], radius_um, dark)
        bodies.append(Ellipsoid(centre, axes, radii, dark))
        if rng.uniform() < staining.pale_nucleus_share:
            bodies.append(Ellipsoid(centre, axes, _NUCLEUS_RADIUS_SHARE * radii,
                                    -(1 - _NUCLEUS_DENSITY_SHARE) * dark))
    return bodies


def _process(rng: np.random.Generator, centre: np.ndarray, axis: np.ndarray,
             radius_um: float, dark: float) -> list[Ellipsoid]:
    """Draw a tapering, gently turning branch of beads so close that they merge."""
    direction = rng.choice([-1, 1]) * axis + rng.normal(0.0, 0.45, 3)
    place = centre
    beads: list[Ellipsoid] = []
    length_um = rng.uniform(2.0, 6.0) * radius_um
    for step in np.arange(0.5 * radius_um, length_um, _BEAD_STEP_UM):
        direction = direction + rng.normal(0.0, 0.14, 3)
        direction = direction / np.linalg.norm(direction)
        place = place + (_BEAD_STEP_UM if beads else 0.5 * radius_um) * direction
        taper = 1 - step / length_um
        beads.append(Ellipsoid(place, np.eye(3), np.full(3, 0.6 + 0.45 * radius_um * taper ** 2),
                               dark * (0.45 + 0.55 * taper)))
    return beads


def _stain(density: np.ndarray, body: Ellipsoid) -> None:
    """Draw a body in place: keep the larger density, or add a negative one."""
    reach = body.radii.max() + 3 * _EDGE_UM
    low = np.clip(np.floor(body.centre - reach), 0, density.shape).astype(int)
    high = np.clip(np.ceil(body.centre + reach) + 1, 0, density.shape).astype(int)
    if np.any(low >= high):
        return
    place = tuple(slice(*ends) for ends in zip(low, high))
    offset = np.moveaxis(np.mgrid[place], 0, -1) - body.centre
    distance = np.sqrt((((offset @ body.axes.T) / body.radii) ** 2).sum(axis=-1))
    drawn = body.brightness * expit((1 - distance) * body.radii.min() / _EDGE_UM)
    if body.brightness > 0:
        density[place] = np.maximum(density[place], drawn)
    else:
        density[place] = np.maximum(density[place] + drawn, 0.0)
