"""Whether microgan works and is fast on the GPUs of this machine: a report to paste.

Every method does three updates of the paper recipe, in float32 and in bfloat16, on one GPU and on
all, and an image is restored; each in a separate process. Losses and images are compared with
those of the CPU in float32, and times with PyTorch's, if that is installed. Without a GPU the same
is done on the CPU, and the report says so:

    python -m benchmarks.gpu_check
"""

from __future__ import annotations

import importlib.util
import math
import multiprocessing
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from microgan.cli.command import run_command
from microgan.config import CGANConfig, CINGANConfig, Config, ZSEGANConfig, setting
from microgan.errors import UserError, one_line
from microgan.files.whole import check_can_write, write_text
from microgan.runtime.amounts import byte_size, duration

METHODS = ("cgan", "cin_gan", "zse_gan")
PRECISIONS = ("float32", "mixed_bfloat16")
_RESTORE = "restore"
# A critic's mean score may be near 0, and in bfloat16 0.02 from float32: differences are not taken
# relative to less than this.
_SMALL_LOSS = 0.5
# Relative, of losses of the first update, and absolute, of images in units of their range: GPUs
# round products of float32 to 10 bits (TF32), bfloat16 has 7.
_LARGEST_DEVIATION = {"float32": 0.01, "mixed_bfloat16": 0.1}


@dataclass(frozen=True)
class Settings(Config):
    """What to try."""

    methods: tuple[str, ...] = setting(METHODS, "Methods to train.", choices=METHODS)
    num_updates: int = setting(3, "Updates of each; the first one compiles.", minimum=2)
    batch_size: int = setting(2, "Images per update and GPU; stacks always one.", minimum=1)
    patch_size: int = setting(128, "Side of the crops in pixels.", minimum=16)
    filters: int | None = setting(None, "Channels of all networks at full resolution. Unset: the "
                                  "published ones.", minimum=1)
    side: int = setting(1024, "Side of the image to restore, in pixels.", minimum=64)
    minutes: float = setting(15.0, "Longest time for each of them.", above=0)
    output: str = setting("gpu_check.md", "Report to write.")


class Case(NamedTuple):
    """One thing to try.

    Args:
        what: a method, or "restore".
        precision: "float32" or "mixed_bfloat16".
        num_gpu: GPUs to use; 0 for the CPU.
        framework: "microgan" or "PyTorch".
    """

    what: str
    precision: str
    num_gpu: int
    framework: str = "microgan"


class Outcome(NamedTuple):
    """How a case went.

    Args:
        seconds: of each update or restoration.
        values: losses of the first update by name, or the restored image; to compare.
        peak_bytes: most memory of the first GPU; NaN if unknown.
        error: what went wrong, in one line; "" if nothing did.
    """

    seconds: Sequence[float] = ()
    values: Any = None
    peak_bytes: float = math.nan
    error: str = ""

    @property
    def seconds_per_call(self) -> float:
        """Median without the first, which compiles."""
        return float(np.median(self.seconds[1:]))


def cases(methods: Sequence[str], num_gpu: int, *, has_torch: bool) -> list[Case]:
    """Return what to try: first, on the CPU, what the rest is compared with.

    Args:
        methods: to train.
        num_gpu: GPUs of this machine.
        has_torch: whether to time PyTorch, too.
    """
    result = [Case(what, "float32", 0) for what in (*methods, _RESTORE)]
    for what in (*methods, _RESTORE):
        counts = dict.fromkeys((min(1, num_gpu), min(1, num_gpu) if what == _RESTORE else num_gpu))
        for precision in PRECISIONS:
            result += [Case(what, precision, count) for count in counts]
            if has_torch and what != _RESTORE:
                result.append(Case(what, precision, min(1, num_gpu), "PyTorch"))
    return list(dict.fromkeys(result))


def config_of(case: Case, settings: Settings, num_gpu: int) -> Any:
    """Return the paper recipe of a case's method, without dropout, so that losses repeat.

    Args:
        case: of a method.
        settings: of the check.
        num_gpu: GPUs of this machine; every case takes the batch of all of them.
    """
    filters = settings.filters
    shared: dict[str, Any] = {"seed": 0, "num_gpu": case.num_gpu, "precision": case.precision,
                              "patch_size": settings.patch_size}
    if case.what == "zse_gan":
        channels = {} if filters is None else {"translator_filters": filters,
                                               "discriminator_filters": filters}
        return ZSEGANConfig.create(batch_size=max(1, num_gpu), **shared, **channels)
    judge = "discriminator_filters" if case.what == "cgan" else "critic_filters"
    channels = {} if filters is None else {"generator_filters": filters, judge: filters}
    kind = CGANConfig if case.what == "cgan" else CINGANConfig
    return kind.create(batch_size=settings.batch_size * max(1, num_gpu), dropout=0.0,
                       content_features="random", **shared, **channels)


