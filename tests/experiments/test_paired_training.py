"""What a training that restores does after its updates."""

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from microgan.config import CGANConfig
from microgan.datasets.normalization import IntensityRange, TaskNormalization
from microgan.datasets.paired_arrays import PairedImages
from microgan.datasets.splits import Split
from microgan.errors import UserError
from microgan.experiments import paired_training
from microgan.methods.paired_data import TaskData
from microgan.methods.paired_training import calibrated
from microgan.generator_file import GeneratorInfo
from microgan.restoration import in_memory


def test_calibration_finds_every_tasks_scale_and_offset_in_the_middle_of_its_images(
        identity, random, capsys):
    info = GeneratorInfo("cgan", "unet", {}, ("A", "B", "C"), {
        name: TaskNormalization(IntensityRange(0, 100), IntensityRange(0, 200)) for name in "ABC"},
        "YX", "0", "0")
    images = [random.uniform(0, 100, (20, 30)) for _ in range(2)]
    large = random.uniform(0, 100, (520, 530))
    beside = large.copy()
    beside[4:-4, 9:-9] = 5 * large[4:-4, 9:-9]  # 512 x 512; the rest says something else
    # The network turns 0 to 100 into 0 to 200: A is half of that and 7 more, B 2.5 times.
    pairs = {"A": (images, [image + 7 for image in images]), "B": (2 * [large], 2 * [beside]),
             "C": (images, [-image for image in images])}

    ranges = calibrated(identity, info, pairs.__getitem__).normalization

    for name, expected in (("A", (7, 107)), ("B", (0, 500)), ("C", (0, 200))):
        restored = ranges[name].restored
        np.testing.assert_allclose((restored.low, restored.high), expected, atol=1e-3)
        assert ranges[name].clean == IntensityRange(0, 200)
    assert ranges["C"].calibrated is None
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "A: restored intensities 0 to 200 are calibrated to 7 to 107."
    assert lines[2].startswith("C: no calibration")


@pytest.fixture
def train(tmp_path, random, monkeypatch):
    """A training without updates: it validates, keeps its weights and is scored."""
    images = [random.uniform(0, 100, shape) for shape in [(520, 32)] * 3]
    pairs = PairedImages("A", images, [image / 2 for image in images])
    constants = TaskNormalization(IntensityRange(0, 100), IntensityRange(0, 100))
    task = TaskData(pairs, None, Split((0,), (1,), (2,), "A"), constants, "flips")
    untested = replace(task, split=Split((0, 2), (1,), (), None))
    info = GeneratorInfo("cgan", "unet", {"filters": 2, "depth": 1}, ("A",), {"A": constants},
                         "YX", "0", "0", test_time_augmentation=True)

    def run_training(config, folder, trainer, *, save_generator, validated, validate,
                     on_validated, **rest):
        on_validated(1, [{"update": 1, "bad_steps": 0, **validate()}])
        save_generator(validated.get_weights())
        return 1

    def run(*, has_test=True):
        paired_training.train_restorer(
            CGANConfig.create(recipe="limited", precision="float32", seed=1),
            {"A": task if has_test else untested},
            tmp_path / "run", info, draw=None, split={},
            strategy=tf.distribute.OneDeviceStrategy("/cpu:0"), precision="float32",
            build_trainer=lambda: None,
            calibration_pairs=lambda name: task.part("train"))

    (tmp_path / "run").mkdir()
    monkeypatch.setattr(paired_training, "run_training", run_training)
    return run


def test_validation_and_calibration_see_the_middle_and_the_test_whole_images(train, monkeypatch):
    shapes, usual = [], in_memory.apply_network

    def recorded(model, inputs, *, training):
        shapes.append(inputs.shape)
        return usual(model, inputs, training=training)

    monkeypatch.setattr(in_memory, "apply_network", recorded)

    train()

    middle, whole = (1, 512, 32, 1), (1, 520, 32, 1)
    # Once to validate; over four mirror images to calibrate and to test.
    assert shapes == [middle] + 4 * [middle] + 4 * [whole]


@pytest.mark.parametrize("step", ["calibrated", "score_generator"])
def test_memory_that_runs_out_after_training_says_what_is_kept(train, monkeypatch, step):
    def fail(*arguments, **settings):
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")

    monkeypatch.setattr(paired_training, step, fail)

    with pytest.raises(UserError, match="after the last update. Close other programs and go on "
                       "with --resume: what was trained is kept in .*run.* evaluate.py"):
        train()


def test_a_training_without_test_images_says_how_to_get_scores(train, capsys):
    train()
    assert "Scoring the test images." in capsys.readouterr().out

    train(has_test=False)

    out = capsys.readouterr().out
    assert "Nothing was tested" in out and "NAME_test_X.npy" in out
    assert "scores" not in out
