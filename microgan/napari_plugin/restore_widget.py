"""The widget that restores a layer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from magicgui.types import FileDialogMode
from magicgui.widgets import (
    CheckBox, ComboBox, Container, FileEdit, Label, LineEdit, ProgressBar, PushButton)
from napari.qt.threading import FunctionWorker, create_worker
from napari.utils.notifications import show_error, show_warning
from qtpy.QtCore import QObject, Signal

from microgan.errors import UserError, told
from microgan.generator_file import EMBEDDED, GeneratorInfo, read_info
from microgan.napari_plugin.forms import aligned, image_layers, mistakes_shown
from microgan.napari_plugin.layers import (
    LayerPixels, axes_of, choose_channel, finest, look_like, place_like)
from microgan.napari_plugin.restoring import Restored, RestoringProcess, Stopped
from microgan.napari_plugin.restoring_process import may_map_trust
from microgan.restoration.displayed import intensity_map
from microgan.restoration.planes import percentiles

if TYPE_CHECKING:
    from napari.viewer import Viewer

_PRETRAINED, _FILE = "pretrained", "a file of mine"
_ALL = "all"
_OWN_PERCENTILES = "none of them"
# Of the trust map that is drawn brightest.
_BRIGHT_PERCENTILE = 99.9


class _Messages(QObject):
    """Brings what a thread says into napari's; lost once the widget is gone."""

    progressed = Signal(float)
    told = Signal(str)
    returned = Signal(object)
    finished = Signal()


class _Worker(FunctionWorker):
    """A thread that ends its process when it must quit, as when napari closes."""

    process: RestoringProcess | None = None

    def quit(self) -> None:
        super().quit()
        if self.process is not None:
            self.process.stop()


