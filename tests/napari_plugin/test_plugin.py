"""The plugin as napari finds it."""

import configparser

import numpy as np
import pytest
import tifffile

from helpers import ROOT, need_napari

need_napari()

import napari  # noqa: E402
from npe2 import PluginManager, PluginManifest  # noqa: E402

from microgan.napari_plugin.layers import axes_of  # noqa: E402
from microgan.napari_plugin.sample_data import pairs  # noqa: E402

MANIFEST = ROOT / "microgan" / "napari_plugin" / "napari.yaml"


@pytest.fixture
def viewer(qtbot):
    """A window of napari that knows the plugin."""
    manager = PluginManager.instance()
    was_there = "microgan" in manager
    if not was_there:
        manager.register(PluginManifest.from_file(MANIFEST))
    viewer = napari.Viewer(show=False)
    yield viewer
    viewer.close()
    if not was_there:
        manager.unregister("microgan")


def test_the_package_brings_the_manifest_and_napari_is_told_where():
    settings = configparser.ConfigParser()
    settings.read(ROOT / "setup.cfg")

    assert settings["options.entry_points"]["napari.manifest"].strip() == (
        "microgan = microgan.napari_plugin:napari.yaml")
    assert "napari_plugin/napari.yaml" in settings["options.package_data"]["microgan"]
    manifest = PluginManifest.from_file(MANIFEST)
    manifest.validate_imports()
    given = manifest.contributions
    used = {item.command for item in (*given.widgets, *given.sample_data, *given.readers)}
    assert used == {command.id for command in given.commands}


def test_sample_data_are_pairs_to_restore_and_to_train_on():
    (clean, _, _), (degraded, settings, kind) = pairs()

    assert clean.shape == degraded.shape == (10, 128, 128)
    assert kind == "image" and settings["axis_labels"] == ("N", "Y", "X")
    alike = [np.corrcoef(one.ravel(), other.ravel())[0, 1] for one, other in zip(clean, degraded)]
    assert 0.3 < min(alike) and max(alike) < 0.9


def test_a_file_is_opened_as_layers_of_its_channels(viewer, tmp_path, random):
    image = random.integers(0, 3000, (4, 2, 32, 40)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "cells.tif", image, imagej=True, resolution=(5, 5), metadata={
        "axes": "ZCYX", "unit": "um", "spacing": 0.7})

    layers = viewer.open(str(tmp_path / "cells.tif"), plugin="microgan")

    assert [layer.name for layer in layers] == ["cells 0", "cells 1"]
    for number, layer in enumerate(layers):
        np.testing.assert_allclose(layer.scale, [0.7, 0.2, 0.2])
        assert axes_of(layer) == "ZYX"
        np.testing.assert_array_equal(layer.data, image[:, number])


@pytest.mark.slow
def test_a_sample_is_restored_by_the_pretrained_generator(qtbot, viewer):
    viewer.open_sample("microgan", "pairs")
    dock, widget = viewer.window.add_plugin_dock_widget("microgan", "Restore")
    widget.layer.value = viewer.layers["microtubules, degraded"]
    assert widget.axes.value == "NYX"

    widget.start.native.click()
    qtbot.waitUntil(lambda: widget.start.enabled, timeout=120_000)

    result = viewer.layers["microtubules, degraded restored"]
    degraded, clean = (viewer.layers[f"microtubules, {kind}"].data
                       for kind in ("degraded", "clean"))
    assert result.data.shape == (10, 128, 128) and result.data.dtype == np.uint8

    def likeness(images):
        return np.mean([np.corrcoef(one.ravel(), other.ravel())[0, 1]
                        for one, other in zip(images, clean)])

    assert likeness(result.data) > likeness(degraded)
    assert "has seen only simulated images" in widget.notes.value
