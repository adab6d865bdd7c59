import json

import pytest

from methods import EARLIER_LIMITED
from microgan.cli.command import parse_flags
from microgan.config import CGANConfig, CINGANConfig, EvaluateConfig, ZSEGANConfig
from microgan.errors import UserError
from microgan.methods.cgan import CGAN


def test_paper_defaults_are_the_published_ones():
    config = CGANConfig.create()

    assert (config.num_iters, config.batch_size, config.learning_rate) == (3000, 100, 1e-4)
    assert (config.content_weight, config.adversarial_weight, config.pixel_weight) == (1, 0.1, 0)
    assert (config.generator, config.discriminator, config.normalization) == (
        "resnet", "dense", "min_max")
    assert (config.content_features, config.dropout, config.patch_size) == ("imagenet", 0.5, 128)
    assert config.ema_decay == 0


def test_limited_recipe_needs_no_download():
    assert CGANConfig.create(recipe="limited").content_features == "embedded"


def test_limited_recipe_before_there_were_pretrained_weights_is_a_few_flags_away():
    """As it trained the rows of the tables that the benchmarks extend."""
    config = CGAN.settle(parse_flags(CGANConfig, ["train_cGAN.py", *EARLIER_LIMITED, "--seed=1"]))

    earlier = {
        "num_iters": 4000, "batch_size": 8, "patch_size": 64, "learning_rate": 1e-3,
        "learning_rate_decay": "cosine", "ema_decay": 0.98, "normalization": "percentiles",
        "generator": "unet", "generator_filters": 16, "init_generator": "none",
        "bounded_updates": False, "intensity_jitter": 0, "test_time_augmentation": True,
        "calibrate": True, "content_weight": 3e-4, "content_features": "embedded",
        "adversarial_weight": 0, "pixel_weight": 0.1, "fitted_pixel_weight": 0.9,
        "fourier_weight": 0.5}
    assert {name: getattr(config, name) for name in earlier} == earlier


def test_explicit_values_win_over_the_recipe():
    config = CGANConfig.create(recipe="limited", batch_size=3, content_weight=2.0)

    assert (config.batch_size, config.content_weight) == (3, 2.0)


def test_images_that_may_not_be_mirrored_are_not_restored_by_mirror_images():
    with pytest.raises(UserError, match="A:none .*add --test_time_augmentation=False"):
        CGANConfig.create(recipe="limited", symmetries=("B:all", "A:none"))


def test_a_generator_without_test_time_augmentation_says_how_to_go_without():
    with pytest.raises(UserError, match="add --test_time_augmentation=False"):
        CGANConfig.create(recipe="limited", generator="resnet")


def test_json_gives_the_config_back():
    config = CGANConfig.create(recipe="limited", datasets=("A", "B"), seed=4)

    content = json.loads(json.dumps(config.to_json()))

    assert CGANConfig.from_json(content) == config


@pytest.mark.parametrize("field, value, rule", [
    ("recipe", "fast", "one of paper, limited"),
    ("batch_size", 0, "at least 1"),
    ("batch_size", 2**31, "at most 2147483647"),
    ("batch_size", 2.5, "of type int"),
    ("batch_size", True, "of type int"),
    ("learning_rate", 0.0, "above 0"),
    ("dropout", 0.95, "at most 0.9"),
    ("num_gpu", -1, "at least 0"),
    ("symmetries", ("Cells",), "NAME:flips"),
    ("symmetries", ("Cells:half",), "NAME:flips"),
    ("datasets", (3,), "of type str"),
])
def test_value_out_of_its_rule_names_flag_rule_and_value(field, value, rule):
    with pytest.raises(UserError, match=f"--{field}.*{rule}.*Received"):
        CGANConfig.create(**{field: value})


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_number_that_is_not_finite_is_refused(value):
    with pytest.raises(UserError, match="--learning_rate must be finite"):
        CGANConfig.create(learning_rate=value)


def test_all_losses_off_is_refused():
    with pytest.raises(UserError, match="At least one"):
        CGANConfig.create(content_weight=0.0, adversarial_weight=0.0)


