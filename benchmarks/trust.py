"""Which map finds lies in restored images: the numbers of docs/trust.md.

Lies are planted in restorations of test images, one in each copy: a disc that is faded into
another restoration, doubled (its structures once more, beside), shifted by 3 to 8 pixels or
removed, with a radius of 4, 7 or 14 pixels. Each changes the disc by 2, 5, 10 or 15 % of the
intensity range on average. Maps of them:

- fitted: `microgan.restoration.trust.inconsistency`
- plain: the same without fitted blur and noise, only a fitted scale
- CIN-GAN: from four draws of a CIN-GAN generator that degrades the restored image again, in
  deviations of their noise

Lies are told by the mean of a map in their disc from the same discs of the unchanged image.
AUROC: 0.5 is chance, 1 is all found. Found: above the 95th percentile of all unchanged discs of
the task, that is with 5 % false alarms.

With a further set, also inventions of the network itself, where the truth is known: restorations
of even images, degraded as the training pairs are, and of the further set's clean images,
degraded in the same way. Discs of 7 pixels that show structures of 3 % of the range or more, at
least half of it wrong, are told from discs of the same image: those with an error below 1.5 % of
even images, and of others those with structures as strong that are right to a quarter.

Rows of every task are written to a CSV file. Tables of all given files:

    python benchmarks/trust.py data GENERATOR.h5 CIN_GENERATOR.h5 10 trust_data.csv OTHER_DATA
    python benchmarks/trust.py trust_data.csv trust_micro3.csv
"""

import csv
import sys
from collections import defaultdict

import numpy as np
from scipy import ndimage, stats

from microgan.datasets.paired_arrays import find_datasets, load_pairs, load_test_pairs
from microgan.estimation.paired import measure_paired
from microgan.restoration.restorer import load_restorer
from microgan.restoration.trust import COARSE_PX, FINE_PX, inconsistency

KINDS = ("faded in", "doubled", "shifted", "removed")
CHANGES = (0.02, 0.05, 0.1, 0.15)  # of the intensity range
RADII = (4, 7, 14)
MAPS = ("fitted", "plain", "CIN-GAN")
HALF = 16  # of the squares around discs, in pixels
NUM_DRAWS = 4
LEAST_NOISE = 1e-3
LEVELS = (5, 50, 95)  # of even images, percentiles of clean ones
LEAST_SHOWN = 0.03  # structures, as a share of the intensity range
_ROWS, _COLUMNS = np.mgrid[-HALF:HALF, -HALF:HALF] + 0.5


def smooth(image, sigma):
    return ndimage.gaussian_filter(image, sigma, truncate=4)


def band(image):
    """Keep what is neither finer nor coarser than structures."""
    return smooth(image, FINE_PX) - smooth(image, COARSE_PX)


def disc(radius):
    """Weights of a disc with a soft edge, in a square."""
    return np.clip((radius - np.hypot(_ROWS, _COLUMNS)) / (radius / 3.5), 0, 1)


def square(row, column):
    """The square around a place."""
    return slice(row - HALF, row + HALF), slice(column - HALF, column + HALF)


def plain(measured, restored):
    """The trivial map: the filtered difference after fitting the scale."""
    target, found = band(measured), band(restored)
    return np.abs(target - np.sum(target * found) / np.sum(found ** 2) * found)


def in_deviations(measured, draws, least_deviation):
    """The filtered difference from the mean of draws, in deviations of their filtered noise."""
    mean = np.mean(draws, axis=0)
    variance = (1 + 1 / len(draws)) / (len(draws) - 1) * sum(band(draw - mean) ** 2
                                                             for draw in draws)
    return np.abs(band(measured - mean)) / np.maximum(np.sqrt(smooth(variance, COARSE_PX)),
                                                      least_deviation)


def maps(degrader, task, measured, restored, least_deviation):
    """Maps of images (N, Y, X): by name, (N, Y, X)."""
    found = {"fitted": [inconsistency(*pair, least_deviation) for pair in zip(measured, restored)],
             "plain": [plain(*pair) for pair in zip(measured, restored)]}
    if degrader is not None:
        draws = np.empty((NUM_DRAWS, *measured.shape), np.float32)
        for seed, draw in enumerate(draws):
            degrader.restore_into(draw, restored, axes="TYX", task=task, seed=seed, report=len)
        found["CIN-GAN"] = [in_deviations(image, draws[:, number], least_deviation)
                            for number, image in enumerate(measured)]
    return {name: np.stack(each) for name, each in found.items()}


