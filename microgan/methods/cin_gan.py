"""MicroscopyGAN's CIN-GAN: defects, learned from images that need not match."""

from __future__ import annotations

import functools
import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from microgan.datasets.sampling import UnpairedBatches
from microgan.datasets.task_files import channels_of
from microgan.errors import UserError
from microgan.evaluation import DEFECT_FILES
from microgan.generator_file import (
    GeneratorInfo, build_network, load_generator, read_info, save_generator)
from microgan.losses.vgg_weights import check_feature_source
from microgan.methods.chosen_tasks import chosen_tasks
from microgan.methods.measured_defects import MODEL_MARGIN_PX, measure
from microgan.methods.unpaired_data import Images, UnpairedTaskData, load_unpaired_tasks
from microgan.datasets.middle import MIDDLE_PX, middle
from microgan.methods.validated import MOST_VALIDATED
from microgan.restoration.in_memory import synthesise_degraded
from microgan.runs.method import Method, Report, Scores, Trainer, describe_generator
from microgan.runs.run_files import GENERATOR_FILE, SAMPLES
from microgan.runtime.batching import pixels_at_once

if TYPE_CHECKING:
    import keras

    from microgan.estimation.measured_defect import MeasuredDefect
    from microgan.evaluation.defect_report import DefectImages

_SAMPLES_PER_TASK = 2
_VALIDATION_SEED = 0
# One task's parameters are few and scale whole channels: they allow larger steps. At the usual
# rate the same number of updates came half as near.
_FASTER = 10


