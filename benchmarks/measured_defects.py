"""How near measured degradations come to real images, and what a linear filter makes of them.

Of each task, ten degraded training images and the clean ones of the others are measured. Clean
images degraded by the result are then compared with the ten, and with the other real images,
which the measuring did not see: the distance of their spectra
(`metrics.defects.spectrum_distance`), beside that of clean images and of two halves of the real
ones. The linear filter is scored under `care`.

    python benchmarks/measured_defects.py --output=benchmarks/results/measured_defects.md data

Each argument is a folder of NAME_X.npy and NAME_Y.npy. Test arrays are not read.
"""

import argparse
import time
from pathlib import Path

import numpy as np
from scipy import ndimage

from microgan.datasets.normalization import fit_percentiles
from microgan.estimation.linear_filter import LinearFilter, clean_spectrum
from microgan.estimation.unpaired import measure_unpaired
from microgan.metrics.defects import spectrum_distance
from microgan.metrics.paired import align_care, psnr, ssim

NUM_DEGRADED = 10
NUM_SPLITS = 10
MOST_SCORED = 40
GAUSSIANS_PX = (0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 2.5)
NUMBERS = ("blur_y_px", "blur_x_px", "step_px", "scale", "haze", "noise_gain", "noise_floor",
           "photons")


def halves_distance(images):
    """Mean spectrum distance of two random halves of a set of images."""
    distances = []
    for seed in range(NUM_SPLITS):
        order = np.random.default_rng(seed).permutation(len(images))
        parts = [[images[k] for k in half] for half in np.array_split(order, 2)]
        distances.append(spectrum_distance(*parts))
    return float(np.mean(distances))


def mean_scores(clean, restored):
    """Mean PSNR (dB) and SSIM under `care`."""
    pairs = [align_care(truth, image) for truth, image in zip(clean, restored)]
    return tuple(float(np.mean([score(*pair[:2], data_range=pair.data_range) for pair in pairs]))
                 for score in (psnr, ssim))


def row_of(name, degraded, clean):
    """Measure one task; return a row of each table."""
    ten, others = degraded[:NUM_DEGRADED], degraded[NUM_DEGRADED:]
    pool = list(clean[NUM_DEGRADED:])
    started = time.process_time()
    found = measure_unpaired(list(ten), pool)
    seconds = time.process_time() - started
    rng = np.random.default_rng(1)
    unit, clean_unit = fit_percentiles(ten), fit_percentiles(pool)
    made = [unit.to_unit(found.model.apply(rng, image)) for image in pool]
    real, seen = ([unit.to_unit(image) for image in each] for each in (others, ten))
    plain = [clean_unit.to_unit(image) for image in pool]
    cells = [name]
    for images in (real, seen):
        distances = [spectrum_distance(each, images) for each in (made, plain)]
        cells += [f"{distances[0]:.3f}", f"{distances[1]:.3f}",
                  f"{100 * distances[0] / distances[1]:.0f} %", f"{halves_distance(images):.3f}"]
    cells += [f"{spectrum_distance(seen, real):.3f}", f"{found.misfit:.2f}", f"{seconds:.1f}"]
    restore = LinearFilter(found.model, clean_spectrum(pool)).restore
    inputs, truths = others[:MOST_SCORED], pool[:MOST_SCORED]
    gaussian = max((mean_scores(truths, [ndimage.gaussian_filter(image.astype(float), sigma)
                                         for image in inputs]) for sigma in GAUSSIANS_PX))
    scores = [mean_scores(truths, inputs), gaussian,
              mean_scores(truths, [restore(image) for image in inputs])]
    return (cells, [name, *(f"{db:.2f} / {similarity:.3f}" for db, similarity in scores)],
            [name, *(str(found.estimates.get(number, "")) for number in NUMBERS)],
            [f"- {name}: {note}" for note in found.notes])


def table(*rows):
    """Lines of a Markdown table; the first row is its head."""
    return "\n".join(f"| {' | '.join(row)} |" for row in (rows[0], ["---"] * len(rows[0]),
                                                          *rows[1:]))


def main():
    """Measure all tasks of the folders and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--output", type=Path, required=True, help="the Markdown file to write")
    flags = parser.parse_args()
    results = []
    for folder in flags.folders:
        for path in sorted(folder.glob("*_X.npy")):
            name = path.name[:-len("_X.npy")]
            if not name.endswith("_test"):
                results.append(row_of(name, np.load(path), np.load(folder / f"{name}_Y.npy")))
                print(*results[-1][0], *results[-1][1][1:], flush=True)
    distances, scores, numbers, notes = zip(*results)
    text = "\n\n".join([
        "# Measured defects",
        "Written by `python benchmarks/measured_defects.py`, which says what is compared. "
        "Spectrum distances to real images that were not measured, then to the ten that were.",
        table(["task", "made", "clean", "share", "halves", "made (ten)", "clean (ten)",
               "share (ten)", "halves (ten)", "ten to others", "misfit", "CPU s"], *distances),
        "PSNR in dB and SSIM under `care`, training images that were not measured; the width of "
        "the Gaussian filter is the best for them.",
        table(["task", "raw input", "best Gaussian filter", "linear filter"], *scores),
        "What was measured, with 95 % intervals:", table(["task", *NUMBERS], *numbers),
        "What the measuring says itself:", "\n".join(sum(notes, [])), ""])
    flags.output.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
