"""Images to try the plugin with."""

from __future__ import annotations

from typing import Any

import numpy as np

from microgan.simulation.datasets import simulate_pair

_NUM_PAIRS = 10
# Other images than those in `data/`.
_SEED = 27


def pairs() -> list[tuple[np.ndarray, dict[str, Any], str]]:
    """Simulate ten pairs of blurred, noisy images of microtubules and their truth.

    Returns:
        Two layers as napari takes them, uint8 (10, 128, 128), with axes NYX.

    Source:
        ours; see `simulation.datasets`.
    """
    drawn = [simulate_pair("Synthetic_tubulin_tubules", seed=_SEED, part="test", index=index)
             for index in range(_NUM_PAIRS)]
    degraded, clean = map(np.stack, zip(*drawn))
    return [(images, {"name": f"microtubules, {kind}", "axis_labels": ("N", "Y", "X"),
                      "contrast_limits": (int(images.min()), int(images.max())),
                      "visible": kind == "degraded"}, "image")
            for kind, images in (("clean", clean), ("degraded", degraded))]
