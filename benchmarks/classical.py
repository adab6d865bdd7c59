"""Rivals without a network: filters, each with the setting that suits the task best.

The linear filter of the defect that is measured on the training pairs; a Gaussian filter,
non-local means, the same after the noise's variance is made constant, BM3D (all made for noise)
and Richardson-Lucy deconvolution (made for blur). The setting of all but the first is the one
that does best (PSNR, `care`) on as many training pairs as the networks see; the test images are
then scored once. Prints the table of `evaluate.py`. BM3D needs the package bm3d (extra `bench`),
whose licence allows non-commercial use only.

    python -m benchmarks.classical --data_dir=data --images_limit=10
"""

import itertools
import sys
from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from skimage import restoration

from microgan.cli.command import run_command
from microgan.config import Config, setting
from microgan.datasets.normalization import fit_percentiles
from microgan.datasets.paired_arrays import find_datasets, load_pairs, load_test_pairs
from microgan.datasets.splits import split_pairs
from microgan.errors import UserError
from microgan.estimation.linear_filter import LinearFilter, clean_spectrum
from microgan.estimation.paired import measure_paired
from microgan.evaluation.scores import LINEAR_FILTER, RAW_INPUT, score_task, summarize
from microgan.evaluation.tables import overview_table
from microgan.metrics.paired import align_care, psnr


def gaussian(image, sigma_px):
    """A Gaussian filter of one width."""
    return ndimage.gaussian_filter(image, sigma_px)


def non_local_means(image, strength):
    """Non-local means; `strength` is the filter's parameter h over the noise it estimates."""
    noise = noise_deviation(image)
    return restoration.denoise_nl_means(image, patch_size=5, patch_distance=6, h=strength * noise,
                                        sigma=noise, fast_mode=True)


def stabilised_non_local_means(image, strength):
    """Non-local means of an image whose noise was given one variance; see `Anscombe`."""
    transform = Anscombe(*noise_line(image))
    return transform.undo(non_local_means(transform(image), strength))


def bm3d(image, strength):
    """BM3D; `strength` is the noise's standard deviation over the one estimated.

    Source:
        Dabov, Foi, Katkovnik and Egiazarian 2007; the authors' package bm3d.
    """
    try:
        import bm3d as package
    except ImportError as error:
        raise UserError("BM3D needs the package bm3d: pip install 'microgan[bench]'.") from error
    return package.bm3d(image, strength * noise_deviation(image))


class Anscombe:
    """The generalised Anscombe transform: noise of variance gain * signal + floor gets 1.

    Args:
        gain: of the variance, > 0; 0 for noise of one variance.
        floor: variance at intensity 0; may be negative.

    Call arguments:
        image: any shape.

    Source:
        Starck, Murtagh and Bijaoui 1998; Makitalo and Foi 2013, "Optimal inversion of the
        generalized Anscombe transformation", whose closed form `undo` is.
    """

    def __init__(self, gain, floor):
        self._gain, self._floor = gain, floor

    def __call__(self, image):
        if not self._gain:
            return image / np.sqrt(self._floor)
        inside = image / self._gain + 3 / 8 + self._floor / self._gain ** 2
        return 2 * np.sqrt(np.maximum(inside, 0))

    def undo(self, values):
        """Return the intensities whose noisy images have these mean values."""
        if not self._gain:
            return values * np.sqrt(self._floor)
        values = np.maximum(values, 2 * np.sqrt(3 / 8))  # of no light at all
        counts = (values ** 2 / 4 + np.sqrt(1.5) / (4 * values) - 11 / (8 * values ** 2)
                  + 5 * np.sqrt(1.5) / (8 * values ** 3) - 1 / 8)
        return self._gain * (counts - self._floor / self._gain ** 2)


def noise_line(image):
    """Return gain and floor of an image's white noise: its variance against intensity.

    Source:
        Immerkaer's residual (`noise_deviation`) in classes of equally many pixels by local mean,
        and a line through them, of a gain that is not negative.
    """
    residual = _residual(image) ** 2 / 36
    means = ndimage.gaussian_filter(image, 2.0)
    order = np.argsort(means, axis=None)
    classes = [(means.flat[part].mean(), residual.flat[part].mean())
               for part in np.array_split(order, 16)]
    mean, variance = np.array(classes).T
    # Classes are equally sure of the logarithm of their variance.
    gain, floor = np.polyfit(mean, variance, 1, w=1 / np.maximum(variance, 1e-12))
    return (gain, floor) if gain > 0 else (0.0, max(float(residual.mean()), 1e-12))


def noise_deviation(image):
    """Standard deviation of an image's white noise, from what a plane does not explain.

    Source:
        Immerkaer 1996, "Fast noise variance estimation".
    """
    return np.sqrt(np.pi / 2) / 6 * np.abs(_residual(image)).mean()


def _residual(image):
    """What no plane explains; 36 times the variance of white noise."""
    kernel = np.outer([1, -2, 1], [1, -2, 1])
    return ndimage.convolve(image, kernel)


