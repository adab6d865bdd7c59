"""CARE from config to run folder."""

from __future__ import annotations

from pathlib import Path

from microgan.config.care import CAREConfig
from microgan.errors import UserError
from microgan.evaluation import SCORE_FILES
from microgan.methods.paired_data import load_tasks, paired_batches
from microgan.runs.run_folder import check_run_folder, is_finished, working_folder
from microgan.runs.workers import this_worker
from microgan.runtime.startup import import_tensorflow_quietly

RUN_FOLDER = "CARE_results"


def train_care(config: CAREConfig) -> Path:
    """Train CARE on pairs and score it; see `experiments.cgan.train_cgan`."""
    if config.learning_rate_decay == "plateau" and this_worker().count > 1:
        raise UserError("--learning_rate_decay=plateau needs the validation, which one worker of "
                        "several (TF_CONFIG) does: train on one machine, or pass another.")
    folder = Path(config.dir).absolute() / RUN_FOLDER
    config = check_run_folder(folder, config)
    tasks = load_tasks(config)
    split = {name: task.split_record() for name, task in tasks.items()}
    if is_finished(folder, config, split, last_file=SCORE_FILES[-1]):
        return folder
    draw = paired_batches(config, tasks)
    import_tensorflow_quietly()
    from microgan.experiments.care_training import train_and_score

    with working_folder(folder, config) as working:
        train_and_score(config, tasks, split, draw, working)
    return folder
