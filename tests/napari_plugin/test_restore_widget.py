"""The widget that restores a layer, in napari's own threads.

TensorFlow does not run here: a stand-in for its process serves the same pipes.
"""

import json
import os
import threading

import h5py
import numpy as np
import pytest

from helpers import need_napari

need_napari()

from napari.components import ViewerModel  # noqa: E402
from napari.qt.threading import FunctionWorker  # noqa: E402

import microgan  # noqa: E402
from microgan.datasets.normalization import IntensityRange, TaskNormalization  # noqa: E402
from microgan.errors import UserError  # noqa: E402
from microgan.generator_file import GeneratorInfo  # noqa: E402
from microgan.napari_plugin import (  # noqa: E402
    forms, restore_widget, restoring, restoring_process)
from microgan.napari_plugin.restore_widget import RestoreWidget  # noqa: E402

INFO = GeneratorInfo(
    "cgan", "unet", {"filters": 2}, ("A", "B"),
    {"A": TaskNormalization(IntensityRange(0, 200), IntensityRange(0, 400)),
     "B": TaskNormalization(IntensityRange(0, 100), IntensityRange(0, 100))}, "YX", "0.1.0", "")


class Factor:
    """A restorer that multiplies: by 2 for task A, by 1 for B."""

    info = INFO

    def __init__(self):
        self.begun, self.may_end = threading.Event(), threading.Event()
        self.may_end.set()

    def restore_into(self, target, image, *, axes, task, report, progress, nodata=None):
        self.begun.set()
        assert self.may_end.wait(30)
        if target.shape[-2:] == (10, 40):
            raise UserError("Planes of 10 x 40 pixels are too small.")
        if target.shape[-2:] == (11, 40):
            raise ZeroDivisionError("a bug")
        report("Warning: this is a test." if task else "Its own percentiles.")
        index = tuple(slice(0, length) for length in target.shape)
        target[index] = {"A": 2, "B": 1, None: 3}[task] * image[index]
        progress(1.0)


class InThread:
    """Stands in for the process: serves the pipes from a thread."""

    def __init__(self):
        read, self._write = os.pipe()
        answers, write = os.pipe()
        self.stdin, self.stdout = os.fdopen(self._write, "w"), os.fdopen(answers)
        self._thread = threading.Thread(
            target=self._serve, args=(os.fdopen(read), os.fdopen(write, "w")), daemon=True)
        self._killed = False
        self._thread.start()

    def _serve(self, lines, answers):
        def say(content):
            if not self._killed:
                print(json.dumps(content), file=answers, flush=True)

        with lines, answers:
            for line in lines:
                if not self._killed:
                    restoring_process.serve([line], say)
                if self._killed:
                    return

    def kill(self):
        self._killed = True

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stdin.close()
        self.stdout.close()

    def wait(self):
        return -9


@pytest.fixture(autouse=True)
def factor(monkeypatch):
    restoring_process._loaded.cache_clear()
    factor = Factor()
    factor.loaded = []

    def load(path, **settings):
        factor.loaded.append((path, settings))
        return factor

    monkeypatch.setattr(microgan, "load_restorer", load)
    monkeypatch.setattr(restoring, "_start", InThread)
    yield factor
    restoring_process._loaded.cache_clear()


@pytest.fixture
def generator(tmp_path):
    path = tmp_path / "generator.h5"
    with h5py.File(path, "w") as file:
        file.attrs["microgan"] = json.dumps(INFO.to_json())
    return path


@pytest.fixture
def shown(monkeypatch):
    """Lines of napari's notifications."""
    lines = []
    for module, kind in ((restore_widget, "show_error"), (restore_widget, "show_warning"),
                         (forms, "show_error")):
        monkeypatch.setattr(module, kind, lines.append)
    return lines


@pytest.fixture
def image():
    return np.random.default_rng(0).integers(0, 200, (3, 32, 40), dtype=np.uint16)


@pytest.fixture
def widget(qtbot, generator):
    viewer = ViewerModel()
    widget = RestoreWidget(viewer)
    qtbot.addWidget(widget.native)
    viewer.layers.events.inserted.connect(widget.reset_choices)  # as napari does on docking
    widget.generator.value = "a file of mine"
    widget.file.value = generator
    widget.viewer = viewer
    yield widget
    widget._process.stop()


def press(qtbot, widget, button="start"):
    """Press a button and wait until the work is done."""
    getattr(widget, button).native.click()
    qtbot.waitUntil(lambda: widget.start.enabled, timeout=60_000)


def test_a_layer_is_restored_beside_itself(qtbot, widget, image, factor, generator, shown):
    widget.viewer.add_image(image, name="cells", scale=(2, 0.1, 0.1), contrast_limits=(5, 150),
                            colormap="green")
    assert widget.axes.value == "ZYX"

    press(qtbot, widget)

    layer, result = widget.viewer.layers
    np.testing.assert_array_equal(result.data, 2 * layer.data)  # 0 to 200 becomes 0 to 400
    assert result.name == "cells restored" and result.data.dtype == np.uint16
    np.testing.assert_array_equal(result.scale, layer.scale)
    assert result.colormap.name == "green" and result.contrast_limits == [10, 300]
    assert factor.loaded == [(str(generator), {"test_time_augmentation": None})]
    assert shown == ["Warning: this is a test."]