class CINGAN(Method):
    """A generator that adds the defects of one or more tasks, judged by a critic."""

    run_folder = "CIN-GAN_results"
    report_files = DEFECT_FILES
    score_label = "validation score (1 - distance left)"
    large_fall = 0.5

    @classmethod
    def settle(cls, config: Any) -> Any:
        """With `--add_task`, take the network's settings from `--init_generator`."""
        if not config.add_task:
            return config
        info = read_info(config.init_generator, method="cin_gan")
        if config.add_task in info.tasks:
            raise UserError(f"--init_generator={config.init_generator} already has the task "
                            f"'{config.add_task}'. Its tasks: {', '.join(info.tasks)}. Name "
                            "another with --add_task.")
        settings: dict[str, Any] = {
            "measure_defect": bool(info.degradation), "generator": info.network,
            "generator_filters": info.network_arguments.get("filters"),
            "dropout": info.network_arguments.get("dropout", config.dropout)}
        for name in config.explicit & set(settings):
            if getattr(config, name) != settings[name]:
                raise UserError(f"--{name}={getattr(config, name)} does not fit --init_generator="
                                f"{config.init_generator}, which has {settings[name]}. Leave it "
                                "out.")
        if "learning_rate" not in config.explicit:
            settings["learning_rate"] = _FASTER * config.learning_rate
        return config.replaced(**settings)

    def load(self) -> None:
        config = self.config
        names = (config.add_task,) if config.add_task else chosen_tasks(config)
        self.tasks: dict[str, UnpairedTaskData] = load_unpaired_tasks(config, names)
        self.measured: dict[str, MeasuredDefect] = {}
        self.batches = UnpairedBatches(
            [task.training_task() for task in self.tasks.values()], batch_size=config.batch_size,
            num_sub_batches=config.critic_steps + 1, patch_size=config.patch_size, seed=self.seed,
            with_noise=config.generator == "unet")
        if config.content_weight or config.style_weight:
            check_feature_source(config.content_features)

    def split(self) -> dict[str, Any]:
        return {name: task.split_record() for name, task in self.tasks.items()}

    def prepare(self) -> None:
        from microgan.methods.added_task import AddedTask

        path = self.config.init_generator
        self.added = AddedTask(path) if path else None
        if self.config.measure_defect:
            self.measured = measure(self.tasks, self.seed)
            self.batches = replace(
                self.batches, margin_px=MODEL_MARGIN_PX,
                degrade=[defect.model.apply for defect in self.measured.values()])

    def describe_data(self) -> str:
        lines = [task.describe() for task in self.tasks.values()]
        if self.added:
            lines.append(f"Only the {self.num_learned:,} parameters of '{self.config.add_task}' "
                         "are learned.")
        return "\n".join(lines)

    def batch(self, update: int) -> dict[str, np.ndarray]:
        return self.batches(update)

    def describe(self) -> GeneratorInfo:
        config = self.config
        arguments: dict[str, Any] = {"filters": config.generator_filters}
        if config.generator == "resnet":
            arguments["dropout"] = config.dropout
        return describe_generator(
            config, method="cin_gan", network=config.generator, network_arguments=arguments,
            normalization={name: task.normalization for name, task in self.tasks.items()},
            degradation={name: defect.model for name, defect in self.measured.items()},
            corrected=tuple(self.measured), channels=channels_of(config.data_folder, self.tasks))

    def build(self, info: GeneratorInfo) -> tuple[Trainer, keras.Model]:
        from microgan.losses.style import load_content_and_style
        from microgan.runs.optimizers import adam
        from microgan.trainers.cin_gan import CINGANTrainer, ComparedFeatures, Critic

        config, num_tasks = self.config, len(info.tasks)
        generator, validated = build_network(info), build_network(info)
        if self.added:
            self.added.start(generator)
        self.num_learned = sum(math.prod(weight.shape) for weight in generator.trainable_weights)
        critic = self._build_critic(num_tasks)
        betas = {"beta_1": config.adam_beta_1, "beta_2": config.adam_beta_2}
        features = None
        if config.content_weight or config.style_weight:
            features = ComparedFeatures(
                load_content_and_style(config.content_features),
                squared_content=config.content_distance == "squared",
                content_from_degraded=config.content_from == "degraded")
        trainer = CINGANTrainer(
            generator,
            adam(config, config.learning_rate, num_updates=config.num_iters,
                 ema_decay=config.ema_decay, **betas),
            critic=Critic(critic, adam(config, config.critic_learning_rate,
                                       num_updates=config.num_iters * config.critic_steps,
                                       **betas), config.critic_steps),
            weights=config.loss_weights(), features=features, num_tasks=num_tasks,
            global_batch_size=config.batch_size)
        return trainer, validated

    def _build_critic(self, num_tasks: int) -> keras.Model:
        from microgan.networks.cin_gan import build_dense_critic, build_patch_critic

        config = self.config
        if config.critic == "dense":
            return build_dense_critic(config.patch_size, num_tasks=num_tasks,
                                      filters=config.critic_filters)
        return build_patch_critic(num_tasks=num_tasks, filters=config.critic_filters)

    def validation_bytes(self, network: keras.Model) -> float:
        from microgan.runs.estimates import restoring_memory

        return restoring_memory(network, max(pixels_at_once(_looked_at(task, MOST_VALIDATED)[1])
                                             for task in self.tasks.values()))

    def validate(self, network: keras.Model) -> Scores:
        """Return the share of the clean images' distance closed, mean of spectrum and histogram.

        A few validation images alone would leave the choice to chance. The generator never sees
        a degraded image, so those that the critic learns from count, too. Where the measured
        model alone comes nearer than with the network, its share counts.
        """
        self.validated, info = network, self.describe()
        closed = {name: self._closed(network, info, name) for name in self.tasks}
        alone = self._closed_by_models
        best = [max(share, alone.get(name, share)) for name, share in closed.items()]
        return {"score": float(np.mean(best)),
                **{f"closed_{name}": share for name, share in closed.items()}}

    @functools.cached_property
    def _closed_by_models(self) -> Scores:
        return {name: self._closed(None, self._models_alone(), name) for name in self.measured}

    def _models_alone(self) -> GeneratorInfo:
        return replace(self.describe(), corrected=())

    def _levels(self) -> Scores:
        alone = list(self._closed_by_models.values())
        return {"measured model alone": float(np.mean(alone))} if alone else {}

    def _closed(self, network: keras.Model | None, info: GeneratorInfo, name: str) -> float:
        from microgan.evaluation.defect_report import distance_left

        return 1 - distance_left(self._seen(network, info, name))

    def _seen(self, network: keras.Model | None, info: GeneratorInfo, name: str) -> DefectImages:
        return _compared(network, info, name, *_looked_at(self.tasks[name], MOST_VALIDATED))

    def draw(self, folder: Path, update: int, rows: list[Scores]) -> None:
        from microgan.evaluation.figures import save_history_figure, save_synthetic_sheet

        save_history_figure(folder / "history.png", rows, score_label=self.score_label,
                            weights=self.config.loss_weights(), levels=self._levels())
        samples = []
        for name, task in self.tasks.items():
            degraded, clean = _looked_at(task, _SAMPLES_PER_TASK)
            synthetic = synthesise_degraded(self.validated, self.describe(), name, clean,
                                            seed=_VALIDATION_SEED)
            samples += [(name, *images) for images in zip(clean, synthetic, degraded)]
        save_synthetic_sheet(folder / SAMPLES / f"update_{update:06d}.png", samples)

    def saved(self, weights: list[np.ndarray], info: GeneratorInfo
              ) -> tuple[list[np.ndarray], GeneratorInfo]:
        if self.added:
            return self.added.joined(weights), self.added.joined_info(info)
        return weights, info

    def report(self, folder: Path) -> Report:
        from microgan.evaluation.defect_report import write_report

        print("Comparing with real images.")
        model, info = self._load_best(folder)
        tested = all(all(task.part("test")) for task in self.tasks.values())
        limit = 1 if self.config.dry_run else self.config.eval_limit
        compared, has_larger = [], False
        for name, task in self.tasks.items():
            whole = [images[:limit] for images in (task.part("test") if tested else task.seen())]
            has_larger |= any(max(image.shape) > MIDDLE_PX for images in whole for image in images)
            degraded, clean = ([middle(image) for image in images] for images in whole)
            compared.append(replace(_compared(model, info, name, degraded, clean),
                                    defect=self.measured.get(name),
                                    is_corrected=name in info.corrected))
        split = "test images" if tested else "no test images: those of training and validation"
        if has_larger:
            split += f"; of larger ones the middle {MIDDLE_PX} x {MIDDLE_PX} pixels"
        return Report(write_report(folder, compared, split=split),
                      "generator.h5, defect_report.md, defect_report.png, samples, history.png",
                      figures=["defect_report.png"])

    def _load_best(self, folder: Path) -> tuple[keras.Model, GeneratorInfo]:
        """Load the generator, whose network is kept for tasks on which it comes nearer."""
        from microgan.evaluation.defect_report import comes_nearer

        model, info = load_generator(folder / GENERATOR_FILE, method="cin_gan",
                                     precision=self.config.precision)
        if self.measured:
            alone = self._models_alone()
            nearer = [name for name in self.measured if comes_nearer(
                self._seen(model, info, name), self._seen(None, alone, name))]
            info = replace(info, corrected=tuple(
                name for name in info.corrected if name not in self.measured or name in nearer))
            save_generator(folder / GENERATOR_FILE, model.get_weights(), info)
        return model, info


def _compared(model: keras.Model | None, info: GeneratorInfo, name: str, degraded: Images,
              clean: Images) -> DefectImages:
    """Gather one task's images, synthetic ones included, in normalised intensity."""
    from microgan.evaluation.defect_report import DefectImages

    constants = info.normalization[name]
    synthetic = synthesise_degraded(model, info, name, clean, seed=_VALIDATION_SEED)
    return DefectImages(name, [constants.clean.to_unit(image) for image in clean],
                        [constants.degraded.to_unit(image) for image in synthetic],
                        [constants.degraded.to_unit(image) for image in degraded])


def _looked_at(task: UnpairedTaskData, at_most: int) -> tuple[Images, Images]:
    """Return the middle of the first degraded and clean images: validation, then training."""
    degraded, clean = ([middle(image) for image in images[:at_most]] for images in task.seen())
    return degraded, clean
