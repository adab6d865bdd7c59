"""The rival that needs no network: a Gaussian filter, beside the raw input.

Its width is the one that does best (PSNR, `care`) on as many training pairs as the networks
see; the test images are then scored once. Prints the table of `evaluate.py`.

    python benchmarks/gaussian_filter.py --data_dir=data --images_limit=10
"""

import argparse

import numpy as np
from scipy import ndimage

from microgan.datasets.paired_arrays import find_datasets, load_pairs, load_test_pairs
from microgan.evaluation.scores import RAW_INPUT, score_task, summarize
from microgan.evaluation.tables import overview_table
from microgan.metrics.paired import align_care, psnr

SIGMAS_PX = np.arange(0.25, 6.01, 0.25)


def best_sigma(degraded, clean):
    """The filter width, in pixels, with the largest mean PSNR under `care`."""
    def score(sigma):
        aligned = (align_care(truth, ndimage.gaussian_filter(image.astype(np.float64), sigma))
                   for image, truth in zip(degraded, clean))
        return np.mean([psnr(truth, image, data_range=data_range)
                        for truth, image, data_range in aligned])
    return max(SIGMAS_PX, key=score)


def main():
    """Score the filter on the test images of every task."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data_dir", default="data", help="folder of the images")
    parser.add_argument("--images_limit", type=int, default=10, help="pairs that choose the width")
    parser.add_argument("--seed", type=int, default=1, help="which pairs these are")
    arguments = parser.parse_args()
    scores = []
    for name in find_datasets(arguments.data_dir):
        pairs = load_pairs(arguments.data_dir, name)
        test = load_test_pairs(arguments.data_dir, name)
        chosen = np.random.default_rng(arguments.seed).permutation(len(pairs))
        chosen = chosen[:arguments.images_limit]
        sigma = best_sigma([pairs.degraded[i] for i in chosen], [pairs.clean[i] for i in chosen])
        filtered = [ndimage.gaussian_filter(image.astype(np.float64), sigma)
                    for image in test.degraded]
        scores += score_task(name, "test", clean=test.clean, normalization=None,
                             candidates={RAW_INPUT: test.degraded,
                                         f"Gaussian filter, {sigma:g} px": filtered})
    print(overview_table(summarize(scores)))


if __name__ == "__main__":
    main()
