"""ZSE-GAN's limited recipe: a filter fitted to z-stacks, and a network that corrects it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from microgan.datasets.middle import middle
from microgan.datasets.normalization import PERCENTILES, IntensityRange, TaskNormalization
from microgan.estimation.densities import BRIGHTEST_PERCENTILE
from microgan.estimation.stack_base import apply_base, choose_base, describe_base, levels_of
from microgan.estimation.stack_pairs import MeasuredMicroscope
from microgan.evaluation import Z_STACK_FILES
from microgan.generator_file import GeneratorInfo
from microgan.metrics.sharpness import find_focal_plane
from microgan.methods.stack_correction import (
    FILTERED, SHARP, STACK_PX, VALIDATION_FILE, VOLUME_PX, StackCorrection, as_drawn,
    corrected)
from microgan.methods.tested_stacks import load_test_stacks, report_on_stacks
from microgan.methods.z_stack_data import TASK, load_stacks_alone
from microgan.runs.method import (
    UPDATES_OF_DRY_RUN, Report, Scores, describe_generator)
from microgan.runs.run_files import SAMPLES
from microgan.runtime.amounts import interval
from microgan.simulation.fitted_microscope import Light
from microgan.simulation.random_stacks import RecordedStack, draw_volume

if TYPE_CHECKING:
    import keras

# Large stacks are cut into pieces, and a dozen tell what there is to tell.
_PIECE_PX, _MOST_PIECES = 256, 12
_OWN_SHARE = 0.6  # of samples: what the filter makes of the user's stacks. The others are random.
_TRAINED_PER_VALIDATED = 12  # simulated stacks
_NUM_SHOWN, _SHOWN_PX, _SHOWN_MARGIN_PX = 2, 128, 64
_SCALE_PER_ERROR, _LEAST_SCALE, _MOST_SCALE = 10, 0.01, 10
_MOST_APART = 0.25  # of the depth: sharpest slices of stacks that are focused in the same slice


class ZSEGANCorrection(StackCorrection):
    """Corrects the filter of one microscope, on stacks that this microscope would take.

    Samples of the simulated stacks are random ones or, mostly, what the filter makes of the
    user's stacks near their focus.
    """

    run_folder = "ZSE-GAN_results"
    mirrors_depth = False  # since every slice has its own scale
    report_files = (*Z_STACK_FILES, VALIDATION_FILE)

    def load(self) -> None:
        config = self.config
        self.data = data = load_stacks_alone(config)
        self.reported = load_test_stacks(config, data.names, data.stacks)

    def split(self) -> dict[str, Any]:
        return {TASK: self.data.split_record(
            *(self.reported.all_images() if self.reported else ()))}

    def prepare(self) -> None:
        config, data = self.config, self.data
        print("Fitting a microscope to the stacks.", flush=True)
        self.pieces = pieces_of([data.stacks[index] for index in data.train])
        self.base = base = choose_base(
            self.pieces, step_px=data.step_px,
            focal_plane=None if config.focal_plane is None else config.focal_plane - 1)
        self.intensities = self._filtered_range()
        self.microscope = MeasuredMicroscope(self.pieces, base.fit, base.left_px)
        # Its own unit of light in bright field is that without absorption.
        self._unit = float(np.median([
            np.percentile(piece, BRIGHTEST_PERCENTILE) for piece in self.pieces
        ])) if base.fit.light != Light.EMITTED else 1.0
        self._shown = self._filtered_to_show()
        super().prepare()

    def _filtered_range(self) -> IntensityRange:
        """Return the usual percentiles of filtered stacks, the median over pieces."""
        low, high = np.median([
            np.percentile(apply_base(self.base, piece, levels_of(piece)), PERCENTILES)
            for piece in self.pieces], axis=0)
        return IntensityRange(float(low), float(high))

    def _filtered_to_show(self) -> list[tuple[str, np.ndarray, np.ndarray]]:
        """Return names and middles of stacks to show, measured and filtered, network values."""
        shown = []
        for index in (self.data.held_out or self.data.train)[:_NUM_SHOWN]:
            stack = self.data.stacks[index]
            outer = middle(stack, _SHOWN_PX + 2 * _SHOWN_MARGIN_PX)
            filtered = apply_base(self.base, outer, levels_of(stack))
            measured, filtered = (self.intensities.normalize(middle(each, _SHOWN_PX))
                                  for each in (outer, filtered))
            shown.append((self.data.names[index], measured, filtered))
        return shown

    @property
    def num_drawn(self) -> tuple[int, int]:
        config = self.config
        used = (UPDATES_OF_DRY_RUN if config.dry_run else config.num_iters) * config.batch_size
        number = min(config.simulated_stacks, used)
        return number, max(1, number // _TRAINED_PER_VALIDATED)

    def draw_stack(self, rng: np.random.Generator) -> np.ndarray:
        drawn = (self.microscope.record_own(rng, STACK_PX) if rng.uniform() < _OWN_SHARE else
                 self.microscope.record(rng, draw_volume(rng, VOLUME_PX), STACK_PX))
        drawn = RecordedStack(self._unit * drawn.measured, self._unit * drawn.sharp,
                              drawn.is_inside, drawn.step_px)
        return as_drawn(drawn, apply_base(self.base, drawn.measured, levels_of(drawn.measured)),
                        self.intensities)

    def describe_data(self) -> str:
        data, ranges = self.data, self.intensities
        lines = [f"{len(data.train)} stacks to learn from, {len(data.held_out)} held out to look "
                 f"at; {self.num_drawn[0]} simulated ones to train, {self.num_drawn[1]} to "
                 "validate. Intensities "
                 f"{interval(ranges.low, ranges.high)} are mapped to -1 to 1.",
                 describe_base(self.base, self.pieces)]
        sharpest = [find_focal_plane(stack) + 1 for stack in data.stacks]
        if self.config.focal_plane is None and (
                max(sharpest) - min(sharpest) > _MOST_APART * self.base.num_slices):
            lines.append(
                f"Warning: the stacks are sharpest in slices {min(sharpest)} to {max(sharpest)}, "
                "but one microscope is fitted to all of them as if they were focused in the same "
                "slice. Train on stacks that are.")
        return "\n".join(lines)

    def describe(self) -> GeneratorInfo:
        return describe_generator(
            self.config, method="zse_gan", network="correction", axes="ZYX",
            network_arguments={"filters": self.config.translator_filters,
                               "slice_scales": slice_scales(self.stacks)},
            normalization={TASK: TaskNormalization(self.intensities, self.intensities)},
            base=self.base)

    def validate(self, network: keras.Model) -> Scores:
        self._corrected = [corrected(network, filtered) for _, _, filtered in self._shown]
        return super().validate(network)

    def draw(self, folder: Path, update: int, rows: list[Scores]) -> None:
        from microgan.evaluation.figures import save_history_figure
        from microgan.evaluation.stack_views import save_orthogonal_views

        save_history_figure(folder / "history.png", rows, score_label=self.score_label,
                            weights=self.loss_weights())
        for number, ((name, measured, filtered), sharp) in enumerate(
                zip(self._shown, self._corrected), start=1):
            save_orthogonal_views(
                folder / SAMPLES / f"update_{update:06d}_{number}.png",
                {"input": measured, "filtered": filtered, "corrected": sharp},
                title=f"{name}{'' if self.data.held_out else ', learned from'}, update {update}")

    def report(self, folder: Path) -> Report:
        tested = report_on_stacks(folder, self.reported, self.config)
        simulated = super().report(folder)
        return tested._replace(table=f"{simulated.table}\n\n{tested.table}")


def slice_scales(stacks: np.ndarray) -> list[float]:
    """Return how much of a correction each slice needs: ten times the filter's mean error.

    In focus a filter leaves little to correct. With one scale for all slices, a network learns
    first that any change makes these worse, and for long nothing else.

    Args:
        stacks: (N, 4, Z, Y, X), from `StackCorrection.drawn`.
    """
    errors = np.mean([np.abs(stack[FILTERED].astype(np.float32) - stack[SHARP]).mean(axis=(1, 2))
                      for stack in stacks], axis=0)
    return [round(float(np.clip(_SCALE_PER_ERROR * error, _LEAST_SCALE, _MOST_SCALE)), 4)
            for error in errors]


def pieces_of(stacks: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Cut large stacks into pieces within the slices, and choose some evenly.

    Args:
        stacks: (Z, Y, X) each.

    Returns:
        Views (Z, Y, X) of at most 256 pixels a side, 12 at most.
    """
    pieces = []
    for stack in stacks:
        rows = np.array_split(stack, -(-stack.shape[1] // _PIECE_PX), axis=1)
        pieces += [piece for row in rows
                   for piece in np.array_split(row, -(-row.shape[2] // _PIECE_PX), axis=2)]
    chosen = np.unique(np.linspace(0, len(pieces) - 1, _MOST_PIECES).round().astype(int))
    return [pieces[index] for index in chosen]
