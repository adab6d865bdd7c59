"""How fast microgan trains and restores, beside PyTorch and CARE on the same machine.

Every implementation runs in a separate process, one at a time, in turn. The table has the median
of all rounds; ratios are taken round by round. `tests/test_speed_benchmark.py` shows that the
PyTorch networks give the same output, and its updates the same losses. Run it alone on the
machine:

    python -m benchmarks.speed --table=cgan --output=cgan.csv
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import contestants as taking_part
from benchmarks.cells import write_rows
from benchmarks.time_to_quality import minutes_to_quality
from benchmarks.timing import Contestant, Timed, time_in_turn
from microgan.runtime.amounts import significant
from microgan.cli.command import run_command
from microgan.config import CGANConfig, CINGANConfig, Config, ZSEGANConfig, setting
from microgan.errors import UserError
from microgan.runtime.machine import processor
from microgan.runtime.precision import choose_precision

_BFLOAT16, _FLOAT32 = "bfloat16", "float32"
_BATCH_SIZE = 8
_POLICIES = {_FLOAT32: "float32", _BFLOAT16: "mixed_bfloat16"}


@dataclass(frozen=True)
class Settings(Config):
    """What to time."""

    table: str = setting(
        "cgan", "cgan, cin_gan, zse_gan: updates of the paper recipe, images of 128 x 128, with "
        "the content network's weights random. limited: updates of train_cGAN.py "
        "--recipe=limited. restore: a TIFF of 2,048 x 2,048, from reading to writing. "
        "time_to_quality: minutes until the best rival's score is reached, from --rows.",
        choices=("cgan", "cin_gan", "zse_gan", "limited", "restore", "time_to_quality"))
    rounds: int = setting(5, "Calls of every implementation that are timed.", minimum=1)
    threads: int | None = setting(None, "Of every implementation. Unset: what it takes by itself.",
                                  minimum=1)
    batch_size: int | None = setting(None, "Images per update; stacks always one. Unset: 8, of "
                                     "the limited recipe its own.", minimum=1)
    side: int = setting(2048, "Side of the image to restore, in pixels.", minimum=64)
    rows: str = setting("benchmarks/results/paper_table.csv", "Of --table=time_to_quality: what "
                        "benchmarks/paper_table.py wrote.")
    output: str = setting("speed.csv", "Table to write; the figure is beside it.")


def paper_config(method: str, batch_size: int, policy: str) -> Any:
    """The paper recipe of "cgan", "cin_gan" or "zse_gan", whose batch is always one stack."""
    shared: dict[str, Any] = {"seed": 0, "num_gpu": 0, "precision": policy}
    if method == "zse_gan":
        return ZSEGANConfig.create(**shared)
    kind = CGANConfig if method == "cgan" else CINGANConfig
    return kind.create(batch_size=batch_size, content_features="random", **shared)


def limited_contestants(settings: Settings) -> list[Contestant]:
    """Return microgan and PyTorch with either layout, in what the processor multiplies fast."""
    fast = choose_precision("auto") == _POLICIES[_BFLOAT16]
    given = {} if settings.batch_size is None else {"batch_size": settings.batch_size}
    result = []
    for precision, policy in _POLICIES.items():
        if precision == _BFLOAT16 and not fast:
            continue
        config = CGANConfig.create(recipe="limited", seed=0, num_gpu=0, precision=policy, **given)
        theirs = (config, precision == _BFLOAT16)
        result += [
            Contestant("PyTorch", precision, taking_part.train_torch_limited, (*theirs, False),
                       config.batch_size),
            Contestant("PyTorch, channels last", precision, taking_part.train_torch_limited,
                       (*theirs, True), config.batch_size),
            Contestant("microgan", precision, taking_part.train_microgan, (config,),
                       config.batch_size)]
    return result


def training_contestants(settings: Settings) -> list[Contestant]:
    """Return microgan and PyTorch, each in both precisions."""
    result = []
    for precision, policy in _POLICIES.items():
        config = paper_config(settings.table, settings.batch_size or _BATCH_SIZE, policy)
        result += [
            Contestant("PyTorch", precision, taking_part.train_torch,
                       (config, precision == _BFLOAT16), config.batch_size),
            Contestant("microgan", precision, taking_part.train_microgan, (config,),
                       config.batch_size)]
    return result


def restoring_contestants(settings: Settings) -> list[Contestant]:
    """The published generator in both frameworks, our own network, and CARE."""
    megapixels = settings.side ** 2 / 1e6
    result = []
    for precision, policy in _POLICIES.items():
        result += [
            Contestant("PyTorch", precision, taking_part.restore_torch,
                       (precision == _BFLOAT16, settings.side), megapixels),
            Contestant("microgan", precision, taking_part.restore_microgan,
                       ("resnet", policy, settings.side), megapixels)]
    return [*result,
            Contestant("microgan, limited recipe's U-Net", _BFLOAT16,
                       taking_part.restore_microgan,
                       ("unet", _POLICIES[_BFLOAT16], settings.side), megapixels),
            Contestant("CARE (csbdeep)", _FLOAT32, taking_part.restore_care, (settings.side,),
                       megapixels)]


def rows_of(timed: list[Timed], unit: str) -> list[dict[str, str]]:
    """Return the table: a row per implementation, ratios to microgan in both precisions."""
    ours = {each.contestant.precision: each for each in timed
            if each.contestant.name == "microgan"}
    best = ours.get(_BFLOAT16, ours[_FLOAT32])
    return [{
        "implementation": each.contestant.name, "precision": each.contestant.precision,
        "seconds": f"{each.median:.3f}", "fastest": f"{min(each.seconds):.3f}",
        "slowest": f"{max(each.seconds):.3f}",
        unit: significant(each.contestant.amount / each.median),
        f"microgan_{best.contestant.precision}_is_times_as_fast":
        f"{best.times_as_fast_as(each):.2f}",
        "processor_seconds": f"{each.processor_median:.3f}",
        "times_its_processor_seconds":
        f"{each.processor_median / best.processor_median:.2f}",
        "times_those_of_microgan_in_the_same_precision":
        f"{each.processor_median / ours[each.contestant.precision].processor_median:.2f}",
        "peak_gb": f"{each.peak_bytes / 1e9:.2f}", "rounds": str(len(each.seconds)),
        "framework": each.framework, "processor": processor()} for each in timed]


def save_figure(path: Path, timed: list[Timed], unit: str) -> None:
    """Bars of the median speed, with the range over rounds."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 0.8 + 0.5 * len(timed)), layout="constrained")
    axes = figure.subplots()
    names = [f"{each.contestant.name}\n{each.contestant.precision}" for each in timed]
    amounts = [each.contestant.amount for each in timed]
    speeds = [amount / each.median for amount, each in zip(amounts, timed)]
    errors = [[speed - amount / max(each.seconds) for speed, amount, each
               in zip(speeds, amounts, timed)],
              [amount / min(each.seconds) - speed for speed, amount, each
               in zip(speeds, amounts, timed)]]
    colors = ["C0" if "microgan" in name else "C7" for name in names]
    axes.barh(names, speeds, xerr=errors, color=colors)
    axes.invert_yaxis()
    axes.set_xlabel(unit.replace("_", " "))
    figure.savefig(path, dpi=120)


