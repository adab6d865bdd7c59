"""Find what is wrong with pairs of degraded and clean images, before anything is learned.

Nothing is said of what the images do not show: a pair in which noise hides everything, or an
empty field, is taken as right.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from microgan.datasets.distorted_pairs import find_stretch, find_turn
from microgan.datasets.exchanged_sets import LEAST_SIDE_PX, look_exchanged, ring_powers
from microgan.datasets.paired_arrays import PairedImages
from microgan.datasets.phase_correlation import Match, match, match_all, measure_spectrum

# The thresholds were chosen on 1,500 right pairs of 16 sets, real and simulated, and on wrong ones
# made from them. Scores are those of `phase_correlation.Match`.
_LEAST_SIDE_PX = 32  # smaller images show too little
_CERTAIN, _MATCHED, _UNMATCHED, _UNMATCHED_NEAR = 8.0, 6.5, 6.0, 5.0
_SHARE_OF_USUAL = 0.7  # a lower score is looked into
_OTHER_GAIN, _OTHER_FACTOR = 4.0, 1.2
_MOST_COMPARED = 1000  # pairs, each with each
# Shifts of right pairs spread by their microscope and by errors of measurement, 4.1 times the
# standard deviation at most, or 5 times if that is measured on 12 pairs.
_LEAST_SHIFT_PX, _SHIFT_DEVIATIONS, _SHIFT_GAIN = 0.75, 6.0, 2.0
_NEAR_PX, _FEW_PAIRS, _SPREAD_OF_FEW_PX = 3.5, 8, 0.5
_QUANTILE, _DEVIATIONS_AT_QUANTILE = 0.75, 1.15
# Powers of ten of `Spectrum.structure`.
_ALIKE, _LEAST_ALIKE, _SHARE_ALIKE = 0.3, 2, 0.8
_SHOWS_SOMETHING = 1.0
# Of the mean difference of both halves: right pairs have 0.02 and more, usually 1.
_EXCHANGED, _LEAST_DIFFERENCE, _LEAST_PAIRS = -0.4, 2.0, 3
# Of the pixels: right images of set W2S have up to 0.031.
_SATURATED, _OVER_NEXT = 0.05, 3.0
_NEXT_LEVELS = 1 / 64


@dataclass(frozen=True)
class Finding:
    """What is wrong with one pair, or with all pairs of a task.

    Args:
        task: its name.
        image: its file, or its number in the array; "all" for all of them.
        index: of the pair in the task; None for all of them.
        kind: "shifted", "swapped", "mirrored or rotated", "stretched", "empty", "unmatched",
            "exchanged" or "saturated".
        number: how much, with unit; empty where there is nothing to count.
        text: what it means and what to do, a sentence or two.
        shift: whole pixels (Y, X), to be added to places in the degraded image to find them in
            the clean one; only of a shifted pair.
    """

    task: str
    image: str
    index: int | None
    kind: str
    number: str
    text: str
    shift: tuple[int, int] | None = None

    def line(self) -> str:
        """Return the finding as a line for the user."""
        pair = "all pairs" if self.index is None else f"pair {self.image}"
        return (f"{self.task}, {pair}: {self.kind}"
                f"{self.number and f' ({self.number})'}: {self.text}")

    def to_json(self) -> dict[str, Any]:
        """Return the finding as a row of a table."""
        return {"task": self.task, "image": self.image, "kind": self.kind,
                "number": self.number, "what_to_do": self.text}


@dataclass(frozen=True)
class _Measured:
    match: Match
    structures: tuple[float, float]  # of the degraded and the clean image
    difference: np.ndarray  # of both profiles
    coarse: tuple[np.ndarray, ...]  # of both; none of pairs that are not compared with others
    powers: np.ndarray | None  # as by `ring_powers`


def check_pairs(pairs: PairedImages, report: Callable[[float], None] | None = None, *,
                can_register: bool = True) -> list[Finding]:
    """Find pairs that are shifted, swapped, turned, stretched, exchanged, empty or saturated.

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
    measured: dict[int, _Measured] = {}
    saturated: dict[int, Finding] = {}
    for index, (degraded, clean) in enumerate(zip(pairs.degraded, pairs.clean)):
        found = _saturation(pairs, index, degraded, clean)
        if found is not None:
            saturated[index] = found
        if min(clean.shape) >= _LEAST_SIDE_PX:
            measured[index] = _measure(degraded, clean,
                                       is_compared=len(measured) < _MOST_COMPARED)
        if report is not None:
            report((index + 1) / len(pairs))
    placed = _Places(pairs, measured, can_register).findings()
    exchanged = _exchanged(pairs, {index: each for index, each in measured.items()
                                   if index not in placed or placed[index].shift is not None})
    return _all_exchanged(pairs, measured) + [
        found[index] for index in range(len(pairs))
        for found in (placed, exchanged, saturated) if index in found]


