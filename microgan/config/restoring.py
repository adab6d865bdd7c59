"""Settings of trainings whose network restores, whatever it is and learns from."""

from __future__ import annotations

from dataclasses import dataclass

from microgan.config.base import setting
from microgan.config.training import TaskTrainingConfig
from microgan.errors import UserError


@dataclass(frozen=True, kw_only=True)
class RestoringConfig(TaskTrainingConfig):
    """What a restoring network can have beyond its own method; CARE in benchmarks, too."""

    bounded_updates: bool = setting(
        False, "Take a smaller step where the generator's gradient is large beside its average, "
        "so that a rare one cannot ruin a training. The original does not.", limited=True)
    test_time_augmentation: bool = setting(
        False, "Restore by averaging over the image and its three mirror images: more precise, "
        "four times the work; recorded in generator.h5. For U-Nets; not with "
        "--symmetries=NAME:none. The original has none.", limited=True)
    calibrate: bool = setting(
        False, "For true intensities, fit scale and offset of the restored images to the clean "
        "validation images after training, per task, where those agree; recorded in generator.h5. "
        "The original does not.", limited=True)
    intensity_jitter: float | None = setting(
        0.0, "Random change of both images of a training pair alike, as if the exposure had been "
        "different: contrast times 1 plus or minus up to this, brightness plus or minus up to "
        "this, where the usual intensities are -1 to 1. It helps where each image was stretched "
        "on its own; otherwise a background that is always 0 is learned less well. None: 0.4 for "
        "tasks of which most images reach the brightest value of their type, 0 for others. The "
        "original has none.", limited=None, minimum=0, maximum=0.9)

    def __post_init__(self) -> None:
        super().__post_init__()
        unmirrored = [entry for entry in self.symmetries if entry.endswith(":none")]
        if self.test_time_augmentation and unmirrored:
            raise UserError(f"--symmetries={unmirrored[0]} forbids the mirror images that "
                            "test-time augmentation averages over: add "
                            "--test_time_augmentation=False.")
