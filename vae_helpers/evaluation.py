"""What a trained model is worth, on data it has not seen. Everything in nats per image."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from .densities import kl_to_standard_normal
from .models import VAE
from .objectives import elbo, log_weights

CHUNK = 2**23
"""Pixels decoded at a time by `importance_nll`: 32 MB in float32, a few such tensors at once."""


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Evaluation mode and no gradients inside; the model's mode is put back afterwards."""
    training = model.training
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        model.train(training)


@contextmanager
def unchecked_distributions() -> Iterator[None]:
    """No argument checks in `torch.distributions` inside: each costs a pass, and a wait on a GPU."""
    before = Distribution._validate_args
    Distribution.set_default_validate_args(False)
    try:
        yield
    finally:
        Distribution.set_default_validate_args(before)


def device_of(model: nn.Module) -> torch.device:
    """The device that the model's parameters are on."""
    return next(model.parameters()).device


def named_terms(result: Tensor | tuple) -> dict[str, Tensor]:
    """An objective's result as {term: tensor `[B]`}; a plain tensor is called "value"."""
    return result._asdict() if hasattr(result, "_asdict") else {"value": result}


def evaluate(
    model: nn.Module, images: Tensor, objective: Callable = elbo, batch_size: int = 1000
) -> dict[str, float]:
    """Means over `images` `[N, ...]` of every term of the objective, in nats per image.

    Each datapoint counts once, whatever batch it falls in. One sample of z per datapoint for `elbo`.
    """
    totals: dict[str, float] = {}
    with evaluating(model):
        for x in images.split(batch_size):
            terms = named_terms(objective(model, x.to(device_of(model))))
            for name, values in terms.items():
                totals[name] = totals.get(name, 0.0) + values.double().sum().item()
    return {name: total / len(images) for name, total in totals.items()}


def importance_log_prob(model: VAE, images: Tensor, k: int) -> Tensor:
    """log p(x) of each image by k importance samples from q(z|x): `[N]`, in nats.

    A lower bound in expectation that rises to log p(x) with k (Burda et al., 2016). Works in
    chunks of about `CHUNK` pixels, so memory does not grow with k or N.
    """
    pixels = math.prod(images.shape[1:])
    batch_size = max(1, min(len(images), 100, CHUNK // pixels))
    k_chunk = max(1, min(k, CHUNK // (pixels * batch_size)))
    estimates = []
    with evaluating(model):
        for x in images.split(batch_size):
            x = x.to(device_of(model))
            sizes = [min(k_chunk, k - done) for done in range(0, k, k_chunk)]
            sums = [log_weights(model, x, size).logsumexp(dim=0) for size in sizes]
            estimates.append(torch.stack(sums).logsumexp(dim=0).cpu() - math.log(k))
    return torch.cat(estimates)


def importance_nll(model: VAE, images: Tensor, k: int = 1000) -> float:
    """Mean of -log p(x) over `images` `[N, ...]` by k importance samples each, in nats per image."""
    return -importance_log_prob(model, images, k).double().mean().item()


def kl_per_dimension(model: VAE, images: Tensor) -> Tensor:
    """KL(q(z_l|x) || p(z_l)), averaged over `images` `[N, ...]`: `[L]`, in nats per image."""
    with evaluating(model):
        q = model.posterior(images.to(device_of(model)))
        mu, log_var = q.mean[..., None], 2 * q.stddev.log()[..., None]
        return kl_to_standard_normal(mu, log_var).mean(0).cpu()


def active_units(model: VAE, images: Tensor, threshold: float = 0.01) -> Tensor:
    """Which latent dimensions the encoder uses: `[L]`, True where Var_x[E_q[z_l|x]] > threshold.

    Burda et al. (2016), section 5.2, with their threshold of 0.01.
    """
    with evaluating(model):
        means = model.posterior(images.to(device_of(model))).mean
        return (means.var(dim=0) > threshold).cpu()
