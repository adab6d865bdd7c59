"""The three methods' training steps in PyTorch, written for `benchmarks/speed.py`.

Each does what the trainer of the same name in `microgan.trainers` does in the paper recipe, except
the guard against numbers that are not finite, which PyTorch's users would not have. Batches are
those of microgan, converted by `mirrored_batch`.
"""

from __future__ import annotations

import random
from typing import Any, Self

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from microgan.config import CGANConfig

Batch = dict[str, torch.Tensor]
Losses = dict[str, float]


def mirrored_batch(batch: dict[str, np.ndarray]) -> Batch:
    """Put a batch of microgan's channels first and mirror it along all spatial axes."""
    result = {}
    for name, array in batch.items():
        if array.ndim >= 4:
            # (B, Y, X, 1), or with sub-batches, slices or sections before Y.
            array = np.flip(array[..., 0], (-1, -2))
            if name == "blurred":
                array = np.flip(array, 1)
            # Sections of stacks and sub-batches of images keep their axis; C comes after it.
            array = array[:, np.newaxis] if name == "blurred" else array[..., np.newaxis, :, :]
        result[name] = torch.from_numpy(array.copy())
    return result


class _Training:
    """Both sides' networks and Adams, and whether to compute in bfloat16.

    Args:
        made_by: networks of the generator's side.
        judged_by: networks of the discriminator's side.
        learning_rate: of both Adams.
        betas: of both Adams.
        use_bfloat16: under autocast, PyTorch's own choice of what is computed in bfloat16.
    """

    def __init__(self, made_by: nn.Module, judged_by: nn.Module, *, learning_rate: float,
                 betas: tuple[float, float], use_bfloat16: bool) -> None:
        self.generator, self.judge = made_by, judged_by
        self.optimizers = [torch.optim.Adam(network.parameters(), learning_rate, betas, 1e-8)
                           for network in (made_by, judged_by)]
        self.use_bfloat16 = use_bfloat16

    def on(self, device: str) -> Self:
        """Move networks and constants to "cpu" or "cuda" before the first step."""
        for name, value in vars(self).items():
            if isinstance(value, (nn.Module, torch.Tensor)):
                setattr(self, name, value.to(device))
        return self

    def _autocast(self) -> Any:
        device = next(self.generator.parameters()).device.type
        return torch.autocast(device, torch.bfloat16, enabled=self.use_bfloat16)

    def _update(self, which: int, loss: torch.Tensor) -> None:
        optimizer = self.optimizers[which]
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()


class CGANTraining(_Training):
    """Conditional GAN: `microgan.trainers.cgan`.

    Args:
        generator: degraded -> restored.
        discriminator: images -> logits.
        features: `VGGFeatures`.
        use_bfloat16: under autocast.
    """

    def __init__(self, generator: nn.Module, discriminator: nn.Module, features: nn.Module, *,
                 use_bfloat16: bool) -> None:
        super().__init__(generator, discriminator, learning_rate=1e-4, betas=(0.9, 0.999),
                         use_bfloat16=use_bfloat16)
        self.features = features

    def step(self, batch: Batch) -> Losses:
        """Update the discriminator, then the generator."""
        degraded, clean = batch["degraded"], batch["clean"]
        with self._autocast():
            restored = self.generator(degraded)
            logits = self.judge(torch.cat([clean, restored.detach()]))
            of_clean, of_made = logits.chunk(2)
            judged = (functional.softplus(-of_clean) + functional.softplus(of_made)).mean() / 2
        self._update(1, judged)
        self.judge.requires_grad_(False)
        with self._autocast():
            adversarial = functional.softplus(-self.judge(restored)).mean()
            with torch.no_grad():
                wanted, _ = self.features(clean)
            found, _ = self.features(restored)
            content = (found.float() - wanted.float()).abs().mean()
        self._update(0, 0.1 * adversarial + content)
        self.judge.requires_grad_(True)
        return _numbers(discriminator=judged, adversarial=adversarial, content=content)


