import hashlib
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgan.datasets.paired_arrays import PairedImages
from microgan.datasets.splits import (
    Split, digest, left_out_splits, split_pairs, split_unpaired, spread_over)
from microgan.datasets.unpaired_arrays import UnpairedImages
from microgan.errors import UserError


def pairs_of(count, name="Cells", first=0, distinct=None):
    """Pairs whose clean images are all different, or of `distinct` kinds."""
    values = np.arange(first, first + count) % (distinct or first + count)
    images = values[:, np.newaxis, np.newaxis] * np.ones((1, 2, 2))
    return PairedImages(name, images, images)


def split(pairs, test_pairs=None, **changes):
    settings = {"images_limit": None, "validation_fraction": 0.2, "test_fraction": None, "seed": 1}
    return split_pairs(pairs, test_pairs, **{**settings, **changes})


def test_ten_pairs_become_eight_and_two_and_no_test():
    parts = split(pairs_of(10), images_limit=10)

    assert (len(parts.train), len(parts.validation), parts.test) == (8, 2, ())
    assert parts.test_from is None


def test_test_arrays_leave_all_pairs_to_training():
    parts = split(pairs_of(10), pairs_of(4, "Cells_test", first=10))

    assert len(parts.train) + len(parts.validation) == 10
    assert parts.test == (0, 1, 2, 3) and parts.test_from == "Cells_test"


def test_limit_comes_before_the_test_part():
    parts = split(pairs_of(60), images_limit=50)

    assert len(parts.train) + len(parts.validation) == 50
    assert len(parts.test) == 10 and parts.test_from == "Cells"


@given(count=st.integers(2, 60), limit=st.integers(-1, 60), seed=st.integers(0, 99),
       distinct=st.integers(2, 60))
def test_parts_are_disjoint_in_index_and_in_image(count, limit, seed, distinct):
    pairs = pairs_of(count, distinct=distinct)
    try:
        parts = split(pairs, images_limit=limit, seed=seed)
    except UserError:
        return

    images = [{int(pairs.clean[i][0, 0]) for i in part}
              for part in (parts.train, parts.validation, parts.test)]
    assert parts.train and parts.validation
    assert sum(map(len, images)) == len(set.union(*images))


def test_seed_repeats_and_changes_the_split():
    assert split(pairs_of(30), seed=3) == split(pairs_of(30), seed=3)
    assert split(pairs_of(30), seed=3) != split(pairs_of(30), seed=4)


def test_too_few_pairs_are_counted():
    with pytest.raises(UserError, match="'Cells' has 10 pairs, but training asks for 40, "
                       "validation for 10 and the test for 0. Lower --images_limit or add pairs."):
        split(pairs_of(10), images_limit=50)


def test_single_pair_is_too_few():
    with pytest.raises(UserError, match="'Cells' has 1 pair, but training asks for 1, "
                       "validation for 1 and the test for 0. Add pairs."):
        split(pairs_of(1))


def test_messages_name_the_kind_of_unpaired_images():
    with pytest.raises(UserError, match="'Cells' has 10 degraded images, but training asks for"):
        split_both(unpaired_of(10, 40), images_limit=50)


@pytest.mark.parametrize("limit", [0, 1, -5])
def test_invalid_limit_is_refused(limit):
    with pytest.raises(UserError, match=f"--images_limit must be at least 2.*{limit}"):
        split(pairs_of(10), images_limit=limit)


def test_validation_leaves_one_pair_to_train():
    parts = split(pairs_of(10), images_limit=2, validation_fraction=0.9)

    assert (len(parts.train), len(parts.validation)) == (1, 1)


def test_test_image_among_the_pairs_is_named():
    with pytest.raises(UserError, match="Clean image 0 of 'Cells_test' is also image 9"):
        split(pairs_of(10), pairs_of(3, "Cells_test", first=9))


