"""Where the rate goes: information, total correlation and dimension-wise KL, over a whole data set.

The decomposition, and its estimate from a batch, are in `objectives.total_correlation`.
"""

import math

import torch
from torch import Tensor
from torch.distributions import Normal

from ..checks import like_the_model
from ..models.latent_distributions import diagonal_gaussian, latent_log_prob
from ..models.vae import VAE
from ..objectives.total_correlation import RateTerms, log_aggregate, split_rate
from .latent_use import posterior_parameters

NUMBERS_AT_ONCE = 2**22  # of the densities [B, N, L]


def rate_terms(model: VAE, images: Tensor, samples: int = 1000) -> RateTerms:
    """The three terms for samples of the aggregate posterior. Chen et al. (2018), eq. 2.

    q(z) is the mean over all images, so that means over the samples are unbiased.

    Args:
        model: a `VAE` with a diagonal Gaussian for q.
        images: the data set, `[N, ...]`.
        samples: how many z, each from q(z|x) of an image picked at random.

    Returns:
        `RateTerms` of tensors `[samples]`, in nats, float64, on the CPU.

    Raises:
        TypeError: for another posterior.

    Example:
        >>> from vae_helpers import VAE, Bernoulli, MLPDecoder, MLPEncoder
        >>> model = VAE(MLPEncoder(2), MLPDecoder(2), Bernoulli(), latent_dim=2)
        >>> rate_terms(model, torch.rand(50, 1, 28, 28), samples=7).information.shape
        torch.Size([7])
    """
    with torch.no_grad():  # the densities below are those of independent dimensions
        diagonal_gaussian(model.posterior(like_the_model(images[:1], model)), "rate_terms")
    mu, sigma = posterior_parameters(model, images)
    mu, sigma = mu.double(), sigma.double()
    rows = torch.randint(len(mu), (samples,))
    q, own = Normal(mu, sigma), Normal(mu[rows], sigma[rows])
    z, uniform = own.sample(), torch.full((len(mu),), -math.log(len(mu)))
    parts = [log_aggregate(part, q, uniform) for part in z.split(max(1, NUMBERS_AT_ONCE // mu.numel()))]
    joint, marginals = (torch.cat(part) for part in zip(*parts, strict=True))
    with torch.no_grad():  # where the model is, and in its precision
        log_prior = latent_log_prob(model.prior, like_the_model(z, model)).cpu().double()
    return split_rate(own.log_prob(z).sum(-1), log_prior, joint, marginals)