class LimitedCGANTraining:
    """The cGAN of `--recipe=limited`: `microgan.trainers.cgan` without a discriminator.

    Adam, its bounded steps and the averaged weights are PyTorch's operations on all weights at
    once.

    Args:
        generator: degraded -> restored.
        features: `EmbeddedFeatures`.
        settings: of the training. Its learning rate stays constant: a schedule costs nothing.
        use_bfloat16: under autocast.
    """

    def __init__(self, generator: nn.Module, features: nn.Module, settings: CGANConfig, *,
                 use_bfloat16: bool) -> None:
        self.generator, self.features, self.settings = generator, features, settings
        self.use_bfloat16 = use_bfloat16
        self.weights = list(generator.parameters())
        self.averages, self.squares = ([torch.zeros_like(weight) for weight in self.weights]
                                       for _ in range(2))
        self.averaged_weights = [weight.detach().clone() for weight in self.weights]
        self.num_updates = 0

    def step(self, batch: Batch) -> Losses:
        """Update the generator and its averages."""
        settings = self.settings
        degraded, clean = batch["degraded"], batch["clean"]
        with torch.autocast("cpu", torch.bfloat16, enabled=self.use_bfloat16):
            restored = self.generator(degraded)
            with torch.no_grad():
                wanted = self.features(clean)
            found = self.features(restored)
        content = (found.float() - wanted.float()).abs().mean()
        pixel = (clean - restored).abs().mean()
        difference = _fitted_difference(clean, restored)
        # Batches are mirrored, which real and imaginary parts are not alike for: mirrored back.
        coefficients = torch.view_as_real(torch.fft.fft2(difference.flip((-1, -2)), norm="ortho"))
        fourier = coefficients.abs().sum(-1).mean()
        fitted = difference.abs().mean()
        for weight in self.weights:
            weight.grad = None
        (settings.content_weight * content + settings.pixel_weight * pixel
         + settings.fitted_pixel_weight * fitted + settings.fourier_weight * fourier).backward()
        self._update()
        return _numbers(content=content, pixel=pixel, fitted_pixel=fitted, fourier=fourier)

    @torch.no_grad()
    def _update(self) -> None:
        beta_1, beta_2, epsilon = 0.9, 0.999, self.settings.adam_epsilon
        self.num_updates += 1
        by_1, by_2 = (1 - beta ** self.num_updates for beta in (beta_1, beta_2))
        gradients = [weight.grad for weight in self.weights]
        torch._foreach_lerp_(self.averages, gradients, 1 - beta_1)
        torch._foreach_mul_(self.squares, beta_2)
        torch._foreach_addcmul_(self.squares, gradients, gradients, 1 - beta_2)
        deviations = torch._foreach_sqrt(self.squares)
        torch._foreach_div_(deviations, by_2 ** 0.5)
        expected = torch._foreach_clamp_min(deviations, epsilon)
        surprises = torch.stack(torch._foreach_norm(torch._foreach_div(gradients, expected)))
        sizes = torch.tensor([weight.numel() for weight in self.weights])
        rates = -self.settings.learning_rate / by_1 / (surprises / sizes.sqrt()).clamp_min(1)
        # TensorFlow adds epsilon before the correction of the squares' average.
        torch._foreach_add_(deviations, epsilon / by_2 ** 0.5)
        torch._foreach_addcdiv_(self.weights, self.averages, deviations, rates)
        share = 1 if self.num_updates == 1 else 1 - self.settings.ema_decay  # as in Keras
        torch._foreach_lerp_(self.averaged_weights, self.weights, share)


