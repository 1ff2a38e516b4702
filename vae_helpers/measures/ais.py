"""Annealed importance sampling: an estimate of log p(x) that needs no encoder."""

import math

import torch
from torch import Tensor

from ..contexts import unchecked_distributions
from ..models.latent_distributions import latent_log_prob
from ..models.vae import VAE
from ..objectives.elbo import log_likelihood

TARGET = 0.65
"""The share of proposals that a well-chosen step size accepts, as in Wu et al. (2017)."""
PILOTS = 3
"""Chains for each datapoint on which the step sizes are found."""


class Annealed:
    """p(z) p(x|z)^t, not normalised: the prior at t = 0, the joint density at t = 1.

    Args:
        model: a `VAE` in evaluation mode, or a `PPCA`.
        x: `[B, ...]`.
    """

    def __init__(self, model: VAE, x: Tensor):
        self.model, self.x, self.prior = model, x, model.prior

    def log_likelihood(self, z: Tensor) -> Tensor:
        """log p(x|z) for z `[C, B, L]`: `[C, B]`, in nats."""
        return log_likelihood(self.model, self.x, z)

    def log_density(self, z: Tensor, t: float) -> tuple[Tensor, Tensor]:
        """Its logarithm `[C, B]`, and the gradient with respect to z `[C, B, L]`."""
        with torch.enable_grad():
            z = z.detach().requires_grad_()
            value = latent_log_prob(self.prior, z) + t * self.log_likelihood(z)
            (gradient,) = torch.autograd.grad(value.sum(), z)
        return value.detach(), gradient


def hmc_step(target: Annealed, z: Tensor, t: float, step_size: Tensor | float, leapfrog: int) -> tuple[Tensor, Tensor]:
    """One Hamiltonian Monte Carlo transition that leaves p(z) p(x|z)^t as it is (Neal, 2011).

    Args:
        target: the densities, for all t.
        z: C chains for each datapoint, `[C, B, L]`.
        t: from 0 to 1.
        step_size: a number, or one per datapoint `[B]`.
        leapfrog: steps on the way to a proposal.

    Returns:
        The new z, and the probability `[C, B]` with which each proposal was accepted.

    Example:
        >>> from vae_helpers import PPCA
        >>> target = Annealed(PPCA(torch.ones(3, 2), torch.zeros(3), sigma=1.0), torch.zeros(5, 3))
        >>> z, probability = hmc_step(target, torch.zeros(7, 5, 2), t=0.5, step_size=0.1, leapfrog=3)
        >>> z.shape, probability.shape
        (torch.Size([7, 5, 2]), torch.Size([7, 5]))
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


def ais_log_weights(model: VAE, x: Tensor, chains: int, steps: int = 200, leapfrog: int = 5) -> Tensor:
    """Log-weights of annealed importance sampling (AIS).

    Each chain starts from the prior and passes densities p(z) p(x|z)^t, with t rising to 1. The mean
    of a weight is p(x) exactly, for any number of steps (Neal, 2001); more steps make it less noisy.
    The step sizes are found beforehand, on a few other chains: tuned on the way they could bias it.
    The log of the mean of C weights is a lower bound on log p(x) on average; Wu et al. (2017) judge decoders
    by it.

    Args:
        model: a `VAE` in evaluation mode, or a `PPCA`.
        x: `[B, ...]`.
        chains: C for each datapoint.
        steps: how many densities are passed.
        leapfrog: steps on the way to a proposal.

    Returns:
        `[C, B]`, in nats.

    Raises:
        ValueError: for fewer than one chain, step or leapfrog step.

    Example:
        >>> from vae_helpers import PPCA
        >>> model = PPCA(torch.ones(3, 2), torch.zeros(3), sigma=1.0)
        >>> ais_log_weights(model, torch.zeros(5, 3), chains=4, steps=3).shape
        torch.Size([4, 5])
    """
    if min(chains, steps, leapfrog) < 1:
        raise ValueError(f"chains, steps and leapfrog must be at least 1, got {chains}, {steps} and {leapfrog}")
    with unchecked_distributions():
        _, step_sizes = _anneal(model, x, PILOTS, temperatures(steps), leapfrog, None)
        return _anneal(model, x, chains, temperatures(steps), leapfrog, step_sizes)[0]


def temperatures(steps: int) -> list[float]:
    """t from 0 to 1 on a sigmoid: small steps at both ends (Wu et al., 2017).

    Args:
        steps: how many.

    Returns:
        `steps` + 1 numbers.

    Example:
        >>> temperatures(2)
        [0.0, 0.5, 1.0]
    """
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
