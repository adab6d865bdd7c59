"""Compare our CARE with csbdeep's: same first weights, batches and number of updates.

csbdeep builds, compiles and fits its own network (extra `bench`); ours is trained beside it.
Prints the scores of both on the test images, a row a seed and task. What differs between
seeds is the spread that the two must agree within.

    python benchmarks/care_against_csbdeep.py --data_dir=data --num_iters=400
"""

import sys
import tempfile
from dataclasses import dataclass

import numpy as np
from cells import markdown

from benchmarks.rivals.care import CARE, CAREConfig
from microgan.cli.command import run_command
from microgan.config import Config, setting
from microgan.errors import UserError
from microgan.metrics.paired import align_care, psnr, ssim
from microgan.runtime.startup import import_tensorflow_quietly


@dataclass(frozen=True)
class Settings(Config):
    """Images and length of the trainings."""

    data_dir: str = setting("data", "Folder of the images, with test arrays.")
    datasets: tuple[str, ...] = setting((), "Names of the tasks. Unset: every one in --data_dir.")
    images_limit: int = setting(10, "Pairs per task.", minimum=2)
    num_iters: int = setting(400, "Updates.", minimum=1)
    batch_size: int = setting(16, "Images per update.", minimum=1)
    patch_size: int = setting(128, "Side of the crops in pixels, a multiple of 4.", minimum=16)
    seeds: tuple[str, ...] = setting(("1", "2", "3"), "Seeds.")


def train_both(method):
    """Train csbdeep's CARE and ours side by side.

    Args:
        method: ours, its data loaded.

    Returns:
        Both networks, csbdeep's first, and their description as in `generator.h5`.
    """
    import keras
    import tensorflow as tf

    try:
        from csbdeep.models import CARE as CSBDeepCARE
        from csbdeep.models import Config as CSBDeepConfig
    except ImportError:
        raise UserError("csbdeep is missing. It comes with the extra 'bench': "
                        "pip install 'microgan[bench]'.") from None
    keras.utils.set_random_seed(method.seed)
    with tempfile.TemporaryDirectory() as folder:
        theirs = CSBDeepCARE(CSBDeepConfig("YXC", 1, 1, train_tensorboard=False), "care",
                             basedir=folder)
        theirs.prepare_for_training()
    info = method.describe()
    ours, _ = method.build(info)
    ours.generator.set_weights(theirs.keras_model.get_weights())
    step = tf.function(ours.train_step)

    def batches():
        for update in range(method.config.num_iters):
            batch = method.batch(update)
            step({name: tf.constant(batch[name]) for name in ("degraded", "clean")})
            yield batch["degraded"], batch["clean"]

    theirs.keras_model.fit(batches(), steps_per_epoch=method.config.num_iters, epochs=1, verbose=0,
                           shuffle=False)
    return (theirs.keras_model, ours.generator), info


def mean_scores(model, info, task):
    """PSNR and SSIM (`care`) on a task's test images, mean."""
    from microgan.restoration.in_memory import InMemoryRestorer

    degraded, clean = task.part("test")
    restored = InMemoryRestorer(model, info)(task.pairs.name, degraded)
    pairs = [align_care(truth, image) for truth, image in zip(clean, restored)]
    return [np.mean([metric(truth, image, data_range=data_range)
                     for truth, image, data_range in pairs]) for metric in (psnr, ssim)]


def main(settings):
    """Train both for every seed and print their scores."""
    import_tensorflow_quietly()
    lines = [["seed", "task", "csbdeep, PSNR (dB) / SSIM", "microgan, PSNR (dB) / SSIM",
              "largest difference of a weight"]]
    for seed in settings.seeds:
        config = CAREConfig.create(
            data_dir=settings.data_dir, datasets=settings.datasets, seed=int(seed),
            images_limit=settings.images_limit, num_iters=settings.num_iters,
            batch_size=settings.batch_size, patch_size=settings.patch_size)
        method = CARE(config)
        method.load()
        networks, info = train_both(method)
        apart = max(np.abs(first - second).max() for first, second in
                    zip(*(network.get_weights() for network in networks)))
        for name, task in method.tasks.items():
            scores = ["{:.3f} / {:.4f}".format(*mean_scores(network, info, task))
                      for network in networks]
            lines.append([seed, name, *scores, f"{apart:.1e}"])
    print(markdown(lines))


if __name__ == "__main__":
    sys.exit(run_command(Settings, __doc__, main))
