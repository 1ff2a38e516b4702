"""Annealed importance sampling: an estimate of log p(x) that needs no encoder."""

import math

import torch
from torch import Tensor
from torch.distributions import Independent

from .evaluation import unchecked_distributions
from .models import VAE
from .objectives import log_likelihood

TARGET = 0.65
"""The share of proposals that a well-chosen step size accepts, as in Wu et al. (2017)."""
PILOTS = 3
"""Chains for each datapoint on which the step sizes are found."""


class Annealed:
    """p(z) p(x|z)^t for x `[B, ...]`, not normalised: the prior at t = 0, the joint density at t = 1."""

    def __init__(self, model: VAE, x: Tensor):
        self.model, self.x = model, x
        self.prior = Independent(model.prior, len(model.prior.batch_shape))

    def log_likelihood(self, z: Tensor) -> Tensor:
        """log p(x|z) for z `[C, B, L]`: `[C, B]`, in nats."""
        return log_likelihood(self.model, self.x, z)

    def log_density(self, z: Tensor, t: float) -> tuple[Tensor, Tensor]:
        """Its logarithm `[C, B]`, and the gradient with respect to z `[C, B, L]`."""
        with torch.enable_grad():
            z = z.detach().requires_grad_()
            value = self.prior.log_prob(z) + t * self.log_likelihood(z)
            (gradient,) = torch.autograd.grad(value.sum(), z)
        return value.detach(), gradient


def hmc_step(
    target: Annealed, z: Tensor, t: float, step_size: Tensor | float, leapfrog: int
) -> tuple[Tensor, Tensor]:
    """One Hamiltonian Monte Carlo transition that leaves p(z) p(x|z)^t as it is (Neal, 2011).

    z `[C, B, L]` -> the new z, and the probability `[C, B]` with which each proposal was accepted.
    step_size: a number, or one per datapoint `[B]`.
    """
    step = torch.as_tensor(step_size, dtype=z.dtype, device=z.device)[..., None]
    momentum = torch.randn_like(z)
    before, gradient = target.log_density(z, t)
    before = before - 0.5 * momentum.square().sum(-1)
    proposal = z
    for _ in range(leapfrog):
        momentum = momentum + 0.5 * step * gradient
        proposal = proposal + step * momentum
        after, gradient = target.log_density(proposal, t)
        momentum = momentum + 0.5 * step * gradient
    after = after - 0.5 * momentum.square().sum(-1)
    probability = (after - before).nan_to_num(nan=-math.inf).clamp(max=0).exp()
    accepted = torch.rand_like(probability) < probability
    return torch.where(accepted[..., None], proposal, z), probability


def annealed_log_weights(model: VAE, x: Tensor, chains: int, steps: int = 200, leapfrog: int = 5) -> Tensor:
    """Log-weights of annealed importance sampling for x `[B, ...]`: `[C, B]`, in nats.

    Each chain starts from the prior and passes `steps` densities p(z) p(x|z)^t, with t rising to 1. The mean
    of a weight is p(x) exactly, for any number of steps (Neal, 2001); more steps make it less noisy.
    The step sizes are found beforehand, on a few other chains: tuned on the way they could bias it.
    The log of the mean of C weights is a lower bound on log p(x) on average; Wu et al. (2017) judge decoders
    by it. `model` is a `VAE` in evaluation mode, or a `PPCA`.
    Raises ValueError for fewer than one chain, step or leapfrog step.
    """
    if min(chains, steps, leapfrog) < 1:
        raise ValueError(
            f"chains, steps and leapfrog must be at least 1, got {chains}, {steps} and {leapfrog}"
        )
    with unchecked_distributions():
        _, step_sizes = _anneal(model, x, PILOTS, temperatures(steps), leapfrog, None)
        return _anneal(model, x, chains, temperatures(steps), leapfrog, step_sizes)[0]


def temperatures(steps: int) -> list[float]:
    """t from 0 to 1, `steps` + 1 numbers on a sigmoid: small steps at both ends (Wu et al., 2017)."""
    curve = torch.sigmoid(torch.linspace(-4, 4, steps + 1, dtype=torch.float64))
    return ((curve - curve[0]) / (curve[-1] - curve[0])).tolist()


def _anneal(
    model: VAE, x: Tensor, chains: int, ts: list[float], leapfrog: int, step_sizes: list[Tensor] | None
) -> tuple[Tensor, list[Tensor]]:
    """Log-weights `[C, B]` and the step sizes `[B]` used at each t; without step sizes, it adapts them."""
    target = Annealed(model, x)
    z = target.prior.sample((chains, len(x)))
    log_w = z.new_zeros(z.shape[:2])
    step, used = z.new_full((len(x),), 0.3), []
    for i, (t_before, t) in enumerate(zip(ts[:-1], ts[1:], strict=True)):
        log_w += (t - t_before) * target.log_likelihood(z).detach()  # of the z before it moves
        if step_sizes is not None:
            step = step_sizes[i]
        used.append(step)
        z, probability = hmc_step(target, z, t, step, leapfrog)
        step = step * torch.exp(0.3 * (probability.mean(0) - TARGET))
    return log_w, used