def write_table(path: Path, rows: list[dict[str, str]]) -> None:
    """Write rows as CSV and print them as Markdown, without framework and processor."""
    write_rows(path, rows)
    shown = [name for name in rows[0] if name not in ("framework", "processor")]
    print("\n| " + " | ".join(name.replace("_", " ") for name in shown) + " |")
    print("|---" * len(shown) + "|")
    for row in rows:
        print("| " + " | ".join(row[name] for name in shown) + " |")
    frameworks = dict.fromkeys(row["framework"] for row in rows if "framework" in row)
    if frameworks:
        print(f"\n{processor()}; {'; '.join(frameworks)}")


def compare(settings: Settings) -> None:
    """Time one table's implementations."""
    if settings.table == "time_to_quality":
        write_table(Path(settings.output), minutes_to_quality(Path(settings.rows)))
        return
    restores = settings.table == "restore"
    unit = ("megapixels_per_second" if restores else
            "stacks_per_second" if settings.table == "zse_gan" else "images_per_second")
    output = Path(settings.output)
    if output.is_dir() or not output.resolve().parent.is_dir():
        raise UserError(f"--output={output} cannot be written. Name a .csv in a "
                        "folder that exists.")
    contestants = {"restore": restoring_contestants, "limited": limited_contestants}.get(
        settings.table, training_contestants)
    timed = time_in_turn(contestants(settings), settings.rounds, settings.threads)
    write_table(output, rows_of(timed, unit))
    save_figure(output.with_suffix(".png"), timed, unit)


if __name__ == "__main__":
    sys.exit(run_command(Settings, __doc__, compare))
