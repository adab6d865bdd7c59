"""`train_zsegan.py` from config to run folder."""

from __future__ import annotations

from pathlib import Path

from microgan.config import ZSEGANConfig
from microgan.datasets.section_sampling import StackBatches
from microgan.experiments.run_folder import check_run_folder
from microgan.experiments.z_stack_data import load_z_stacks
from microgan.startup import import_tensorflow_quietly

RUN_FOLDER = "ZSE-GAN_results"


def train_zse_gan(config: ZSEGANConfig) -> Path:
    """Learn to sharpen z-stacks.

    Args:
        config: everything `train_zsegan.py` takes.

    Returns:
        The run folder: `config.json`, `split.json`, `history.csv`, `history.png`,
        `samples/`, `checkpoint/` and `generator.h5` (the best validated one).

    Raises:
        UserError: a mistake in the config or the data, found before training starts.
        Interrupted: stopped by a signal, after a checkpoint.
    """
    folder = Path(config.dir).absolute() / RUN_FOLDER
    config = check_run_folder(folder, config)
    assert config.seed is not None
    data = load_z_stacks(config)
    stacks, focal_planes = data.part("train")
    draw = StackBatches(stacks, focal_planes, data.sharp_lateral, data.sharp_axial,
                        intensities=data.intensities, batch_size=config.batch_size,
                        patch_size=config.patch_size, num_sections=config.num_sections,
                        symmetries=config.symmetries, seed=config.seed)
    import_tensorflow_quietly()
    from microgan.experiments.zse_gan_training import train_translators

    train_translators(config, data, draw, folder)
    return folder