def plant(images, number, kind, change, span, random):
    """Plant a lie in a copy of an image: (copy, row, column, radius), or None without a place."""
    image = images[number]
    for radius in random.permutation(RADII):
        weight = disc(radius)
        for _ in range(60):
            row, column = random.integers(HALF, np.array(image.shape) - HALF + 1)
            here = image[square(row, column)]
            if kind == "faded in":
                other = random.integers(HALF, np.array(image.shape) - HALF + 1)
                new = images[(number + 1) % len(images)][square(*other)]
            elif kind == "removed":
                new = np.minimum(here, np.percentile(here, 10))
            else:
                angle, length = random.uniform(0, 2 * np.pi), random.uniform(3, 8)
                steps = np.rint(length * np.array([np.sin(angle), np.cos(angle)])).astype(int)
                new = np.roll(image, steps, (0, 1))[square(row, column)]
                if kind == "doubled":
                    new = here + np.maximum(new - np.percentile(here, 10), 0)
            most = float((weight * np.abs(new - here))[weight > 0.5].mean()) / span
            if most >= change:
                changed = image.copy()
                changed[square(row, column)] += change / most * weight * (new - here)
                return changed, row, column, radius
    return None


def mean_in_discs(found, places):
    """Mean of each map in the disc at (image, row, column, radius)."""
    return {name: np.array([each[(number, *square(row, column))][disc(radius) > 0.5].mean()
                            for number, row, column, radius in places])
            for name, each in found.items()}


def auroc(positive, negative):
    """Area under the receiver operating characteristic."""
    statistic = stats.mannwhitneyu(positive, negative).statistic
    return float(statistic) / len(positive) / len(negative)


def compare(positive, negative, alarms):
    """By map, AUROC and the share above 95 % of `alarms`, a row each."""
    return {name: {"auroc": auroc(positive[name], negative[name]),
                   "found": float(np.mean(positive[name] > np.percentile(alarms[name], 95)))}
            for name in positive}


def planted_rows(degrader, task, measured, restored, spans):
    """Rows of planted lies of one task."""
    random = np.random.default_rng(0)
    lies, places, kinds = [], [], []
    for number in range(len(restored)):
        for kind in KINDS:
            for change in CHANGES:
                lie = plant(restored, number, kind, change, spans[1], random)
                if lie is not None:
                    lies.append(lie[0])
                    places.append((number, *lie[1:]))
                    kinds.append((kind, change))
    least = LEAST_NOISE * spans[0]
    unchanged = mean_in_discs(maps(degrader, task, measured, restored, least), places)
    # One image each.
    numbers = [number for number, *_ in places]
    changed = mean_in_discs(
        maps(degrader, task, measured[numbers], np.stack(lies), least),
        [(index, *place) for index, (_, *place) in enumerate(places)])
    for kind in KINDS:
        for change in CHANGES:
            chosen = [index for index, found in enumerate(kinds) if found == (kind, change)]
            if len(chosen) > 2:
                yield kind, change, len(chosen), compare(
                    *({name: values[chosen] for name, values in each.items()}
                      for each in (changed, unchanged)), unchanged)


def invented_rows(restorer, degrader, task, pairs, further):
    """Rows of what the network itself invents, of one task; without scores where too little is."""
    ranges = restorer.info.normalization[task]
    spans = [each.high - each.low for each in (ranges.degraded, ranges.clean)]
    model = measure_paired(list(pairs.degraded[:10]), list(pairs.clean[:10])).model
    levels = np.percentile(pairs.clean[:10], LEVELS)
    for source, clean in (
            ("noise alone", [np.full(pairs.clean[0].shape, level) for level in levels] * 4),
            ("another set", [ranges.clean.low + spans[1] * image for image in further])):
        random = np.random.default_rng(0)
        measured = np.stack([model.apply(random, image) for image in clean]).astype(np.float32)
        restored = restorer(measured, axes="TYX", task=task, report=len)
        shown, error = (np.abs([band(image) for image in images]) / spans[1] for images in (
            restored, restored - np.asarray(clean)))
        places = [(number, row, column, 7) for number in range(len(clean))
                  for row in range(HALF, shown.shape[1] - HALF + 1, 16)
                  for column in range(HALF, shown.shape[2] - HALF + 1, 16)]
        shown, error = mean_in_discs({"shown": shown, "error": error}, places).values()
        values = mean_in_discs(maps(degrader, task, measured, restored, LEAST_NOISE * spans[0]),
                               places)
        invented = (shown >= LEAST_SHOWN) & (error >= shown / 2)
        right = (error < LEAST_SHOWN / 2 if source == "noise alone" else
                 (shown >= LEAST_SHOWN) & (error <= shown / 4))
        images = np.array([number for number, *_ in places])
        yield source, float(invented.mean()), int(invented.sum()), within_images(
            values, invented, right, images)