def measure(case: Case, settings: Settings, num_gpu: int) -> Outcome:
    """Try a case in this process."""
    if case.what == _RESTORE:
        return _restored(case, settings)
    config = config_of(case, settings, num_gpu)
    if case.framework == "PyTorch":
        from benchmarks.contestants import train_torch

        step, _ = train_torch(config, case.precision != "float32",
                              device="cuda" if case.num_gpu else "cpu")
        return Outcome([_timed(step)[0] for _ in range(settings.num_updates)])
    from benchmarks.speed_microgan import prepared, random_batch

    batch = random_batch(config)
    update, batches = prepared(config, lambda number: batch)
    timed = [_timed(lambda: {name: float(loss) for name, loss in update(next(batches)).items()})
             for _ in range(settings.num_updates)]
    losses = [values for _, values in timed]
    bad = sorted({name for values in losses for name, loss in values.items()
                  if not math.isfinite(loss)} | {"bad_steps" for values in losses
                                                 if values["bad_steps"]})
    return Outcome([seconds for seconds, _ in timed], losses[0], _peak_bytes(),
                   f"not finite: {', '.join(bad)}" if bad else "")


def _restored(case: Case, settings: Settings) -> Outcome:
    """Restore an image of smooth noise with the generator that comes with microgan."""
    from microgan.runtime.startup import import_tensorflow_quietly

    import_tensorflow_quietly()
    import tensorflow as tf
    from scipy import ndimage

    from microgan.restoration.restorer import load_restorer

    if not case.num_gpu:
        tf.config.set_visible_devices([], "GPU")
    random = np.random.default_rng(0)
    smooth = ndimage.gaussian_filter(random.normal(size=(settings.side, settings.side)), 2)
    image = random.poisson(200 * np.exp(smooth / smooth.std() / 2)).astype(np.float32)
    restorer = load_restorer("embedded", precision=case.precision)
    timed = [_timed(lambda: restorer(image, axes="YX", report=lambda line: None))
             for _ in range(2)]
    restored = timed[0][1]
    is_finite = bool(np.isfinite(restored).all())
    return Outcome([seconds for seconds, _ in timed], restored, _peak_bytes(),
                   "" if is_finite else "restored pixels are not finite")


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    started = time.perf_counter()
    result = work()
    return time.perf_counter() - started, result


def _peak_bytes() -> float:
    import tensorflow as tf

    if not tf.config.get_visible_devices("GPU"):
        return math.nan
    return float(tf.config.experimental.get_memory_info("GPU:0")["peak"])


def look_at_machine() -> tuple[list[str], int]:
    """Return the lines that describe this machine, and the number of its GPUs."""
    from microgan.programs.diagnose import machine_lines

    lines = list(machine_lines())
    import tensorflow as tf

    return lines, len(tf.config.list_physical_devices("GPU"))


