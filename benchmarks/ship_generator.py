"""Make the generator that comes with microgan from one of `benchmarks/pretraining.py`.

    python -m benchmarks.ship_generator --generator=RUN/Pretraining_results/generator.h5

Writes microgan/networks/embedded_generator.h5: the same file in half precision, without tasks;
and beside it embedded_known.npz, descriptions of images like those of the pretraining, by which
`restore.py --generator=embedded` tells others.
"""

from __future__ import annotations

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
from microgan.files.whole import written_whole
from microgan.generator_file import ATTRIBUTE, EMBEDDED, file_of, read_info
from microgan.restoration.familiarity import EMBEDDED_KNOWN, describe_image
from microgan.simulation.random_pairs import MARGIN_PX, draw_pair
from microgan.simulation.specimens import draw_specimen

KNOWN_PX = 128


@dataclass(frozen=True)
class Settings(Config):
    """Which generator, and where to."""

    generator: str | None = setting(None, "The generator.h5 of a pretraining.")
    output: str = setting(str(file_of(EMBEDDED)), "The file to write.")
    num_known: int = setting(1500, "Images that others are compared with.", minimum=20)
    seed: int = setting(2024, "Seed of these.", minimum=0)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.generator:
            raise UserError("--generator is missing: name the generator.h5 of a pretraining.")


def ship(settings: Settings) -> None:
    """Write the file."""
    assert settings.generator is not None
    info = dataclasses.replace(read_info(settings.generator), tasks=(), normalization={})
    with written_whole(settings.output) as temporary:
        with h5py.File(settings.generator) as source, h5py.File(temporary, "w") as target:
            source.visititems(lambda name, node: _copy(name, node, target))
            for name, value in source.attrs.items():
                target.attrs[name] = value
            target.attrs[ATTRIBUTE] = json.dumps(info.to_json())
    rng = np.random.default_rng(settings.seed)
    known = [describe_image(draw_pair(rng, [draw_specimen(rng, KNOWN_PX + 2 * MARGIN_PX)],
                                      KNOWN_PX)[0])
             for _ in range(settings.num_known)]
    np.savez_compressed(Path(settings.output).with_name(EMBEDDED_KNOWN.name),
                        descriptions=np.array(known, np.float16))
    print(f"{settings.output}: {Path(settings.output).stat().st_size} bytes")


def _copy(name: str, node: h5py.Group | h5py.Dataset, target: h5py.File) -> None:
    if name.startswith("optimizer_weights"):
        return
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
