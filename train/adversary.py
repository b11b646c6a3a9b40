"""The game between a generator and one critic, in two ways of keeping score."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor, nn

from train import losses
from train.harness import Trainer

Kind = Literal["lsgan", "wgan-gp"]
_PENALTY = 10.0


def teach(kind: Kind, pairs: dict[str, tuple[Tensor, Tensor]], trainer: Trainer[Any], mix: Tensor) -> None:
    """One step of each critic on its pair (real, fake) [B, …]; ``mix`` [B] in 0..1 is where WGAN-GP looks between."""
    taught = []
    for name, (real, fake) in pairs.items():
        critic, made = trainer.critics[name], fake.detach()
        if kind == "lsgan":
            taught.append(losses.lsgan_critic(critic(real)[0], critic(made)[0]))
        else:
            taught.append(losses.wgan_critic(critic(real)[0], critic(made)[0]))
            taught.append(_PENALTY * gradient_penalty(critic, real, made, mix))
    trainer.teach(torch.stack(taught).sum())


def gradient_penalty(critic: nn.Module, real: Tensor, fake: Tensor, mix: Tensor) -> Tensor:
    """(|∇ critic| - 1)² between real and fake (Gulrajani et al. 2017, equation 3); both have the same rows."""
    count = min(len(real), len(fake))
    share = mix[:count].reshape(-1, *[1] * (real.ndim - 1))
    between = (share * real[:count] + (1 - share) * fake[:count]).requires_grad_()
    slope = torch.autograd.grad(critic(between)[0].sum(), between, create_graph=True)[0]
    return (slope.flatten(1).norm(dim=1) - 1).square().mean()


def word(kind: Kind, score: Tensor) -> Tensor:
    """What the generator wants of a critic's scores [B, 1] of its answers."""
    return losses.lsgan_generator(score) if kind == "lsgan" else -score.mean()
