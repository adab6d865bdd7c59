"""Figures of a training: samples, extremes with error maps, history curves."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from microgan.datasets.normalization import TaskNormalization
from microgan.evaluation.drawing import Axes, Figure, plain_style
from microgan.evaluation.scores import RAW_INPUT, RESTORED, ImageScore, align
from microgan.files.whole import written_whole

Sample = tuple[str, np.ndarray, np.ndarray, np.ndarray | None, TaskNormalization]

_DPI = 100
_PANEL_PX = 256  # a multiple of the usual 128, so that pixels stay square and sharp
_GAP_PX, _MARGIN_PX, _TITLE_PX, _BAR_PX = 8, 12, 26, 90
_ROW_PX = _PANEL_PX + 2 * _TITLE_PX  # with the row's name and the panels' titles
_LETTER_PX = 9  # of a row's name, at most on average
# Narrower than in scoring: otherwise a few hot pixels would leave the rest black.
_DISPLAY_PERCENTILES = (0.5, 99.5)
_ERROR_PERCENTILE = 99.8


@plain_style()
def save_sample_sheet(path: str | os.PathLike[str], samples: Sequence[Sample]) -> None:
    """Draw degraded, restored and clean images side by side, a sample per row.

    All share one intensity scale, so that a wrong brightness shows: each is scaled by its
    training constants (the `range` protocol), and black to white is the 0.5 to 99.5 percentile
    of the clean image; where there are no clean images, of the degraded one.

    Args:
        path: PNG to write.
        samples: title, degraded, restored and clean image (Y, X) as measured, and the task's
            constants; the clean images may all be None. Sizes may differ between rows.
    """
    has_clean = all(clean is not None for *_, clean, _ in samples)
    sheet = _Sheet(len(samples), 2 + has_clean, footer=(
        f"Each row on the {'clean' if has_clean else 'degraded'} image's intensity scale "
        "(0.5 to 99.5 percentile)."))
    for row, (title, degraded, restored, clean, normalization) in enumerate(samples):
        images = {"degraded": normalization.degraded.to_unit(degraded),
                  "restored": normalization.clean.to_unit(restored)}
        if clean is not None:
            images["clean"] = normalization.clean.to_unit(clean)
        limits = display_limits(images["clean" if has_clean else "degraded"])
        sheet.name_row(row, title)
        for column, (name, image) in enumerate(images.items()):
            sheet.draw(row, column, image, limits, title=name)
    sheet.save(path)


@plain_style()
def save_synthetic_sheet(path: str | os.PathLike[str], samples: Sequence[
        tuple[str, np.ndarray, np.ndarray, np.ndarray]]) -> None:
    """Draw clean, synthetic and real degraded images side by side, a sample per row.

    Synthetic and real degraded images share one intensity scale, from the 0.5 to the 99.5
    percentile of the real one; the clean image has its own.

    Args:
        path: PNG to write.
        samples: title, clean, synthetic and real degraded image (Y, X); the real one need not
            show the same place.
    """
    sheet = _Sheet(len(samples), 3, footer="Synthetic and real on the real image's intensity "
                   "scale (0.5 to 99.5 percentile). It need not show the same place.")
    for row, (title, clean, synthetic, degraded) in enumerate(samples):
        limits = display_limits(degraded)
        sheet.name_row(row, title)
        sheet.draw(row, 0, clean, display_limits(clean), title="clean")
        sheet.draw(row, 1, synthetic, limits, title="synthetic")
        sheet.draw(row, 2, degraded, limits, title="real degraded")
    sheet.save(path)


@plain_style()
def save_extremes_figure(path: str | os.PathLike[str], scores: Iterable[ImageScore], *,
                         clean: Sequence[np.ndarray], restored: Sequence[np.ndarray],
                         degraded: Sequence[np.ndarray] | None,
                         normalization: TaskNormalization | None) -> bool:
    """Draw the best, median and worst restored image: input, restored, clean, error.

    They are ranked by PSNR under `range` or, if that was not scored, `care`. Images and errors
    are those that the protocol compares: 1 is the clean image's range.

    Args:
        path: PNG to write.
        scores: from `score_task` for the same images of one task in the same order.
        clean: images (Y, X).
        restored: like `clean`.
        degraded: like `clean`, or None if unknown.
        normalization: as for `score_task`.

    Returns:
        Whether there was an image to draw; otherwise no file is written.
    """
    by_key: dict[tuple[str, str], list[ImageScore]] = {}
    for score in scores:
        by_key.setdefault((score.protocol, score.method), []).append(score)
    found = _extremes(by_key)
    if found is None:
        return False
    protocol, labels = found
    ranked = by_key[protocol, RESTORED]
    rows = []
    for index, label in labels.items():
        aligned = align(protocol, clean[index], restored[index], normalization,
                        is_raw_input=False)
        panels = {}
        if degraded is not None:
            raw = align(protocol, clean[index], degraded[index], normalization, is_raw_input=True)
            panels[f"input{_in_db(by_key[protocol, RAW_INPUT][index])}"] = raw.restored
        panels[f"restored{_in_db(ranked[index])}"] = aligned.restored
        panels["clean"] = aligned.clean
        name = ranked[index].image
        rows.append((f"{label}: {f'image {name}' if name.isdecimal() else name}", panels,
                     np.abs(aligned.restored - aligned.clean)))
    limit = float(np.percentile(np.concatenate([row[2].ravel() for row in rows]),
                                _ERROR_PERCENTILE)) or 1.0
    sheet = _Sheet(len(rows), len(rows[0][1]) + 1, with_bar=True,
                   footer=f"{ranked[0].task}, {ranked[0].split}: PSNR by the {protocol} protocol.")
    for row, (name, panels, error) in enumerate(rows):
        limits = display_limits(panels["clean"])
        sheet.name_row(row, name)
        for column, (title, image) in enumerate(panels.items()):
            sheet.draw(row, column, image, limits, title=title)
        drawn = sheet.draw(row, len(panels), error, (0, limit), title="absolute error",
                           colours="magma")
    sheet.add_bar(drawn, "share of the clean intensity range")
    sheet.save(path)
    return True


@plain_style()
def save_history_figure(path: str | os.PathLike[str], rows: Sequence[dict[str, Any]], *,
                        score_label: str = "validation score (PSNR in dB)",
                        weights: Mapping[str, float] | None = None,
                        levels: Mapping[str, float] | None = None,
                        kept: int | None = None) -> None:
    """Draw losses and validation scores over the updates.

    Args:
        path: PNG to write.
        rows: of the training history, at least one, with `update`, `seconds`, `bad_steps`,
            losses, then scores, first `score`, which ranks checkpoints; larger is better.
            Their order tells them apart, since a task may have any name.
        score_label: name and unit of the scores; "" to draw losses only.
        weights: of losses, by name; each is drawn multiplied by its weight.
        levels: scores to compare with, by name, drawn as dashed lines.
        kept: update whose weights were kept; None: that of the best score.
    """
    updates = [row["update"] for row in rows]
    names = [name for name in rows[0] if name not in ("update", "seconds", "bad_steps")]
    losses, scores = names[:names.index("score")], names[names.index("score"):]
    figure = Figure(figsize=(8, 6.5 if score_label else 3.5), dpi=_DPI, layout="constrained")
    loss_axes, *score_panels = all_axes = figure.subplots(
        2 if score_label else 1, 1, sharex=True, squeeze=False)[:, 0]
    for name in losses:
        loss = name.removesuffix("_loss")
        weight = (weights or {}).get(loss, 1.0)
        _draw_curve(loss_axes, updates, [weight * row[name] for row in rows],
                    loss.replace("_", " ") + ("" if weight == 1 else f" x {weight:g}"))
    for score_axes in score_panels:
        for name in scores:
            _draw_curve(score_axes, updates, [row[name] for row in rows],
                        "mean" if name == "score" else name.partition("_")[2],
                        **({"color": "black", "linewidth": 2.2} if name == "score" else {}))
        for number, (name, level) in enumerate((levels or {}).items()):
            score_axes.axhline(level, color=str(0.3 + 0.3 * (number % 2)), linestyle="--",
                               label=plainly(name))
        if kept is None:
            kept = max(rows, key=lambda row: row["score"])["update"]
        score_axes.axvline(kept, color="0.5", linestyle=":", label=f"kept: update {kept}")
        score_axes.set_ylabel(score_label)
    values = np.abs([row[name] for row in rows for name in losses])
    if all(row[name] > 0 for row in rows for name in losses):
        loss_axes.set_yscale("log")
    elif np.any(values > 0):  # those of a critic change sign
        loss_axes.set_yscale("symlog", linthresh=float(np.median(values[values > 0])))
    loss_axes.set_ylabel("loss (mean since the last point)")
    all_axes[-1].set_xlabel("update")
    for axes in all_axes:
        axes.grid(color="0.9")
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
        if axes.get_legend_handles_labels()[0]:
            axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
    _save(figure, path)


def plainly(text: str) -> str:
    """Keep matplotlib from reading `$` in a task's name as mathematics."""
    return text.replace("$", r"\$")


