"""Whether 90 % intervals hold 90 % of the true intensities: the numbers of docs/trust.md.

Measures the errors of trained generators on the pairs of their training and validation, as a
training does at its end, and the coverage on the test images: over all pixels, the lowest of all
deciles of the restored intensity, and the tenth percentile of all images. Then the mean half-width
as a share of the intensity range, and its rank correlation with the true absolute error, over
pixels and over the means of images. Several generators of a set are trainings with other seeds and
pairs; the lowest and highest of them stand in brackets.

Try it: python benchmarks/coverage.py data RUN_FOLDER [RUN_FOLDER ...]
"""

import functools
import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy import stats

from microgan.datasets.paired_arrays import load_pairs, load_test_pairs
from microgan.generator_file import load_generator
from microgan.methods.calibration import with_error_bounds
from microgan.restoration.in_memory import InMemoryRestorer
from microgan.restoration.trust import spread_over_mirrors


def coverage(restored, clean, half_width):
    """Coverage over all pixels, of the worst decile of intensities, and of the worst images."""
    is_held = np.abs(clean - restored) <= half_width
    edges = np.quantile(restored, np.linspace(0, 1, 11)[1:-1])
    decile = np.digitize(restored, edges)
    return (is_held.mean(), min(is_held[decile == number].mean() for number in np.unique(decile)),
            np.quantile(is_held.mean((1, 2)), 0.1))


def measure(data_dir, folder):
    """Coverages in per cent, mean half-width and correlations of one training, by task."""
    model, info = load_generator(Path(folder) / "generator.h5", precision="float32")
    split = json.loads((Path(folder) / "split.json").read_text(encoding="utf-8"))

    def parts(task):
        pairs = load_pairs(data_dir, task)
        return [tuple([images[number] for number in split[task][part]]
                      for images in (pairs.degraded, pairs.clean))
                for part in ("train", "validation")]

    info = with_error_bounds(model, info, parts)
    restore = InMemoryRestorer(model, info)
    restore_once = InMemoryRestorer(model, replace(info, test_time_augmentation=False))
    found = {}
    for task in info.tasks:
        pairs = load_test_pairs(data_dir, task)
        spread = np.array(spread_over_mirrors(functools.partial(restore_once, task),
                                              list(pairs.degraded)))
        half_width = info.error_bounds[task](spread)
        ranges = info.normalization[task].clean
        restored = np.array(restore(task, list(pairs.degraded)))
        clean = np.array(pairs.clean, np.float64)
        error = np.abs(clean - restored)
        found[task] = [
            *(100 * share for share in (*coverage(restored, clean, half_width),
                                        half_width.mean() / (ranges.high - ranges.low))),
            stats.spearmanr(half_width.ravel(), error.ravel()).statistic,
            stats.spearmanr(half_width.mean((1, 2)), error.mean((1, 2))).statistic]
    return found


def main(data_dir, *folders):
    """Print the rows of one set."""
    trainings = [measure(data_dir, folder) for folder in folders]
    for task in trainings[0]:
        columns = np.array([found[task] for found in trainings]).T
        print(f"| {task} | {len(folders)} | " + " | ".join(
            [f"{column.mean():.1f} % ({column.min():.1f} to {column.max():.1f})"
             for column in columns[:3]] + [f"{columns[3].mean():.1f} %",
                                           ", ".join(f"{column.mean():.2f}"
                                                     for column in columns[4:])])
              + " |", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