def test_crops_larger_than_simulated_stacks_are_refused():
    assert ZSEGANConfig.create(recipe="limited", patch_size=80)
    with pytest.raises(UserError, match="--patch_size=81 is more than the 80 pixels"):
        ZSEGANConfig.create(recipe="limited", patch_size=81)


@pytest.mark.parametrize("recipe, name", [
    ("limited", "pool_size"), ("limited", "consistency_weight"), ("paper", "simulated_stacks")])
def test_settings_of_the_other_recipe_of_stacks_are_refused(recipe, name):
    with pytest.raises(UserError, match=f"--{name} has no meaning with --recipe={recipe}"):
        ZSEGANConfig.create(recipe=recipe, **{name: 1})


def test_resume_and_overwrite_contradict():
    with pytest.raises(UserError, match="--resume keeps what --overwrite deletes"):
        CGANConfig.create(resume=True, overwrite=True)


_SCORED_FILES = {"restored": ("a.npy",), "clean": ("a.npy",)}
_STACKS = {"generator": "g.h5", "stacks": "s"}


@pytest.mark.parametrize("config_type, settings, name, reason", [
    (CGANConfig, {"recipe": "limited", "dropout": 0.2}, "dropout",
     "with --generator=unet. Leave it out, or pass --generator=resnet."),
    (CGANConfig, {"cin_augment": True, "alpha": 1.0, "cin_generator_path": "g.h5",
                  "normalization": "min_max"}, "normalization", "with --alpha=1"),
    (CGANConfig, {"cin_augment": True, "alpha": 1.0, "cin_generator_path": "g.h5",
                  "alpha_decay": "linear"}, "alpha_decay",
     "with --alpha=1, which has no real pairs"),
    (CGANConfig, {"recipe": "limited", "discriminator": "patch"}, "discriminator",
     "with --adversarial_weight=0. Leave it out, or pass --adversarial_weight, such as 0.005."),
    (CGANConfig, {"content_weight": 0.0, "content_features": "embedded"}, "content_features",
     "with --content_weight=0. Leave it out, or pass --content_weight, such as 0.0003."),
    (CGANConfig, {"alpha": 0.5}, "alpha",
     "without --cin_augment=True. Leave it out, or add that."),
    (CGANConfig, {"cin_augment": True, "cin_generator_path": "g.h5", "cross_validate": 5},
     "cross_validate", "with --cin_augment=True, whose CIN-GAN has seen every pair"),
    (CINGANConfig, {"add_task": "Cells", "init_generator": "g.h5", "datasets": ("Cells",)},
     "datasets", "with --add_task=Cells, the only task that is learned. Leave it out.$"),
    (CINGANConfig, {"recipe": "limited", "dropout": 0.2}, "dropout", "with --generator=unet"),
    (CINGANConfig, {"recipe": "limited", "content_from": "degraded"}, "content_from",
     "with --content_weight=0"),
    (CINGANConfig, {"recipe": "limited", "content_distance": "squared"}, "content_distance",
     "with --content_weight=0"),
    (CINGANConfig, {"recipe": "limited", "style_weight": 0.0, "content_features": "embedded"},
     "content_features", "with --content_weight=0 and --style_weight=0"),
    (EvaluateConfig, {**_STACKS, "split": "test"}, "split", "with --stacks"),
    (EvaluateConfig, {**_STACKS, "data_dir": "d"}, "data_dir", "with --stacks"),
    (EvaluateConfig, {**_SCORED_FILES, "split": "test"}, "split", "without --generator"),
    (EvaluateConfig, {**_SCORED_FILES, "cell_radius_um": 5.0}, "cell_radius_um",
     "without --generator"),
    (EvaluateConfig, {"generator": "g.h5", "cell_radius_um": 5.0}, "cell_radius_um",
     "without --stacks. Leave it out, or add that.")])
def test_flags_that_would_do_nothing_are_refused(config_type, settings, name, reason):
    """Even where they are given their default: whoever gives them expects something of it."""
    with pytest.raises(UserError, match=f"--{name} has no meaning {reason}"):
        config_type.create(**settings)

    del settings[name]
    config_type.create(**settings)
