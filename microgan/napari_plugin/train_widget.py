"""The widget that trains on layers or on a folder of images."""

from __future__ import annotations

import functools
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from magicgui.types import FileDialogMode
from magicgui.widgets import (
    ComboBox, Container, FileEdit, Label, LineEdit, ProgressBar, PushButton, SpinBox)
from napari.utils.notifications import show_error
from qtpy.QtCore import QProcess, QSize, Qt, QTimer, QUrl
from qtpy.QtGui import QDesktopServices, QPainter, QPixmap
from qtpy.QtWidgets import QApplication, QTabWidget, QWidget

from microgan.config import CGANConfig
from microgan.errors import UserError, one_line
from microgan.napari_plugin import training
from microgan.napari_plugin.forms import aligned, image_layers, mistakes_shown

if TYPE_CHECKING:
    from napari.viewer import Viewer

_LAYERS, _FOLDER = "two layers", "a folder"
_NO_CLEAN = "none: remove noise alone"
_REFRESH_MS = 1000
_LONGEST_STOP_MS = 30_000
_MISTAKE = 2
# 128 + SIGINT, SIGTERM: stopped after a checkpoint.
_STOPPED = (130, 143)


class Picture(QWidget):
    """A picture of a file, as large as its widget and newly read when the file changes."""

    def __init__(self) -> None:
        super().__init__()
        self._shown: tuple[Path, int] | None = None
        self._pixels = QPixmap()

    def show_file(self, path: Path) -> None:
        """Show a picture, unless that is done already."""
        found = (path, path.stat().st_mtime_ns)
        if found != self._shown:
            self._shown, self._pixels = found, QPixmap(str(path))
            self.update()

    def clear(self) -> None:
        """Show nothing."""
        self._shown, self._pixels = None, QPixmap()
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802 (Qt's name)
        """Qt's question."""
        return QSize(360, 280)

    def paintEvent(self, event: Any) -> None:  # noqa: N802
        """Qt's request."""
        if self._pixels.isNull():
            return
        size = self._pixels.size().scaled(self.size(), Qt.AspectRatioMode.KeepAspectRatio)
        left, top = (self.width() - size.width()) // 2, (self.height() - size.height()) // 2
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.drawPixmap(left, top, size.width(), size.height(), self._pixels)
        painter.end()


class TrainWidget(Container):
    """Trains a generator with `--recipe=limited`, in a process of its own.

    Args:
        napari_viewer: whose layers are trained on.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        self.source = ComboBox(
            label="images", choices=[_LAYERS, _FOLDER],
            tooltip="Where the pairs of degraded and clean images are.")
        self.degraded = ComboBox(
            label="degraded", choices=lambda widget: image_layers(napari_viewer),
            tooltip="Every YX plane of the layer is an image.")
        self.clean = ComboBox(
            label="clean", choices=lambda widget: [*image_layers(napari_viewer), _NO_CLEAN],
            tooltip="The same planes as they should be.")
        self.task = LineEdit(label="task", value="", tooltip="What to call these images.")
        self.data_dir = FileEdit(
            label="folder", mode=FileDialogMode.EXISTING_DIRECTORY, nullable=True,
            tooltip="NAME/degraded/*.tif and NAME/clean/*.tif, or NAME_X.npy and NAME_Y.npy.")
        self.dir = FileEdit(
            label="results", mode=FileDialogMode.EXISTING_DIRECTORY, nullable=True,
            tooltip="Folder for the generator, the curves and the report. A training in it is "
            "gone on with.")
        self.num_iters = SpinBox(
            label="updates", min=1, max=10**9,
            value=CGANConfig.recipe_defaults("limited")["num_iters"],
            tooltip="More for a training that is finished prolongs it.")
        self.start = PushButton(text="Train")
        self.stop = PushButton(text="Stop", enabled=False)
        self.report = PushButton(text="Report", enabled=False,
                                 tooltip="Curves, images and scores in your browser.")
        self.progress = ProgressBar(min=0, max=1000, value=0)
        self.status = Label(value="")
        super().__init__(labels=False)
        self.extend([
            aligned([self.source, self.degraded, self.clean, self.task, self.data_dir, self.dir,
                     self.num_iters]),
            Container(widgets=[self.start, self.stop, self.report], layout="horizontal",
                      labels=False),
            self.progress, self.status])
        self.status.native.setWordWrap(True)
        self.curve, self.samples = Picture(), Picture()
        self._tabs = QTabWidget()
        self._tabs.addTab(self.curve, "curve")
        self._tabs.addTab(self.samples, "pictures")
        self.native.layout().addWidget(self._tabs, 1)
        # Not a child of the widget: Qt would kill it, unsaved.
        self._process = QProcess()
        self._timer = QTimer(self.native)
        self._connect()
        self._take_source()
        self._take_degraded()

    def _connect(self) -> None:
        self.source.changed.connect(self._take_source)
        self.degraded.changed.connect(self._take_degraded)
        self.dir.changed.connect(self._take_dir)
        self.start.clicked.connect(self._start)
        self.stop.clicked.connect(self._stop)
        self.report.clicked.connect(self._open_report)
        self._process.readyReadStandardOutput.connect(self._read)
        self._process.finished.connect(self._finish)
        self._process.errorOccurred.connect(self._fail)
        self._timer.timeout.connect(self._show_pictures)
        end = functools.partial(_end, self._process)
        self.native.destroyed.connect(end)
        application = QApplication.instance()
        assert application is not None
        application.aboutToQuit.connect(end)

    def _take_source(self) -> None:
        for widget in (self.degraded, self.clean, self.task):
            widget.visible = self.source.value == _LAYERS
        self.data_dir.visible = self.source.value == _FOLDER

    def _take_degraded(self) -> None:
        if self.degraded.value is not None:
            self.task.value = training.task_name(self.degraded.value.name)

    @property
    def _folder(self) -> Path | None:
        return None if self.dir.value is None else Path(str(self.dir.value)).absolute()

    def _take_dir(self) -> None:
        """Say whether there is a training to go on with, and show it."""
        length = None if self._folder is None else training.length_of_run(self._folder)
        self.start.text = "Train" if length is None else "Go on"
        if length is not None:
            self.num_iters.value = length
        self.curve.clear()
        self.samples.clear()
        self._show_pictures()

    def _command(self) -> list[str]:
        """Write the layers, if they are trained on, and return the command."""
        folder = self._folder
        if folder is None:
            raise UserError("There is no folder for the results. Choose one.")
        if self.source.value == _FOLDER:
            if self.data_dir.value is None:
                raise UserError("There is no folder of images. Choose one.")
            return training.command(folder, Path(str(self.data_dir.value)).absolute(), None,
                                    self.num_iters.value)
        if self.degraded.value is None:
            raise UserError("There is no image layer to train on. Open the images first.")
        clean = None if self.clean.value == _NO_CLEAN else self.clean.value
        if clean is self.degraded.value:
            raise UserError(f"Layer '{clean.name}' is chosen as degraded and as clean. Choose "
                            "another for one of them.")
        images = training.write_pairs(folder, self.task.value, self.degraded.value, clean)
        return training.command(folder, images, self.task.value, self.num_iters.value)

    def _start(self) -> None:
        with mistakes_shown():
            program, *arguments = self._command()
            self._told: list[str] = []
            self._is_stopping = False
            self.status.value = "Starting."
            self.start.enabled, self.stop.enabled = False, True
            self._timer.start(_REFRESH_MS)
            self._process.start(program, arguments)

    def _stop(self) -> None:
        self._is_stopping = True
        self.status.value = "Stopping after this update; everything is saved."
        self.stop.enabled = False
        _terminate(self._process)

    def _read(self) -> None:
        text = self._process.readAllStandardOutput().data().decode("utf-8", "replace")
        lines = [line for line in text.splitlines() if line.strip()]
        for line in lines:
            share = training.share_done(line)
            if share is not None:
                self.progress.value = round(1000 * share)
        self._told += lines
        if lines and not self._is_stopping:
            self.status.value = one_line(lines[-1])

    def _show_pictures(self) -> None:
        if self._folder is None:
            return
        for path in training.pictures(self._folder):
            (self.curve if path.name == "history.png" else self.samples).show_file(path)
        self.report.enabled = self._report.exists()

    @property
    def _report(self) -> Path:
        return (self._folder or Path()) / training.RUN_FOLDER / "report.html"

    def _open_report(self) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._report)))

    def _finish(self, status: int, how: Any) -> None:
        self._timer.stop()
        self.start.enabled, self.stop.enabled = True, False
        self._take_dir()
        errors = self._process.readAllStandardError().data().decode("utf-8", "replace").strip()
        if status == 0 and how == QProcess.ExitStatus.NormalExit:
            self.progress.value = 1000
            run = Path(str(self.dir.value)) / training.RUN_FOLDER
            self.status.value = f"Done. Restore with {run / 'generator.h5'}"
        elif self._is_stopping or status in _STOPPED:
            self.status.value = "Stopped. Go on whenever you like."
        elif status == _MISTAKE:
            line = errors.splitlines()[-1].partition("error: ")[2]
            self.status.value = line
            show_error(line)
        else:
            self.status.value = "The training ended with an error."
            raise RuntimeError(f"the training ended with status {status}:\n{errors}")

    def _fail(self, error: Any) -> None:
        if error == QProcess.ProcessError.FailedToStart:
            self._timer.stop()
            self.start.enabled, self.stop.enabled = True, False
            self.status.value = ""
            show_error(f"Python could not be started: {self._process.errorString()}.")


def _terminate(process: QProcess) -> None:
    """Let a training save and stop; on Windows, where it cannot be told to, end it."""
    (process.kill if sys.platform == "win32" else process.terminate)()


def _end(process: QProcess, *_: Any) -> None:
    """End a training, saved, because its widget goes."""
    process.blockSignals(True)
    if process.state() != QProcess.ProcessState.NotRunning:
        _terminate(process)
        if not process.waitForFinished(_LONGEST_STOP_MS):
            process.kill()
            process.waitForFinished(_LONGEST_STOP_MS)