def richardson_lucy(image, sigma_x_px, sigma_y_px, num_iterations):
    """Richardson-Lucy deconvolution of a Gaussian blur.

    Source:
        Richardson 1972, Lucy 1974. Beyond its border the image is mirrored; scikit-image's
        function takes it to be dark there, which costs more than a decibel in 128 pixels.
    """
    def blurred(values):
        return ndimage.gaussian_filter(values, (sigma_y_px, sigma_x_px))

    # It expects light, so nothing below zero, and divides by what it has blurred.
    image = np.clip(image, 1e-3, None)
    estimate = np.full_like(image, 0.5)
    for _ in range(num_iterations):
        estimate = estimate * blurred(image / blurred(estimate))
    return estimate


# By name in the table: the filter, and the values of each of its settings.
_STRENGTHS = [0.4, 0.6, 0.8, 1.0, 1.2, 1.5, 2.0, 3.0, 4.0, 6.0, 9.0, 13.0]
FILTERS = {
    "Gaussian filter": (gaussian, [np.arange(0, 6.01, 0.25)]),
    "non-local means": (non_local_means, [_STRENGTHS]),
    "stabilised non-local means": (stabilised_non_local_means, [_STRENGTHS]),
    "BM3D": (bm3d, [[0.6, 0.8, 1.0, 1.2, 1.5, 2.0, 3.0, 4.0]]),
    "Richardson-Lucy": (richardson_lucy, [[0.5, 1.0, 1.5, 2.5, 3.5, 5.0],
                                          [0.5, 1.0, 1.5, 2.5, 3.5, 5.0], [1, 2, 5, 15, 40]]),
}


def best_setting(name, degraded, clean):
    """Return the setting of a filter with the largest mean PSNR under `care`.

    Args:
        name: a key of `FILTERS`.
        degraded: images (Y, X).
        clean: their partners.

    Returns:
        The arguments of the filter after the image.
    """
    function, values = FILTERS[name]

    def score(arguments):
        aligned = (align_care(truth, apply(function, [image], arguments)[0])
                   for image, truth in zip(degraded, clean))
        return np.mean([psnr(truth, image, data_range=data_range)
                        for truth, image, data_range in aligned])
    return max(itertools.product(*values), key=score)


def apply(function, images, arguments):
    """Filter images (Y, X), scaled so that their 0.1 and 99.9 percentiles are 0 and 1."""
    results = []
    for image in images:
        scale = fit_percentiles([image])
        filtered = function(scale.to_unit(image), *map(float, arguments[:2]),
                            *map(int, arguments[2:]))
        results.append(filtered * (scale.high - scale.low) + scale.low)
    return results


def restore(name, chosen_pairs, degraded):
    """Choose a filter's setting on pairs and apply it.

    Args:
        name: a key of `FILTERS`.
        chosen_pairs: degraded images and their clean partners.
        degraded: images (Y, X) to restore.

    Returns:
        The setting, as text, and the restored images.
    """
    arguments = best_setting(name, *chosen_pairs)
    return (" ".join(f"{value:g}" for value in arguments),
            apply(FILTERS[name][0], degraded, arguments))


def filter_linearly(degraded, clean, images):
    """Apply the minimum-mean-square-error filter of the defect that is measured on pairs."""
    linear = LinearFilter(measure_paired(degraded, clean).model, clean_spectrum(clean))
    return [linear.restore(image) for image in images]


def pairs_that_choose(pairs, test_pairs, *, images_limit, seed):
    """Return the pairs that the networks of a seed see, to train and to validate."""
    split = split_pairs(pairs, test_pairs, images_limit=images_limit, validation_fraction=0.2,
                        test_fraction=None, seed=seed)
    seen = split.train + split.validation
    return [pairs.degraded[i] for i in seen], [pairs.clean[i] for i in seen]


@dataclass(frozen=True)
class Settings(Config):
    """Images, and the pairs that choose the settings."""

    data_dir: str = setting("data", "Folder of the images, with test arrays.")
    images_limit: int = setting(10, "Pairs per task that choose the setting.", minimum=2)
    seed: int = setting(1, "Seed: the pairs are those of a training with it.")


def main(settings):
    """Score the filters on the test images of every task."""
    scores = []
    for task in find_datasets(settings.data_dir):
        pairs = load_pairs(settings.data_dir, task)
        test = load_test_pairs(settings.data_dir, task)
        if test is None:
            raise UserError(f"'{task}' has no test images: add {task}_test_X.npy and _Y.npy.")
        chosen = pairs_that_choose(pairs, test, images_limit=settings.images_limit,
                                   seed=settings.seed)
        restored = {LINEAR_FILTER: filter_linearly(*chosen, test.degraded)}
        restored |= {f"{name}, {text}": images for name in FILTERS
                     for text, images in [restore(name, chosen, test.degraded)]}
        scores += score_task(task, "test", clean=test.clean, normalization=None,
                             candidates={RAW_INPUT: test.degraded, **restored})
    print(overview_table(summarize(scores)))


if __name__ == "__main__":
    sys.exit(run_command(Settings, __doc__, main))
