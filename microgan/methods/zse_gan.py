"""`train_zsegan.py` from config to run folder."""

from __future__ import annotations

from pathlib import Path

from microgan.config import EvaluateConfig, ZSEGANConfig
from microgan.datasets.section_sampling import StackBatches
from microgan.errors import UserError
from microgan.evaluation import Z_STACK_FILES
from microgan.runs.run_folder import check_run_folder, is_finished, working_folder
from microgan.methods.z_stack_data import TASK, ZStackData, load_z_stacks, refuse_learned
from microgan.programs.evaluate_stacks import ReportedStacks, load_reported_stacks
from microgan.runtime.startup import import_tensorflow_quietly

RUN_FOLDER = "ZSE-GAN_results"
_TEST_STACKS = "testB"  # in the layout of ZSE-GAN's authors
_SPECTRUM_PX = 8  # the fewest in which a spectrum has a high and a low frequency


def train_zse_gan(config: ZSEGANConfig) -> Path:
    """Learn to sharpen z-stacks, and report on the test stacks where there are some.

    Args:
        config: everything `train_zsegan.py` takes.

    Returns:
        The run folder: `config.json`, `split.json`, `history.csv`, `history.png`,
        `samples/`, `checkpoint/`, `generator.h5` (the best validated one) and, where the
        data have `testB`, the z-stack report on it.

    Raises:
        UserError: a mistake in the config or the data, found before training starts.
        Interrupted: stopped by a signal, after a checkpoint.
    """
    folder = Path(config.dir).absolute() / RUN_FOLDER
    config = check_run_folder(folder, config)
    assert config.seed is not None
    data = load_z_stacks(config)
    reported = _load_test_stacks(config, data)
    split = {TASK: data.split_record(*(reported.all_images() if reported else ()))}
    if reported and is_finished(folder, config, split, last_file=Z_STACK_FILES[-1]):
        return folder
    stacks, focal_planes = data.part("train")
    draw = StackBatches(stacks, focal_planes, data.sharp_lateral, data.sharp_axial,
                        intensities=data.intensities, batch_size=config.batch_size,
                        patch_size=config.patch_size, num_sections=config.num_sections,
                        symmetries=config.symmetries, seed=config.seed)
    _refuse_shallow(config, draw.depth)
    if reported and config.dry_run:
        reported = reported.first()
    import_tensorflow_quietly()
    from microgan.methods.zse_gan_training import train_and_report

    with working_folder(folder, config) as working:
        train_and_report(config, data, split, draw, working, reported)
    return folder


def _load_test_stacks(config: ZSEGANConfig, data: ZStackData) -> ReportedStacks | None:
    """What the report at the end is about; None without test stacks."""
    folder = Path(config.data_dir) / _TEST_STACKS
    if not folder.is_dir():
        return None
    reported = load_reported_stacks(EvaluateConfig(
        generator="generator.h5", stacks=str(folder), focal_plane=config.focal_plane,
        pixel_size_um=config.pixel_size_um, z_step_um=config.z_step_um))
    refuse_learned(data, [folder / name for name in reported.names], reported.blurred)
    return reported


def _refuse_shallow(config: ZSEGANConfig, depth: int) -> None:
    """Vertical sections must have room for the discriminators and for a spectrum."""
    inside = depth - 2 * round(config.outside_share * depth)
    judged = 2 ** config.discriminator_halvings
    needed = max(judged, _SPECTRUM_PX if config.spectrum_weight else 0)
    if inside >= needed:
        return
    remedy = " and ".join(change for change, is_needed in (
        ("lower --discriminator_halvings", inside < judged),
        ("pass --spectrum_weight=0", config.spectrum_weight and inside < _SPECTRUM_PX))
        if is_needed)
    if depth >= needed:
        remedy = f"lower --outside_share, or {remedy}"
    raise UserError(
        f"The shallowest z-stack has {depth} slices, {inside} of them without the "
        f"--outside_share={config.outside_share:g} at both ends, but {needed} are needed. "
        f"{remedy[0].upper()}{remedy[1:]}.")
