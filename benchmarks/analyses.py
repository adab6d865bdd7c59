"""Analyses that people do with restored images: bright areas, outlines of nuclei, filaments.

They are scikit-image's, with two numbers to set, blind to the scale and offset of intensities,
and compared with what the same analysis finds in the clean image.
"""

import itertools
from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from skimage import feature, filters, measure, morphology, segmentation

_SAME_NUCLEUS = 0.5  # of its pixels and those of the other, together
_SHORTEST_PX = 10  # of a filament
_REACH_PX = 2  # at most, between a line and the line it is taken for
_FARTHEST_PX = 10  # larger distances of lines count as this
_EVERYWHERE = np.ones((3, 3))  # neighbours, also across corners


# Smoothing in pixels, and threshold.
_THRESHOLDS = tuple(itertools.product((0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0),
                                      (0.6, 0.7, 0.8, 0.9, 1.0, 1.15)))


def _bright(image, smoothing_px, threshold, smallest):
    """Return where an image is bright, bool (Y, X); holes of fewer pixels are filled."""
    smooth = ndimage.gaussian_filter(np.asarray(image, np.float64), smoothing_px)
    dark = np.percentile(smooth, 1)
    inside = smooth > dark + threshold * (filters.threshold_otsu(smooth) - dark)
    holes, _ = ndimage.label(~inside)
    return inside | (np.bincount(holes.ravel()) < smallest)[holes]


def _large(mask, smallest, neighbours=None):
    """Return a mask, bool (Y, X), without its pieces of fewer pixels."""
    pieces, _ = ndimage.label(mask, neighbours)
    return mask & (np.bincount(pieces.ravel()) >= smallest)[pieces]


def _rims(areas):
    """Return the outermost pixels of areas, bool or labels (Y, X), as bool."""
    return segmentation.find_boundaries(areas, mode="inner")


@dataclass(frozen=True)
class Areas:
    """Bright areas of any shape: smoothing and Otsu's threshold.

    Args:
        size_px: radius of the smallest piece and the smallest hole.
    """

    size_px: float

    amount = "area in px"
    fit, unit = "distance", " px"
    clean_setting = (1.0, 1.0)
    settings = _THRESHOLDS

    def __call__(self, image, smoothing_px, threshold):
        """Find the bright areas of an image, bool (Y, X); arguments as of `Nuclei`."""
        smallest = np.pi * self.size_px ** 2
        return _large(_bright(image, smoothing_px, threshold, smallest), smallest)

    @staticmethod
    def number(areas):
        """Return the number of bright pixels."""
        return int(np.count_nonzero(areas))

    @staticmethod
    def agreement(clean, found):
        """Compare areas with those of the clean image.

        Args:
            clean: bool (Y, X).
            found: like `clean`.

        Returns:
            F1 of the pixels, which is Dice, 1 is best; and the mean distance of outlines in
            pixels, of both directions, none above `_FARTHEST_PX`.
        """
        return (_harmonic(np.count_nonzero(clean & found), np.count_nonzero(clean),
                          np.count_nonzero(found)),
                _mean_distance(_rims(clean), _rims(found)))

    @staticmethod
    def outlines(areas):
        """Return where a picture shows the areas, bool (Y, X)."""
        return _rims(areas)


@dataclass(frozen=True)
class Nuclei:
    """Bright nuclei: smoothing, Otsu's threshold and a watershed of the distances to the rim.

    Args:
        size_px: radius of a common nucleus.
    """

    size_px: float

    amount = "nuclei"
    fit, unit = "Dice", ""
    clean_setting = (1.0, 0.8)
    settings = _THRESHOLDS

    def __call__(self, image, smoothing_px, threshold):
        """Outline the nuclei of an image.

        Args:
            image: (Y, X).
            smoothing_px: sigma of the Gaussian filter before all else.
            threshold: of Otsu's height above the darkest per cent.

        Returns:
            int (Y, X): 0 outside, 1, 2, ... in the nuclei. Holes smaller than a quarter of a
            nucleus are filled, and pieces as small are none.
        """
        smallest = np.pi * self.size_px ** 2 / 4
        inside = _bright(image, smoothing_px, threshold, smallest)
        depth = ndimage.gaussian_filter(ndimage.distance_transform_edt(inside), self.size_px / 6)
        middles = feature.peak_local_max(
            depth, min_distance=max(1, round(self.size_px / 2)), labels=measure.label(inside),
            exclude_border=False)
        seeds = np.zeros(inside.shape, int)
        seeds[tuple(middles.T)] = 1 + np.arange(len(middles))
        labels = segmentation.watershed(-depth, seeds, mask=inside)
        labels[(np.bincount(labels.ravel()) < smallest)[labels]] = 0
        return segmentation.relabel_sequential(labels)[0]

    @staticmethod
    def number(labels):
        """Return how many nuclei there are."""
        return int(labels.max())

    @staticmethod
    def agreement(clean, found):
        """Compare nuclei with those of the clean image.

        Args:
            clean: labels (Y, X).
            found: like `clean`.

        Returns:
            F1 of the nuclei, those being the same whose overlap is more than half of their
            union; and Dice of the pixels in nuclei. 1 is best, 0 worst.
        """
        shared = np.zeros((clean.max() + 1, found.max() + 1))
        np.add.at(shared, (clean.ravel(), found.ravel()), 1)
        union = shared.sum(1, keepdims=True) + shared.sum(0, keepdims=True) - shared
        same = np.count_nonzero((shared / np.maximum(union, 1))[1:, 1:] > _SAME_NUCLEUS)
        return (_harmonic(same, clean.max(), found.max()),
                _harmonic(np.count_nonzero((clean > 0) & (found > 0)),
                          np.count_nonzero(clean), np.count_nonzero(found)))

    @staticmethod
    def outlines(labels):
        """Return where a picture shows the nuclei, bool (Y, X)."""
        return _rims(labels)


