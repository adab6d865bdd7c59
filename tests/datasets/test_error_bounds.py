"""Intervals hold as many true intensities as they promise."""

import numpy as np
import pytest

from microgan.datasets.error_bounds import ErrorBounds


def restorations(random, count, scale, side=64):
    """Restored images whose error has a deviation of `scale` times the spread."""
    clean = random.uniform(0, 100, (count, side, side))
    spread = random.uniform(0, 4, clean.shape)
    restored = clean + scale * spread * random.normal(size=clean.shape)
    return list(restored), list(clean), list(spread)


def coverage(bounds, restored, clean, spread):
    return float(np.mean(np.abs(np.subtract(clean, restored)) <= bounds(np.array(spread))))


def test_intervals_hold_nine_tenths_where_the_spread_is_small_and_where_it_is_large(random):
    bounds = ErrorBounds.fit(restorations(random, 8, 1), restorations(random, 2, 1))
    others = restorations(random, 10, 1)

    assert coverage(bounds, *others) == pytest.approx(0.9, abs=0.02)
    for low in (0.4, 1.2, 2, 2.8):
        here = [np.array(part)[(np.array(others[2]) > low) & (np.array(others[2]) < low + 0.8)]
                for part in others]
        assert coverage(bounds, *here) == pytest.approx(0.9, abs=0.05)
    assert bounds.half_widths[-1] > 5 * bounds.half_widths[0]


def test_held_out_images_widen_intervals_that_learned_ones_made_too_narrow(random):
    learned = restorations(random, 8, 1)

    bounds = ErrorBounds.fit(learned, restorations(random, 2, 3))

    assert coverage(bounds, *restorations(random, 10, 3)) == pytest.approx(0.9, abs=0.02)
    # Two that differ: the larger error counts. Smaller errors by chance narrow nothing.
    one, other = restorations(random, 1, 1), restorations(random, 1, 3)
    mixed = ErrorBounds.fit(learned, tuple(map(list.__add__, one, other)))
    np.testing.assert_allclose(mixed.half_widths, ErrorBounds.fit(learned, other).half_widths,
                               rtol=1e-6)
    assert ErrorBounds.fit(learned, restorations(random, 2, 0.5)) == ErrorBounds.fit(
        learned, restorations(random, 2, 0.1))


def test_between_and_beyond_what_is_known_it_interpolates_and_stays():
    bounds = ErrorBounds((1.0, 3.0), (2.0, 4.0))

    np.testing.assert_array_equal(bounds(np.array([0.0, 1, 2, 3, 9])), [2, 2, 3, 4, 4])
    assert ErrorBounds.from_json(bounds.to_json()) == bounds


def test_without_pairs_on_either_side_or_without_errors_nothing_is_known(random):
    some, none = restorations(random, 2, 1), ([], [], [])

    assert ErrorBounds.fit(some, none) is ErrorBounds.fit(none, some) is None
    assert ErrorBounds.fit(restorations(random, 2, 0), some) is None


def test_images_whose_mirror_images_agree_everywhere_have_one_width(random):
    restored, clean, _ = restorations(random, 4, 1)
    parts = [(restored[part], clean[part], [np.zeros((64, 64))] * 2)
             for part in (slice(0, 2), slice(2, 4))]

    bounds = ErrorBounds.fit(*parts)

    assert bounds.spreads == (0.0,)
    assert coverage(bounds, *parts[1]) >= 0.9