def _measure(degraded: np.ndarray, clean: np.ndarray, is_compared: bool = True) -> _Measured:
    first, second = measure_spectrum(degraded), measure_spectrum(clean)
    return _Measured(match(first, second), (first.structure, second.structure),
                     first.profile - second.profile,
                     (first.coarse_phases(), second.coarse_phases()) if is_compared else (),
                     ring_powers(first, second) if min(clean.shape) >= LEAST_SIDE_PX else None)


class _Places:
    """Finds pairs whose images do not show the same place in the same way."""

    def __init__(self, pairs: PairedImages, measured: dict[int, _Measured],
                 can_register: bool) -> None:
        self._pairs = pairs
        self._remedy = ("Align both, or pass --register=auto." if can_register else
                        "Align both.")
        self._measured = measured
        self._usual = float(np.median([each.match.score for each in measured.values()] or [0.0]))
        self._others = self._matches_with_others()
        self._limit_px = self._largest_right_shift()

    def findings(self) -> dict[int, Finding]:
        found = {}
        for index in self._measured:
            for look in (self._swapped, self._turned, self._stretched, self._shifted, self._empty,
                         self._unmatched):
                finding = look(index)
                if finding is not None:
                    found[index] = finding
                    break
        return found

    def _finding(self, index: int, kind: str, number: str, text: str,
                 shift: tuple[int, int] | None = None) -> Finding:
        return Finding(self._pairs.name, self._pairs.image_name(index), index, kind, number, text,
                       shift)

    def _images(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        return self._pairs.degraded[index], self._pairs.clean[index]

    def _score(self, index: int) -> float:
        return self._measured[index].match.score

    def _is_shifted_surely(self, index: int) -> bool:
        own = self._measured[index].match
        return own.score > max(_CERTAIN, own.unshifted + _OTHER_GAIN, 0.5 * self._usual)

    def _matches_with_others(self) -> dict[int, tuple[int, float, float]]:
        """Return, by pair, whose clean image matches best, its score and the own one's."""
        by_shape: dict[tuple[int, ...], list[int]] = {}
        for index in (index for index, each in self._measured.items() if each.coarse):
            by_shape.setdefault(self._pairs.clean[index].shape, []).append(index)
        best = {}
        for indices in by_shape.values():
            degraded, clean = (np.stack([self._measured[index].coarse[half] for index in indices])
                               for half in (0, 1))
            scores = match_all(degraded, clean)
            for row, index in enumerate(indices):
                column = int(np.argmax(scores[row]))
                best[index] = (indices[column], float(scores[row, column]),
                               float(scores[row, row]))
        return best

    def _swapped(self, index: int) -> Finding | None:
        other, score, own = self._others.get(index, (index, 0.0, 0.0))
        if other == index or score < max(_MATCHED, own + _OTHER_GAIN,
                                         _OTHER_FACTOR * self._score(index)):
            return None
        return self._finding(
            index, "swapped", f"with {self._pairs.image_name(other)}",
            f"its degraded image shows the place of the clean image of pair "
            f"{self._pairs.image_name(other)}. Check the order or the names.")

    def _turned(self, index: int) -> Finding | None:
        if (self._score(index) > max(_CERTAIN, _SHARE_OF_USUAL * self._usual)
                or self._is_shifted_surely(index)):
            return None
        turn = find_turn(*self._images(index), self._score(index))
        return None if turn is None else self._finding(
            index, "mirrored or rotated", turn,
            f"its images match if the degraded one is {turn}. Turn it or its partner back.")

    def _stretched(self, index: int) -> Finding | None:
        stretch = find_stretch(*self._images(index), self._score(index))
        if stretch is None:
            return None
        along = ", ".join(f"{100 * (factor - 1):+.0f} %" for factor in stretch)
        return self._finding(
            index, "stretched", f"{along} along Y, X",
            "the clean image shows the same place larger or smaller by this. Resample one of "
            "them to the other's pixel size.")

    def _largest_right_shift(self) -> np.ndarray:
        """Return up to which shift along Y and X a pair counts as right, without its error."""
        sure = np.array([each.match.shift for each in self._measured.values()
                         if each.match.score >= _MATCHED]).reshape(-1, 2)
        near = sure[(np.abs(sure) < _NEAR_PX).all(axis=1)]
        if len(near) < _FEW_PAIRS:
            return np.full(2, _SPREAD_OF_FEW_PX)
        middle = np.median(near, axis=0)
        spread = _spread(near - middle)
        # If most are shifted alike, no shift is the usual one.
        alike = np.abs(middle) > np.maximum(_LEAST_SHIFT_PX,
                                            _SHIFT_DEVIATIONS * spread / np.sqrt(len(near)))
        return np.where(alike, 0.0, _spread(near))

    def _shifted(self, index: int) -> Finding | None:
        own = self._measured[index].match
        shift = np.array(own.shift)
        limit = np.maximum(_LEAST_SHIFT_PX,
                           _SHIFT_DEVIATIONS * np.hypot(self._limit_px, own.error_px))
        is_far = np.abs(shift).max() >= _NEAR_PX
        # Of unrelated images of like structures, the best of all shifts may reach 8.
        if (own.score < (_CERTAIN if is_far else _MATCHED) or (np.abs(shift) <= limit).all()
                or (is_far and own.score < own.unshifted + _SHIFT_GAIN)):
            return None
        y, x = (int(np.rint(length)) for length in shift)
        words = [f"{abs(length)} px {names[length > 0]}" for length, names in
                 ((y, ("higher", "lower")), (x, ("further left", "further right"))) if length]
        return self._finding(
            index, "shifted", f"{y}, {x} px",
            f"the clean image shows the same place {' and '.join(words)}. {self._remedy}", (y, x))

    def _empty(self, index: int) -> Finding | None:
        if self._score(index) >= _UNMATCHED:
            return None
        own = self._measured[index].structures
        for half, kind in enumerate(("degraded", "clean")):
            if own[1 - half] < _SHOWS_SOMETHING:
                continue
            alike = [each for each in self._matched()
                     if each.structures[1 - half] <= own[1 - half] + _ALIKE]
            richer = [each.structures[half] > own[half] + _ALIKE for each in alike]
            if len(alike) > _LEAST_ALIKE and np.mean(richer) >= _SHARE_ALIKE:
                return self._finding(
                    index, "empty", f"the {kind} image",
                    f"its {kind} image shows nothing, its partner does. Remove both.")
        return None

    def _unmatched(self, index: int) -> Finding | None:
        if self._measured[index].match.near >= _UNMATCHED_NEAR:
            return None
        own = self._measured[index].structures
        alike = [each.match.score > 1.5 * _UNMATCHED for number, each in self._measured.items()
                 if number != index
                 and each.structures[0] <= own[0] + _ALIKE
                 and each.structures[1] <= own[1] + _ALIKE]
        if len(alike) < _LEAST_ALIKE or np.mean(alike) < _SHARE_ALIKE:
            return None
        return self._finding(
            index, "unmatched", "",
            "its images do not show the same place, whereas those of pairs like it do. Find its "
            "partner, or remove both.")

    def _matched(self) -> list[_Measured]:
        return [each for each in self._measured.values() if each.match.score >= _CERTAIN]


def _spread(shifts: np.ndarray) -> np.ndarray:
    """Estimate the standard deviation along Y and X, of which a fifth may be wrong pairs."""
    return np.quantile(np.abs(shifts), _QUANTILE, axis=0) / _DEVIATIONS_AT_QUANTILE


def _exchanged(pairs: PairedImages, measured: dict[int, _Measured]) -> dict[int, Finding]:
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


def _all_exchanged(pairs: PairedImages, measured: dict[int, _Measured]) -> list[Finding]:
    """Find whether all degraded images are clean and the reverse."""
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
