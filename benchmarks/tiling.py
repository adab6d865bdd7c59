"""Ways to restore a large image tile by tile with a network that has instance norms.

Compares with known truth: the statistics of the whole image (as restore.py takes them), local
ones over patches of the training size, smoothly interpolated, and those of each tile alone. The
image is simulated like those in data/, 640 pixels square; the sample fills only its left part,
as at the edge of a tissue.

Try it: python benchmarks/tiling.py GENERATOR.h5, of a network trained on Drosophila
"""

import functools
import sys
import time

import keras
import numpy as np
from scipy import ndimage

from seams import seam_score

from microgan import layers
from microgan.generator_file import load_generator
from microgan.layers.fused_instance_norm import instance_statistics
from microgan.metrics.paired import psnr, ssim
from microgan.restoration.tiled_network import TiledNetwork
from microgan.simulation import degradations
from microgan.simulation.datasets import MARGIN_PX, SETS

TILE_PX = 160
PATCH_PX = 128


def half_empty_pair(size=640):
    """Simulate degraded and clean images of a sample that ends in the middle of the field."""
    chosen = SETS["Drosophila"]
    random = np.random.default_rng(0)
    photons = chosen.photons * chosen.draw_sample(random, size, 0)
    photons[:, MARGIN_PX + size // 2:] = 0
    measured = degradations.degrade(
        random, photons, psf_sigma_px=chosen.psf_sigma_px[0], background_photons=0.0,
        use_shot_noise=chosen.use_shot_noise, step_px=chosen.step_px,
        read_noise_electrons=chosen.read_noise_electrons)
    inner = (slice(MARGIN_PX, -MARGIN_PX),) * 2
    return (degradations.to_grey_levels(measured[inner], chosen.camera_gain,
                                        chosen.camera_offset),
            degradations.to_grey_levels(photons[inner] / chosen.photons, chosen.clean_gain, 0.0))


class LocalStatistics:
    """Runs a network with statistics over patches of the training size, interpolated."""

    def __init__(self, model):
        self.model = model
        self.norms = [layer for layer in model.layers
                      if isinstance(layer, layers.InstanceNormalization)]
        self.use = None
        for layer in self.norms:
            layer.call = functools.partial(self._call, layer)

    def _call(self, layer, inputs, statistics=None):
        if self.use is None:
            self.seen[layer.name] = [
                np.asarray(value) for value in instance_statistics(inputs)]
            given = None
        else:
            given = self.use(layer.name, inputs.shape[1:3])
        return type(layer).call(layer, inputs, given)

    def restore(self, image):
        """Measure overlapping patches, then restore the whole image with their statistics."""
        self.use = None
        starts = [range(0, length - PATCH_PX + 1, PATCH_PX // 2) for length in image.shape]
        maps = {}
        for top in starts[0]:
            for left in starts[1]:
                self.seen = {}
                patch = image[top:top + PATCH_PX, left:left + PATCH_PX]
                self.model(patch[None, ..., None], training=False)
                for name, values in self.seen.items():
                    maps.setdefault(name, []).append(np.concatenate(values, -1).ravel())
        shape = [len(axis) for axis in starts]
        maps = {name: np.array(values).reshape(*shape, -1) for name, values in maps.items()}

        def use(name, size):
            # Patch n is centred on pixel PATCH/2 + n PATCH/2.
            at = [(np.arange(length) + 0.5) * full / length / (PATCH_PX / 2) - 1
                  for length, full in zip(size, image.shape)]
            grid = np.meshgrid(*at, indexing="ij")
            values = np.stack([ndimage.map_coordinates(channel, grid, order=1, mode="nearest")
                               for channel in np.moveaxis(maps[name], -1, 0)], -1)
            mean, deviation = np.split(values.astype(np.float32)[None], 2, -1)
            return keras.ops.convert_to_tensor(mean), keras.ops.convert_to_tensor(deviation)

        self.use = use
        return self.model(image[None, ..., None], training=False)[0, ..., 0].numpy()


def main(generator):
    """Print the table."""
    model, info = load_generator(generator)
    ranges = info.normalization["Drosophila"]
    degraded, clean = half_empty_pair()
    clean = ranges.clean.to_unit(clean)
    image = ranges.degraded.normalize(degraded)
    network = TiledNetwork(model)
    tiles = network.grid(image.shape, TILE_PX)
    borders = [sorted({tile.core[axis].start for tile in tiles} - {0}) for axis in range(2)]

    def exact():
        result = np.empty_like(image)
        for _ in network.restore(image.__getitem__, result.__setitem__, image.shape, TILE_PX):
            pass
        return result

    def plain():
        result = np.empty_like(image)
        for tile in tiles:
            result[tile.core] = network.restore_batch(image[tile.outer][None], [0])[0][tile.inner]
        return result

    def whole():
        return network.restore_batch(image[None], [0])[0]

    def local():
        return LocalStatistics(model).restore(image)

    print("| statistics | PSNR (dB) | SSIM | seam score | seconds |\n|---|---|---|---|---|")
    for name, way in (("whole image at once", whole), ("exact, tiled", exact),
                      ("each tile's own", plain), ("local, interpolated", local)):
        start = time.perf_counter()
        restored = (way() + 1) / 2
        seconds = time.perf_counter() - start
        print(f"| {name} | {psnr(clean, restored, data_range=1):.2f} | "
              f"{ssim(clean, restored, data_range=1):.3f} | "
              f"{seam_score(restored, borders):.3f} | {seconds:.0f} |", flush=True)
    print(f"| (clean image) | | | {seam_score(clean, borders):.3f} | |")


if __name__ == "__main__":
    main(sys.argv[1])
