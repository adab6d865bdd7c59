"""The paper's results table: rivals and filters beside microgan, on any data with test arrays.

Setting A gives every method `--pairs` pairs per task, setting B none. Each method trains for
`--minutes`; a trial converts them into updates beforehand, so that schedules end in time. Where
CIN-GAN makes pairs, it takes half of the minutes. A finished cell (a method and a seed) is a few
rows in `--output` and is never trained twice; a stopped one continues from its checkpoint. The
rows name the machine, the cores and the number of updates. With `--machine`, another machine
continues the table, with as many updates.

    python benchmarks/paper_table.py --data_dir=data --minutes=15 --seeds=1,2,3

Writes the tables beside `--output`, as Markdown, and figures of the learning curves and of every
seed's score; so does paper_table_pages.py from the rows alone.
"""

import importlib
import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import classical
import numpy as np
from cell_scores import SCORE_COLUMNS, score_rows
from cells import add_rows, commit, finished, images_key, read_rows, train
from method_trainer import JOINT, PER_TASK, MethodTrainer
from methods import CLASSICAL, KEYS, LINEAR, METHODS, PRESENT, RAW, SETTINGS, uses_vgg
from paper_table_figures import save_figure
from paper_table_pages import write_pages, write_tables
from training_time import machine, trained_seconds

from microgan.cli.command import run_command
from microgan.config import Config, setting
from microgan.datasets.normalization import TaskNormalization, fit_percentiles
from microgan.datasets.paired_arrays import find_datasets, load_pairs, load_test_pairs
from microgan.errors import UserError
from microgan.files.whole import written_whole


@dataclass(frozen=True)
class Settings(Config):
    """What to compare, on which images."""

    data_dir: str = setting("data", "Folder of the images, with test arrays.")
    datasets: tuple[str, ...] = setting((), "Names of the tasks. Unset: every one in --data_dir.")
    symmetries: tuple[str, ...] = setting((), "As for the training scripts.")
    stretched: tuple[str, ...] = setting((), "As for evaluate.py: not scored under range.")
    methods: tuple[str, ...] = setting(PRESENT, "Rows.", choices=KEYS)
    minutes: float = setting(15.0, "Training time of every method.", above=0)
    seeds: tuple[str, ...] = setting(("1", "2", "3"), "Seeds.")
    pairs: tuple[str, ...] = setting(
        ("10",), "Pairs per task in setting A, training and validation together; degraded images "
        "in setting B. Several give the learning curve.")
    networks: str = setting(
        JOINT, "joint: one network for all tasks. per_task: one for each, which share the "
        "minutes equally.", choices=(JOINT, PER_TASK))
    vgg: str = setting("imagenet", "VGG weights of the published methods: imagenet, or a path as "
                       "in train_cGAN.py --content_features.")
    machine: str | None = setting(
        None, "Go on with the table of another machine, called as in its rows: every method does "
        "the updates that its rows of other seeds did there, however long it takes here. Unset: "
        "this machine.")
    output: str = setting("benchmarks/results/paper_table.csv", "Rows of all finished cells; read "
                          "and added to.")
    work: str = setting("paper_table_runs", "Folder of the runs.")
    figure: str | None = setting(None, "PNG to write: one test image a task through every method, "
                                 "first seed, for the methods in --work.")


@dataclass(frozen=True)
class Cell:
    """What identifies a cell; the first columns of its rows."""

    data: str
    images: str
    tasks: str
    symmetries: str
    setting: str
    method: str
    pairs: str
    networks: str
    seed: str
    minutes: str
    machine: str
    cores: str
    vgg: str


_KEY = tuple(Cell.__dataclass_fields__)
COLUMNS = (*_KEY, "commit", "num_iters", "trained_minutes", "trained_on", "filter_setting",
           *SCORE_COLUMNS)


