"""Settings of every program: each written once, with its default, unit and source.

Flags, `--help` and `config.json` come from these fields (`microgan.cli.command`).
"""

from microgan.config.base import RECIPES, Config, setting, value_type
from microgan.config.cgan import CGANConfig
from microgan.config.cin_gan import CINGANConfig
from microgan.config.evaluate import EvaluateConfig
from microgan.config.export import ExportConfig
from microgan.config.restore import RestoreConfig
from microgan.config.restoring import RestoringConfig
from microgan.config.simulate import SimulateConfig
from microgan.config.training import TaskTrainingConfig, TrainingConfig
from microgan.config.zse_gan import ZSEGANConfig

__all__ = ["CGANConfig", "CINGANConfig", "Config", "EvaluateConfig", "ExportConfig", "RECIPES",
           "RestoreConfig", "RestoringConfig", "SimulateConfig", "TaskTrainingConfig",
           "TrainingConfig", "ZSEGANConfig", "setting", "value_type"]
