"""Whether the inconsistency of sharpened stacks means something: the numbers of docs/trust.md.

Plants errors in sharpened stacks of bright-field images: discs of 28 pixels and five slices, half
of them taken from another place of the same slices (invented), half filled with the bright
ground, the stack's 90th percentile (deleted), one of each at every depth. AUROC: their mean
inconsistency against that of such discs anywhere in the unchanged stacks. Where the sharp stacks
are known, also computes rank correlations of the maps with the true error.

Try it: python benchmarks/trust_stacks.py ZSE-GAN_results/generator.h5 data/zstack/testB \
    data/zstack/testSharp
"""

import sys

import numpy as np
from scipy import stats
from trust import HALF as RADIUS
from trust import LEAST_NOISE, auroc, disc, square

from microgan.datasets.z_stacks import find_stacks, read_stack
from microgan.restoration.restorer import load_blurrer, load_restorer
from microgan.restoration.trust import inconsistency, spread

DEPTH = 5
WEIGHT = disc(14)
DISC = WEIGHT > 0.5
FLIPS = ((), (1,), (2,), (1, 2))
LEAST_CHANGE = 0.15


def plant(stack, span, random):
    """Plant discs in a stack; return it and their places: (slices, row, column, kind)."""
    changed, places = stack.copy(), []
    for start in range(2, len(stack) - DEPTH, DEPTH + 1):
        slices = slice(start, start + DEPTH)
        for kind in ("invented", "deleted"):
            best = (0.0, None, None)
            for _ in range(200):
                row, column, other_row, other_column = (
                    random.integers(RADIUS, stack.shape[axis] - RADIUS) for axis in (1, 2, 1, 2))
                if any(place[0] == slices and max(abs(row - place[1]), abs(column - place[2]))
                       < 2 * RADIUS for place in places):
                    continue
                new = (stack[(slices, *square(other_row, other_column))] if kind == "invented"
                       else np.percentile(stack, 90))
                here = stack[(slices, *square(row, column))]
                change = float(np.mean(WEIGHT * np.abs(new - here))) / span
                if change > best[0]:
                    best = (change, (row, column), new)
                if change > LEAST_CHANGE:
                    break
            _, place, new = best
            if place is not None:
                here = (slices, *square(*place))
                changed[here] = WEIGHT * new + (1 - WEIGHT) * changed[here]
                places.append((slices, *place, kind))
    return changed, places


def aurocs(values):
    """AUROC of all planted, of invented and of deleted discs against unchanged ones."""
    lies = values["invented"] + values["deleted"]
    return " | ".join(f"{auroc(kind, values['unchanged']):.3f}"
                      for kind in (lies, values["invented"], values["deleted"]))


def correlations(found, error):
    """Rank correlation per pixel and per slice."""
    return (f"{stats.spearmanr(found.ravel(), error.ravel()).statistic:.2f}, "
            f"{stats.spearmanr(found.mean((1, 2)), error.mean((1, 2))).statistic:.2f}")


def main(generator, blurred_dir, sharp_dir=None):
    """Print the table's row."""
    sharpen = load_restorer(generator, precision="float32")
    blur = load_blurrer(generator, precision="float32")
    random = np.random.default_rng(0)

    def apply(restorer, stack):
        return restorer(stack, axes="ZYX", report=len)

    def contradiction(measured, sharp):
        ranges = sharpen.info.normalization[sharpen.info.tasks[0]].degraded
        return np.stack([inconsistency(*slices, LEAST_NOISE * (ranges.high - ranges.low))
                         for slices in zip(measured, apply(blur, sharp))])

    found = {"invented": [], "deleted": [], "unchanged": []}
    spreads, contradictions, errors = [], [], []
    for path in find_stacks(blurred_dir):
        measured = read_stack(path).pixels.astype(np.float32)
        each = [np.flip(apply(sharpen, np.flip(measured, axes)), axes) for axes in FLIPS]
        ranges = sharpen.info.normalization[sharpen.info.tasks[0]].clean
        unchanged = contradiction(measured, each[0])
        changed, places = plant(each[0], ranges.high - ranges.low, random)
        planted = contradiction(measured, changed)
        for slices, row, column, kind in places:
            found[kind].append(planted[(slices, *square(row, column))][:, DISC].mean())
            at = [random.integers(RADIUS, length - RADIUS) for length in measured.shape[1:]]
            found["unchanged"].append(unchanged[(slices, *square(*at))][:, DISC].mean())
        if sharp_dir:
            (sharp,) = (read_stack(other) for other in find_stacks(sharp_dir)
                        if other.stem == path.stem)
            spreads.append(spread(each))
            contradictions.append(unchanged)
            errors.append(np.abs(each[0] - sharp.pixels))
    told = [aurocs(found)]
    if errors:
        told += [correlations(np.concatenate(maps), np.concatenate(errors))
                 for maps in (spreads, contradictions)]
    print(f"| {blurred_dir} ({len(found['unchanged'])} places) | {' | '.join(told)} |")


if __name__ == "__main__":
    main(*sys.argv[1:])
