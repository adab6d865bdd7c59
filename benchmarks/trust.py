"""Whether trust maps mean something, against known truth: the numbers of docs/trust.md.

Computes for each task's test images the rank correlation of each map with the true absolute
error, per pixel and per image. Then plants errors: discs of 28 pixels in restored images, half of
them taken from another restored image, half emptied to the image's dark level. A disc is planted
where it changes the image by 15 % of the intensity range on average or, failing that, where it
changes it most among 200 random places. AUROC: mean inconsistency within planted discs against
discs anywhere in unchanged restorations.

Try it: python benchmarks/trust.py data GENERATOR.h5 CIN_GENERATOR.h5 20
"""

import sys

import numpy as np
from scipy import stats

from microgan.datasets.paired_arrays import load_test_pairs
from microgan.restoration.restorer import load_restorer
from microgan.restoration.trust import inconsistency, spread

NUM_DRAWS = 4
RADIUS = 16  # of the squares around discs, in pixels
FLIPS = ((), (1,), (2,), (1, 2))
_ROWS, _COLUMNS = np.mgrid[-RADIUS:RADIUS, -RADIUS:RADIUS]
WEIGHT = np.clip((14 - np.hypot(_ROWS, _COLUMNS)) / 4, 0, 1)
DISC = WEIGHT > 0.5


def square(row, column):
    """The square around a place."""
    return slice(row - RADIUS, row + RADIUS), slice(column - RADIUS, column + RADIUS)


def plant(restored, span, random):
    """Plant discs in restored images: the changed images, and (image, row, column, kind)."""
    changed, places = restored.copy(), []
    for number, image in enumerate(restored):
        for kind in ("invented", "deleted"):
            best = (0.0, None, None)
            for _ in range(200):
                row, column, other_row, other_column = random.integers(
                    RADIUS, image.shape[0] - RADIUS, 4)
                if any(place[0] == number and max(abs(row - place[1]), abs(column - place[2]))
                       < 2 * RADIUS + 4 for place in places):
                    continue
                new = (restored[(number + 1) % len(restored)][square(other_row, other_column)]
                       if kind == "invented" else np.percentile(image, 10))
                change = float(np.mean(WEIGHT * np.abs(new - image[square(row, column)]))) / span
                if change > best[0]:
                    best = (change, (row, column), new)
                if change > 0.15:
                    break
            _, place, new = best
            if place is not None:
                here = (number, *square(*place))
                changed[here] = WEIGHT * new + (1 - WEIGHT) * changed[here]
                places.append((number, *place, kind))
    return changed, places


def auroc(positive, negative):
    """Area under the receiver operating characteristic."""
    statistic = stats.mannwhitneyu(positive, negative).statistic
    return statistic / len(positive) / len(negative)


def aurocs(values):
    """AUROC of all planted, of invented and of deleted discs against unchanged ones."""
    lies = values["invented"] + values["deleted"]
    return " | ".join(f"{auroc(kind, values['unchanged']):.3f}"
                      for kind in (lies, values["invented"], values["deleted"]))


def maps(degrader, measured, restored, task):
    """The inconsistency maps of restored images."""
    degraded = degrader.info.normalization[task].degraded
    draws = []
    for seed in range(NUM_DRAWS):
        draw = np.empty(measured.shape, np.float32)
        degrader.restore_into(draw, restored, axes="TYX", task=task, seed=seed, report=len)
        draws.append(draw)
    return np.stack([inconsistency(image, [draw[number] for draw in draws],
                                   1e-3 * (degraded.high - degraded.low))
                     for number, image in enumerate(measured)])


def correlations(found, error):
    """Rank correlation per pixel and per image."""
    return (f"{stats.spearmanr(found.ravel(), error.ravel()).statistic:.2f}, "
            f"{stats.spearmanr(found.mean((1, 2)), error.mean((1, 2))).statistic:.2f}")


def main(data_dir, generator, cin_generator, num_images):
    """Print the table."""
    restorer = load_restorer(generator, precision="float32")
    degrader = load_restorer(cin_generator, precision="float32")
    random = np.random.default_rng(0)
    pooled = {"invented": [], "deleted": [], "unchanged": []}
    print("| task | AUROC: all | invented | deleted | spread and error: pixels, images | "
          "inconsistency and error: pixels, images |\n|---|---|---|---|---|---|")
    for task in restorer.info.tasks:
        pairs = load_test_pairs(data_dir, task)
        measured, clean = (np.asarray(images[:int(num_images)], np.float32)
                           for images in (pairs.degraded, pairs.clean))
        each = [np.flip(restorer(np.flip(measured, axes), axes="TYX", task=task, report=len),
                        axes) for axes in FLIPS]
        restored, ranges = each[0], restorer.info.normalization[task].clean
        error = np.abs(restored - clean)
        found = maps(degrader, measured, restored, task)
        changed, lies = plant(restored, ranges.high - ranges.low, random)
        planted = maps(degrader, measured, changed, task)
        places = {"invented": [], "deleted": [], "unchanged": [
            (number, *random.integers(RADIUS, clean.shape[1] - RADIUS, 2))
            for number in range(len(clean)) for _ in range(6)]}
        for *place, kind in lies:
            places[kind].append(place)
        values = {kind: [(found if kind == "unchanged" else planted)[
            (number, *square(row, column))][DISC].mean() for number, row, column in of_kind]
            for kind, of_kind in places.items()}
        for kind, of_kind in values.items():
            pooled[kind] += of_kind
        print(f"| {task} | {aurocs(values)} | {correlations(spread(each), error)} | "
              f"{correlations(found, error)} |", flush=True)
    print(f"| all together | {aurocs(pooled)} | | |")


if __name__ == "__main__":
    main(*sys.argv[1:])
