"""`train_cGAN.py` from config to run folder."""

from __future__ import annotations

from pathlib import Path

from microgan.config import CGANConfig
from microgan.evaluation import SCORE_FILES
from microgan.methods.synthetic_pairs import load_tasks_and_maker, seed_of_generator
from microgan.methods.paired_data import load_tasks, paired_batches
from microgan.runs.run_folder import (
    check_run_folder, is_finished, working_folder)
from microgan.losses.vgg_weights import check_feature_source
from microgan.runtime.startup import import_tensorflow_quietly

RUN_FOLDER = "Microscopy_cGAN_results"
AUGMENTED_RUN_FOLDER = "Microscopy_cGAN_results_CIN_augm"


def train_cgan(config: CGANConfig) -> Path:
    """Train a restorer and score it.

    Args:
        config: everything `train_cGAN.py` takes.

    Returns:
        The run folder: `config.json`, `split.json`, `history.csv`, `history.png`,
        `samples/`, `checkpoint/`, `generator.h5` (the best validated one), and scores of
        the test images: `scores.csv`, `scores.json`, `scores.md`, `scores_per_image.csv`
        and a figure a task.

    Raises:
        UserError: a mistake in the config or the data, found before training starts.
        Interrupted: stopped by a signal, after a checkpoint.
    """
    folder = _run_folder(config)
    config = check_run_folder(folder, config, default_seed=seed_of_generator(config))
    tasks, maker = (load_tasks_and_maker(config) if config.cin_augment
                    else (load_tasks(config), None))
    split = {name: task.split_record() for name, task in tasks.items()}
    if is_finished(folder, config, split, last_file=SCORE_FILES[-1]):
        return folder
    made = maker.made_pairs(config.made_share, tasks) if maker else None
    draw = paired_batches(config, tasks, made, intensity_jitter=config.intensity_jitter)
    if config.content_weight:
        check_feature_source(config.content_features)
    import_tensorflow_quietly()
    from microgan.methods.cgan_training import train_and_score

    with working_folder(folder, config) as working:
        train_and_score(config, tasks, split, draw, working, maker)
    return folder


def _run_folder(config: CGANConfig) -> Path:
    """The folder of augmented runs or of others; of a run to be resumed, that which is there."""
    plain, augmented = (Path(config.dir).absolute() / name
                        for name in (RUN_FOLDER, AUGMENTED_RUN_FOLDER))
    only_augmented = config.resume and augmented.exists() and not plain.exists()
    return augmented if config.cin_augment or only_augmented else plain
