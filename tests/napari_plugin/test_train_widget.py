"""The widget that trains: what it hands to the training, shows of it, and says at its end."""

import io
import json
import sys

import numpy as np
import pytest
from PIL import Image as Picture

from helpers import make_pairs, need_napari, run_history

need_napari()

from napari.components import ViewerModel  # noqa: E402
from napari.layers import Image  # noqa: E402

from microgan.errors import UserError  # noqa: E402
from microgan.generator_file import read_info  # noqa: E402
from microgan.napari_plugin import forms, train_widget, training  # noqa: E402
from microgan.napari_plugin.train_widget import TrainWidget  # noqa: E402

# Stands in for a training: writes what one writes, and stops when it is told to.
TRAINING = """
import json, pathlib, signal, sys, time
settings = dict(argument[2:].split("=", 1) for argument in sys.argv[1:] if "=" in argument)
run = pathlib.Path(settings["dir"]) / "Microscopy_cGAN_results"
(run / "samples").mkdir(parents=True, exist_ok=True)
(run / "config.json").write_text(json.dumps({"config": {"num_iters": int(settings["num_iters"])}}))
for picture in (run / "history.png", run / "samples" / "update_000100.png"):
    picture.write_bytes(bytes.fromhex(PNG))
(run / "report.html").write_text("report")
def stop(*_):
    print("program: stopped by SIGTERM after 30 updates.", file=sys.stderr)
    sys.exit(143)
signal.signal(signal.SIGTERM, stop)
print("update 30/" + settings["num_iters"] + "  3 images/s", flush=True)
HOW_IT_ENDS
"""


@pytest.fixture
def shown(monkeypatch):
    """Lines of napari's notifications."""
    lines = []
    for module in (train_widget, forms):
        monkeypatch.setattr(module, "show_error", lines.append)
    return lines


@pytest.fixture
def layers():
    degraded, clean = make_pairs(6, np.random.default_rng(0), size=64)
    return [Image(clean, name="sharp"), Image(degraded, name="cells, 5 ms")]


@pytest.fixture
def widget(qtbot, layers, tmp_path):
    viewer = ViewerModel()
    viewer.layers.extend(layers)
    widget = TrainWidget(viewer)
    qtbot.addWidget(widget.native)
    widget.clean.value, widget.degraded.value = layers
    widget.dir.value = tmp_path / "run"
    yield widget
    train_widget._end(widget._process)


def run_instead(monkeypatch, tmp_path, how_it_ends):
    """Let the widget run a stand-in; give the commands that it would have run."""

    png = io.BytesIO()
    Picture.new("RGB", (60, 40), "teal").save(png, "png")
    script = tmp_path / "stand_in.py"
    script.write_text(TRAINING.replace("HOW_IT_ENDS", how_it_ends)
                      .replace("PNG", repr(png.getvalue().hex())))
    commands, usual = [], training.command

    def command(*arguments):
        commands.append(usual(*arguments))
        return [sys.executable, str(script), *commands[-1][3:]]

    monkeypatch.setattr(training, "command", command)
    return commands


def wait(qtbot, widget):
    qtbot.waitUntil(lambda: widget.start.enabled, timeout=200_000)


def test_layers_become_the_arrays_of_a_task(layers, tmp_path):
    stack = Image(layers[1].data.reshape(2, 3, 64, 64), name="cells")

    folder = training.write_pairs(tmp_path, "Cells", stack, None)

    np.testing.assert_array_equal(np.load(folder / "Cells_X.npy"), layers[1].data)
    assert [path.name for path in folder.iterdir()] == ["Cells_X.npy"]


def test_the_images_of_a_training_are_never_replaced_by_others(layers, tmp_path):
    clean, degraded = layers
    (tmp_path / training.RUN_FOLDER).mkdir()
    with pytest.raises(UserError, match="began with other images than these layers"):
        training.write_pairs(tmp_path, "Cells", degraded, clean)
    (tmp_path / training.RUN_FOLDER).rmdir()
    folder = training.write_pairs(tmp_path, "Cells", degraded, clean)
    (tmp_path / training.RUN_FOLDER).mkdir()

    training.write_pairs(tmp_path, "Cells", degraded, clean)  # the same ones
    with pytest.raises(UserError, match="began with other images"):
        training.write_pairs(tmp_path, "Cells", clean, degraded)

    np.testing.assert_array_equal(np.load(folder / "Cells_X.npy"), degraded.data)


@pytest.mark.parametrize("shape, settings, name, words", [
    ((64, 64, 3), {"rgb": True}, "A", "'cells' has channels, axes YXC: split them into layers"),
    ((5, 64, 64), {}, "A", r"has shape \(5, 64, 64\), but 'sharp' \(6, 64, 64\)"),
    ((6, 64, 64), {}, "A/B", "not every system allows '/'"),
    ((6, 64, 64), {}, "A,B", "has a comma")])