def _draw_curve(axes: Axes, updates: Sequence[int], values: Sequence[float], label: str,
                **style: Any) -> None:
    axes.plot(updates, values, marker="." if len(updates) < 40 else None, label=plainly(label),
              **style)


def _extremes(scores: dict[tuple[str, str], list[ImageScore]],
              ) -> tuple[str, dict[int, str]] | None:
    """Return the ranking protocol, and labels of the best, median and worst image by index."""
    for protocol in ("range", "care"):
        ranked = sorted((score.psnr, index) for index, score
                        in enumerate(scores.get((protocol, RESTORED), []))
                        if score.psnr is not None)
        if ranked:
            labels: dict[int, str] = {}
            for label, place in (("best", -1), ("median", len(ranked) // 2), ("worst", 0)):
                index = ranked[place][1]  # one image may be all three
                labels[index] = f"{labels[index]}, {label}" if index in labels else label
            return protocol, labels
    return None


def _in_db(score: ImageScore) -> str:
    has_number = score.psnr is not None and math.isfinite(score.psnr)
    return f", {score.psnr:.1f} dB" if has_number else ""


def display_limits(clean: np.ndarray) -> tuple[float, float]:
    """Return the intensities to show as black and as white."""
    low, high = np.percentile(clean, _DISPLAY_PERCENTILES)
    return (float(low), float(high)) if low < high else (float(low), float(low) + 1)


def _save(figure: Figure, path: str | os.PathLike[str]) -> None:
    with written_whole(path) as temporary:
        figure.savefig(temporary)


class _Sheet:
    """Rows of equal square panels, laid out in whole pixels so that images stay sharp."""

    def __init__(self, num_rows: int, num_columns: int, *, footer: str,
                 with_bar: bool = False) -> None:
        self.width_px = (2 * _MARGIN_PX + num_columns * _PANEL_PX + (num_columns - 1) * _GAP_PX
                         + (_BAR_PX if with_bar else 0))
        self.height_px = _MARGIN_PX + num_rows * _ROW_PX + 2 * _TITLE_PX
        self.figure = Figure(figsize=(self.width_px / _DPI, self.height_px / _DPI), dpi=_DPI)
        self.figure.text(_MARGIN_PX / self.width_px, 0.5 * _TITLE_PX / self.height_px,
                         plainly(f"{footer}\nOf larger images, the middle {_PANEL_PX} pixels."),
                         fontsize=9, color="0.3")

    def name_row(self, row: int, name: str) -> None:
        """Write a name above a row's panels and their titles; the end of a long one."""
        most = self.width_px // _LETTER_PX
        top = _MARGIN_PX + row * _ROW_PX + 0.7 * _TITLE_PX
        self.figure.text(
            _MARGIN_PX / self.width_px, 1 - top / self.height_px,
            plainly(name if len(name) <= most else f"... {name[4 - most:]}"), fontsize=9,
            fontweight="bold")

    def draw(self, row: int, column: int, image: np.ndarray, limits: tuple[float, float], *,
             title: str, colours: str = "gray") -> Any:
        """Draw an image into a panel and return matplotlib's artist."""
        left = _MARGIN_PX + column * (_PANEL_PX + _GAP_PX)
        top = _MARGIN_PX + row * _ROW_PX + 2 * _TITLE_PX
        axes = self._add_axes(left, top, _PANEL_PX, _PANEL_PX)
        axes.set_axis_off()
        axes.set_title(plainly(title), fontsize=9, loc="left", pad=4)
        # A large image is cut: averaged down, it would show less noise than there is.
        top, left = (max(0, length - _PANEL_PX) // 2 for length in image.shape)
        return axes.imshow(image[top:top + _PANEL_PX, left:left + _PANEL_PX], cmap=colours,
                           vmin=limits[0], vmax=limits[1], interpolation="nearest")

    def add_bar(self, drawn: Any, label: str) -> None:
        """Add the colour bar of the last column, beside its first panel."""
        left = self.width_px - _MARGIN_PX - _BAR_PX + _GAP_PX
        axes = self._add_axes(left, _MARGIN_PX + 2 * _TITLE_PX, 14, _PANEL_PX)
        self.figure.colorbar(drawn, cax=axes, extend="max").set_label(label, fontsize=8)
        axes.tick_params(labelsize=8)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the sheet as a PNG."""
        _save(self.figure, path)

    def _add_axes(self, left: int, top: int, width: int, height: int) -> Axes:
        return self.figure.add_axes((left / self.width_px,
                                     1 - (top + height) / self.height_px,
                                     width / self.width_px, height / self.height_px))
