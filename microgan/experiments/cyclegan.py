"""CycleGAN from config to run folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from microgan.config.cyclegan import CycleGANConfig
from microgan.datasets.paired_arrays import find_datasets
from microgan.datasets.sampling import UnpairedBatches
from microgan.evaluation import SCORE_FILES
from microgan.runs.run_folder import check_run_folder, is_finished, working_folder
from microgan.methods.unpaired_data import load_unpaired_tasks
from microgan.runtime.startup import import_tensorflow_quietly

RUN_FOLDER = "CycleGAN_results"


def train_cyclegan(config: CycleGANConfig) -> Path:
    """Train CycleGAN on clean and degraded images that need not match, and score it.

    Which is which, and which is whose pair, is told by the test arrays alone.

    Args:
        config: everything `benchmarks/train_cyclegan.py` takes.

    Returns:
        The run folder, as of `experiments.cgan.train_cgan`. Its generator is that of the
        last update, since no pair may choose one.

    Raises:
        UserError: a mistake in the config or the data, found before training starts.
        Interrupted: stopped by a signal, after a checkpoint.
    """
    folder = Path(config.dir).absolute() / RUN_FOLDER
    config = check_run_folder(folder, config)
    assert config.seed is not None
    tasks = load_unpaired_tasks(config, config.datasets or find_datasets(config.data_dir))
    split = {name: task.split_record() for name, task in tasks.items()}
    if is_finished(folder, config, split, last_file=SCORE_FILES[-1]):
        return folder
    draw_images = UnpairedBatches([task.training_task() for task in tasks.values()],
                                  batch_size=config.batch_size, num_sub_batches=1,
                                  patch_size=config.patch_size, seed=config.seed,
                                  with_noise=False)

    def draw(update: int) -> dict[str, np.ndarray]:
        batch = draw_images(update)
        return {name: batch[name][:, 0] for name in ("clean", "degraded")}

    import_tensorflow_quietly()
    from microgan.experiments.cyclegan_training import train_and_score

    with working_folder(folder, config) as working:
        train_and_score(config, tasks, split, draw, working)
    return folder
