"""Settings of `evaluate.py`."""

from __future__ import annotations

from dataclasses import dataclass

from microgan.config.base import Config, Meaningless, precision_setting, setting
from microgan.config.data_folder import data_folder, half_setting
from microgan.datasets.task_files import DataFolder
from microgan.errors import UserError

# Flags that belong to one kind of work.
_OF_PAIRS = ("data_dir", "degraded_dir", "clean_dir", "datasets", "split", "stretched",
             "test_time_augmentation")
_OF_STACKS = ("focal_plane", "pixel_size_um", "z_step_um", "tissue_from", "tissue_to",
              "cell_radius_um")
_OF_FILES = ("restored", "clean", "degraded", "axes")


@dataclass(frozen=True, kw_only=True)
class EvaluateConfig(Config):
    """Settings of `evaluate.py`."""

    generator: str | None = setting(
        None, "The generator.h5 of a run folder. embedded: the one that comes with microgan, "
        "which has seen only simulated images. Unset: score files, see --restored.")
    stacks: str | None = setting(
        None, "With the --generator of train_zsegan.py: folder of z-stacks, or a quoted pattern, "
        "to write the z-stack report on. If it is called testB, as in the layout of ZSE-GAN's "
        "authors, in-focus images and known sharp volumes are taken from the folders beside it "
        "(testA2D, testA29, testSharp).")
    data_dir: str = setting("data", "With --generator: folder of the images, as in training.")
    degraded_dir: str = half_setting("degraded", "With --generator: ")
    clean_dir: str = half_setting("clean", "With --generator: ")
    datasets: tuple[str, ...] = setting(
        (), "With --generator: names of the tasks, separated by commas. Unset: all of the "
        "generator's tasks that are in --data_dir.")
    split: str = setting(
        "test", "With --generator: test scores NAME_test_X.npy and NAME_test_Y.npy or, without "
        "those, the pairs that training kept for the test (split.json beside the generator); "
        "validation scores the validation pairs.", choices=("test", "validation"))
    stretched: tuple[str, ...] = setting(
        (), "With --generator: tasks whose images were each stretched to their extremes before "
        "they were saved; the range protocol has no meaning for them.")
    test_time_augmentation: bool | None = setting(
        None, "With --generator: as for restore.py.")
    restored: tuple[str, ...] = setting(
        (), "Without a generator: restored files to score, .npy, TIFF or OME-Zarr, separated by "
        "commas; or folders of them.")
    clean: tuple[str, ...] = setting(
        (), "The clean files for --restored, in the same order; or folders of files with the "
        "same names. Axes are matched by their letters.")
    degraded: tuple[str, ...] = setting(
        (), "The raw inputs of --restored, in the same order, scored for comparison. Unset: "
        "not scored.")
    axes: str | None = setting(
        None, "Axes of the files, one letter each, such as TZYX; every YX plane is an image. "
        "Unset: those stored in a TIFF; YX or ZYX for an array.")
    focal_plane: int | None = setting(
        None, "With --stacks: number of the slice in focus in every stack, counted from 1. "
        "Unset: the sharpest slice of each stack.", minimum=1)
    pixel_size_um: float | None = setting(
        None, "With --stacks: distance between pixels in micrometres. Unset: that stored in the "
        "files.", above=0)
    z_step_um: float | None = setting(
        None, "With --stacks: distance between slices in micrometres. Unset: that stored in the "
        "files.", above=0)
    tissue_from: int | None = setting(
        None, "With --stacks: number of the first slice in the tissue; structures outside are "
        "inventions. Unset: as deep as slice 5 of 29.", minimum=1)
    tissue_to: int | None = setting(
        None, "With --stacks: number of the last slice in the tissue. Unset: as deep as slice 25 "
        "of 29.", minimum=1)
    cell_radius_um: float = setting(
        5.0, "With --stacks: radius of the cells that must be kept, micrometres.", above=0)
    output: str = setting("evaluation", "Folder for the tables and figures.")
    overwrite: bool = setting(False, "Replace earlier scores in --output.")
    eval_limit: int | None = setting(
        None, "Score only this many images of each task, the first ones. Unset: all.", minimum=1)
    precision: str = precision_setting()

    @property
    def data_folder(self) -> DataFolder:
        """The folder of the data sets, and the names of their folders of images."""
        return data_folder(self)

    def __post_init__(self) -> None:
        super().__post_init__()
        data_folder(self)
        if bool(self.generator) == bool(self.restored):
            raise UserError("Name either a --generator, to score it on the images in --data_dir, "
                            "or files: --restored and --clean.")
        if self.stacks and not self.generator:
            raise UserError("--stacks needs a --generator to sharpen them.")
        counts = {name: len(getattr(self, name)) for name in ("restored", "clean", "degraded")}
        if counts["clean"] != counts["restored"] or counts["degraded"] not in (
                0, counts["restored"]):
            raise UserError("--restored, --clean and --degraded need the same number of files. "
                            f"Received: {', '.join(map(str, counts.values()))}")

    def meaningless(self) -> dict[str, Meaningless]:
        if not self.generator:
            return dict.fromkeys((*_OF_PAIRS, *_OF_STACKS), Meaningless(
                "without --generator", "score a --generator instead of --restored"))
        of_files = dict.fromkeys(_OF_FILES, Meaningless("with --generator", "leave that out"))
        if self.stacks:
            return of_files | dict.fromkeys(_OF_PAIRS, Meaningless("with --stacks",
                                                                   "leave that out"))
        return of_files | dict.fromkeys(_OF_STACKS, Meaningless("without --stacks", "add that"))
