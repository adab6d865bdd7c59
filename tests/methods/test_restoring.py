"""What a training that restores does after its updates."""

import json
from dataclasses import replace

import pytest
import tensorflow as tf

from microgan.config import CGANConfig
from microgan.datasets.normalization import IntensityRange, TaskNormalization
from microgan.datasets.paired_arrays import PairedImages
from microgan.datasets.splits import Split
from microgan.errors import UserError
from microgan.methods import cgan, restoring
from microgan.methods.paired_data import TaskData
from microgan.programs import scoring
from microgan.restoration import in_memory
from microgan.runs import run as runs


@pytest.fixture
def train(tmp_path, random, monkeypatch):
    """A training of one update: it validates, keeps its weights and is scored."""
    images = [random.uniform(0, 100, shape) for shape in [(520, 32)] * 3]
    pairs = PairedImages("A", images, [image / 2 for image in images])
    constants = TaskNormalization(IntensityRange(0, 100), IntensityRange(0, 100))
    task = TaskData(pairs, None, Split((0,), (1,), (2,), "A"), constants, "flips")
    untested = replace(task, split=Split((0, 2), (1,), (), None))

    def run(*, has_test=True, **settings):
        monkeypatch.setattr(cgan, "load_tasks", lambda config, **_: {
            "A": task if has_test else untested})
        runs.train(cgan.CGAN, CGANConfig.create(
            recipe="limited", precision="float32", seed=1, num_gpu=0, num_iters=1, batch_size=1,
            patch_size=16, generator_filters=2, content_weight=0.0, dir=tmp_path / "run",
            **{"overwrite": True, **settings}))

    return run


def test_validation_and_calibration_see_the_middle_and_the_test_whole_images(
        train, monkeypatch, capsys):
    shapes, usual = [], in_memory.apply_network

    def recorded(model, inputs, *, training):
        shapes.append(inputs.shape)
        return usual(model, inputs, training=training)

    monkeypatch.setattr(in_memory, "apply_network", recorded)

    train()

    shapes = [shape for shape in shapes if shape[1] > 16]
    middle, whole = (1, 512, 32, 1), (1, 520, 32, 1)
    # Once to validate; over four mirror images to calibrate, for the errors of learned and held
    # out pairs and their spreads, to test and for their spread.
    assert shapes == [middle] + 4 * [middle] + 16 * [middle] + 4 * [whole] + 4 * [whole]
    assert "Scoring the test images of A." in capsys.readouterr().out


@pytest.mark.parametrize("step", [
    (restoring, "calibrated"),
    pytest.param((scoring, "write_report"), marks=pytest.mark.slow)])
def test_memory_that_runs_out_after_training_says_what_is_kept(train, monkeypatch, step):
    def fail(*arguments, **settings):
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")

    monkeypatch.setattr(*step, fail)

    with pytest.raises(UserError, match="after the last update. Close other programs and "
                       "continue with --resume: the trained weights are kept .*run.* evaluate.py"):
        train()


def test_a_training_without_test_images_scores_the_others_and_says_how_to_get_honest_scores(
        train, capsys):
    train(has_test=False)

    out = capsys.readouterr().out
    assert "Nothing was tested" not in out
    assert "(validation):" in out and "scores are too good" in out
    assert "run the same command with --resume --cross_validate=3" in out
    assert "scores.md" in out.rpartition("Best on")[2]


@pytest.mark.slow
def test_a_finished_run_is_cross_validated_and_goes_on_where_it_was_stopped(
        train, tmp_path, monkeypatch, capsys):
    train(has_test=False)
    usual, folders = runs.prepared, []

    def stopped_in_the_second(method, folder):
        folders.append(folder.name)
        if folder.name == "2_of_3":
            raise KeyboardInterrupt
        return usual(method, folder)

    with monkeypatch.context() as patch:
        patch.setattr(runs, "prepared", stopped_in_the_second)
        with pytest.raises(KeyboardInterrupt, match="continue with --resume"):
            train(has_test=False, overwrite=False, resume=True, cross_validate=3)
    run = tmp_path / "run" / "Microscopy_cGAN_results"
    first = (run / "folds" / "1_of_3" / "history.csv").read_bytes()
    assert not (run / "scores.json").exists()

    train(has_test=False, overwrite=False, resume=True)

    assert folders == ["Microscopy_cGAN_results", "1_of_3", "2_of_3"]
    assert (run / "folds" / "1_of_3" / "history.csv").read_bytes() == first
    rows = json.loads((run / "scores.json").read_text())
    assert {(row["split"], row["n"]) for row in rows} == {("cross-validation", 3)}
    assert {row["method"] for row in rows} >= {"raw input", "restored"}
    capsys.readouterr()
    train(has_test=False, overwrite=False, resume=True)
    assert "is finished" in capsys.readouterr().out

    train(has_test=False)

    assert not list(run.glob("folds/**/*.h5"))
