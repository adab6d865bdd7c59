"""The picture of `docs/napari.md`: trains in napari on its sample, restores, and looks.

Needs the extra `napari` and a display:

    xvfb-run -a -s "-screen 0 1600x1100x24" python -m benchmarks.napari_screenshot
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from microgan.cli.command import run_command
from microgan.config import Config, setting
from microgan.errors import UserError

_SIZE_PX = (1500, 980)
_MINUTES = 60
_ZOOM = 0.92
_ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Settings(Config):
    """What to photograph."""

    num_iters: int = setting(300, "Updates of the training.", minimum=1)
    output: str = setting("docs/images/napari.png", "Picture to write.")


def wait(application: Any, is_done: Callable[[], bool]) -> None:
    """Let napari work until something is done.

    Raises:
        UserError: that takes more than an hour.
    """
    end = time.monotonic() + 60 * _MINUTES
    while not is_done():
        application.processEvents()
        time.sleep(0.01)
        if time.monotonic() > end:
            raise UserError(f"napari was not done within {_MINUTES} minutes.")


def photograph(settings: Settings) -> None:
    """Train, restore and write the picture."""
    import napari
    from npe2 import PluginManager, PluginManifest
    from PIL import Image
    from qtpy.QtCore import Qt
    from qtpy.QtWidgets import QApplication, QDockWidget

    manager = PluginManager.instance()
    if "microgan" not in manager:
        manager.register(PluginManifest.from_file(
            _ROOT / "microgan" / "napari_plugin" / "napari.yaml"))
    viewer = napari.Viewer()
    application = QApplication.instance()
    viewer.window.resize(*_SIZE_PX)
    viewer.open_sample("microgan", "pairs")
    clean, degraded = viewer.layers
    _, train = viewer.window.add_plugin_dock_widget("microgan", "Train")
    dock, restore = viewer.window.add_plugin_dock_widget("microgan", "Restore")
    window = dock.parent()
    window.addDockWidget(Qt.DockWidgetArea.LeftDockWidgetArea, dock)

    train.degraded.value, train.clean.value = degraded, clean
    train.task.value, train.dir.line_edit.value = "Microtubules", "my_run"
    train.num_iters.value = settings.num_iters
    train.start.native.click()
    wait(application, lambda: train.start.enabled)

    restore.layer.value = degraded
    restore.generator.value = "a file of mine"
    restore.file.line_edit.value = "my_run/Microscopy_cGAN_results/generator.h5"
    restore.start.native.click()
    wait(application, lambda: restore.start.enabled)

    clean.visible = True
    viewer.layers.move(viewer.layers.index(clean), len(viewer.layers))
    viewer.canvas.grid.enabled, viewer.canvas.grid.shape = True, (1, 3)
    viewer.reset_view()
    viewer.scene.camera.zoom *= _ZOOM
    docks = window.findChildren(QDockWidget)
    window.resizeDocks([each for each in docks if each.widget().isAncestorOf(train.native)],
                       [480], Qt.Orientation.Horizontal)
    end = time.monotonic() + 2
    wait(application, lambda: time.monotonic() > end)
    pixels = viewer.screenshot(canvas_only=False, flash=False)
    # Fewer colours would make steps of smooth greys, or mix up curves.
    Image.fromarray(pixels).convert("RGB").save(settings.output, optimize=True)
    viewer.close()


def _photograph_elsewhere(settings: Settings) -> None:
    """Work in a temporary folder, so that the picture shows short paths."""
    output = Path(settings.output).absolute()
    os.environ["PYTHONPATH"] = str(_ROOT)  # of the processes that napari starts
    before = os.getcwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            photograph(settings.replaced(output=str(output)))
        finally:
            os.chdir(before)


if __name__ == "__main__":
    sys.exit(run_command(Settings, __doc__ or "", _photograph_elsewhere))
