"""The named sets of image pairs: sample, microscope and camera."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from microgan.simulation import cells, degradations, filaments, nuclei

# Drawn beyond each border and cropped at the end: blur and interpolation need it.
MARGIN_PX = 24
BLOB_SIZE_PX = (20.0, 40.0)
BLOB_AREA_PX = 6500  # one blob per this many pixels
PARTS = ("train", "test")

_EMBRYO = cells.Tissue(
    diameter_um=5.2, diameter_spread=0.12, elongation=1.12, packing=0.62,
    mitotic_share=0.05, brightness_spread=0.22, texture=0.3, texture_size_um=0.8,
    gap_chance=0.3, gap_width_um=7.0)
_RETINA = cells.Tissue(
    diameter_um=5.4, diameter_spread=0.1, elongation=1.35, packing=0.74,
    mitotic_share=0.02, brightness_spread=0.1, texture=0.22, texture_size_um=0.5,
    gap_chance=0.2, gap_width_um=4.0)
_LARVA = cells.Tissue(
    diameter_um=8.0, diameter_spread=0.15, elongation=1.2, packing=0.4,
    mitotic_share=0.05, brightness_spread=0.4, texture=0.25, texture_size_um=1.0,
    gap_chance=0.25, gap_width_um=12.0)


TISSUES = (_EMBRYO, _RETINA, _LARVA)


def _nuclei(rng: np.random.Generator, size_px: int, channel: int, *, tissue: cells.Tissue,
            pixel_size_um: float = 0.39, thickness_um: float = 0.8,
            bend_um: tuple[float, float] = (0.3, 1.5),
            lateral_sigma_um: float = 0.25) -> np.ndarray:
    """Channel 0 shows the nuclei, channel 1 the envelopes of the same cells.

    `bend_um` is how far the section bends, and over which distance.
    """
    full_px = size_px + 2 * MARGIN_PX
    field = cells.grow_cells(rng, tissue, full_px * pixel_size_um)
    section = nuclei.bent_section(rng, full_px, pixel_size_um, thickness_um, *bend_um)
    render = nuclei.render_envelopes if channel else nuclei.render_nuclei
    return render(rng, field, tissue, section, lateral_sigma_um)


def _tubules(rng: np.random.Generator, size_px: int, _channel: int) -> np.ndarray:
    return filaments.microtubules(rng, size_px, MARGIN_PX)


@dataclass(frozen=True)
class SimulatedSet:
    """One named set of pairs.

    Args:
        number: identifies the set in the seed; never change it, so that images stay the same.
        draw_sample: (rng, field of view in pixels, channel) -> float64 (Y, X) >= 0,
            about 1 where bright, with `MARGIN_PX` around the field of view.
        num_channels: consecutive images of one sample.
        photons: photons per pixel at a clean intensity of 1.
        psf_sigma_px: smallest and largest standard deviation of the point spread
            function along Y and along X, pixels.
        background_photons: peak of the brightest blob of unfocused light, photons per pixel.
        use_shot_noise: as in `degradations.degrade`.
        read_noise_electrons: standard deviation of the camera's read noise.
        step_px: distance between measured columns, pixels.
        clean_gain: grey levels of a clean intensity of 1 (0 is grey level 0).
        camera_gain: grey levels per electron in degraded images.
        camera_offset: grey level of 0 electrons.
    """

    number: int
    draw_sample: Callable[[np.random.Generator, int, int], np.ndarray]
    num_channels: int
    photons: float
    psf_sigma_px: tuple[tuple[float, float], tuple[float, float]]
    background_photons: float
    use_shot_noise: bool
    read_noise_electrons: float
    step_px: float
    clean_gain: float
    camera_gain: float
    camera_offset: float


SETS = {
    "Drosophila": SimulatedSet(
        number=0, draw_sample=partial(_nuclei, tissue=_EMBRYO), num_channels=1, photons=200.0,
        psf_sigma_px=((0.0, 3.2), (0.0, 3.2)), background_photons=0.0,
        use_shot_noise=False, read_noise_electrons=0.0, step_px=5.0,
        clean_gain=75.0, camera_gain=0.5, camera_offset=0.0),
    "Retina": SimulatedSet(
        number=1, num_channels=2, photons=30.0,
        draw_sample=partial(_nuclei, tissue=_RETINA, pixel_size_um=0.195, thickness_um=0.5,
                            bend_um=(0.25, 1.2), lateral_sigma_um=0.16),
        psf_sigma_px=((1.0, 2.0), (1.0, 2.0)), background_photons=0.0,
        use_shot_noise=True, read_noise_electrons=0.0, step_px=10.2,
        clean_gain=90.0, camera_gain=3.0, camera_offset=0.0),
    "Synthetic_tubulin_tubules": SimulatedSet(
        number=2, draw_sample=_tubules, num_channels=1, photons=1000.0,
        psf_sigma_px=((2.3, 2.3), (3.5, 3.5)), background_photons=900.0,
        use_shot_noise=True, read_noise_electrons=1.0, step_px=1.0,
        clean_gain=85.0, camera_gain=0.13, camera_offset=5.0),
    "Nuclei_low_light": SimulatedSet(
        number=3, draw_sample=partial(_nuclei, tissue=_LARVA), num_channels=1, photons=5.0,
        psf_sigma_px=((0.7, 0.7), (0.7, 0.7)), background_photons=0.0,
        use_shot_noise=True, read_noise_electrons=1.5, step_px=1.0,
        clean_gain=70.0, camera_gain=6.0, camera_offset=30.0),
}


def simulate_pair(name: str, *, seed: int, part: str, index: int, image_size: int = 128
                  ) -> tuple[np.ndarray, np.ndarray]:
    """Simulate one pair of a set.

    Args:
        name: one of `SETS`.
        seed: at least 0.
        part: "train" or "test": different samples.
        index: position of the pair in its part. A pair depends only on these and the image
            size.
        image_size: side of the images, pixels.

    Returns:
        degraded and clean, uint8 (image_size, image_size), on the set's fixed intensity
        scales.

    Raises:
        KeyError: there is no such set.
        ValueError: there is no such part, or the seed is negative.

    Source:
        ours, after the sets of MicroscopyGAN (arXiv:1910.14207).
    """
    chosen = SETS[name]
    source = (chosen.number, PARTS.index(part))
    sample, channel = divmod(index, chosen.num_channels)
    sample_rng = _rng(seed, *source, sample)
    noise_rng = _rng(seed, *source, sample, 1 + channel)
    truth = chosen.draw_sample(sample_rng, image_size, channel)
    electrons = _measure(noise_rng, chosen, truth * chosen.photons)
    inner = slice(MARGIN_PX, -MARGIN_PX)
    return (degradations.to_grey_levels(electrons[inner, inner], chosen.camera_gain,
                                        chosen.camera_offset),
            degradations.to_grey_levels(truth[inner, inner], chosen.clean_gain, 0.0))


def _rng(seed: int, *key: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))


def _measure(rng: np.random.Generator, chosen: SimulatedSet, photons: np.ndarray
             ) -> np.ndarray:
    low, high = chosen.psf_sigma_px
    share = rng.uniform()
    sigma_y, sigma_x = ((1 - share) * a + share * b for a, b in zip(low, high, strict=True))
    background: np.ndarray | float = 0.0
    if chosen.background_photons > 0:
        background = chosen.background_photons * degradations.drifting_background(
            rng, photons.shape, num_blobs=round(photons.size / BLOB_AREA_PX),
            blob_size_px=BLOB_SIZE_PX)
    return degradations.degrade(
        rng, photons, psf_sigma_px=(sigma_y, sigma_x), background_photons=background,
        use_shot_noise=chosen.use_shot_noise,
        read_noise_electrons=chosen.read_noise_electrons, step_px=chosen.step_px)