def within_images(values, invented, right, images):
    """As `compare`, each image by itself: otherwise a brighter one would look found."""
    scores, weights = defaultdict(list), []
    for number in np.unique(images):
        here = images == number
        if min((invented & here).sum(), (right & here).sum()) < 3:
            continue
        of_right = {name: each[right & here] for name, each in values.items()}
        weights.append((invented & here).sum())
        for name, score in compare({name: each[invented & here] for name, each in values.items()},
                                   of_right, of_right).items():
            scores[name].append(list(score.values()))
    return {name: dict(zip(("auroc", "found"), np.average(each, axis=0, weights=weights)))
            for name, each in scores.items()}


def clean_of(data_dir, num_images):
    """Clean test images of all tasks of a set, 0 to 1."""
    found = []
    for task in find_datasets(data_dir):
        pairs = load_test_pairs(data_dir, task)
        low, high = np.percentile(pairs.clean, (0.1, 99.9))
        found += [(np.asarray(image, np.float64) - low) / (high - low)
                  for image in pairs.clean[:num_images]]
    return found


def measure(data_dir, generator, cin_generator, num_images, target, further=None):
    """Write the rows of one set."""
    restorer = load_restorer(generator, precision="float32")
    degrader = load_restorer(cin_generator, precision="float32")
    rows = []
    for task in restorer.info.tasks:
        pairs = load_test_pairs(data_dir, task)
        measured = np.asarray(pairs.degraded[:int(num_images)], np.float32)
        restored = restorer(measured, axes="TYX", task=task, report=len)
        ranges = restorer.info.normalization[task]
        spans = [each.high - each.low for each in (ranges.degraded, ranges.clean)]
        found = [*planted_rows(degrader, task, measured, restored, spans)]
        if further is not None:
            found += invented_rows(restorer, degrader, task, load_pairs(data_dir, task),
                                   clean_of(further, 4))
        for kind, change, count, values in found:
            rows.append({"task": task, "kind": kind, "change": round(change, 4), "count": count,
                         **{f"{name} {score}": f"{number:.4f}" for name, scores in values.items()
                            for score, number in scores.items()}})
        print(f"{task}: {len(found)} rows", flush=True)
    with open(target, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def table(rows, first, key):
    """A table of means over tasks, a row for each value of `key`."""
    lines = [f"| {first} | discs | " + " | ".join(f"{name}: AUROC, found" for name in MAPS) + " |",
             "|---" * (2 + len(MAPS)) + "|"]
    groups = defaultdict(list)
    for row in rows:
        groups[key(row)].append(row)
    for name, group in groups.items():
        known = [row for row in group if row["fitted auroc"]]
        values = [[np.mean([float(row[f"{each} {score}"]) for row in known])
                   for score in ("auroc", "found")] for each in MAPS] if known else []
        lines.append(f"| {name} | {sum(int(row['count']) for row in group)} | " + " | ".join(
            f"{area:.3f}, {100 * found:.0f} %" for area, found in values) + " |")
    return "\n".join(lines)


def tables(paths):
    """Tables of all rows in files."""
    rows = []
    for path in paths:
        with open(path, newline="", encoding="utf-8") as file:
            rows += csv.DictReader(file)
    planted = [row for row in rows if row["kind"] in KINDS]
    wins = defaultdict(set)
    for kind, change in {(row["kind"], row["change"]) for row in planted}:
        of_kind = [row for row in planted if (row["kind"], row["change"]) == (kind, change)]
        for score in ("auroc", "found"):
            means = [np.mean([float(row[f"{name} {score}"]) for row in of_kind]) for name in MAPS]
            if means[0] > means[2]:
                wins[score].add((kind, change))
    text = [table(planted, "lie", lambda row: row["kind"]),
            table(planted, "change", lambda row: f"{100 * float(row['change']):.0f} %"),
            table(planted, "task", lambda row: row["task"]),
            table([row for row in rows if row not in planted], "invention", lambda row: (
                f"{row['kind']}, {row['task']}, {100 * float(row['change']):.1f} % of discs")),
            "fitted ahead of CIN-GAN in " + ", ".join(
                f"{len(wins[score])} of {len(KINDS) * len(CHANGES)} ({score})"
                for score in ("auroc", "found"))]
    return "\n\n".join(text)


if __name__ == "__main__":
    if sys.argv[1].endswith(".csv"):
        print(tables(sys.argv[1:]))
    else:
        measure(*sys.argv[1:])
