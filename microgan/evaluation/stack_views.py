"""Z-stacks seen from three sides."""

from __future__ import annotations

import os
from collections.abc import Mapping

import numpy as np

from microgan.evaluation.drawing import Figure, plain_style
from microgan.files.whole import written_whole

_DPI = 100
_INCHES_PER_PX = 0.016
_DEPTHS = (0.17, 0.5, 0.83)


@plain_style()
def save_orthogonal_views(path: str | os.PathLike[str], stacks: Mapping[str, np.ndarray], *,
                          title: str) -> None:
    """Draw three horizontal and both middle vertical sections of stacks, a row each.

    All share the first stack's intensity scale.

    Args:
        path: PNG to write.
        stacks: by name, (Z, Y, X) each, of one shape.
        title: of the whole figure.
    """
    first = next(iter(stacks.values()))
    depth, height, width = first.shape
    planes = [min(depth - 1, round(share * (depth - 1))) for share in _DEPTHS]
    limits = np.percentile(first, (0.5, 99.5))
    columns = [width] * len(planes) + [depth, depth]
    figure = Figure(figsize=(_INCHES_PER_PX * sum(columns) + 2,
                             _INCHES_PER_PX * len(stacks) * height + 1.5),
                    dpi=_DPI, layout="constrained")
    axes = figure.subplots(len(stacks), len(columns), width_ratios=columns, squeeze=False)
    for row, (name, stack) in enumerate(stacks.items()):
        sections = [(f"slice {plane + 1}", stack[plane]) for plane in planes]
        sections += [("x-z", stack[:, height // 2].T), ("y-z", stack[:, :, width // 2].T)]
        for column, (label, section) in enumerate(sections):
            panel = axes[row, column]
            panel.imshow(section, cmap="gray", vmin=limits[0], vmax=limits[1],
                         interpolation="nearest")
            panel.set_xticks([])
            panel.set_yticks([])
            if column == 0:
                panel.set_ylabel(name, fontsize=9)
            if row == 0:
                panel.set_title(label, fontsize=9)
    figure.suptitle(title, fontsize=10)
    with written_whole(path) as temporary:
        figure.savefig(temporary)
