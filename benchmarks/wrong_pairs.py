"""How many wrong pairs the check before a training names, and how many right ones it calls wrong.

Of each set of 12 pairs, two at a time are made wrong in each of several ways. A wrong pair counts
as named if a finding names it, and as understood if the finding is of its kind. All pairs of all
folders are also checked as they are, 12 at a time; they are taken to be right.

    python -m benchmarks.wrong_pairs --data_dirs=data,more_data
"""

import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tifffile

from microgan.cli.command import run_command
from microgan.config import Config, setting
from microgan.datasets.distorted_pairs import Stretch, stretched
from microgan.datasets.pair_checks import check_pairs
from microgan.datasets.paired_arrays import (
    PairedImages, find_datasets, load_pairs, load_test_pairs)
from microgan.errors import UserError

NUM_PAIRS = 12
AT_ONCE = 2
SHIFTS_PX = (1, 2, 5, 20, 60)
STRETCHES = (1.03, 1.06)


def shifted(degraded, clean, random, distance):
    """Cut both so that the clean image shows a place some pixels away along one axis."""
    axis, step = random.integers(2), random.choice([-distance, distance])
    first, second = (np.moveaxis(image, axis, 0) for image in (degraded, clean))
    first, second = ((first[step:], second[:-step]) if step > 0 else
                     (first[:step], second[-step:]))
    return np.moveaxis(first, 0, axis), np.moveaxis(second, 0, axis)


def stretched_pair(degraded, clean, random, factor):
    """Stretch or shrink the degraded image along both axes."""
    factor = random.choice([factor, 1 / factor])
    return stretched(degraded, Stretch(factor, factor)), clean


def exchanged(degraded, clean, _):
    """Exchange the halves."""
    return clean, degraded


def mirrored(degraded, clean, _):
    """Mirror the degraded image."""
    return degraded[:, ::-1], clean


def saturated(degraded, clean, _):
    """Cut the brightest tenth of the degraded image."""
    return np.minimum(degraded, np.quantile(degraded, 0.9).astype(degraded.dtype)), clean


def empty(degraded, clean, random):
    """Replace the degraded image by its dark pixels, in random order."""
    dark = degraded[degraded <= np.quantile(degraded, 0.25)]
    return random.choice(dark, degraded.shape), clean


# Kind of finding, what makes one pair wrong, and its further argument.
WAYS = {
    **{f"shifted by {distance} px": ("shifted", shifted, distance) for distance in SHIFTS_PX},
    "exchanged": ("exchanged", exchanged),
    "mirrored": ("mirrored or rotated", mirrored),
    "saturated": ("saturated", saturated),
    "empty": ("empty", empty),
    **{f"stretched by {factor - 1:.0%}": ("stretched", stretched_pair, factor)
       for factor in STRETCHES},
}
# Those that need other pairs: each gives the set and the pairs that are wrong.
SWAPPED, REORDERED, OTHER_FILE, OTHER_SIZE, ALL_EXCHANGED = (
    "swapped", "reordered", "other file", "other size", "all exchanged")


@dataclass(frozen=True, kw_only=True)
class Settings(Config):
    """What the benchmark takes."""

    data_dirs: tuple[str, ...] = setting(("data",), "Folders of pairs.")
    seed: int = setting(1, "Seed of directions.")


def wrong_sets(degraded, clean, others, random):
    """Yield a set's images made wrong: the way, both halves, the wrong pairs and their kind.

    Args:
        degraded: 12 images (Y, X).
        clean: likewise.
        others: clean images of other pairs, at least one.
        random: `numpy.random.Generator`.
    """
    count = len(degraded)
    groups = [range(start, min(start + AT_ONCE, count)) for start in range(0, count, AT_ONCE)]
    for way, (kind, make, *arguments) in WAYS.items():
        for group in groups:
            both = list(degraded), list(clean)
            for index in group:
                both[0][index], both[1][index] = make(degraded[index], clean[index], random,
                                                      *arguments)
            yield way, *both, group, kind
    for group in groups:
        changed = list(clean)
        for index, other in zip(group, reversed(group)):
            changed[index] = clean[other]
        yield SWAPPED, degraded, changed, group, "swapped"
        changed = list(clean)
        for index in group:
            changed[index] = others[index % len(others)]
        yield OTHER_FILE, degraded, changed, group, "unmatched"
    yield REORDERED, degraded, [*clean[1:], clean[0]], range(count), "swapped"


