"""Settings of `evaluate.py`."""

from __future__ import annotations

from dataclasses import dataclass

from microgan.config.base import Config, setting
from microgan.errors import UserError
from microgan.precision import PRECISIONS


@dataclass(frozen=True)
class EvaluateConfig(Config):
    """Settings of `evaluate.py`."""

    generator: str | None = setting(
        None, "The generator.h5 of a run folder. Unset: score files, see --restored.")
    data_dir: str = setting("data", "With --generator: folder of the images, as in training.")
    datasets: tuple[str, ...] = setting(
        (), "With --generator: names of the tasks, separated by commas. Unset: every one of the "
        "generator's that is in --data_dir.")
    split: str = setting(
        "test", "With --generator: test scores NAME_test_X.npy and NAME_test_Y.npy, or else the "
        "pairs that training kept for the test (split.json beside the generator); validation "
        "scores those that chose its weights.", choices=("test", "validation"))
    stretched: tuple[str, ...] = setting(
        (), "With --generator: tasks whose images were each stretched to their own extremes "
        "before they were saved; the range protocol has no meaning for them.")
    restored: tuple[str, ...] = setting(
        (), "Without a generator: restored files to score, .npy or TIFF, separated by commas.")
    clean: tuple[str, ...] = setting((), "The clean files of --restored, in the same order.")
    degraded: tuple[str, ...] = setting(
        (), "The raw input of --restored, in the same order, to be scored beside it. Unset: "
        "not scored.")
    axes: str | None = setting(
        None, "Axes of the files, one letter each, such as TZYX; every YX plane is an image. "
        "Unset: what a TIFF says; of an array, YX or ZYX.")
    output: str = setting("evaluation", "Folder of the tables and figures.")
    overwrite: bool = setting(False, "Replace earlier scores in --output.")
    eval_limit: int | None = setting(
        None, "Score only the first so many images of each task. Unset: all.", minimum=1)
    precision: str = setting(
        "auto", "Number format. auto: bfloat16 where the hardware multiplies it faster.",
        choices=PRECISIONS)

    def __post_init__(self) -> None:
        super().__post_init__()
        if bool(self.generator) == bool(self.restored):
            raise UserError("Name either a --generator, to score what it makes of the images in "
                            "--data_dir, or files: --restored and --clean.")
        of_the_other = (("restored", "clean", "degraded", "axes") if self.generator
                        else ("datasets", "stretched"))
        for name in of_the_other:
            if getattr(self, name):
                raise UserError(f"--{name} has no meaning with"
                                f"{'' if self.generator else 'out'} --generator. Leave it out.")
        counts = {name: len(getattr(self, name)) for name in ("restored", "clean", "degraded")}
        if counts["clean"] != counts["restored"] or counts["degraded"] not in (
                0, counts["restored"]):
            raise UserError("--restored, --clean and --degraded need as many files each. "
                            f"Received: {', '.join(map(str, counts.values()))}")
