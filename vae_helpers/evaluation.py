"""What a trained model is worth, on data it has not seen. Everything in nats per image."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from .densities import kl_to_standard_normal
from .models import VAE
from .objectives import elbo, log_weights

# What `importance_log_prob` decodes at a time: so many pixels (16 MB in float32), and so many images where
# these are small. Smaller pieces cost more in overhead than they gain in the cache; larger ones leave
# gaps in the memory that the process keeps.
CHUNK = 2**22
ROWS = 2**13


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Evaluation mode and no gradients inside; every module's mode is put back afterwards."""
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module, training in modes.items():
            module.training = training


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
    """The device that the model's parameters (or, without any, its buffers) are on."""
    return next(chain(model.parameters(), model.buffers())).device


def named_terms(result: Tensor | tuple, batch_size: int) -> dict[str, Tensor]:
    """An objective's result as {term: tensor `[B]`}; a plain tensor is called "value".

    Raises TypeError or ValueError for a result that is not as `objectives` says.
    """
    terms = {"value": result} if isinstance(result, Tensor) else getattr(result, "_asdict", dict)()
    if "value" not in terms:
        raise TypeError(
            "an objective returns a tensor [B], or a named tuple of such tensors with a field `value`; "
            f"got {type(result).__name__}"
        )
    for name, values in terms.items():
        if values.shape != (batch_size,):
            raise ValueError(
                f"an objective returns one number per datapoint, [{batch_size}] here, got {name} "
                f"{list(values.shape)}. Sum over dimensions; leave the mean over datapoints to the caller."
            )
    return terms


def evaluate(
    model: nn.Module, images: Tensor, objective: Callable = elbo, batch_size: int = 1000
) -> dict[str, float]:
    """Means over `images` `[N, ...]` of every term of the objective, in nats per image.

    Each datapoint counts once, whatever batch it falls in. One sample of z per datapoint for `elbo`.
    """
    if len(images) == 0:
        raise ValueError("there are no images to evaluate")
    totals: dict[str, float] = {}
    with evaluating(model):
        for x in images.split(batch_size):
            terms = named_terms(objective(model, x.to(device_of(model))), len(x))
            for name, values in terms.items():
                totals[name] = totals.get(name, 0.0) + values.double().sum().item()
    return {name: total / len(images) for name, total in totals.items()}


def importance_log_prob(model: VAE, images: Tensor, k: int) -> Tensor:
    """log p(x) of each image by k importance samples from q(z|x): `[N]`, in nats.

    A lower bound in expectation that rises to log p(x) with k (Burda et al., 2016). Works in
    chunks of at most `CHUNK` pixels and `ROWS` images, so memory does not grow with k or N.
    """
    if k < 1 or len(images) < 1:
        raise ValueError(
            f"at least one sample and one image are needed, got k = {k} and {len(images)} images"
        )
    rows = min(ROWS, CHUNK // math.prod(images.shape[1:]))
    batch_size = max(1, min(len(images), 100, rows))
    k_chunk = max(1, min(k, rows // batch_size))
    estimates = []
    with evaluating(model):
        for x in images.split(batch_size):
            x = x.to(device_of(model))
            sizes = [min(k_chunk, k - done) for done in range(0, k, k_chunk)]
            q = model.posterior(x)
            sums = [log_weights(model, x, size, q).logsumexp(dim=0) for size in sizes]
            estimates.append(torch.stack(sums).logsumexp(dim=0).cpu() - math.log(k))
    return torch.cat(estimates)


def importance_nll(model: VAE, images: Tensor, k: int = 1000) -> float:
    """Mean of -log p(x) over `images` `[N, ...]` by k importance samples each, in nats per image."""
    return -importance_log_prob(model, images, k).double().mean().item()


def effective_sample_size(log_w: Tensor) -> Tensor:
    """1 / sum of the squared normalised weights, for log-weights `[K, ...]`: `[...]`, from 1 to K.

    Computed in logarithms, as the weights may be too small for a float (Kong et al., 1994).
    """
    return torch.exp(2 * log_w.logsumexp(dim=0) - (2 * log_w).logsumexp(dim=0))


def posterior_parameters(model: VAE, images: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of q(z|x) for `images` `[N, ...]`: two tensors `[N, L]`, on the CPU."""
    with evaluating(model):
        posteriors = [model.posterior(x.to(device_of(model))) for x in images.split(1000)]
    return torch.cat([q.mean for q in posteriors]).cpu(), torch.cat([q.stddev for q in posteriors]).cpu()


def kl_per_dimension(model: VAE, images: Tensor) -> Tensor:
    """KL(q(z_l|x) || p(z_l)), averaged over `images` `[N, ...]`: `[L]`, in nats per image."""
    mu, sigma = posterior_parameters(model, images)
    return kl_to_standard_normal(mu[..., None], 2 * sigma.log()[..., None]).mean(0)


def active_units(model: VAE, images: Tensor, threshold: float = 0.01) -> Tensor:
    """Which latent dimensions the encoder uses: `[L]`, True where Var_x[E_q[z_l|x]] > threshold.

    Burda et al. (2016), section 5.2, with their threshold of 0.01.
    """
    mu, _ = posterior_parameters(model, images)
    return mu.var(dim=0) > threshold
