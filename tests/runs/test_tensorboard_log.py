import importlib.util

import numpy as np
import pytest
from PIL import Image

from helpers import assert_printed_mistake, files_in
from microgan.cli import train_cgan
from microgan.runs.tensorboard_log import tensorboard_log

ROWS = [{"update": 2, "seconds": 0.5, "bad_steps": 1, "pixel_loss": 0.25, "psnr_Cells": 20.0},
        {"update": 4, "seconds": 1.0, "bad_steps": 0, "pixel_loss": 0.125, "psnr_Cells": 21.5}]


@pytest.fixture
def folder(tmp_path):
    """A run folder with the pictures of two validations."""
    (tmp_path / "samples").mkdir()
    for update in (2, 4):
        for number in (1, 2):
            Image.fromarray(np.full((3, 5), 10 * update + number, np.uint8)).save(
                tmp_path / f"samples/update_{update:06d}_{number}.png")
    return tmp_path


def read_log(folder):
    """What TensorBoard finds: scalars and pictures by tag."""
    accumulators = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    events = accumulators.EventAccumulator(str(folder / "tensorboard"))
    events.Reload()
    from tensorboard.util import tensor_util

    found = {}
    for tag in events.Tags()["tensors"]:
        found[tag] = [(event.step, tensor_util.make_ndarray(event.tensor_proto))
                      for event in events.Tensors(tag)]
    return found


def test_losses_scores_and_pictures_are_logged_by_update(folder):
    pytest.importorskip("tensorboard")

    with tensorboard_log(folder, [], is_on=True) as log:
        for row in ROWS:
            log(row)

    found = read_log(folder)
    scalars = {tag: [(step, float(value)) for step, value in values]
               for tag, values in found.items() if not tag.startswith("samples")}
    assert scalars == {"losses/pixel": [(2, 0.25), (4, 0.125)],
                       "validation/psnr_Cells": [(2, 20.0), (4, 21.5)],
                       "run/seconds": [(2, 0.5), (4, 1.0)], "run/bad_steps": [(2, 1), (4, 0)]}
    import tensorflow as tf

    for number in (1, 2):
        (_, first), (_, second) = found[f"samples/{number}"]
        for picture, value in ((first, 20 + number), (second, 40 + number)):
            assert [int(size) for size in picture[:2]] == [5, 3]  # width, height
            np.testing.assert_array_equal(tf.io.decode_png(picture[2]), value)


def test_log_of_a_resumed_run_has_every_update_once(folder):
    pytest.importorskip("tensorboard")
    with tensorboard_log(folder, [], is_on=True) as log:
        for row in ROWS:  # the last one came after the last checkpoint
            log(row)

    with tensorboard_log(folder, ROWS[:1], is_on=True) as log:
        log({**ROWS[1], "pixel_loss": 0.5})

    assert [(step, float(value)) for step, value in read_log(folder)["losses/pixel"]] == [
        (2, 0.25), (4, 0.5)]
    assert len(list((folder / "tensorboard").iterdir())) == 1


def test_nothing_is_logged_unless_asked_for(folder):
    before = files_in(folder)

    with tensorboard_log(folder, ROWS, is_on=False) as log:
        log(ROWS[0])

    assert files_in(folder) == before


def test_missing_tensorboard_is_a_mistake_before_anything_is_read(monkeypatch, capsys, tmp_path):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, package=None: (
        None if name == "tensorboard" else find(name, package)))

    status = train_cgan.main(["train_cGAN.py", "--tensorboard", f"--dir={tmp_path}",
                              "--data_dir=missing"])

    assert_printed_mistake(status, capsys.readouterr(), "--tensorboard needs TensorBoard",
                           "pip install 'microgan[tensorboard]'")
    assert files_in(tmp_path) == set()