def test_layers_that_are_no_pairs_are_refused(layers, shape, settings, name, words, tmp_path):
    degraded = Image(np.zeros(shape), name="cells", **settings)

    with pytest.raises(UserError, match=words):
        training.write_pairs(tmp_path, name, degraded, layers[0])


def test_the_name_of_the_layer_becomes_the_task(widget):
    assert widget.task.value == "cells_5_ms"


def test_a_training_shows_curve_and_pictures_and_ends(qtbot, widget, monkeypatch, tmp_path):
    commands = run_instead(monkeypatch, tmp_path, "")

    widget.start.native.click()
    wait(qtbot, widget)

    (command,) = commands
    assert command[1:5] == ["-m", "microgan.cli.train_cgan", "--recipe=limited", "--resume"]
    assert {f"--dir={tmp_path}/run", f"--data_dir={tmp_path}/run/images", "--datasets=cells_5_ms",
            "--num_iters=4000"} <= set(command)
    assert (tmp_path / "run" / "images" / "cells_5_ms_Y.npy").exists()
    for picture in (widget.curve, widget.samples):
        assert (picture._pixels.width(), picture._pixels.height()) == (60, 40)
    assert widget.status.value.startswith("Done.") and "generator.h5" in widget.status.value
    assert widget.report.enabled and widget.start.text == "Go on"


def test_a_training_on_a_folder_takes_all_its_tasks(qtbot, widget, monkeypatch, tmp_path):
    commands = run_instead(monkeypatch, tmp_path, "")
    widget.source.value = "a folder"
    widget.data_dir.value = tmp_path / "mine"

    widget.start.native.click()
    wait(qtbot, widget)

    assert f"--data_dir={tmp_path}/mine" in commands[0]
    assert not any("--datasets" in flag for flag in commands[0])


def test_a_training_is_stopped_and_gone_on_with(qtbot, widget, monkeypatch, tmp_path):
    widget.num_iters.value = 60
    run_instead(monkeypatch, tmp_path, "time.sleep(100)")
    widget.start.native.click()
    qtbot.waitUntil(lambda: widget.progress.value == 500, timeout=30_000)

    widget.stop.native.click()
    wait(qtbot, widget)

    assert widget.status.value == "Stopped. Go on whenever you like."
    assert widget.start.text == "Go on" and not widget.stop.enabled
    widget.dir.value = tmp_path / "new"
    assert widget.start.text == "Train"
    widget.dir.value = tmp_path / "run"
    assert widget.start.text == "Go on" and widget.num_iters.value == 60


def test_a_mistake_is_one_line_in_a_notification(qtbot, widget, layers, shown, monkeypatch,
                                                 tmp_path):
    run_instead(monkeypatch, tmp_path, 'print("a warning\\nprogram: error: too few pairs.", '
                'file=sys.stderr); sys.exit(2)')

    widget.start.native.click()
    wait(qtbot, widget)

    assert shown.pop() == widget.status.value == "too few pairs."
    widget.clean.value = layers[1]
    widget.start.native.click()
    assert shown.pop().startswith("Layer 'cells, 5 ms' is chosen as degraded and as clean.")
    widget.source.value = "a folder"
    widget.start.native.click()
    assert shown.pop() == "There is no folder of images. Choose one."


def test_a_bug_is_told_as_one(qtbot, widget, monkeypatch, tmp_path):
    run_instead(monkeypatch, tmp_path, "1 / 0")

    with qtbot.captureExceptions() as exceptions:
        widget.start.native.click()
        wait(qtbot, widget)

    assert "ZeroDivisionError" in str(exceptions[0][1])


def test_closing_the_widget_stops_the_training(qtbot, layers, monkeypatch, tmp_path):
    run_instead(monkeypatch, tmp_path, "time.sleep(100)")
    viewer = ViewerModel()
    viewer.layers.extend(layers)
    widget = TrainWidget(viewer)
    widget.clean.value, widget.degraded.value = layers
    widget.dir.value = tmp_path / "run"
    widget.start.native.click()
    qtbot.waitUntil(lambda: widget.progress.value > 0, timeout=30_000)
    process = widget._process

    widget.native.deleteLater()
    qtbot.waitUntil(lambda: process.state() == process.ProcessState.NotRunning, timeout=30_000)

    assert process.exitCode() == 143


@pytest.mark.slow
def test_layers_are_trained_on_and_the_training_is_prolonged(qtbot, widget, tmp_path):
    widget.num_iters.value = 2
    widget.start.native.click()
    wait(qtbot, widget)
    run = tmp_path / "run" / training.RUN_FOLDER
    assert widget.status.value.startswith("Done."), widget.status.value
    assert read_info(run / "generator.h5").tasks == ("cells_5_ms",)
    assert not widget.curve._pixels.isNull() and not widget.samples._pixels.isNull()

    widget.num_iters.value = 3
    widget.start.native.click()
    wait(qtbot, widget)

    assert [row["update"] for row in run_history(run)] == ["2", "3"]
    assert json.loads((run / "config.json").read_text())["config"]["recipe"] == "limited"
