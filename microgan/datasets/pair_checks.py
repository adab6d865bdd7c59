"""Find what is wrong with pairs of degraded and clean images, before anything is learned.

Nothing is said of what the images do not show: a pair in which noise hides everything, or an
empty field, is taken as right.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from microgan.datasets.exchanged_sets import look_exchanged
from microgan.datasets.findings import Finding
from microgan.datasets.pair_places import MeasuredPair, PairPlaces, measure_pair
from microgan.datasets.paired_arrays import PairedImages

_LEAST_SIDE_PX = 32  # smaller images show too little
_MOST_COMPARED = 1000  # pairs, each with each
# Of the mean difference of both halves: right pairs have 0.02 and more, usually 1.
_EXCHANGED, _LEAST_DIFFERENCE, _LEAST_PAIRS = -0.4, 2.0, 3
# Of the pixels: right images of set W2S have up to 0.031.
_SATURATED, _OVER_NEXT = 0.05, 3.0
_NEXT_LEVELS = 1 / 64


def check_pairs(pairs: PairedImages, report: Callable[[float], None] = lambda _: None, *,
                can_register: bool = True) -> list[Finding]:
    """Find pairs that are shifted, swapped, turned, stretched, exchanged, empty or saturated.

    Sets whose degraded images are the clean ones are found, too.

    Args:
        pairs: of one task, at least one.
        report: called with the share that is done.
        can_register: whether `--register` moves these pairs, so that its name helps.

    Returns:
        The findings, first of all pairs, then by pair. A pair is at most one of shifted,
        swapped, turned, stretched, empty and unmatched. Saturated and empty images are found
        in any number of pairs, exchanged halves by comparison with two or more others.

    Source:
        ours; phase correlation: Kuglin and Hines 1975.

    Example:
        >>> random = np.random.default_rng(0)
        >>> clean = random.random((4, 64, 64))
        >>> degraded = np.stack([*clean[:3], np.roll(clean[3], -5, axis=0)])
        >>> [found.line() for found in check_pairs(PairedImages("Cells", degraded, clean))]
        ['Cells, pair 3: shifted (5, 0 px): the clean image shows the same place 5 px lower. \
Align both, or pass --register=auto.']
    """
    measured: dict[int, MeasuredPair] = {}
    saturated: dict[int, Finding] = {}
    for index, (degraded, clean) in enumerate(zip(pairs.degraded, pairs.clean)):
        found = _saturation(pairs, index, degraded, clean)
        if found is not None:
            saturated[index] = found
        if min(clean.shape) >= _LEAST_SIDE_PX:
            measured[index] = measure_pair(degraded, clean,
                                           is_compared=len(measured) < _MOST_COMPARED)
        report(0.5 * (index + 1) / len(pairs))
    placed = PairPlaces(pairs, measured, can_register,
                        lambda share: report(0.5 + 0.5 * share)).findings()
    exchanged = _exchanged(pairs, {index: each for index, each in measured.items()
                                   if index not in placed or placed[index].shift is not None})
    return _all_identical(pairs) + _all_exchanged(pairs, measured) + [
        found[index] for index in range(len(pairs))
        for found in (placed, exchanged, saturated) if index in found]


def _exchanged(pairs: PairedImages, measured: dict[int, MeasuredPair]) -> dict[int, Finding]:
    """Find pairs whose halves differ the opposite way to those of most pairs."""
    if len(measured) < _LEAST_PAIRS:
        return {}
    usual = np.median([each.difference for each in measured.values()], axis=0)
    length = float(np.linalg.norm(usual))
    if length < _LEAST_DIFFERENCE:
        return {}
    return {index: Finding(
        pairs.name, pairs.image_name(index), index, "exchanged", "",
        "its degraded image looks like the clean ones of the other pairs, its clean image like "
        "the degraded ones. Exchange them.")
        for index, each in measured.items()
        if each.difference @ usual / length ** 2 < _EXCHANGED}


def _all_identical(pairs: PairedImages) -> list[Finding]:
    """Find whether all degraded images are the clean ones."""
    if not all(np.array_equal(*pair) for pair in zip(pairs.degraded, pairs.clean)):
        return []
    return [Finding(
        pairs.name, "all", None, "identical", "",
        "degraded and clean images are the same, so there is nothing to learn. Look whether the "
        "right files are in both folders.")]


def _all_exchanged(pairs: PairedImages, measured: dict[int, MeasuredPair]) -> list[Finding]:
    """Find whether all degraded images are clean and the reverse."""
    if pairs.upsample > 1:  # the larger images are clean, and interpolation blurs noise
        return []
    powers = [each.powers for each in measured.values() if each.powers is not None]
    if not powers or not look_exchanged(np.stack(powers)):
        return []
    return [Finding(
        pairs.name, "all", None, "exchanged", "",
        "beyond the detail that both show, the clean images hold noise and the degraded ones "
        "structure. If so, exchange the folders or arrays.")]


def _saturation(pairs: PairedImages, index: int, *images: np.ndarray) -> Finding | None:
    """Find images of which many pixels have the largest value, but few almost as much."""
    for kind, image in zip(("degraded", "clean"), images):
        largest = image.max()
        share = np.mean(image == largest)
        if share < _SATURATED:
            continue
        near = largest - (float(largest) - float(image.min())) * _NEXT_LEVELS
        if share > _OVER_NEXT * (np.mean(image >= near) - share):
            return Finding(
                pairs.name, pairs.image_name(index), index, "saturated",
                f"{100 * share:.0f} % of the {kind} image",
                "these pixels have the largest value, so their true intensities are lost. Expose "
                "less, or remove the pair.")
    return None
