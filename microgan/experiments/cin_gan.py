"""`train_CIN_GAN.py` from config to run folder."""

from __future__ import annotations

from pathlib import Path

from microgan.config import CINGANConfig
from microgan.datasets.sampling import UnpairedBatches
from microgan.experiments.run_folder import check_run_folder
from microgan.experiments.unpaired_data import load_unpaired_tasks
from microgan.startup import import_tensorflow_quietly

RUN_FOLDER = "CIN-GAN_results"


def train_cin_gan(config: CINGANConfig) -> Path:
    """Learn defects and report how real they look.

    Args:
        config: everything `train_CIN_GAN.py` takes.

    Returns:
        The run folder: `config.json`, `split.json`, `history.csv`, `history.png`,
        `samples/`, `checkpoint/`, `generator.h5` (the best validated one), and the defect
        report: `defect_report.md`, `.csv`, `.json` and `.png`.

    Raises:
        UserError: a mistake in the config or the data, found before training starts.
        Interrupted: stopped by a signal, after a checkpoint.
    """
    folder = Path(config.dir).absolute() / RUN_FOLDER
    config = check_run_folder(folder, config)
    assert config.seed is not None
    tasks = load_unpaired_tasks(config)
    draw = UnpairedBatches([task.training_task() for task in tasks.values()],
                           batch_size=config.batch_size, num_sub_batches=config.critic_steps + 1,
                           patch_size=config.patch_size, seed=config.seed)
    import_tensorflow_quietly()
    from microgan.experiments.cin_gan_training import train_and_report

    train_and_report(config, tasks, draw, folder)
    return folder
