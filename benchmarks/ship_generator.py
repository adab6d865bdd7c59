"""Make the generator that comes with microgan from trainings of `benchmarks/pretraining.py`.

    python -m benchmarks.ship_generator --runs=FIRST/Pretraining_results,SECOND/Pretraining_results

Writes microgan/networks/embedded_generator.h5: the last run's generator in half precision, without
tasks; beside it embedded_known.npz, descriptions of images like those of the pretraining, by which
`restore.py --generator=embedded` tells others; and the learning curve of all runs, each up to the
weights that the next one started from: benchmarks/results/pretraining.csv and
docs/images/pretraining.png.
"""

from __future__ import annotations

import csv
import dataclasses
import json
import sys
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from microgan.cli.command import run_command
from microgan.config import Config, setting
from microgan.errors import UserError
from microgan.evaluation.figures import save_history_figure
from microgan.files.whole import write_csv, written_whole
from microgan.generator_file import ATTRIBUTE, EMBEDDED, file_of, read_info
from microgan.restoration.familiarity import EMBEDDED_KNOWN, describe_image
from microgan.simulation.random_pairs import MARGIN_PX, draw_pair
from microgan.simulation.specimens import draw_specimen

ROOT = Path(__file__).resolve().parent.parent
KNOWN_PX = 128


@dataclass(frozen=True)
class Settings(Config):
    """Which trainings."""

    runs: tuple[str, ...] = setting((), "Run folders of the pretraining, in order.")
    num_known: int = setting(1500, "Images that others are compared with.", minimum=20)
    seed: int = setting(2024, "Seed of these.", minimum=0)
    root: str = setting(str(ROOT), "Folder of the project to write into.")

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.runs:
            raise UserError("--runs is missing: name the run folders of the pretraining.")


def ship(settings: Settings) -> None:
    """Write all files."""
    root = Path(settings.root)
    shipped, known_file = (root / path.relative_to(ROOT)
                           for path in (file_of(EMBEDDED), EMBEDDED_KNOWN))
    _write_curve(root, [_history(Path(run)) for run in settings.runs])
    halve(Path(settings.runs[-1]) / "generator.h5", shipped)
    rng = np.random.default_rng(settings.seed)
    known = [describe_image(draw_pair(rng, [draw_specimen(rng, KNOWN_PX + 2 * MARGIN_PX)],
                                      KNOWN_PX)[0])
             for _ in range(settings.num_known)]
    with written_whole(known_file) as temporary, open(temporary, "wb") as file:
        np.savez_compressed(file, descriptions=np.array(known, np.float16))
    for path in (shipped, known_file):
        print(f"{path}: {path.stat().st_size} bytes")


def halve(generator: Path, shipped: Path) -> None:
    """Copy a generator in half precision, without tasks."""
    info = dataclasses.replace(read_info(generator, method=None), tasks=(), normalization={})
    with written_whole(shipped) as temporary:
        with h5py.File(generator) as source, h5py.File(temporary, "w") as target:
            source.visititems(lambda name, node: _copy(name, node, target))
            for name, value in source.attrs.items():
                target.attrs[name] = value
            target.attrs[ATTRIBUTE] = json.dumps(info.to_json())


def _history(run: Path) -> list[dict[str, float]]:
    """Read a run's history up to its best validation, whose weights it saved."""
    with open(run / "history.csv", encoding="utf-8", newline="") as file:
        rows = [{name: float(value) for name, value in row.items()}
                for row in csv.DictReader(file)]
    best = max(range(len(rows)), key=lambda index: rows[index]["score"])
    return rows[:best + 1]


def _write_curve(root: Path, histories: list[list[dict[str, float]]]) -> None:
    rows: list[dict[str, float]] = []
    updates, seconds = 0.0, 0.0
    for history in histories:
        rows += [{**row, "update": int(row["update"] + updates),
                  "seconds": round(row["seconds"] + seconds)} for row in history]
        updates, seconds = rows[-1]["update"], rows[-1]["seconds"]
    write_csv(root / "benchmarks" / "results" / "pretraining.csv", rows, list(rows[0]))
    save_history_figure(root / "docs" / "images" / "pretraining.png", rows,
                        score_label="PSNR of simulated validation pairs (dB)",
                        kept=int(updates))  # scores of different runs do not compare


def _copy(name: str, node: h5py.Group | h5py.Dataset, target: h5py.File) -> None:
    if isinstance(node, h5py.Dataset):
        values = node[...]
        is_float = values.dtype == np.float32
        copied = target.create_dataset(
            name, data=values.astype(np.float16) if is_float else values)
    else:
        copied = target.require_group(name)
    for key, value in node.attrs.items():
        copied.attrs[key] = value


if __name__ == "__main__":
    sys.exit(run_command(Settings, __doc__ or "", ship))
