"""Losses of the lifter, each by its paper's name. Poses are float32 [..., 17, 3] metres, root-relative."""

from __future__ import annotations

import torch
from torch import Tensor


def mpjpe(pose: Tensor, target: Tensor) -> Tensor:
    """Mean per-joint position error (Ionescu et al. 2014, "Human3.6M", protocol 1)."""
    return torch.linalg.vector_norm(pose - target, dim=-1).mean()


def nll(log_sigma: Tensor, pose: Tensor, target: Tensor) -> Tensor:
    """Negative log-likelihood of the distances under sigma [..., 17] (Kendall & Gal 2017, equation 5), half normal.

    Errors lie along the depth for the most part, so it is their length that is like a normal deviate. The pose is held
    fixed, so that sigma is calibrated without hard joints being given up.
    """
    square = (pose.detach() - target).square().sum(-1)
    return (log_sigma + 0.5 * square * torch.exp(-2 * log_sigma)).mean()


def mpjve(poses: Tensor, targets: Tensor) -> Tensor:
    """Mean per-joint velocity error (Pavllo et al. 2019, section 4) of [K, B, 17, 3], metres per frame."""
    return mpjpe(poses.diff(dim=0), targets.diff(dim=0))


def acceleration(poses: Tensor, targets: Tensor) -> Tensor:
    """Mean acceleration error (Kanazawa et al. 2019, section 5) of [K, B, 17, 3], metres per frame²."""
    return mpjpe(poses.diff(n=2, dim=0), targets.diff(n=2, dim=0))


def symmetry(pose: Tensor, bones: Tensor, twins: Tensor) -> Tensor:
    """Mean difference in length of ``bones`` [N, 2] (joint pairs) and their mirror ``twins``."""
    length = torch.linalg.vector_norm(pose[:, bones[:, 0]] - pose[:, bones[:, 1]], dim=-1)
    twin = torch.linalg.vector_norm(pose[:, twins[:, 0]] - pose[:, twins[:, 1]], dim=-1)
    return (length - twin).abs().mean()


def lsgan_critic(real: Tensor, fake: Tensor) -> Tensor:
    """Least-squares GAN, the critic's side (Mao et al. 2017, equation 2 with a = 0, b = 1)."""
    return 0.5 * ((real - 1).square().mean() + fake.square().mean())


def lsgan_generator(fake: Tensor) -> Tensor:
    """Least-squares GAN, the generator's side (Mao et al. 2017, equation 2 with c = 1)."""
    return 0.5 * (fake - 1).square().mean()


def wgan_critic(real: Tensor, fake: Tensor) -> Tensor:
    """Wasserstein GAN, the critic's side without its penalty (Arjovsky et al. 2017, section 3)."""
    return fake.mean() - real.mean()


def feature_matching(real: Tensor, fake: Tensor) -> Tensor:
    """Distance of the critic's mean features [B, D] (Salimans et al. 2016, section 3.1)."""
    return (real.detach().mean(0) - fake.mean(0)).square().mean()


def bone_lengths(pose: Tensor, bones: Tensor, usual: Tensor) -> Tensor:
    """Mean square of the log of lengths of ``bones`` [N, 2] over their ``usual`` ones [N]."""
    length = torch.linalg.vector_norm(pose[:, bones[:, 0]] - pose[:, bones[:, 1]], dim=-1)
    return (length.clamp_min(1e-3) / usual).log().square().mean()
