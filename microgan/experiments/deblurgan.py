"""DeblurGAN from config to run folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from microgan.config.deblurgan import DeblurGANConfig
from microgan.evaluation import SCORE_FILES
from microgan.methods.paired_data import load_tasks, paired_batches
from microgan.runs.run_folder import check_run_folder, is_finished, working_folder
from microgan.losses.vgg_weights import check_feature_source
from microgan.runtime.startup import import_tensorflow_quietly

RUN_FOLDER = "DeblurGAN_results"


def train_deblurgan(config: DeblurGANConfig) -> Path:
    """Train DeblurGAN on pairs and score it; see `experiments.cgan.train_cgan`."""
    folder = Path(config.dir).absolute() / RUN_FOLDER
    config = check_run_folder(folder, config)
    seed, shape = config.seed, (config.batch_size, config.critic_steps)
    assert seed is not None
    tasks = load_tasks(config)
    split = {name: task.split_record() for name, task in tasks.items()}
    if is_finished(folder, config, split, last_file=SCORE_FILES[-1]):
        return folder
    draw_pairs = paired_batches(config, tasks)

    def draw(update: int) -> dict[str, np.ndarray]:
        # A stream of its own, so that the pairs are those that the other methods see.
        random = np.random.default_rng([seed, update, 1])
        return {**draw_pairs(update), "penalty_position": random.random(shape, np.float32)}

    check_feature_source(config.content_features)
    import_tensorflow_quietly()
    from microgan.experiments.deblurgan_training import train_and_score

    with working_folder(folder, config) as working:
        train_and_score(config, tasks, split, draw, working)
    return folder
