"""The pretraining on filtered stacks: batches repeat, and the network learns from the truth."""

import csv

import numpy as np
import pytest

from benchmarks import pretraining_stacks
from microgan.generator_file import load_generator
from microgan.methods.stack_correction import score_stacks

pytestmark = pytest.mark.slow


def settings(folder, **changes):
    return pretraining_stacks.Settings.create(**{
        "dir": folder, "num_iters": 12, "batch_size": 1, "patch_size": 24, "num_slices": 8,
        "num_stacks": 2, "num_validated": 2, "translator_filters": 2, "validate_every": 6,
        "seed": 1, "precision": "float32", "num_gpu": 0, "ema_decay": 0.5, **changes})


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pretraining_stacks, "STACK_PX", 32)
        patch.setattr(pretraining_stacks, "draw_volume", volume)
        return pretraining_stacks.pretrain(settings(tmp_path_factory.mktemp("run")))


def volume(rng, size_px):
    """A sample that takes no time."""
    return rng.uniform(size=(size_px,) * 3) ** 8


def test_the_network_learns(run):
    generator, info = load_generator(run / "generator.h5", method="zse_gan")

    assert (info.network, info.axes) == ("correction", "ZYX")
    assert np.abs(generator.get_layer("sharpen").get_weights()[-2]).max() > 0
    with open(run / "history.csv", encoding="utf-8", newline="") as file:
        last = list(csv.DictReader(file))[-1]
    assert float(last["ssim_raw_input"]) < 1
    assert "| filter |" in (run / "validation.md").read_text()


def test_a_batch_is_a_function_of_seed_and_update(run):
    one, other = (pretraining_stacks.StackPretraining(settings(run.parent)) for _ in range(2))
    for method in (one, other):
        method.prepare()

    batch, again, next_batch = one.batch(7), other.batch(7), one.batch(8)

    for name in ("filtered", "sharp", "inside"):
        np.testing.assert_array_equal(batch[name], again[name])
    assert np.abs(batch["sharp"] - next_batch["sharp"]).max() > 0.1


def test_the_truth_scores_best(run):
    method = pretraining_stacks.StackPretraining(settings(run.parent))
    method.prepare()

    found = score_stacks(
        method.truths, [0.5 * sharp + 1e-3 for sharp, _ in method.truths])

    assert found[0] > 60 > method.raw["raw input"][0]
    assert found[1] == pytest.approx(1, abs=1e-6)
