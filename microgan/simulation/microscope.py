"""What a microscope does to the depths of a sample: the forward model of z-stacks.

A sample is a density (Z, Y, X): optical density in bright field, emission in fluorescence. Each
slice of a stack is a weighted sum of the sample's depths, each blurred within the plane.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Microscope:
    """How a microscope sees a section, slice by slice.

    Args:
        focal_plane: index of the slice around which the image is sharp; may lie between two.
        sigma_um: standard deviation of the blur in focus, in all directions.
        lateral_growth_per_um: growth of the blur within a slice with the squared distance
            from the focal plane, micrometres.
        axial_growth_per_um: the same for the blur across slices.
        cone: growth of the blur of another depth's light within a slice with the distance of
            that depth from the slice, micrometres per micrometre: the cone of a lens's light.
        axial_ratio: standard deviation of the blur across slices in focus over `sigma_um`.
        z_step_um: distance between slices.
        photons: photons per pixel without absorption.
        gain: grey levels per photon.

    Source:
        ours. Gaussians model the point spread function and scattering; their width grows with
        the squared distance, which reproduces ZSE-GAN's published loss of gradient over slices.

    Example:
        >>> Microscope().blur_um(14)
        (0.55, 0.55)
    """

    focal_plane: float = 14
    sigma_um: float = 0.55
    lateral_growth_per_um: float = 0.021
    axial_growth_per_um: float = 0.02
    cone: float = 0.0
    axial_ratio: float = 1.0
    z_step_um: float = 1.0
    photons: float = 40_000.0
    gain: float = 240 / 40_000

    def blur_um(self, index: int) -> tuple[float, float]:
        """Return standard deviations of a slice's blur: across slices and within it."""
        squared_um2 = ((index - self.focal_plane) * self.z_step_um) ** 2
        return (self.axial_ratio * self.sigma_um + self.axial_growth_per_um * squared_um2,
                self.sigma_um + self.lateral_growth_per_um * squared_um2)

    def depth_weights(self, index: int, depths: np.ndarray,
                      presence: np.ndarray | None = None) -> np.ndarray:
        """Return how much each depth of the sample adds to a slice.

        Light passes through all of the sample, so the weights add up to 1 even for a slice
        outside of it, and the lateral blur keeps each sum.

        Args:
            index: of the slice.
            depths: float (T,), positions of the sample's depths, in slices.
            presence: float (T,), 0 to 1, how much of the sample is there; None for all.

        Returns:
            float64 (T,), of sum 1.
        """
        # Shifted so that the largest is 1: a narrow Gaussian underflows far away.
        squared = ((depths - index) * self.z_step_um / self.blur_um(index)[0]) ** 2
        if presence is not None:
            squared = squared - 2 * np.log(np.maximum(presence, _LEAST_PRESENCE))
        weights = np.exp((squared.min() - squared) / 2)
        return np.asarray(weights / weights.sum())

    def transfer(self, depths: np.ndarray, num_slices: int, frequency: np.ndarray,
                 presence: np.ndarray | None = None) -> np.ndarray:
        """Return what each slice keeps of each depth at each lateral frequency.

        Args:
            depths: float (T,), positions of the sample's depths, in slices.
            num_slices: of the stack.
            frequency: float (F,), cycles per micrometre.
            presence: float (T,), as for `depth_weights`.

        Returns:
            float64 (F, num_slices, T), 0 to 1; at frequency 0 each slice's sum is 1.
        """
        passed = np.empty((len(frequency), num_slices, len(depths)))
        for index in range(num_slices):
            across_um = self.cone * self.z_step_um * (depths - index)
            variance_um2 = self.blur_um(index)[1] ** 2 + across_um ** 2
            passed[:, index] = self.depth_weights(index, depths, presence) * np.exp(
                -2 * np.pi ** 2 * np.square(frequency)[:, np.newaxis] * variance_um2)
        return passed

    def see(self, density: np.ndarray, depths: np.ndarray, num_slices: int) -> np.ndarray:
        """Return a stack's noiseless slices, in the unit of the density.

        Args:
            density: float (T, Y, X), voxels of 1 um in the plane, taken to repeat beyond their
                lateral borders: draw a margin and cut it.
            depths: float (T,), the positions of its first axis, in slices.
            num_slices: of the stack.

        Returns:
            float64 (num_slices, Y, X).
        """
        height, width = density.shape[1:]
        frequency = np.hypot(np.fft.fftfreq(height)[:, np.newaxis], np.fft.rfftfreq(width))
        # One matrix for all coefficients in a ring, far narrower than any change of a Gaussian.
        ring = np.rint(frequency * _RINGS_PER_CYCLE).astype(int)
        used, inverse = np.unique(ring, return_inverse=True)
        passed = self.transfer(depths, num_slices, used / _RINGS_PER_CYCLE)
        spectrum = np.fft.rfft2(density).reshape(len(density), -1)
        seen = np.empty((num_slices, spectrum.shape[1]), np.complex128)
        order = np.argsort(inverse.ravel(), kind="stable")
        ends = np.cumsum(np.bincount(inverse.ravel()))
        for matrix, first, end in zip(passed, np.append(0, ends), ends):
            chosen = order[first:end]
            seen[:, chosen] = matrix @ spectrum[:, chosen]
        return np.fft.irfft2(seen.reshape(num_slices, *frequency.shape), (height, width))


_RINGS_PER_CYCLE = 256
_LEAST_PRESENCE = 1e-12