def test_contrast_limits_are_kept_where_clean_images_are_as_bright(qtbot, widget, image):
    widget.viewer.add_image(image // 2, contrast_limits=(5, 90))
    widget.task.value = "B"

    press(qtbot, widget)

    layer, result = widget.viewer.layers
    np.testing.assert_array_equal(result.data, layer.data)
    assert result.contrast_limits == layer.contrast_limits == [5, 90]


def test_one_channel_and_more_axes(qtbot, widget, image):
    widget.viewer.add_image(np.stack([image, image[::-1]], 1), name="cells")
    widget.axes.value = "TCYX"
    assert list(widget.channel.choices) == ["all", "0", "1"]
    widget.channel.value = "1"

    press(qtbot, widget)

    result = widget.viewer.layers[-1]
    assert result.name == "cells 1 restored"
    np.testing.assert_array_equal(result.data, 2 * image[::-1])


def test_colours_are_restored_as_colours(qtbot, widget, image):
    widget.viewer.add_image(np.moveaxis(image, 0, -1).astype(np.uint8), rgb=True)
    widget.task.value = "B"

    press(qtbot, widget)

    layer, result = widget.viewer.layers
    assert result.rgb
    np.testing.assert_array_equal(result.data, layer.data)


def test_the_trust_map_is_a_second_layer(qtbot, widget, image):
    widget.viewer.add_image(image, name="cells", scale=(2, 0.1, 0.1))
    widget.trust_map.value = True

    press(qtbot, widget)

    _, _, trust = widget.viewer.layers
    assert trust.name == "cells trust map" and trust.data.dtype == np.float32
    np.testing.assert_allclose(trust.data, 0, atol=0.01)  # a factor treats mirrors alike
    np.testing.assert_array_equal(trust.scale, (2, 0.1, 0.1))


def test_own_percentiles_and_numbers_that_are_not_rounded(qtbot, widget, image):
    widget.viewer.add_image(image)
    widget.task.value = "none of them"
    widget.output_type.value = "float32"

    press(qtbot, widget)

    result = widget.viewer.layers[-1]
    assert result.data.dtype == np.float32
    np.testing.assert_array_equal(result.data, 3 * image)
    assert result.metadata["microgan"] == ["Its own percentiles."]


def test_cancelling_leaves_no_layer_and_the_next_restoration_starts_anew(
        qtbot, widget, image, factor):
    factor.may_end.clear()
    widget.viewer.add_image(image)
    widget.start.native.click()
    qtbot.waitUntil(factor.begun.is_set)

    widget.cancel.native.click()
    factor.may_end.set()
    qtbot.waitUntil(lambda: widget.start.enabled)

    assert len(widget.viewer.layers) == 1 and not widget.cancel.enabled
    assert widget.notes.value == "Cancelled: no layer was added."

    press(qtbot, widget)

    assert len(widget.viewer.layers) == 2


def test_napari_that_closes_does_not_wait_for_the_restoration(qtbot, widget, image, factor):
    factor.may_end.clear()
    widget.viewer.add_image(image)
    widget.start.native.click()
    qtbot.waitUntil(factor.begun.is_set)
    killed = []
    usual, process = widget._process._process.kill, widget._process._process
    process.kill = lambda: (killed.append(True), usual(), factor.may_end.set())

    FunctionWorker.await_workers(30_000)

    assert killed == [True]


def test_a_mistake_is_one_line_in_a_notification(qtbot, widget, image, shown, tmp_path):
    widget.start.native.click()
    assert shown.pop() == "There is no image layer to restore. Open an image first."
    widget.viewer.add_image(image[:, :10])
    press(qtbot, widget)
    assert shown.pop() == "Planes of 10 x 40 pixels are too small."
    widget.axes.value = "YX"
    widget.start.native.click()
    assert shown.pop().startswith("axes 'YX' do not fit")
    (tmp_path / "no.h5").write_text("nothing")
    widget.file.value = tmp_path / "no.h5"
    assert "not an HDF5 file" in shown.pop()
    widget.start.native.click()
    assert "is no generator" in shown.pop()
    assert not shown and len(widget.viewer.layers) == 1


def test_a_process_that_is_gone_is_a_mistake_and_a_bug_is_told_as_one(image):
    process = restoring.RestoringProcess()
    settings = {"axes": "ZYX", "generator": "embedded"}

    with pytest.raises(RuntimeError, match="ZeroDivisionError: a bug"):
        process.restore(image[:, :11], print, print, **settings)
    process._process.kill()
    with pytest.raises(UserError, match="ended with status -9: memory may have run out"):
        process.restore(image, print, print, **settings)


def test_the_image_is_handed_over_part_by_part(image, monkeypatch):
    monkeypatch.setattr(restoring, "_COPIED_PIXELS", 32 * 40)
    read = []

    class Pixels:
        shape, dtype = image.shape, image.dtype

        def __getitem__(self, index):
            read.append(index)
            return image[index]

    process = restoring.RestoringProcess()
    result = process.restore(Pixels(), print, print, axes="ZYX", generator="embedded", task="B")
    process.stop()

    np.testing.assert_array_equal(result.pixels, image)
    assert len(read) == 3


def test_choices_follow_the_generator(widget):
    assert list(widget.task.choices) == ["A", "B", "none of them"]

    widget.generator.value = "pretrained"

    assert list(widget.task.choices) == []
    assert not widget.file.native.isVisibleTo(widget.native)
    assert not widget.trust_map.native.isVisibleTo(widget.native)
