"""Means of an objective over a data set, and -log p(x) by importance sampling. Everything in nats per image."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from ..checks import check_images, like_the_model
from ..contexts import evaluating
from ..device import reuse_memory
from ..models.vae import VAE
from ..objectives.elbo import elbo
from ..objectives.importance import iwae_bound, rows_at_once
from ..objectives.terms import named_terms

BATCH = 100  # images whose samples are decoded together


def evaluate(model: nn.Module, images: Tensor, objective: Callable = elbo, batch_size: int = 1000) -> dict[str, float]:
    """Means of every term of an objective over a data set. Each datapoint counts once, whatever batch it falls in.

    Args:
        model: any module that the objective knows.
        images: `[N, ...]`.
        objective: (model, x) -> a tensor `[B]` or a named tuple of them; `elbo` takes one sample of z per datapoint.
        batch_size: how many images at a time.

    Returns:
        {term: mean}, in nats per image.

    Raises:
        TypeError, ValueError: for images that are no float tensor `[N, ...]`.

    Example:
        >>> evaluate(nn.Linear(3, 1), torch.ones(5, 3), objective=lambda model, x: x.sum(1))
        {'value': 3.0}
    """
    check_images(images)
    reuse_memory()
    totals: dict[str, float] = {}
    with evaluating(model):
        for x in images.split(batch_size):
            terms = named_terms(objective(model, like_the_model(x, model)), len(x))
            for name, values in terms.items():
                totals[name] = totals.get(name, 0.0) + values.cpu().double().sum().item()
    return {name: total / len(images) for name, total in totals.items()}


def importance_log_prob(model: VAE, images: Tensor, k: int) -> Tensor:
    """log p(x) of each image by importance samples from q(z|x).

    A lower bound in expectation that rises to log p(x) with k (Burda et al., 2016). Memory does not grow with
    k or N.

    Args:
        model: a `VAE`.
        images: `[N, ...]`.
        k: samples for each image.

    Returns:
        `[N]`, in nats, on the CPU.

    Raises:
        TypeError, ValueError: for images that are no float tensor `[N, ...]`, and for no samples.

    Example:
        >>> from vae_helpers import VAE, Bernoulli, MLPDecoder, MLPEncoder
        >>> model = VAE(MLPEncoder(2), MLPDecoder(2), Bernoulli(), latent_dim=2)
        >>> importance_log_prob(model, torch.rand(5, 1, 28, 28), k=10).shape
        torch.Size([5])
    """
    check_images(images)
    reuse_memory()
    size = min(BATCH, rows_at_once(images))
    # made beforehand, as in `iwae_bound`, so that what is kept does not split the memory of what is not
    log_p = like_the_model(images[:1], model).new_empty(len(images), device="cpu")
    with evaluating(model):
        for done in range(0, len(images), size):
            batch = slice(done, done + size)
            log_p[batch] = iwae_bound(model, like_the_model(images[batch], model), k).cpu()
    return log_p


def importance_nll(model: VAE, images: Tensor, k: int = 1000) -> float:
    """Mean of -log p(x) over a data set, by importance samples from q(z|x).

    Args:
        model: a `VAE`.
        images: `[N, ...]`.
        k: samples for each image.

    Returns:
        Nats per image.

    Raises:
        TypeError, ValueError: for images that are no float tensor `[N, ...]`, and for no samples.

    Example:
        >>> from vae_helpers import VAE, Bernoulli, MLPDecoder, MLPEncoder
        >>> model = VAE(MLPEncoder(2), MLPDecoder(2), Bernoulli(), latent_dim=2)
        >>> importance_nll(model, torch.rand(5, 1, 28, 28), k=10) > 0
        True
    """
    return -importance_log_prob(model, images, k).double().mean().item()


def effective_sample_size(log_w: Tensor) -> Tensor:
    """How many equal weights would be as good as these (Kong et al., 1994).

        ESS = (sum w)^2 / sum w^2

    Computed in logarithms, as the weights may be too small for a float.

    Args:
        log_w: log-weights `[K, ...]`.

    Returns:
        `[...]`, from 1 to K.

    Example:
        >>> effective_sample_size(torch.tensor([0.5, 0.5, 0.0]).log())
        tensor(2.)
    """
    return torch.exp(2 * log_w.logsumexp(dim=0) - (2 * log_w).logsumexp(dim=0))
