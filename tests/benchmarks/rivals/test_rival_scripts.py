"""The programs that train rivals, from end to end."""

import signal
from dataclasses import dataclass

import numpy as np
import pytest

from helpers import assert_same_run, files_in, run_history, run_script, write_pairs
from microgan.generator_file import load_generator

NARROW = ("--data_dir=../images", "--patch_size=32", "--batch_size=1", "--num_gpu=0",
          "--precision=float32", "--generator_filters=4", "--num_iters=8", "--validate_every=2",
          "--checkpoint_every=1", "--seed=1", "--deterministic")


@dataclass(frozen=True)
class Rival:
    """A method, the name of its run folder and flags that make it fast."""

    method: str
    folder: str
    flags: tuple[str, ...]

    def run(self, *flags, cwd, moment=None):
        """Run its program; kill it at a moment of `killed_script.py`."""
        script = f"benchmarks.rivals.{self.method}"
        return run_script(*((script,) if moment is None else
                            ("tests/killed_script.py", moment, script)), *flags, cwd=cwd)


RIVALS = {
    # Its rate is so high that the validation loss rises from the second validation on.
    "care": Rival("care", "CARE_results", (
        *NARROW, "--learning_rate=0.01", "--plateau_updates=1")),
    "deblurgan": Rival("deblurgan", "DeblurGAN_results", (
        *NARROW, "--critic_filters=2", "--critic_steps=2", "--content_features=embedded")),
    "cyclegan": Rival("cyclegan", "CycleGAN_results", (
        *NARROW, "--discriminator_filters=2", "--pool_size=2")),
    "n2v": Rival("n2v", "N2V_results", NARROW),
}
PIX2PIX = Rival("pix2pix", "pix2pix_results", (
    *NARROW, "--data_dir=.", "--generator_depth=3", "--discriminator_filters=2", "--num_iters=2"))


@pytest.fixture(scope="module", params=RIVALS)
def rival(request):
    return RIVALS[request.param]


@pytest.fixture(scope="module")
def whole(rival, tmp_path_factory):
    """The folder in which a training that nothing disturbed has left its run folder."""
    folder = tmp_path_factory.mktemp(rival.method)
    random = np.random.default_rng(7)
    for name in ("images", "whole", "killed"):
        (folder / name).mkdir()
    write_pairs(folder / "images", "Blobs", 10, random)
    write_pairs(folder / "images", "Blobs_test", 3, random)
    result = rival.run(*rival.flags, cwd=folder / "whole")
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    return folder / "whole"


@pytest.mark.slow
def test_rival_writes_what_our_scripts_write_and_knows_when_it_is_finished(rival, whole):
    folder = whole / rival.folder

    again = rival.run("--resume", cwd=whole)

    assert again.returncode == 0 and "is finished: 8 updates" in again.stdout
    assert {"config.json", "split.json", "history.csv", "generator.h5", "scores.md",
            "scores.json", "samples/update_000008.png",
            "checkpoint/update_000008.npz"} <= files_in(folder)
    assert [row["update"] for row in run_history(folder)] == ["2", "4", "6", "8"]
    _, info = load_generator(folder / "generator.h5", method=rival.method)
    assert info.tasks == ("Blobs",)


@pytest.mark.slow
def test_rival_killed_between_two_validations_ends_as_if_it_had_not_been(rival, whole):
    """Pools are full by then, features have been dropped, and CARE's rate has fallen."""
    killed = whole.parent / "killed"

    result = rival.run(*rival.flags, cwd=killed, moment="save:6")
    assert result.returncode == -signal.SIGKILL, (result.stdout, result.stderr)
    checkpoints = killed / rival.folder / "checkpoint"
    assert {"update_000004.npz", "update_000005.npz"} < files_in(checkpoints)
    if rival.method == "care":
        with np.load(checkpoints / "update_000005.npz") as checkpoint:
            assert checkpoint["generator_optimizer/1"] == np.float32(0.005)
    result = rival.run("--resume", cwd=killed)

    assert result.returncode == 0, result.stderr
    assert_same_run(whole / rival.folder, killed / rival.folder)
    assert not list(killed.rglob("*.partial*"))


@pytest.mark.slow
def test_care_trained_as_limited_is_calibrated_and_restores_by_mirror_images(tmp_path):
    write_pairs(tmp_path, "Blobs", 10, np.random.default_rng(7))

    result = RIVALS["care"].run(
        "--recipe=limited", "--data_dir=.", "--patch_size=32", "--num_gpu=0",
        "--precision=float32", "--generator_filters=4", "--num_iters=40", "--validate_every=20",
        "--seed=1", cwd=tmp_path)

    assert result.returncode == 0, result.stderr
    _, info = load_generator(tmp_path / "CARE_results" / "generator.h5", method="care")
    assert info.test_time_augmentation
    assert info.normalization["Blobs"].calibrated is not None


@pytest.mark.slow
def test_pix2pix_learns_from_both_losses_and_is_restored_with(tmp_path):
    write_pairs(tmp_path, "Blobs", 10, np.random.default_rng(7))

    result = PIX2PIX.run(*PIX2PIX.flags, cwd=tmp_path)

    assert result.returncode == 0, result.stderr
    (row,) = run_history(tmp_path / PIX2PIX.folder)
    assert {"discriminator_loss", "adversarial_loss", "pixel_loss"} < set(row)
    _, info = load_generator(tmp_path / PIX2PIX.folder / "generator.h5", method="pix2pix")
    assert info.network_arguments["depth"] == 3