def is_other_size_named(degraded, clean):
    """Whether a pair in files is refused by name if its clean image is 8 rows shorter."""
    with tempfile.TemporaryDirectory() as folder:
        for half, image in (("degraded", degraded), ("clean", clean[8:])):
            path = Path(folder, "Cells", half, "one.tif")
            path.parent.mkdir(parents=True)
            tifffile.imwrite(path, image)
        try:
            load_pairs(folder, "Cells")
        except UserError as error:
            return "one.tif" in str(error)
    return False


def score_set(name, pairs, random):
    """Count wrong pairs of one set: {way: Counter of pairs, named, understood}."""
    degraded, clean = (list(images[:NUM_PAIRS]) for images in (pairs.degraded, pairs.clean))
    others = list(pairs.clean[NUM_PAIRS:2 * NUM_PAIRS]) or [np.rot90(clean[0])]
    counts = {}
    for way, first, second, wrong, kind in wrong_sets(degraded, clean, others, random):
        found = check_pairs(PairedImages(name, first, second))
        kinds = [{each.kind for each in found if each.index == index} for index in wrong]
        counts.setdefault(way, Counter()).update(
            pairs=len(wrong), named=sum(map(bool, kinds)),
            understood=sum(kind in each for each in kinds))
    refused = sum(map(is_other_size_named, degraded, clean))
    counts[OTHER_SIZE] = Counter(pairs=len(degraded), named=refused, understood=refused)
    whole = sum(each.index is None for each in check_pairs(PairedImages(name, clean, degraded)))
    counts[ALL_EXCHANGED] = Counter(pairs=1, named=whole, understood=whole)
    return counts


def called_wrong(pairs):
    """Check right pairs, 12 at a time; return how many and the lines about them."""
    lines = []
    for start in range(0, len(pairs), NUM_PAIRS):
        part = slice(start, start + NUM_PAIRS)
        lines += [finding.line() for finding in check_pairs(PairedImages(
            f"{pairs.name} from {start}", pairs.degraded[part], pairs.clean[part]))]
    return len(pairs), lines


def main(settings):
    """Print what is wrong with right pairs, then a row per way and column per set."""
    columns, num_right, num_called = {}, 0, 0
    for folder in settings.data_dirs:
        for task in find_datasets(folder):
            pairs = load_pairs(folder, task)
            for each in (pairs, load_test_pairs(folder, task)):
                if each is not None:
                    count, called = called_wrong(each)
                    num_right, num_called = num_right + count, num_called + len(called)
                    print("\n".join([f"{each.name}: {count} right pairs", *called]), flush=True)
            if len(pairs) >= NUM_PAIRS:
                columns[task] = score_set(task, pairs, np.random.default_rng(settings.seed))
                print(f"{task}: " + ", ".join(
                    f"{way} {counts['named']}/{counts['pairs']}"
                    for way, counts in columns[task].items()), flush=True)
    print(table(columns))
    print(f"Of {num_right} right pairs {num_called} are called wrong.")


def table(columns):
    """Return Markdown: wrong pairs that are named, understood ones behind if they are fewer."""
    rows = [["", *columns, "all"], ["---"] * (len(columns) + 2)]
    for way in next(iter(columns.values()), {}):
        counts = [column[way] for column in columns.values()]
        rows.append([way, *map(_cell, counts), _cell(sum(counts, Counter()))])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _cell(counts):
    share = f"{counts['named']} of {counts['pairs']}"
    return share if counts["named"] == counts["understood"] else (
        f"{share} ({counts['understood']})")


if __name__ == "__main__":
    sys.exit(run_command(Settings, __doc__, main))