class RestoreWidget(Container):
    """Restores a layer and adds the result as another layer that lies and looks like it.

    Args:
        napari_viewer: whose layers are restored.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        self._viewer = napari_viewer
        self._worker: Any = None
        self._process = RestoringProcess()
        self._info: GeneratorInfo | None = None
        self.layer = ComboBox(
            label="layer", choices=lambda widget: image_layers(napari_viewer),
            tooltip="The image to restore. The result is a new layer.")
        self.axes = LineEdit(
            label="axes", tooltip="One letter for each axis of the layer, such as TZYX. Every YX "
            "plane is restored; a z-stack generator restores every ZYX volume.")
        self.channel = ComboBox(
            label="channel", choices=self._channels,
            tooltip="The channel to restore. The generator treats all channels alike.")
        self.generator = ComboBox(
            label="generator", choices=[_PRETRAINED, _FILE],
            tooltip="pretrained comes with microgan and has seen only simulated images. Train one "
            "on pairs of yours for results to rely on.")
        self.file = FileEdit(
            label="file", mode=FileDialogMode.EXISTING_FILE, filter="*.h5", nullable=True,
            tooltip="The generator.h5 of a run folder.")
        self.task = ComboBox(
            label="task", choices=self._tasks,
            tooltip="What the generator was trained on: gives the intensities it knows.")
        self.output_type = ComboBox(
            label="values", choices=["same", "float32"],
            tooltip="same: the layer's number type; integers are rounded. float32: nothing is "
            "rounded or clipped.")
        self.trust_map = CheckBox(
            text="also a trust map",
            tooltip="A second layer: 90 % of the true values are expected within so much of the "
            "restored ones (without pairs in the training: how far restorations of the mirrored "
            "image differ). Takes up to five times as long.")
        self.start = PushButton(text="Restore")
        self.cancel = PushButton(text="Cancel", enabled=False)
        self.progress = ProgressBar(min=0, max=1000, value=0)
        self.notes = Label(value="")
        super().__init__(labels=False)
        self.extend([
            aligned([self.layer, self.axes, self.channel, self.generator, self.file, self.task,
                     self.output_type]), self.trust_map,
            Container(widgets=[self.start, self.cancel], layout="horizontal", labels=False),
            self.progress, self.notes])
        self.notes.native.setWordWrap(True)
        self._messages = _Messages(self.native)
        self._connect()
        self._take_layer()
        self._take_generator()

    def _connect(self) -> None:
        self.layer.changed.connect(self._take_layer)
        self.axes.changed.connect(self._take_axes)
        self.generator.changed.connect(self._take_generator)
        self.file.changed.connect(self._take_generator)
        self.start.clicked.connect(self._start)
        self.cancel.clicked.connect(self._cancel)
        self._messages.progressed.connect(self._show_progress)
        self._messages.told.connect(self._tell)
        self._messages.returned.connect(self._add_layers)
        self._messages.finished.connect(self._finish)
        self.native.destroyed.connect(self._cancel)

    def _take_layer(self) -> None:
        layer = self.layer.value
        self.axes.value = axes_of(layer) if layer is not None else ""
        self._take_axes()

    def _channels(self, widget: Any) -> list[str]:
        layer, axes = self.layer.value, self.axes.value.upper()
        if layer is None or len(axes) != len(finest(layer).shape) or axes.count("C") != 1:
            return [_ALL]
        return [_ALL, *map(str, range(finest(layer).shape[axes.index("C")]))]

    def _take_axes(self) -> None:
        self.channel.reset_choices()
        self.channel.visible = len(self.channel.choices) > 1

    def _tasks(self, widget: Any) -> list[str]:
        if self._info is None:
            return []
        may_choose_none = len(self._info.tasks) > 1 and self._info.method != "cin_gan"
        return [*self._info.tasks, *([_OWN_PERCENTILES] if may_choose_none else [])]

    @property
    def _has_trust_map(self) -> bool:
        return self._info is not None and may_map_trust(self._info.method, self._info.tasks)

    def _take_generator(self) -> None:
        is_file = self.generator.value == _FILE
        self.file.visible = is_file
        self._info = None
        with mistakes_shown():
            if not is_file:
                self._info = read_info(EMBEDDED, method=None)
            elif self.file.value is not None and Path(str(self.file.value)).is_file():
                self._info = read_info(str(self.file.value), method=None)
        self.task.reset_choices()
        self.task.visible = len(self.task.choices) > 0
        self.trust_map.visible = self._has_trust_map

    def _job(self) -> tuple[LayerPixels, dict[str, Any]]:
        """Return the image to restore, and the settings of its `Job`; remember the layer."""
        self._layer = self.layer.value
        if self._layer is None:
            raise UserError("There is no image layer to restore. Open an image first.")
        if self._info is None:
            raise UserError(f"The file {self.file.value or 'of the generator'} is no generator. "
                            "Name the generator.h5 of a run folder.")
        self._channel = None if self.channel.value in (_ALL, None) else int(self.channel.value)
        pixels, axes = choose_channel(self._layer, self.axes.value, self._channel)
        task = self.task.value if self.task.value != _OWN_PERCENTILES else None
        self._map = intensity_map(self._info, task)
        self._suffix = "degraded" if self._info.method == "cin_gan" else "restored"
        return pixels, {
            "axes": axes, "task": task, "output_type": self.output_type.value,
            "generator": EMBEDDED if self.generator.value == _PRETRAINED else str(self.file.value),
            "trust_map": self._has_trust_map and self.trust_map.value}

    def _start(self) -> None:
        with mistakes_shown():
            pixels, settings = self._job()
            self.notes.value = ""
            self.start.enabled, self.cancel.enabled = False, True
            self._worker = create_worker(
                _work, self._process, pixels, settings, self._messages.told.emit,
                self._messages.progressed.emit, _worker_class=_Worker)
            self._worker.process = self._process
            self._worker.returned.connect(self._messages.returned)
            self._worker.finished.connect(self._messages.finished)
            self._worker.start()

    def _cancel(self) -> None:
        (self._process.stop if self._worker is None else self._worker.quit)()

    def _show_progress(self, share: float) -> None:
        self.progress.value = round(1000 * share)

    def _tell(self, line: str) -> None:
        self.notes.value = line
        if line.startswith("Warning"):
            show_warning(line)

    def _add_layers(self, result: Restored | str | None) -> None:
        if isinstance(result, str):
            self.notes.value = ""
            show_error(result)
            return
        assert result is not None
        layer, name = self._layer, self._layer.name
        if self._channel is not None:
            name = f"{name} {self._channel}"
        place = place_like(layer, self.axes.value, self._channel)
        self.notes.value = "\n".join(result.notes) or "Restored."
        self._viewer.add_image(
            result.pixels, name=f"{name} {self._suffix}",
            metadata={"microgan": list(result.notes)}, **place,
            **look_like(layer, self._map, result.pixels.dtype))
        if result.spread is not None:
            (bright,) = percentiles(result.spread, shares=(_BRIGHT_PERCENTILE,))
            self._viewer.add_image(
                result.spread, name=f"{name} trust map", colormap="magma", visible=False,
                contrast_limits=(0, bright or 1.0), **{**place, "rgb": False})

    def _finish(self) -> None:
        if self._worker.abort_requested:
            self.notes.value = "Cancelled: no layer was added."
        self._worker = None
        self.progress.value = 0
        self.start.enabled, self.cancel.enabled = True, False


def _work(process: RestoringProcess, pixels: LayerPixels, settings: dict[str, Any],
          tell: Callable[[str], None], progress: Callable[[float], None]
          ) -> Restored | str | None:
    """Restore; return a mistake as a line of text, since napari shows errors as bugs."""
    try:
        return process.restore(pixels, tell, progress, **settings)
    except Stopped:
        return None
    except Exception as error:
        line = told(error)
        if line is None:
            raise
        return line