class CINGANTraining(_Training):
    """CIN-GAN: `microgan.trainers.cin_gan`, the style from the content network.

    Args:
        generator: (clean, condition) -> synthetic.
        critic: (images, condition) -> scores.
        features: `VGGFeatures`.
        critic_steps: critic updates per step.
        use_bfloat16: under autocast.
    """

    def __init__(self, generator: nn.Module, critic: nn.Module, features: nn.Module, *,
                 critic_steps: int = 5, use_bfloat16: bool) -> None:
        super().__init__(generator, critic, learning_rate=1e-5, betas=(0.5, 0.9),
                         use_bfloat16=use_bfloat16)
        self.features = features
        self.critic_steps = critic_steps

    def step(self, batch: Batch) -> Losses:
        """Update the critic on all sub-batches but the last, the generator on the last."""
        parts = [{name: values[:, number] for name, values in batch.items()}
                 for number in range(self.critic_steps + 1)]
        judged = [self._update_critic(part) for part in parts[:-1]]
        means = {name: sum(losses[name] for losses in judged) / len(judged)
                 for name in judged[0]}
        return {**means, **self._update_generator(parts[-1])}

    def _update_critic(self, batch: Batch) -> Losses:
        degraded, condition = batch["degraded"], batch["condition"].long()
        with self._autocast():
            with torch.no_grad():
                synthetic = self.generator(batch["clean"], condition)
            scores = self.judge(torch.cat([degraded, synthetic]),
                                torch.cat([condition, condition]))
            of_real, of_made = scores.chunk(2)
            loss = (of_made - of_real).mean()
            share = batch["penalty_position"][:, None, None, None]
            between = (share * degraded + (1 - share) * synthetic).requires_grad_()
            scores = self.judge(between, condition)
        (gradient,) = torch.autograd.grad(scores.sum(), between, create_graph=True)
        squares = gradient.float().square().sum((1, 2, 3))
        penalty = ((squares + 1e-12).sqrt() - 1).square().mean()
        self._update(1, loss + 10 * penalty)
        return _numbers(critic=loss, penalty=penalty)

    def _update_generator(self, batch: Batch) -> Losses:
        condition = batch["condition"].long()
        self.judge.requires_grad_(False)
        with self._autocast():
            synthetic = self.generator(batch["clean"], condition)
            adversarial = -self.judge(synthetic, condition).mean()
            with torch.no_grad():
                wanted, _ = self.features(batch["clean"])
                _, wanted_style = self.features(batch["degraded"])
            found, found_style = self.features(synthetic)
            content = (found.float() - wanted.float()).abs().mean() / 127.5
        style = sum(_style_distance(*pair) for pair in zip(wanted_style, found_style))
        style = style / len(found_style)
        self._update(0, 0.1 * adversarial + content + style)
        self.judge.requires_grad_(True)
        return _numbers(adversarial=adversarial, content=content, style=style)


