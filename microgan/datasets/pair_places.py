"""Find pairs whose images do not show the same place in the same way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from microgan.datasets.distorted_pairs import Stretch, find_stretch, find_turn
from microgan.datasets.exchanged_sets import LEAST_SIDE_PX, ring_powers
from microgan.datasets.findings import Finding
from microgan.datasets.fine_places import Place, SharedDetail, find_place, usual_place
from microgan.datasets.paired_arrays import PairedImages
from microgan.datasets.phase_correlation import Match, match, match_all, measure_spectrum

# The thresholds were chosen on 1,500 right pairs of 16 sets, real and simulated, and on wrong ones
# made from them. Scores are those of `phase_correlation.Match`.
_CERTAIN, _MATCHED, _UNMATCHED, _UNMATCHED_NEAR = 8.0, 6.5, 6.0, 5.0
_SHARE_OF_USUAL = 0.7  # a lower score is looked into
_OTHER_GAIN, _OTHER_FACTOR = 4.0, 1.2
_NEAR_PX, _SHIFT_GAIN = 3.5, 2.0
_SURE_OF_STRETCH = 0.01  # error
_MOST_AVERAGED = 60  # pairs, to measure which detail is shared
# Powers of ten of `Spectrum.structure`.
_ALIKE, _ALIKE_TO_MATCH, _LEAST_ALIKE, _SHARE_ALIKE = 0.3, 0.5, 2, 0.8
_SHOWS_SOMETHING = 1.0


@dataclass(frozen=True)
class MeasuredPair:
    """What is compared of a pair."""

    match: Match
    structures: tuple[float, float]  # of the degraded and the clean image
    difference: np.ndarray  # of both profiles
    coarse: tuple[np.ndarray, ...]  # of both; none of pairs that are not compared with others
    powers: np.ndarray | None  # as by `ring_powers`


def measure_pair(degraded: np.ndarray, clean: np.ndarray, is_compared: bool = True
                 ) -> MeasuredPair:
    """Measure what is compared of a pair, with other pairs only if asked to."""
    first, second = measure_spectrum(degraded), measure_spectrum(clean)
    return MeasuredPair(match(first, second), (first.structure, second.structure),
                        first.profile - second.profile,
                        (first.coarse_phases(), second.coarse_phases()) if is_compared else (),
                        ring_powers(first, second) if min(clean.shape) >= LEAST_SIDE_PX else None)


class PairPlaces:
    """Finds pairs whose images do not show the same place in the same way.

    Args:
        pairs: of one task.
        measured: those that are not too small, by number.
        can_register: whether `--register` moves them.
        report: called with the share that is done.
    """

    def __init__(self, pairs: PairedImages, measured: dict[int, MeasuredPair],
                 can_register: bool, report: Callable[[float], None]) -> None:
        self._pairs = pairs
        self._remedy = ("Align both, or pass --register=auto." if can_register else
                        "Align both.")
        self._measured = measured
        self._usual = float(np.median([each.match.score for each in measured.values()] or [0.0]))
        self._others = self._matches_with_others()
        self._places = self._find_places(report)
        self._usual_place = usual_place([
            place for index, place in self._places.items()
            if measured[index].match.near >= _MATCHED])

    def findings(self) -> dict[int, Finding]:
        """Return what is wrong, by the number of the pair; of each the first that is found."""
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
        place = self._places.get(index)
        if place is not None and self._beyond(index)[2:].any():
            stretch: Stretch | None = Stretch(*map(float, 1 + place.values[2:4]))
        elif place is not None and (place.errors[2:4] < _SURE_OF_STRETCH).all():
            return None
        else:
            stretch = find_stretch(*self._images(index), self._score(index))
        if stretch is None:
            return None
        along = ", ".join(f"{100 * (factor - 1):+.0f} %" for factor in stretch)
        return self._finding(
            index, "stretched", f"{along} along Y, X",
            "the clean image shows the same place larger or smaller by this. Resample one of "
            "them to the other's pixel size.")

    def _find_places(self, report: Callable[[float], None]) -> dict[int, Place]:
        """Measure the small shift and stretch of each pair that shows one place."""
        sure = [index for index, each in self._measured.items() if each.match.near >= _MATCHED]
        shifts = [self._measured[index].match.shift for index in sure]
        near = [shift for shift in shifts if np.abs(shift).max() < _NEAR_PX]
        usual = np.rint(np.median(near or [(0.0, 0.0)], axis=0)).astype(int)
        detail = SharedDetail(map(self._images, sure[:_MOST_AVERAGED]),
                              (int(usual[0]), int(usual[1])))
        found = {}
        for done, (index, each) in enumerate(self._measured.items(), start=1):
            if each.match.near >= _UNMATCHED_NEAR:
                place = find_place(*self._images(index), detail)
                if place is not None:
                    found[index] = place
            report(done / len(self._measured))
        return found

    def _shifted(self, index: int) -> Finding | None:
        own = self._measured[index].match
        shift = np.array(own.shift)
        if np.abs(shift).max() < _NEAR_PX:
            if index not in self._places or not self._beyond(index)[:2].any():
                return None
            shift = self._places[index].values[:2]
        # Of unrelated images of like structures, the best of all shifts may reach 8.
        elif own.score < max(_CERTAIN, own.unshifted + _SHIFT_GAIN):
            return None
        y, x = (int(np.rint(length)) for length in shift)
        words = [f"{abs(length)} px {names[length > 0]}" for length, names in
                 ((y, ("higher", "lower")), (x, ("further left", "further right"))) if length]
        return self._finding(
            index, "shifted", f"{y}, {x} px",
            f"the clean image shows the same place {' and '.join(words)}. {self._remedy}",
            (y, x)) if words else None

    def _beyond(self, index: int) -> np.ndarray:
        return self._usual_place.beyond(self._places[index])

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
        alike = [each.match.near >= _MATCHED for number, each in self._measured.items()
                 if number != index
                 and each.structures[0] <= own[0] + _ALIKE_TO_MATCH
                 and each.structures[1] <= own[1] + _ALIKE_TO_MATCH]
        if len(alike) < _LEAST_ALIKE or np.mean(alike) < _SHARE_ALIKE:
            return None
        return self._finding(
            index, "unmatched", "",
            "its images do not show the same place, whereas those of pairs like it do. Find its "
            "partner, or remove both.")

    def _matched(self) -> list[MeasuredPair]:
        return [each for each in self._measured.values() if each.match.score >= _CERTAIN]
