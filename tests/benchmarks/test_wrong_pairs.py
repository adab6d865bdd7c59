from collections import Counter

import numpy as np
import pytest

import wrong_pairs
from helpers import make_pairs
from microgan.datasets.pair_checks import check_pairs
from microgan.datasets.paired_arrays import PairedImages


@pytest.mark.parametrize("seed", range(4))
def test_shifted_pairs_show_places_some_pixels_apart(random, seed):
    image = random.random((20, 24))

    degraded, clean = wrong_pairs.shifted(image, image, np.random.default_rng(seed), 3)

    lengths = np.array(degraded.shape)
    cut = np.array(image.shape) - lengths
    assert clean.shape == degraded.shape and sorted(cut) == [0, 3]
    assert len(np.intersect1d(degraded, clean)) == np.prod(lengths - cut)


def test_every_way_makes_each_pair_of_a_set_wrong_once(random):
    degraded, clean = make_pairs(14, random, size=64)
    wrong = {}
    for way, first, second, group, _ in wrong_pairs.wrong_sets(
            list(degraded[:12]), list(clean[:12]), list(clean[12:]), random):
        wrong.setdefault(way, []).extend(group)
        changed = [index for index in range(12) if first[index] is not degraded[index]
                   or second[index] is not clean[index]]
        assert len(first) == len(second) == 12 and set(group) <= set(changed)

    assert all(sorted(pairs) == list(range(12)) for pairs in wrong.values())
    assert len({way.split(" by ")[0] for way in wrong}) + 2 == 11  # and by size, and as a whole


def test_table_counts_wrong_pairs_that_are_named_and_understood():
    table = wrong_pairs.table({
        "A": {"empty": Counter(pairs=12, named=12, understood=12)},
        "B": {"empty": Counter(pairs=12, named=9, understood=7)}})

    assert table.splitlines()[-1] == "| empty | 12 of 12 | 9 of 12 (7) | 21 of 24 (19) |"


def test_files_of_other_size_are_named(random):
    degraded, clean = make_pairs(1, random)

    assert wrong_pairs.is_other_size_named(degraded[0], clean[0])
    assert check_pairs(PairedImages("A", degraded, clean)) == []