@dataclass(frozen=True)
class Filaments:
    """Bright filaments: Sato's ridge filter, Otsu's threshold, and the middle lines.

    Args:
        size_px: sigma of the ridges in clean images.
    """

    size_px: float

    amount = "length in px"
    fit, unit = "distance", " px"
    settings = tuple(itertools.product((1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0),
                                       (0.4, 0.55, 0.7, 0.85, 1.0, 1.3)))

    @property
    def clean_setting(self):
        """Of the analysis of clean images."""
        return self.size_px, 0.7

    def __call__(self, image, ridge_px, threshold):
        """Trace the filaments of an image.

        Args:
            image: (Y, X).
            ridge_px: sigma of the ridges.
            threshold: of Otsu's.

        Returns:
            bool (Y, X): lines one pixel wide, none in pieces shorter than `_SHORTEST_PX`.
        """
        ridges = filters.sato(np.asarray(image, np.float64), sigmas=[ridge_px],
                              black_ridges=False, mode="reflect")
        lines = morphology.skeletonize(ridges > threshold * filters.threshold_otsu(ridges))
        return _large(lines, _SHORTEST_PX, _EVERYWHERE)

    @staticmethod
    def number(lines):
        """Return the number of pixels of the lines."""
        return int(np.count_nonzero(lines))

    @staticmethod
    def agreement(clean, found):
        """Compare lines with those of the clean image.

        Args:
            clean: bool (Y, X).
            found: like `clean`.

        Returns:
            F1 of the pixels within `_REACH_PX` of the other lines, 1 is best; and the mean
            distance to the other lines in pixels, of both directions, none above
            `_FARTHEST_PX`.
        """
        if clean.any() and found.any():
            recall, precision = (np.mean(_distances(of, to) <= _REACH_PX)
                                 for of, to in ((clean, found), (found, clean)))
            f1 = 2 * precision * recall / max(precision + recall, 1e-12)
        else:
            f1 = float(clean.any() == found.any())
        return f1, _mean_distance(clean, found)

    @staticmethod
    def outlines(lines):
        """Return where a picture shows the filaments, bool (Y, X)."""
        return lines


def _harmonic(same, first, second):
    """Harmonic mean of what two sets share; 1 for two empty ones."""
    return 2 * same / (first + second) if first + second else 1.0


def _distances(of, to):
    """Distance of each pixel of some lines to the nearest of others, which there are."""
    return np.minimum(ndimage.distance_transform_edt(~to)[of], _FARTHEST_PX)


def _mean_distance(first, second):
    """Mean over both directions; 0 for no lines at all, the farthest for none beside some."""
    if not first.any() or not second.any():
        return 0.0 if first.any() == second.any() else float(_FARTHEST_PX)
    return float(np.mean([_distances(first, second).mean(), _distances(second, first).mean()]))


@dataclass(frozen=True)
class Agreement:
    """How the analysis of some images agrees with that of their clean partners, image by image.

    Args:
        amount_error: |number - number in the clean image| as a share of the latter; nan where
            that is 0.
        f1: of nuclei, or of pixels of areas or lines, 0 to 1.
        fit: Dice of nuclei, 0 to 1; or distance of outlines or lines in pixels.
    """

    amount_error: np.ndarray
    f1: np.ndarray
    fit: np.ndarray


def compare(analysis, clean, images, setting):
    """Analyse images and compare them with clean ones.

    Args:
        analysis: `Areas`, `Nuclei` or `Filaments`.
        clean: images (Y, X), analysed with the setting for clean ones.
        images: their partners.
        setting: arguments of the analysis of `images`.

    Returns:
        `Agreement`.
    """
    errors, scores = [], []
    for truth, image in zip(clean, images, strict=True):
        wanted, found = analysis(truth, *analysis.clean_setting), analysis(image, *setting)
        number = analysis.number(wanted)
        errors.append(abs(analysis.number(found) - number) / number if number else np.nan)
        scores.append(analysis.agreement(wanted, found))
    f1, fit = np.array(scores).T
    return Agreement(np.array(errors), f1, fit)


def best_setting(analysis, clean, images):
    """Return the setting with the highest mean F1; arguments as of `compare`."""
    return max(analysis.settings, key=lambda setting: compare(
        analysis, clean, images, setting).f1.mean())
