"""beta-TC-VAE: the total correlation of the codes, estimated from a batch.

    E[KL(q(z|x) || p(z))] = information + total correlation + dimension-wise KL

q(z), the aggregate posterior, is the mean of q(z|x) over the N images of a data set (Chen et al., 2018, eq. 2).

information        I(x; z) = E[log q(z|x) - log q(z)]
total correlation  KL(q(z) || prod_l q(z_l)), 0 if the dimensions of z are independent
dimension-wise     KL(prod_l q(z_l) || p(z)), 0 if each dimension has the prior's distribution

All three need log q(z), a mean over all N images. `minibatch_rate_terms` estimates it from a batch;
`measures.rate_terms` takes all images.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.distributions import Distribution, Normal

from ..models.latent_distributions import diagonal_gaussian, kl_to_prior, latent_log_prob
from ..models.vae import VAE
from .elbo import log_likelihood


class RateTerms(NamedTuple):
    """One sample's share of each term, `[B]`, in nats; their sum is log q(z|x) - log p(z)."""

    information: Tensor
    total_correlation: Tensor
    dimension_wise: Tensor


class BetaTC(NamedTuple):
    """The objective of the beta-TC-VAE and its terms, each `[B]`, in nats."""

    value: Tensor
    reconstruction: Tensor
    kl: Tensor
    total_correlation: Tensor


def stratified_log_weights(batch_size: int, n: int) -> Tensor:
    """log w_ij with which sum_j w_ij q(z_i|x_j) estimates q(z_i) without bias.

    z_i was drawn from q(z|x_i), so image i is in the batch for certain: it stands for itself, w_ii = 1 / N.
    The M - 1 others are drawn from N - 1 and stand for all of these: w_ij = (N - 1) / (N (M - 1)).
    (Minibatch stratified sampling, Chen et al., 2018, appendix C.2, its odd weight spread over all others.)

    Args:
        batch_size: M.
        n: images in the data set, N.

    Returns:
        `[M, M]`.

    Raises:
        ValueError: unless 2 <= M <= N.

    Example:
        >>> stratified_log_weights(batch_size=3, n=10).exp().sum(1)  # each row is a mixture
        tensor([1.0000, 1.0000, 1.0000])
    """
    if not 2 <= batch_size <= n:
        raise ValueError(f"a batch has 2 to n = {n} images, got {batch_size}")
    weights = torch.full((batch_size, batch_size), (n - 1) / (n * (batch_size - 1)))
    return weights.fill_diagonal_(1 / n).log()


def log_aggregate(z: Tensor, q: Normal, log_weights: Tensor) -> tuple[Tensor, Tensor]:
    """log q(z), and log q(z_l) of each dimension, under a mixture of posteriors.

    Args:
        z: samples `[B, L]`.
        q: the mixture's M components, `[M, L]`.
        log_weights: of the components, `[B, M]` or `[M]`.

    Returns:
        `[B]` and `[B, L]`, in nats.

    Example:
        >>> q = Normal(torch.zeros(4, 2), 1.0)
        >>> joint, marginals = log_aggregate(torch.zeros(5, 2), q, torch.full((4,), 0.25).log())
        >>> joint.shape, marginals.shape
        (torch.Size([5]), torch.Size([5, 2]))
    """
    log_q = q.log_prob(z[:, None])  # [B, M, L]
    log_weights = log_weights.to(log_q).expand(log_q.shape[:2])
    return torch.logsumexp(log_weights + log_q.sum(-1), 1), torch.logsumexp(log_weights[..., None] + log_q, 1)


def split_rate(log_own: Tensor, log_prior: Tensor, joint: Tensor, marginals: Tensor) -> RateTerms:
    """The three terms from the densities that they compare, at samples z of q(z|x).

    Args:
        log_own: log q(z|x), each under the image that it was drawn for, `[B]`.
        log_prior: log p(z), `[B]`.
        joint: log q(z), `[B]`.
        marginals: log q(z_l), `[B, L]`.

    Returns:
        `RateTerms` of tensors `[B]`, in nats.

    Example:
        >>> split_rate(torch.ones(1), torch.zeros(1), torch.zeros(1), torch.zeros(1, 2)).information
        tensor([1.])
    """
    product = marginals.sum(-1)
    return RateTerms(log_own - joint, joint - product, product - log_prior)


def minibatch_rate_terms(z: Tensor, q: Normal, prior: Distribution, n: int) -> RateTerms:
    """The three terms for a batch of M images.

    q(z) is estimated without bias, but its logarithm is too low on average (Jensen's inequality), so that the
    information is too high, by less and less as M approaches n. At M = n everything is exact, given z.

    Args:
        z: `[M, L]`, row i a sample of row i of q.
        q: the posteriors of the batch, `[M, L]`.
        prior: p(z).
        n: images in the data set, N.

    Returns:
        `RateTerms` of tensors `[M]`, in nats.

    Example:
        >>> q = Normal(torch.zeros(4, 2), 1.0)
        >>> minibatch_rate_terms(q.sample(), q, Normal(torch.zeros(2), 1.0), n=10).information.shape
        torch.Size([4])
    """
    weights = stratified_log_weights(len(z), n).to(z.device)
    return split_rate(q.log_prob(z).sum(-1), latent_log_prob(prior, z), *log_aggregate(z, q, weights))


def beta_tc(model: VAE, x: Tensor, beta: float, n: int) -> BetaTC:
    """The ELBO less (beta - 1) times the total correlation, estimated on the batch.

    Chen et al. (2018), eq. 4 with alpha = gamma = 1; of the three terms of the rate only the total correlation
    is weighted.

    Args:
        model: a `VAE` with a diagonal Gaussian for q.
        x: `[B, ...]`.
        beta: the weight of the total correlation.
        n: images in the data set.

    Returns:
        `BetaTC` of tensors `[B]`, in nats.

    Raises:
        TypeError: for another posterior.

    Example:
        >>> from vae_helpers import VAE, Gaussian, MLPDecoder, MLPEncoder
        >>> model = VAE(MLPEncoder(2), MLPDecoder(2), Gaussian(), latent_dim=2)
        >>> beta_tc(model, torch.rand(5, 1, 28, 28), beta=6.0, n=60_000).total_correlation.shape
        torch.Size([5])
    """
    q = diagonal_gaussian(model.posterior(x), "beta_tc")
    z = q.rsample()
    reconstruction, kl = log_likelihood(model, x, z), kl_to_prior(q, model.prior, z)
    total_correlation = minibatch_rate_terms(z, q, model.prior, n).total_correlation
    return BetaTC(reconstruction - kl - (beta - 1) * total_correlation, reconstruction, kl, total_correlation)
