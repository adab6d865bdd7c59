"""What an analysis finds in restored images: bright areas, outlines of nuclei, filaments.

A fixed analysis of scikit-image (`benchmarks/analyses.py`) is run on the measured images, on what
each method restores from them, and on the clean images, whose result is taken as the truth. Its
two numbers (smoothing or width, threshold) are set for every row anew: the best by F1 on twelve
training pairs that the methods did not see, so that no row suffers from numbers made for
another's images. On clean images they are fixed. The test images are then analysed once. The row
"clean image of another field" tells what agreement is worth nothing.

    python -m benchmarks.downstream --data_dir=data --nuclei=Drosophila:6,Retina:11 \\
        --every=Retina:2 --filaments=Synthetic_tubulin_tubules:1.5 --seeds=1 \\
        --limited=my_run/Microscopy_cGAN_results/generator.h5
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks import cells, classical
from benchmarks.analyses import Areas, Filaments, Nuclei, best_setting, compare
from microgan.cli.command import run_command
from microgan.config import Config, setting
from microgan.datasets.paired_arrays import load_pairs, load_test_pairs
from microgan.errors import UserError

_NUM_CHOOSING = 12
_RAW, _LINEAR = "raw input", "linear filter of the measured defect"
FILTERS = ("Gaussian filter", "Richardson-Lucy")
_CARE, _LIMITED = "CARE, mirror images averaged", "microgan, limited"
CHANCE = "clean image of another field"
METHODS = (CHANCE, _RAW, *FILTERS, _LINEAR, _CARE, _LIMITED)
# By flag, in the order of the tables.
KINDS = {"areas": Areas, "filaments": Filaments, "nuclei": Nuclei}
_KEY = ("images", "task", "method", "pairs", "seed")
COLUMNS = (*_KEY, "data", "kind", "n", "clean_amount", "analysis", "amount_error", "f1", "fit",
           "f1_per_image", "commit")


@dataclass(frozen=True)
class Settings(Config):
    """Images, what is on them, and generators."""

    data_dir: str = setting("data", "Folder of the images, with test arrays.")
    areas: tuple[str, ...] = setting(
        (), "NAME:RADIUS of sets of bright areas, the radius of the smallest in pixels.")
    nuclei: tuple[str, ...] = setting(
        (), "NAME:RADIUS of sets of nuclei, the radius of a common one in pixels.")
    filaments: tuple[str, ...] = setting(
        (), "NAME:SIGMA of sets of filaments, their sigma in clean images in pixels.")
    every: tuple[str, ...] = setting(
        (), "NAME:STEP of sets of which only every STEP-th image shows it, the first among them.")
    images_limit: int = setting(10, "Pairs per task that the methods saw.", minimum=2)
    seeds: tuple[str, ...] = setting(("1",), "Seeds that drew these pairs.")
    limited: str | None = setting(
        None, "generator.h5 of train_cGAN.py --recipe=limited; {seed} stands for the seed.")
    care: str | None = setting(None, "The same of benchmarks.rivals.care.")
    output: str = setting("benchmarks/results/downstream.csv", "Table of the rows, which is "
                          "continued.")
    figure: str | None = setting(
        None, "PNG to write: the first test image of every set, analysed, first seed.")


class Images:
    """The images of one set: what the methods saw, what sets the analysis, and the test.

    Args:
        settings: of the program.
        task: name of the set.
        analysis: of its images.
    """

    def __init__(self, settings, task, analysis):
        self.task, self.analysis = task, analysis
        pairs = load_pairs(settings.data_dir, task)
        test = load_test_pairs(settings.data_dir, task)
        if test is None:
            raise UserError(f"'{task}' has no test images: add {task}_test_X.npy and _Y.npy.")
        self._pairs, self._limit = (pairs, test), settings.images_limit
        self.step = named_numbers("every", settings.every).get(task, 1.0)
        shown = slice(None, None, int(self.step))
        self.degraded, self.clean = list(test.degraded)[shown], list(test.clean)[shown]

    def seen(self, seed):
        """Return the degraded and clean images that the methods of a seed saw."""
        return classical.pairs_that_choose(*self._pairs, images_limit=self._limit, seed=int(seed))

    def choosing(self, seed):
        """Return degraded and clean training images that the methods of a seed did not see."""
        pairs, used = self._pairs[0], {image.tobytes() for image in self.seen(seed)[1]}
        free = [index for index in range(0, len(pairs), int(self.step))
                if pairs.clean[index].tobytes() not in used][:_NUM_CHOOSING]
        if not free:
            raise UserError(f"'{self.task}' has no pairs beside the {self._limit} of "
                            "--images_limit to set the analysis by: lower it.")
        return [pairs.degraded[i] for i in free], [pairs.clean[i] for i in free]


def named_numbers(flag, entries):
    """Read NAME:NUMBER entries of a flag."""
    numbers = {}
    for entry in entries:
        name, _, number = entry.partition(":")
        try:
            numbers[name] = float(number)
            if not numbers[name] > 0 or flag == "every" and numbers[name] % 1:
                raise ValueError
        except ValueError:
            raise UserError(f"--{flag} takes NAME:NUMBER above 0, separated by commas. "
                            f"Received: {entry}") from None
    return numbers


def read_sets(settings):
    """Return the `Images` of every set."""
    wanted = [(name, kind(size)) for flag, kind in KINDS.items()
              for name, size in named_numbers(flag, getattr(settings, flag)).items()]
    if not wanted:
        raise UserError("Nothing to analyse: pass --areas=NAME:RADIUS, --nuclei=NAME:RADIUS or "
                        "--filaments=NAME:SIGMA.")
    return [Images(settings, name, analysis) for name, analysis in wanted]


def restorer(settings, method, images, seed):
    """Return a function from degraded to restored images, or None without a generator.

    Raises:
        UserError: the generator saw other pairs than the seed draws.
    """
    if method == _RAW:
        return list
    if method == _LINEAR:
        return lambda degraded: classical.filter_linearly(*images.seen(seed), degraded)
    if method in FILTERS:
        arguments = classical.best_setting(method, *images.seen(seed))
        return lambda degraded: classical.apply(classical.FILTERS[method][0], degraded, arguments)
    path = settings.care if method == _CARE else settings.limited
    return _by_generator(Path(path.format(seed=seed)), images, seed) if path else None


def _by_generator(path, images, seed):
    _check_pairs(path.with_name("split.json"), images, seed)
    import benchmarks.rivals.care  # noqa: F401 (registers its network)
    from microgan.generator_file import load_generator
    from microgan.restoration.in_memory import InMemoryRestorer

    model, info = load_generator(path, method=None)
    restore = InMemoryRestorer(model, replace(info, test_time_augmentation=True))
    return lambda degraded: restore(images.task, degraded)


def _check_pairs(path, images, seed):
    """Refuse a generator that saw other pairs than the rows beside it."""
    if not path.exists():
        raise UserError(f"{path} is missing: leave the generator in its run folder.")
    parts = json.loads(path.read_text(encoding="utf-8")).get(images.task, {})
    number = len(parts.get("train", ())) + len(parts.get("validation", ()))
    pairs = images._pairs[0]
    seen = sorted(pairs.clean[index].tobytes() for part in ("train", "validation")
                  for index in parts.get(part, ()) if index < len(pairs))
    if seen != sorted(image.tobytes() for image in images.seen(seed)[1]):
        raise UserError(f"{path} lists {number} pairs of '{images.task}' that are not those of "
                        f"seed {seed}: pass its seed and --images_limit.")


def rows_of(settings, images, seed, done):
    """Yield the rows of one set and seed that are not done."""
    analysis = images.analysis
    amounts = [analysis.number(analysis(truth, *analysis.clean_setting)) for truth in images.clean]
    for method in METHODS:
        key = {"images": cells.images_key(settings.data_dir, [images.task]), "task": images.task,
               "method": method, "pairs": str(settings.images_limit), "seed": seed}
        if tuple(key.values()) in done:
            continue
        if method == CHANCE:
            best, restored = analysis.clean_setting, [*images.clean[1:], images.clean[0]]
        else:
            restore = restorer(settings, method, images, seed)
            if restore is None:
                continue
            degraded, clean = images.choosing(seed)
            best = best_setting(analysis, clean, restore(degraded))
            restored = restore(images.degraded)
        found = compare(analysis, images.clean, restored, best)
        yield {**key, "data": Path(settings.data_dir).resolve().name, "kind": analysis.amount,
               "n": str(len(amounts)), "clean_amount": f"{np.mean(amounts):.1f}",
               "analysis": " ".join(f"{value:g}" for value in best),
               "amount_error": f"{np.nanmean(found.amount_error):.4f}",
               "f1": f"{found.f1.mean():.4f}", "fit": f"{found.fit.mean():.4f}",
               "f1_per_image": " ".join(f"{value:.4f}" for value in found.f1),
               "commit": cells.commit()}


def tables(rows):
    """Return a Markdown table for each kind of analysis."""
    parts = []
    for kind in KINDS.values():
        of_kind = [row for row in rows if row["kind"] == kind.amount]
        tasks = list(dict.fromkeys(row["task"] for row in of_kind))
        if not tasks:
            continue
        lines = [["method", "seeds", *tasks]]
        for method in METHODS:
            of_method = [row for row in of_kind if row["method"] == method]
            if of_method:
                by_task = [[row for row in of_method if row["task"] == task] for task in tasks]
                numbers = [str(len(each)) for each in by_task]
                lines.append([method, numbers[0] if len(set(numbers)) == 1 else ", ".join(numbers),
                              *(_cell(each, kind.unit) for each in by_task)])
        best = f"0{kind.unit}" if kind.unit else "1"
        lines.append(["clean images", "", *[f"0 % / 1 / {best}"] * len(tasks)])
        amounts = {row["task"]: row["clean_amount"] for row in of_kind}
        shown = ", ".join(f"{task} {amounts[task]}" for task in tasks)
        parts.append(f"Error of the {kind.amount} / F1 / {kind.fit}; in a clean image: {shown}."
                     f"\n\n{cells.markdown(lines)}")
    return "\n\n".join(parts)


def _cell(rows, unit):
    if not rows:
        return ""
    errors = [100 * float(row["amount_error"]) for row in rows]
    return (f"{cells.mean_and_deviation(errors, 0)} % / {cells.spread(rows, 'f1', 3)} / "
            f"{cells.spread(rows, 'fit', 2 if unit else 3)}{unit}")


def main(settings):
    """Add the missing rows and print the tables."""
    sets = read_sets(settings)
    output = Path(settings.output)
    done = cells.finished(output, COLUMNS, _KEY)
    for images in sets:
        for seed in settings.seeds:
            for row in rows_of(settings, images, seed, done):
                print(f"{row['task']}, {row['method']}, seed {seed}: F1 {row['f1']}", flush=True)
                cells.add_rows(output, [row], COLUMNS)
    print(tables(cells.read_rows(output)))
    if settings.figure:
        from benchmarks.downstream_picture import save_picture

        save_picture(settings.figure, sets, settings)


if __name__ == "__main__":
    sys.exit(run_command(Settings, __doc__, main))
