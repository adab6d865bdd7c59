"""Scores of one cell of the paper's table, as rows."""

import contextlib
import functools
import io
from collections import defaultdict

import numpy as np

from microgan.errors import UserError
from microgan.evaluation.scores import RAW_INPUT, score_task
from microgan.metrics.fourier_ring import AGAINST_CLEAN
from microgan.metrics.paired import NotScorableError, align_care

# Metrics that are also kept image by image, for paired tests.
PER_IMAGE = ("psnr", "ssim")
SCORE_COLUMNS = ("task", "protocol", "n", "psnr", "ssim", "nrmse", "frc", "frc_threshold",
                 "micro_ssim", "feature_distance",
                 *(f"{metric}_per_image" for metric in PER_IMAGE))
_SCORED = "restored"


def score_rows(task, clean, restored, normalization, *, is_raw_input):
    """Score one task's restored test images: a row for every protocol that applies.

    Args:
        task: its name.
        clean: images (Y, X).
        restored: like `clean`, in the clean images' intensities; the raw input in its own.
        normalization: the task's constants, or None where `range` does not apply.
        is_raw_input: whether `restored` is the degraded images.

    Returns:
        Dicts with `SCORE_COLUMNS`: means over the images; of `PER_IMAGE` also every image's
        score, in their order, separated by spaces, nan where there is none.
    """
    method = RAW_INPUT if is_raw_input else _SCORED
    by_protocol = defaultdict(list)
    for score in score_task(task, "test", clean=clean, candidates={method: restored},
                            normalization=normalization):
        by_protocol[score.protocol].append(score)
    extras = {"frc_threshold": f"{AGAINST_CLEAN:.3g}",
              "micro_ssim": f"{micro_ssim(clean, restored):.4f}",
              "feature_distance": f"{feature_distance(clean, restored):.4f}"}
    rows = []
    for protocol, scores in by_protocol.items():
        scored = [score for score in scores if score.psnr is not None]
        if scored:
            means = {metric: np.mean([getattr(score, metric) for score in scored])
                     for metric in ("psnr", "ssim", "nrmse", "frc")}
            per_image = {f"{metric}_per_image": " ".join(
                _four_digits(getattr(score, metric)) for score in scores) for metric in PER_IMAGE}
            rows.append({"task": task, "protocol": protocol, "n": str(len(scored)),
                         **{metric: f"{mean:.6f}" for metric, mean in means.items()},
                         **extras, **per_image})
    return rows


def _four_digits(value):
    return "nan" if value is None else f"{value:.4g}"


def micro_ssim(clean, restored):
    """MicroSSIM, mean over the images, offset and scale fitted to all images together.

    Source:
        Ashesh, Deschout and Jug 2024, arXiv:2408.08747, by its authors' package.
    """
    try:
        from microssim import micro_structural_similarity
    except ImportError:
        raise UserError("MicroSSIM needs the extra 'bench': pip install 'microgan[bench]'."
                        ) from None
    # Its progress bars, and a root of rounding noise that its SSIM does not use.
    with contextlib.redirect_stderr(io.StringIO()), np.errstate(invalid="ignore"):
        return float(np.mean(micro_structural_similarity(
            [np.asarray(image, np.float64) for image in clean],
            [np.asarray(image, np.float64) for image in restored])))


def feature_distance(clean, restored):
    """Distance in the features of microgan's embedded network after CARE's alignment.

    `--recipe=limited` has it as a loss, no other method.
    """
    from microgan.losses.perceptual import content_loss

    extract = _features()
    distances = []
    for pair in zip(clean, restored):
        try:
            aligned = align_care(*pair)
        except NotScorableError:
            continue
        images = np.stack(aligned[:2])[..., np.newaxis].astype(np.float32) * 2 - 1
        features = extract(images)
        distances.append(float(content_loss(features[:1], features[1:])[0]))
    return float(np.mean(distances))


@functools.cache
def _features():
    from microgan.losses.perceptual import load_feature_extractor

    return load_feature_extractor("embedded")
