"""Scores of restored images, image by image and summarised."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from microgan.datasets.missing import find_unmeasured
from microgan.datasets.normalization import TaskNormalization
from microgan.metrics.fourier_ring import fourier_ring_resolution
from microgan.metrics.paired import (
    SSIM_WINDOW, Aligned, NotScorableError, align_care, align_paper, align_range, nrmse, psnr,
    ssim)

PROTOCOLS = ("paper", "range", "care")
METRICS = ("psnr", "ssim", "nrmse", "frc")
RAW_INPUT = "raw input"
RESTORED = "restored"
LINEAR_FILTER = "linear filter"
TEST, VALIDATION, CROSS_VALIDATION = "test", "validation", "cross-validation"
SYNTHETIC_VALIDATION = "synthetic validation"
_NUM_RESAMPLES = 2000


@dataclass(frozen=True)
class ImageScore:
    """Scores of one image under one protocol.

    Args:
        task: name of the task.
        method: source of the image: "raw input", "restored" or another method's name.
        split: "test", "validation", "synthetic validation" or "cross-validation"; "files" if
            files were scored without a model.
        image: index in the task's arrays, or name of the file.
        protocol: "paper", "range" or "care" (`microgan.metrics.paired`).
        psnr: in dB, infinite for an identical image; None if the image is not scored.
        ssim: -1 to 1, or None.
        nrmse: root mean squared error as a share of the clean image's range, or None.
        frc: Fourier ring correlation resolution in pixels (2 is best), or None. The same
            under every protocol.
        problem: why it is not scored, or what is wrong although it is scored; otherwise "".
    """

    task: str
    method: str
    split: str
    image: str
    protocol: str
    psnr: float | None = None
    ssim: float | None = None
    nrmse: float | None = None
    frc: float | None = None
    problem: str = ""


def score_task(task: str, split: str, *, clean: Sequence[np.ndarray],
               candidates: Mapping[str, Sequence[np.ndarray]],
               normalization: TaskNormalization | None,
               images: Sequence[Any] | None = None) -> list[ImageScore]:
    """Score every candidate's images against the clean ones under all three protocols.

    Args:
        task: name of the task.
        split: name of the part scored, for the table.
        clean: images (Y, X), any real type; a list or an array (N, Y, X).
        candidates: by method, images like `clean`, in the same order. "raw input" is
            the degraded images, in their own intensities.
        normalization: the task's training constants, for `range`; None where there are
            none or every image was stretched on its own: `range` is then not scored.
        images: what to call the images; their position if None.

    Returns:
        One entry per method, protocol and image. What can't be scored is an entry too,
        without scores and with the reason.

    Raises:
        ValueError: a candidate has another number of images, or an image another shape.
    """
    names = [str(name) for name in (range(len(clean)) if images is None else images)]
    scores = []
    for method, candidate in candidates.items():
        if not len(candidate) == len(clean) == len(names):
            raise ValueError(f"`clean`, `images` and every candidate must have one length. "
                             f"Received: {len(clean)}, {len(names)}, {len(candidate)} ({method})")
        for name, truth, image in zip(names, clean, candidate):
            if truth.shape != image.shape:
                raise ValueError(f"Image {name} of `{method}` must have its clean image's "
                                 f"shape. Received: {image.shape}, {truth.shape}")
            problem, frc = _describe(truth, image)
            for protocol in PROTOCOLS:
                label = (task, method, split, name, protocol)
                if frc is None:
                    scores.append(ImageScore(*label, problem=problem))
                    continue
                try:
                    aligned = align(protocol, truth, image, normalization,
                                    is_raw_input=method == RAW_INPUT)
                except NotScorableError as error:
                    scores.append(ImageScore(*label, problem=str(error)))
                    continue
                scores.append(ImageScore(
                    *label, psnr(*aligned[:2], data_range=aligned.data_range),
                    ssim(*aligned[:2], data_range=aligned.data_range), nrmse(*aligned[:2]),
                    frc, problem or _inverted(protocol, truth, image)))
    return scores


def align(protocol: str, clean: np.ndarray, image: np.ndarray,
          normalization: TaskNormalization | None, *, is_raw_input: bool) -> Aligned:
    """Make two images comparable under a protocol.

    Args:
        protocol: "paper", "range" or "care".
        clean: (Y, X), finite.
        image: like `clean`, raw input or restored.
        normalization: the task's constants, or None.
        is_raw_input: whether `image` is in the intensities of the degraded images.

    Raises:
        NotScorableError: the protocol has no meaning for them; the message says why.
    """
    if protocol == "paper":
        return align_paper(clean, image)
    if protocol == "care":
        return align_care(clean, image)
    if normalization is None:
        raise NotScorableError("the task has no intensity constants")
    own = normalization.degraded if is_raw_input else normalization.clean
    return align_range(clean, image, restored_range=(own.low, own.high),
                       clean_range=(normalization.clean.low, normalization.clean.high))


def _describe(clean: np.ndarray, image: np.ndarray) -> tuple[str, float | None]:
    """What is wrong with a pair, and its FRC resolution; None if nothing can be scored."""
    for name, values in (("clean", clean), ("scored", image)):
        found = find_unmeasured([values])
        if found:
            what = ("NaN or infinite pixels" if found.mark in ("nan", "inf", "-inf")
                    else f"pixels of {found.mark}, a mark of missing data")
            return f"the {name} image has {what}", None
    if clean.min() == clean.max():
        return "the clean image is constant", None
    if min(clean.shape) < SSIM_WINDOW:
        return f"smaller than SSIM's window of {SSIM_WINDOW} pixels", None
    problem = "the scored image is constant" if image.min() == image.max() else ""
    return problem, fourier_ring_resolution(clean, image)


def _inverted(protocol: str, clean: np.ndarray, image: np.ndarray) -> str:
    """Report that `care` fits a negative scale: an inverted image would score as a good one."""
    covariance = np.cov(clean.ravel(), image.ravel())[0, 1]
    return ("inverted to be scored, since it is dark where the clean image is bright"
            if protocol == "care" and covariance < 0 else "")


def summarize(image_scores: Iterable[ImageScore]) -> list[dict[str, Any]]:
    """Summarise the scores of each task, method and protocol.

    Returns:
        Rows in the order of first appearance: `task`, `method`, `split`, `protocol`, `n`
        (images scored), `not_scored`, `problems` (text, "" if none), and for each of
        `psnr`, `ssim`, `nrmse`, `frc`: its mean under that name, its sample standard
        deviation (`psnr_std`) and the 95 % bootstrap interval of the mean (`psnr_low`,
        `psnr_high`). None if undefined: no image was scored, only one (no deviation), or the
        mean is infinite (no interval).
    """
    groups: dict[tuple[str, ...], list[ImageScore]] = {}
    for score in image_scores:
        groups.setdefault((score.task, score.method, score.split, score.protocol),
                          []).append(score)
    rows = []
    for (task, method, split, protocol), members in groups.items():
        scored = [score for score in members if score.psnr is not None]
        problems = Counter((score.problem, "not scored" if score.psnr is None else
                            "scored all the same") for score in members if score.problem)
        row: dict[str, Any] = {
            "task": task, "method": method, "split": split, "protocol": protocol,
            "n": len(scored), "not_scored": len(members) - len(scored),
            "problems": "; ".join(f"{problem} ({count} of {len(members)}, {outcome})"
                                  for (problem, outcome), count in problems.items())}
        for metric in METRICS:
            values = np.array([getattr(score, metric) for score in scored], dtype=np.float64)
            row.update(zip((metric, f"{metric}_std", f"{metric}_low", f"{metric}_high"),
                           _mean_deviation_interval(values)))
        rows.append(row)
    return rows


def not_tested_rows(task: str, split: str) -> list[dict[str, Any]]:
    """Return rows for a task without images to score, one per method and protocol."""
    unscored = (ImageScore(task, method, split, "", protocol)
                for method in (RAW_INPUT, RESTORED) for protocol in PROTOCOLS)
    return [{**row, "not_scored": 0, "problems": "not tested"} for row in summarize(unscored)]


def _mean_deviation_interval(values: np.ndarray) -> tuple[float | None, ...]:
    """Return mean, standard deviation and interval; an infinite value stays in the mean."""
    if not values.size:
        return None, None, None, None
    mean = float(values.mean())
    if values.size == 1 or not math.isfinite(mean):
        return mean, None, None, None
    # Plain percentiles: corrected ones fail on equal values. Seeded: same scores, same table.
    interval = stats.bootstrap((values,), np.mean, n_resamples=_NUM_RESAMPLES, rng=0,
                               method="percentile").confidence_interval
    return mean, float(values.std(ddof=1)), float(interval.low), float(interval.high)
