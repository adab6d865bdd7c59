"""The pretraining learns to restore, resumes from an earlier result, and is made ready to ship."""

import csv

import numpy as np
import pytest

from benchmarks import pretraining, ship_generator, simulation_speed
from microgan.generator_file import load_generator, read_info
from microgan.metrics.paired import mean_care_psnr
from microgan.simulation import random_pairs


def settings(folder, **changes):
    return pretraining.Settings.create(**{
        "dir": folder, "num_iters": 40, "batch_size": 4, "patch_size": 32, "num_specimens": 6,
        "num_validated": 8, "generator_filters": 2, "validate_every": 20, "seed": 1,
        "precision": "float32", "num_gpu": 0, "ema_decay": 0.5, "learning_rate": 0.01, **changes})


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        # A few updates of so small a network worsen images that need no restoring.
        patch.setattr(random_pairs, "_PERFECT_SHARE", 0.0)
        first = pretraining.pretrain(settings(tmp_path_factory.mktemp("first")))
        second = pretraining.pretrain(settings(tmp_path_factory.mktemp("second"), num_iters=20,
                                               init_generator=str(first / "generator.h5")))
    return first, second


def history(path):
    with open(path, encoding="utf-8", newline="") as file:
        return [{name: float(value) for name, value in row.items()}
                for row in csv.DictReader(file)]


def test_it_restores_better_than_nothing_and_goes_on_from_there(runs):
    first, second = (history(run / "history.csv") for run in runs)

    assert first[-1]["score"] > first[-1]["psnr_raw input"]
    assert second[-1]["score"] > first[-1]["score"]
    assert "restored" in (runs[0] / "validation.md").read_text()


def test_a_batch_is_a_function_of_seed_and_update(runs):
    one, other = (pretraining.Pretraining(settings(runs[0].parent, seed=seed)) for seed in (1, 1))
    for method in (one, other):
        method.load()

    batch, again, next_batch = one.batch(7), other.batch(7), one.batch(8)

    np.testing.assert_array_equal(batch["degraded"], again["degraded"])
    assert np.abs(batch["clean"] - next_batch["clean"]).max() > 0.1


def test_speed_counts_specimens_and_pairs_of_both_sizes(monkeypatch, capsys):
    clock = iter(np.arange(6) / 10)  # each of the three takes a tenth of a second
    monkeypatch.setattr(simulation_speed.time, "process_time", lambda: next(clock))

    simulation_speed.report(simulation_speed.Settings(num_specimens=2, num_pairs=3))

    assert capsys.readouterr().out.splitlines()[2:] == [
        "| specimens of 192 x 192 | 20 |", "| pairs of 64 x 64 | 30 |",
        "| pairs of 128 x 128 | 30 |"]


def test_what_ships_is_the_last_generator_in_half_precision(runs, tmp_path):
    for folder in ("microgan/networks", "benchmarks/results", "docs/images"):
        (tmp_path / folder).mkdir(parents=True)

    ship_generator.ship(ship_generator.Settings.create(
        runs=[str(run) for run in runs], num_known=20, root=str(tmp_path)))

    shipped = tmp_path / "microgan" / "networks" / "embedded_generator.h5"
    assert read_info(shipped).tasks == ()
    half, full = (load_generator(path, precision="float32")[0]
                  for path in (shipped, runs[1] / "generator.h5"))
    for short, long in zip(half.get_weights(), full.get_weights()):
        np.testing.assert_array_equal(short, long.astype(np.float16).astype(np.float32))
    rows = history(tmp_path / "benchmarks" / "results" / "pretraining.csv")
    assert [row["update"] for row in rows] == sorted(row["update"] for row in rows)
    assert rows[-1]["update"] <= 60 and (tmp_path / "docs/images/pretraining.png").exists()
    with np.load(shipped.with_name("embedded_known.npz")) as known:
        assert known["descriptions"].shape == (20, 13)


def test_restored_images_score_the_same_in_half_precision(runs):
    method = pretraining.Pretraining(settings(runs[0].parent))
    method.load()
    degraded, clean = (np.stack(images) for images in zip(*method.validated))
    model, _ = load_generator(runs[1] / "generator.h5", precision="float32")
    scores = []
    for weights in (model.get_weights(), [weight.astype(np.float16).astype(np.float32)
                                          for weight in model.get_weights()]):
        model.set_weights(weights)
        restored = model(degraded[..., None]).numpy()[..., 0]
        scores.append(mean_care_psnr(list(clean), list(restored)))
    np.testing.assert_allclose(*scores, atol=0.01)
