"""`train_CIN_GAN.py` from config to run folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from microgan.config import CINGANConfig
from microgan.datasets.paired_arrays import find_datasets
from microgan.datasets.sampling import UnpairedBatches
from microgan.errors import UserError
from microgan.evaluation import DEFECT_FILES
from microgan.runs.run_folder import (
    check_run_folder, is_finished, working_folder)
from microgan.methods.unpaired_data import load_unpaired_tasks
from microgan.generator_file import read_info
from microgan.losses.vgg_weights import check_feature_source
from microgan.runtime.startup import import_tensorflow_quietly

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
    if config.add_task:
        config = _for_added_task(config)
    config = check_run_folder(folder, config)
    assert config.seed is not None
    names = ((config.add_task,) if config.add_task
             else config.datasets or find_datasets(config.data_dir))
    tasks = load_unpaired_tasks(config, names)
    split = {name: task.split_record() for name, task in tasks.items()}
    if is_finished(folder, config, split, last_file=DEFECT_FILES[-1]):
        return folder
    draw = UnpairedBatches([task.training_task() for task in tasks.values()],
                           batch_size=config.batch_size, num_sub_batches=config.critic_steps + 1,
                           patch_size=config.patch_size, seed=config.seed,
                           with_noise=config.generator == "unet")
    if config.content_weight or config.style_weight:
        check_feature_source(config.content_features)
    import_tensorflow_quietly()
    from microgan.methods.cin_gan_training import train_and_report

    with working_folder(folder, config) as working:
        train_and_report(config, tasks, split, draw, working)
    return folder


# A task's own numbers are few and scale whole channels: they bear larger steps, and in as many
# updates at the usual rate come half as near.
_FASTER = 10


def _for_added_task(config: CINGANConfig) -> CINGANConfig:
    """Take the network's settings from the generator that a task is added to."""
    assert config.init_generator is not None
    info = read_info(config.init_generator, method="cin_gan")
    if config.add_task in info.tasks:
        raise UserError(f"--init_generator={config.init_generator} knows '{config.add_task}'. It "
                        f"knows {', '.join(info.tasks)}: name another task with --add_task.")
    settings: dict[str, Any] = {
        "generator": info.network,
        "generator_filters": info.network_arguments.get("filters"),
        "dropout": info.network_arguments.get("dropout", config.dropout)}
    for name in config.explicit & set(settings):
        if getattr(config, name) != settings[name]:
            raise UserError(f"--{name}={getattr(config, name)} does not fit --init_generator="
                            f"{config.init_generator}, which has {settings[name]}. Leave it out.")
    if "learning_rate" not in config.explicit:
        settings["learning_rate"] = _FASTER * config.learning_rate
    return config.replaced(**settings)
