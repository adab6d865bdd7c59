"""Where the time of an update goes, by kind of operation.

Runs the paper recipe in bfloat16 on random images, on one thread, so that times add up:

    python -m benchmarks.update_profile --method=cgan
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from benchmarks.speed import paper_config
from microgan.runtime.amounts import percent
from microgan.cli.command import run_command
from microgan.config import Config, setting
from microgan.runtime.startup import import_tensorflow_quietly

_WARM_UP = 2
# "name of the node:kind"; all other events are frames around these.
_OPERATION = re.compile(r"[^:\s]+:(\w+)")


@dataclass(frozen=True)
class Settings(Config):
    """What to profile."""

    method: str = setting("cgan", "What to train.", choices=("cgan", "cin_gan", "zse_gan"))
    batch_size: int = setting(8, "Images per update; stacks always one.", minimum=1)
    rows: int = setting(12, "Kinds of operation to print.", minimum=1)


def seconds_by_kind(folder: Path) -> tuple[Counter[str], Counter[str]]:
    """Sum up a profile's operations on the CPU: seconds and calls by kind."""
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    seconds: Counter[str] = Counter()
    calls: Counter[str] = Counter()
    for file in folder.rglob("*.xplane.pb"):
        space = xplane_pb2.XSpace.FromString(file.read_bytes())
        for plane in space.planes:
            if plane.name != "/host:CPU":
                continue
            for event in (event for line in plane.lines for event in line.events):
                operation = _OPERATION.fullmatch(plane.event_metadata[event.metadata_id].name)
                if operation:
                    seconds[operation[1]] += event.duration_ps / 1e12
                    calls[operation[1]] += 1
    return seconds, calls


def report(settings: Settings) -> None:
    """Profile one update and print its most expensive kinds of operation."""
    import_tensorflow_quietly()
    import tensorflow as tf

    from benchmarks import speed_microgan

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    step = speed_microgan.training(
        paper_config(settings.method, settings.batch_size, "mixed_bfloat16"))
    for _ in range(_WARM_UP):
        step()
    with tempfile.TemporaryDirectory() as folder:
        tf.profiler.experimental.start(folder)
        step()
        tf.profiler.experimental.stop()
        seconds, calls = seconds_by_kind(Path(folder))
    whole = sum(seconds.values())
    print(f"{settings.method}: {whole:.2f} s of operations per update on one thread.")
    convolutions = sum(value for kind, value in seconds.items() if "Conv" in kind)
    print(f"All convolutions and their gradients: {percent(convolutions / whole)}.")
    print("| operation | calls | seconds | share |\n|---|---|---|---|")
    for kind, value in seconds.most_common(settings.rows):
        print(f"| {kind} | {calls[kind]} | {value:.3f} | {100 * value / whole:.1f} % |")


if __name__ == "__main__":
    sys.exit(run_command(Settings, __doc__, report))