def test_pairs_of_one_scene_cannot_be_divided():
    with pytest.raises(UserError, match="pairs of 'Cells' share clean images \\(1 different "
                       "ones in 10 pairs\\)"):
        split(pairs_of(10, distinct=1))


def unpaired_of(num_degraded, num_clean, name="Cells", first=0):
    return UnpairedImages(name, -pairs_of(num_degraded, first=first + 1).clean,
                          pairs_of(num_clean, first=first).clean)


def split_both(images, test_images=None, **changes):
    settings = {"images_limit": None, "validation_fraction": 0.2, "test_fraction": None, "seed": 1}
    return split_unpaired(images, test_images, **{**settings, **changes})


@pytest.mark.parametrize("count, test_fraction, num_test", [
    (19, None, 0), (20, None, 4), (4, 0.5, 2), (19, 0.2, 4), (20, 0.0, 0)])
def test_given_test_fraction_holds_for_any_number(count, test_fraction, num_test):
    assert len(split(pairs_of(count), test_fraction=test_fraction).test) == num_test


@pytest.mark.parametrize("limit", [None, 10])
def test_equal_numbers_are_divided_like_pairs(limit):
    like_pairs = split(pairs_of(30), images_limit=limit)

    degraded, clean = split_both(unpaired_of(30, 30), images_limit=limit)

    assert degraded == like_pairs
    assert (clean.validation, clean.test) == (like_pairs.validation, like_pairs.test)


def test_clean_images_beyond_the_limit_train():
    degraded, clean = split_both(unpaired_of(30, 30), images_limit=10)

    assert len(degraded.train) + len(degraded.validation) == 10
    assert set(clean.train) == set(range(30)) - {*clean.validation, *clean.test}


def test_pools_of_different_size_are_divided_separately():
    degraded, clean = split_both(unpaired_of(10, 40), images_limit=10)

    assert (len(degraded.train), len(degraded.validation), len(degraded.test)) == (8, 2, 0)
    assert (len(clean.train), len(clean.test)) == (26, 8)
    assert sorted(clean.train + clean.validation + clean.test) == list(range(40))


def test_test_arrays_of_other_numbers_leave_all_images_to_training():
    degraded, clean = split_both(unpaired_of(10, 12), unpaired_of(3, 4, "Cells_test", first=99))

    assert degraded.test == (0, 1, 2) and clean.test == (0, 1, 2, 3)
    assert len(degraded.train + degraded.validation) == 10
    assert len(clean.train + clean.validation) == 12


@pytest.mark.parametrize("counts", [(10, 10), (10, 12)])
def test_degraded_test_image_among_the_images_is_named(counts):
    images = unpaired_of(*counts)
    tests = UnpairedImages("Cells_test", images.degraded[8:], unpaired_of(2, 2, first=99).clean)

    with pytest.raises(UserError, match="Degraded image 0 of 'Cells_test' is also image 8"):
        split_both(images, tests)


def test_clean_copies_of_held_out_images_do_not_train():
    images = UnpairedImages("Cells", pairs_of(30).degraded,
                            pairs_of(30, distinct=15).clean)

    _, clean = split_both(images, images_limit=10)

    values = [{int(images.clean[i][0, 0]) for i in part}
              for part in (clean.train, clean.validation, clean.test)]
    assert not values[0] & (values[1] | values[2])


def test_tasks_that_share_truths_in_another_order_are_divided_in_the_same_way(random):
    pairs = pairs_of(30)
    order = random.permutation(30)
    shuffled = PairedImages("Other", pairs.degraded[order], pairs.clean[order])

    parts, others = split(pairs), split(shuffled)

    for name in ("train", "validation", "test"):
        assert set(order[list(getattr(others, name))]) == set(getattr(parts, name))


def test_same_image_in_another_type_is_recognised():
    pairs = pairs_of(10)
    test = PairedImages("Cells_test", pairs.degraded[9:], pairs.clean[9:].astype(np.uint8))

    with pytest.raises(UserError, match="is also image 9"):
        split(pairs, test)