def isolated(function: Callable[..., Any], *arguments: Any, seconds: float) -> Any:
    """Call a function in a new process.

    Returns:
        What it returned; or the error as one line of text, if it raised, died or took longer.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_answer, args=(theirs, function, arguments), daemon=True)
    process.start()
    theirs.close()
    try:
        if not ours.poll(seconds):
            return f"no result after {duration(seconds)}"
        return ours.recv()
    except EOFError:
        process.join(10)
        return f"its process died with exit status {process.exitcode}"
    finally:
        process.kill()
        process.join()
        ours.close()


def _answer(connection: Connection, function: Callable[..., Any], arguments: Any) -> None:
    try:
        connection.send(function(*arguments))
    except Exception as error:  # a report of whatever is wrong
        connection.send(f"{type(error).__name__}: {one_line(error)}")


def deviation(outcome: Outcome, reference: Outcome | None) -> float:
    """Return how far losses, relatively, or an image, in units of its range, are from others.

    Args:
        outcome: to compare.
        reference: of the CPU; NaN without its values.
    """
    if reference is None or reference.values is None or outcome.values is None:
        return math.nan
    if isinstance(outcome.values, dict):
        return max(abs(value - reference.values[name])
                   / max(abs(reference.values[name]), _SMALL_LOSS)
                   for name, value in outcome.values.items())
    return float(np.abs(outcome.values - reference.values).max() / np.ptp(reference.values))


def problem(case: Case, outcome: Outcome, reference: Outcome | None) -> str:
    """Return what is wrong with an outcome, in one line; "" if nothing is."""
    if outcome.error:
        return outcome.error
    found = deviation(outcome, reference)
    largest = _LARGEST_DEVIATION[case.precision]
    return (f"{found:.2g} from the CPU in float32; at most {largest} is expected"
            if found > largest else "")


def report(outcomes: dict[Case, Outcome], machine: Sequence[str], num_gpu: int) -> str:
    """Return the report as Markdown.

    Args:
        outcomes: of all cases, in order.
        machine: lines that describe it.
        num_gpu: GPUs of this machine.
    """
    where = (f"{num_gpu} GPU{'s' if num_gpu > 1 else ''}" if num_gpu else
             "no GPU was found, so all of this ran on the CPU")
    lines = [f"# microgan on this machine: {where}", "", *machine, "",
             "| what | number format | device | first | next | GPU memory | from the CPU "
             "| PyTorch takes | |", "|---|---|---|---|---|---|---|---|---|"]
    for case, outcome in outcomes.items():
        if case.framework == "PyTorch":
            continue
        reference = outcomes.get(Case(case.what, "float32", 0))
        rival = outcomes.get(Case(case.what, case.precision, case.num_gpu, "PyTorch"))
        wrong = problem(case, outcome, reference)
        device = {0: "CPU", 1: "1 GPU"}.get(case.num_gpu, f"{case.num_gpu} GPUs")
        cells = [""] * 5
        if not outcome.error:
            found = deviation(outcome, reference)
            cells = [duration(outcome.seconds[0]), duration(outcome.seconds_per_call),
                     "" if math.isnan(outcome.peak_bytes) else byte_size(outcome.peak_bytes),
                     "" if math.isnan(found) or outcome is reference else f"{found:.1e}",
                     _beside(outcome, rival)]
        lines.append("| " + " | ".join(
            [case.what, case.precision, device, *cells, wrong or "works"]) + " |")
    lines += ["", f"first, next: {_UPDATES}. from the CPU: {_DEVIATIONS}."]
    return "\n".join(lines) + "\n"


_UPDATES = ("seconds of the first update or image, with compiling, and median of the later ones, "
            "of the batch of all GPUs")
_DEVIATIONS = ("largest relative difference of a loss of the first update, or largest difference "
               "of a pixel in units of the range, from the CPU in float32")


def _beside(outcome: Outcome, rival: Outcome | None) -> str:
    if rival is None:
        return ""
    if rival.error:
        return rival.error
    return f"{rival.seconds_per_call / outcome.seconds_per_call:.2f} times as long"


def check(settings: Settings) -> None:
    """Try everything, print how each went, and write the report."""
    path = Path(settings.output)
    check_can_write(path)
    seconds = 60 * settings.minutes
    looked = isolated(look_at_machine, seconds=seconds)
    if isinstance(looked, str):
        raise UserError(f"TensorFlow does not start: {looked}. See microgan --diagnose.")
    machine, num_gpu = looked
    print("\n".join(machine), flush=True)
    outcomes: dict[Case, Outcome] = {}
    for case in cases(settings.methods, num_gpu,
                      has_torch=importlib.util.find_spec("torch") is not None):
        found = isolated(measure, case, settings, num_gpu, seconds=seconds)
        outcomes[case] = Outcome(error=found) if isinstance(found, str) else found
        print(f"{' '.join(map(str, case))}: "
              f"{outcomes[case].error or duration(outcomes[case].seconds_per_call)}", flush=True)
    write_text(path, report(outcomes, machine, num_gpu))
    print(f"\n{path.read_text(encoding='utf-8')}")
    wrong = [case for case, outcome in outcomes.items() if case.framework == "microgan"
             and problem(case, outcome, outcomes.get(Case(case.what, "float32", 0)))]
    if wrong:
        raise UserError(f"{len(wrong)} of these do not work as they should: paste {path} into a "
                        "report.")
    print(f"Everything works. The report is in {path}.")


if __name__ == "__main__":
    sys.exit(run_command(Settings, __doc__, check))