class Table:
    """Trains and scores the cells of one table.

    Args:
        settings: of the program.
        train: as `cells.train`.
    """

    def __init__(self, settings, train=train):
        self.settings = settings
        self.tasks = settings.datasets or find_datasets(settings.data_dir)
        self.test = {name: load_test_pairs(settings.data_dir, name) for name in self.tasks}
        for name, pairs in self.test.items():
            if pairs is None:
                raise UserError(f"'{name}' has no test images: add {name}_test_X.npy and _Y.npy.")
        self.images = images_key(settings.data_dir, self.tasks)
        self.output = Path(settings.output).resolve()
        self.here, self.cores = machine()
        self.machine = settings.machine or self.here
        self.work = Path(settings.work).resolve() / f"{self.cores}_cores"
        self.trainer = MethodTrainer(settings, self.work, self.output, train)

    def cells(self):
        """All cells wanted; computed rows have no minutes, and their seed chooses the pairs."""
        for pairs in self.settings.pairs:
            for seed in self.settings.seeds:
                for method in self.settings.methods:
                    common = {"data": Path(self.settings.data_dir).resolve().name,
                              "images": self.images, "tasks": " ".join(self.tasks),
                              "setting": SETTINGS[method], "method": method, "pairs": pairs,
                              "seed": seed}
                    if method in METHODS:
                        yield Cell(**common, symmetries=" ".join(sorted(self.settings.symmetries)),
                                   networks=self.settings.networks,
                                   minutes=f"{self.settings.minutes:g}", machine=self.machine,
                                   cores=str(self.cores), vgg=(
                                       Path(self.settings.vgg).name if uses_vgg(method) else ""))
                    else:
                        yield Cell(**common, symmetries="", networks=JOINT, minutes="0",
                                   machine="", cores="", vgg="")

    def fill(self):
        """Train and score every cell that is not yet in the output."""
        done = finished(self.output, COLUMNS, _KEY)
        for cell in self.cells():
            if tuple(asdict(cell).values()) in done:
                continue
            print(f"{cell.method}, seed {cell.seed}, {cell.pairs} pairs", flush=True)
            rows = self._trained(cell) if cell.method in METHODS else self._computed(cell)
            add_rows(self.output, [{**asdict(cell), "commit": commit(), **row} for row in rows],
                     COLUMNS)
            write_tables(self.page, read_rows(self.output))

    @property
    def page(self):
        """The tables, as Markdown."""
        return self.output.with_suffix(".md")

    def _pairs(self, cell, name):
        """Return the pairs of a task that a network of the cell's seed sees, and their constants.

        Under `range` every row of that seed is scored by these constants, whatever its own
        network used: a wider range would make the same error look smaller.
        """
        pairs = classical.pairs_that_choose(
            load_pairs(self.settings.data_dir, name), self.test[name],
            images_limit=int(cell.pairs), seed=int(cell.seed))
        return pairs, TaskNormalization(*map(fit_percentiles, pairs))

    def _computed(self, cell):
        rows, images = [], {}
        for name in self.tasks:
            chosen, constants = self._pairs(cell, name)
            degraded, text = list(self.test[name].degraded), ""
            if cell.method == LINEAR:  # knows the clean images' range by itself
                degraded = classical.filter_linearly(*chosen, degraded)
            elif cell.method in CLASSICAL:
                text, filtered = classical.restore(CLASSICAL[cell.method], chosen, degraded)
                degraded = _in_the_clean_range(filtered, constants)
            images[name] = degraded
            rows += [{"filter_setting": text, **row} for row in self._score(
                name, degraded, constants, is_raw_input=cell.method == RAW)]
        self._keep_images(cell, images)
        return rows

    def _trained(self, cell):
        method = METHODS[cell.method]
        groups = ([tuple(self.tasks)] if cell.networks == JOINT and not method.is_alone
                  else [(name,) for name in self.tasks])
        rows, images = [], {}
        for tasks in groups:
            minutes = self.settings.minutes / len(groups)
            *before, run = self.trainer.train(cell, tasks, minutes)
            seconds, num_iters = trained_seconds(run)
            seconds += sum(trained_seconds(each)[0] for each in before)
            for name, restored in self._restore(run / "generator.h5", tasks, method).items():
                constants = self._pairs(cell, name)[1]
                if method.is_alone:
                    restored = _in_the_clean_range(restored, constants)
                images[name] = restored
                rows += [{"num_iters": num_iters, "trained_minutes": f"{seconds / 60:.2f}",
                          "trained_on": self.here, **row}
                         for row in self._score(name, restored, constants, is_raw_input=False)]
        self._keep_images(cell, images)
        return rows

    def _restore(self, generator, tasks, method):
        """Restored test images by task."""
        if not method.script.endswith(".py"):
            importlib.import_module(method.script)  # its network is known from then on
        from microgan.generator_file import load_generator
        from microgan.restoration.in_memory import InMemoryRestorer

        model, info = load_generator(generator, method=None)
        if method.mirrored:
            info = replace(info, test_time_augmentation=True)
        restore = InMemoryRestorer(model, info)
        return {name: restore(name, list(self.test[name].degraded)) for name in tasks}

    def _score(self, name, restored, constants, *, is_raw_input):
        stretched = name in self.settings.stretched
        return score_rows(name, list(self.test[name].clean), restored,
                          None if stretched else constants, is_raw_input=is_raw_input)

    def _image_file(self, cell):
        return (self.work / "images" / cell.data / f"{cell.networks}_{cell.minutes}_minutes_pairs"
                f"{cell.pairs}_seed{cell.seed}_{cell.method}.npz")

    def _keep_images(self, cell, images):
        """Keep the first test image of every task for the figure."""
        path = self._image_file(cell)
        path.parent.mkdir(parents=True, exist_ok=True)
        with written_whole(path) as temporary:
            np.savez(temporary, **{name: arrays[0] for name, arrays in images.items()})

    def draw(self, path):
        """Draw the first test image of every task through the methods of the first seed."""
        restored = {}
        for cell in self.cells():
            file = self._image_file(cell)
            if cell.seed == self.settings.seeds[0] and cell.pairs == self.settings.pairs[0] and (
                    file.exists()):
                with np.load(file) as images:
                    restored[cell.method] = dict(images)
        save_figure(path, restored, {name: pairs.clean[0] for name, pairs in self.test.items()})


def _in_the_clean_range(images, constants):
    """Move images in degraded intensities to the clean images'."""
    return [constants.clean.undo(constants.degraded.normalize(image)) for image in images]


def main(settings):
    """Fill the table, write its pages and print where they are."""
    table = Table(settings)
    table.fill()
    page = write_pages(table.output)
    if settings.figure:
        table.draw(Path(settings.figure))
    print(page.read_text(encoding="utf-8"))


if __name__ == "__main__":
    sys.exit(run_command(Settings, __doc__, main))