@pytest.mark.parametrize("distinct, copies", [(7, 3), (3, 7), (6, 4)])
def test_several_pairs_per_scene_are_divided_without_a_limit(distinct, copies):
    parts = split(pairs_of(distinct * copies, distinct=distinct))

    assert len(parts.train) + len(parts.validation) + len(parts.test) == distinct * copies
    assert parts.train and parts.validation and parts.test


def test_some_are_taken_evenly_from_the_first_to_the_last():
    assert spread_over("abcdefg", 3) == ["a", "d", "g"]
    assert spread_over("abc", 5) == ["a", "b", "c"]
    assert spread_over("", 5) == []


@pytest.mark.parametrize("shape", [(3, 4), (5, 3, 4), (2, 5, 3, 4)])
def test_an_image_is_identified_by_all_its_pixels_and_its_shape(random, shape):
    image = random.integers(0, 255, shape, np.uint8)
    whole = hashlib.sha256(image.astype("<f8").tobytes() + repr(shape).encode())

    assert digest(image) == digest(image.astype(np.float32)) == whole.hexdigest()
    assert digest(image) != digest(image.reshape(-1, 2))
    assert digest(image.T) != digest(image)


def test_identifying_a_stack_takes_the_memory_of_a_slice():
    stack = np.zeros((100, 64, 64), np.uint8)
    tracemalloc.start()
    digest(stack)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak < 3 * stack[0].size * 8


def left_out(pairs, count, parts=None):
    return left_out_splits(pairs, parts or split(pairs), count=count, validation_fraction=0.2,
                           seed=1)


@given(number=st.integers(3, 30), count=st.integers(2, 12), distinct=st.integers(1, 30))
def test_every_pair_is_left_out_once_with_its_copies(number, count, distinct):
    pairs = pairs_of(number, distinct=distinct)
    try:
        splits = left_out(pairs, count, Split(tuple(range(number)), (), (), None))
    except UserError:
        assert min(number, distinct) < max(4 if count == 2 else 0, count)
        return

    assert sorted(index for parts in splits for index in parts.test) == list(range(number))
    for parts in splits:
        images = [{int(pairs.clean[i][0, 0]) for i in part}
                  for part in (parts.train, parts.validation, parts.test)]
        assert all(images) and sum(map(len, images)) == len(set.union(*images))
        assert len(parts.train) + len(parts.validation) + len(parts.test) == number


def test_test_pairs_are_outside_of_cross_validation():
    parts = split(pairs_of(30))

    splits = left_out(pairs_of(30), 5, parts)

    assert len(parts.test) == 6
    assert sorted(index for each in splits for index in each.test) == sorted(
        parts.train + parts.validation)


def test_planes_of_one_file_are_left_out_together():
    pairs = pairs_of(9)
    pairs = PairedImages(pairs.name, pairs.degraded, pairs.clean, (),
                         tuple("aaabbbccc"))

    splits = left_out(pairs, 3)

    assert sorted(parts.test for parts in splits) == [(0, 1, 2), (3, 4, 5), (6, 7, 8)]


def test_each_of_three_pairs_trains_validates_and_is_left_out_once():
    splits = left_out(pairs_of(3), 3)

    for part in ("train", "validation", "test"):
        assert sorted(getattr(split, part) for split in splits) == [(0,), (1,), (2,)]


@pytest.mark.parametrize("number, count, words", [
    (4, 5, "needs 5 pairs of 'Cells' .* but 4 train .*Pass --cross_validate=4, or add pairs."),
    (3, 2, "needs 4 pairs .* Pass --cross_validate=3, or add"),
    (2, 2, "needs 4 .* Add pairs of other samples.$")])
def test_too_few_pairs_to_leave_some_out_are_refused(number, count, words):
    with pytest.raises(UserError, match=f"--cross_validate={count} {words}"):
        left_out(pairs_of(number), count)