class ZSEGANTraining(_Training):
    """ZSE-GAN: `microgan.trainers.zse_gan` at batch 1 with one section of each kind.

    Args:
        translators: `sharpen` and `blur`, by name.
        discriminators: `sharp` and `blur`, by name.
        adversarial_weights: (Z,), of horizontal slices.
        consistency_weights: (Z,).
        pool_size: volumes kept of each kind; 0 for none.
        use_bfloat16: under autocast.
    """

    def __init__(self, translators: nn.ModuleDict, discriminators: nn.ModuleDict, *,
                 adversarial_weights: np.ndarray, consistency_weights: np.ndarray,
                 pool_size: int = 50, use_bfloat16: bool) -> None:
        super().__init__(translators, discriminators, learning_rate=2e-4, betas=(0.9, 0.999),
                         use_bfloat16=use_bfloat16)
        self.adversarial_weights = torch.from_numpy(adversarial_weights[::-1].copy())
        self.consistency_weights = torch.from_numpy(consistency_weights[::-1].copy())
        self.pool_size = pool_size
        self.pools: tuple[list, list] = ([], [])

    def step(self, batch: Batch) -> Losses:
        """Update both translators, then both discriminators."""
        blurred, places = batch["blurred"], batch["places"][0, :, 0]
        sharpen, blur = (self.generator[name] for name in ("sharpen", "blur"))
        of_sharp, of_blur = (self.judge[name] for name in ("sharp", "blur"))
        self.judge.requires_grad_(False)
        with self._autocast():
            sharpened = sharpen(blurred)
            back = blur(sharpened)
            sharp = (0.65 * self._lateral(of_sharp, sharpened, places[1], 1)
                     + 0.175 * _judged(of_sharp, _axial(sharpened, places[0]), 1))
            blurry = self._lateral(of_blur, back, places[2], 1)
            of_slices = (blurred - back).abs().mean((0, 1, 3, 4))
            consistency = (self.consistency_weights * of_slices).max()
            identity = ((blurred - blur(blurred)).abs().mean()
                        + (sharpened - sharpen(sharpened)).abs().mean())
            total = sharp + blurry + 10.5 * consistency + 0.5 * identity
        self._update(0, total)
        self.judge.requires_grad_(True)
        sharpened, back = (self._from_pool(pool, volume.detach())
                           for pool, volume in zip(self.pools, (sharpened, back)))
        with self._autocast():
            real = (0.65 * _judged(of_sharp, batch["sharp_lateral"][:, 0], 1)
                    + 0.35 * _judged(of_sharp, batch["sharp_axial"][:, 0], 1))
            synthetic = (0.65 * self._lateral(of_sharp, sharpened, places[3], 0)
                         + 0.175 * _judged(of_sharp, _axial(sharpened, places[4]), 0))
            of_stacks = (self._lateral(of_blur, blurred, places[5], 1)
                         + self._lateral(of_blur, back, places[6], 0)) / 2
        self._update(1, (real + synthetic) / 2 + of_stacks)
        return _numbers(sharp=sharp, blur=blurry, consistency=consistency, identity=identity,
                        sharp_discriminator=(real + synthetic) / 2, blur_discriminator=of_stacks)

    def _lateral(self, discriminator: nn.Module, stack: torch.Tensor, place: torch.Tensor,
                 label: float) -> torch.Tensor:
        """Weighted loss of the horizontal slice at `place`, counted from the far end."""
        depth = stack.shape[2]
        index = depth - 1 - min(int(place * depth), depth - 1)
        return self.adversarial_weights[index] * _judged(discriminator, stack[:, :, index], label)

    def _from_pool(self, pool: list, volume: torch.Tensor) -> torch.Tensor:
        if not self.pool_size:
            return volume
        if len(pool) < self.pool_size:
            pool.append(volume)
            return volume
        if random.random() < 0.5:
            return volume
        index = random.randrange(self.pool_size)
        pool[index], given = volume, pool[index]
        return given


def _fitted_difference(clean: torch.Tensor, restored: torch.Tensor) -> torch.Tensor:
    """`microgan.losses.pixel._fitted_difference`."""
    axes = (1, 2, 3)
    clean = clean - clean.mean(axes, keepdim=True)
    restored = restored - restored.mean(axes, keepdim=True)
    with torch.no_grad():
        variance = restored.square().mean(axes, keepdim=True)
        scale = (clean * restored).mean(axes, keepdim=True).clamp_min(0) / (variance + 1e-3)
    return clean - scale * restored


def _numbers(**losses: torch.Tensor) -> Losses:
    return {name: loss.item() for name, loss in losses.items()}


def _axial(stack: torch.Tensor, place: torch.Tensor) -> torch.Tensor:
    """The x-z or y-z section at `place`, counted from the far ends, (1, 1, X or Y, Z)."""
    height, width = stack.shape[3:]
    index = min(int(place * (height + width)), height + width - 1)
    section = (stack[:, :, :, height - 1 - index] if index < height
               else stack[:, :, :, :, width - 1 - (index - height)])
    return section.transpose(2, 3)


def _judged(discriminator: nn.Module, section: torch.Tensor, label: float) -> torch.Tensor:
    return (discriminator(section) - label).square().mean()


def _style_distance(wanted: torch.Tensor, found: torch.Tensor) -> torch.Tensor:
    """`microgan.losses.style`: squared distance of Gram matrices, relative to the first's."""
    grams = []
    for features in (wanted, found):
        flat = features.float().flatten(2)
        grams.append(flat @ flat.transpose(1, 2) / (flat.shape[1] * flat.shape[2]))
    of_wanted, of_found = grams
    distance = (of_found - of_wanted).square().sum((1, 2))
    return (distance / (of_wanted.square().sum((1, 2)) + 1e-7)).mean()
