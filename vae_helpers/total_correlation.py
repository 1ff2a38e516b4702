"""Where the rate goes: E[KL(q(z|x) || p(z))] = information + total correlation + dimension-wise KL.

q(z), the aggregate posterior, is the mean of q(z|x) over the N images of a data set (Chen et al., 2018,
eq. 2).

information        I(x; z) = E[log q(z|x) - log q(z)]
total correlation  KL(q(z) || prod_l q(z_l)), 0 if the dimensions of z are independent
dimension-wise     sum_l KL(q(z_l) || p(z_l)), 0 if each of them has the prior's distribution

All three need log q(z), a mean over all N images. `rate_terms` takes it; `minibatch_rate_terms` estimates
it from a batch.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.distributions import Normal

from .evaluation import posterior_parameters
from .models import VAE
from .objectives import kl_divergence, log_likelihood

CHUNK = 2**22  # numbers of [B, M, L] held at a time


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
    """log w_ij with which sum_j w_ij q(z_i|x_j) estimates q(z_i) without bias: `[M, M]`, for M of N images.

    z_i was drawn from q(z|x_i), so image i is in the batch for certain: it stands for itself, w_ii = 1 / N.
    The M - 1 others are drawn from N - 1 and stand for all of these: w_ij = (N - 1) / (N (M - 1)).
    (Minibatch stratified sampling, Chen et al., 2018, appendix C.2, its odd weight spread over all others.)
    Raises ValueError unless 2 <= M <= N.
    """
    if not 2 <= batch_size <= n:
        raise ValueError(f"a batch has 2 to n = {n} images, got {batch_size}")
    weights = torch.full((batch_size, batch_size), (n - 1) / (n * (batch_size - 1)))
    return weights.fill_diagonal_(1 / n).log()


def log_aggregate(z: Tensor, q: Normal, log_weights: Tensor) -> tuple[Tensor, Tensor]:
    """log q(z) `[B]` and log q(z_l) `[B, L]` of samples z `[B, L]`, in nats.

    The mixture's components are the M rows of q `[M, L]`, with log_weights `[B, M]` or `[M]`.
    """
    log_q = q.log_prob(z[:, None])  # [B, M, L]
    log_weights = log_weights.to(log_q).expand(log_q.shape[:2])
    return torch.logsumexp(log_weights + log_q.sum(-1), 1), torch.logsumexp(log_weights[..., None] + log_q, 1)


def minibatch_rate_terms(z: Tensor, q: Normal, prior: Normal, n: int) -> RateTerms:
    """The three terms for a batch: z `[M, L]`, row i a sample of row i of q, from a data set of n images.

    q(z) is estimated without bias, but its logarithm is too low on average (Jensen's inequality), so that the
    information is too high, by less and less as M approaches n. At M = n everything is exact, given z.
    """
    weights = stratified_log_weights(len(z), n).to(z.device)
    return _terms(z, q.log_prob(z).sum(-1), prior, *log_aggregate(z, q, weights))


def rate_terms(model: VAE, images: Tensor, samples: int = 1000) -> RateTerms:
    """The three terms for `samples` z, each from q(z|x) of an image picked at random: `[samples]`, in nats.

    The data set is `images` `[N, ...]`, all of which q(z) averages over: means over the samples are unbiased.
    """
    mu, sigma = (parameter.double() for parameter in posterior_parameters(model, images))
    rows = torch.randint(len(mu), (samples,))
    q, own = Normal(mu, sigma), Normal(mu[rows], sigma[rows])
    z, uniform = own.sample(), torch.full((len(mu),), -math.log(len(mu)))
    parts = [log_aggregate(part, q, uniform) for part in z.split(max(1, CHUNK // mu.numel()))]
    joint, marginals = (torch.cat(part) for part in zip(*parts, strict=True))
    prior = Normal(torch.zeros_like(z), 1.0)
    return _terms(z, own.log_prob(z).sum(-1), prior, joint, marginals)


def beta_tc(model: VAE, x: Tensor, beta: float, n: int) -> BetaTC:
    """The ELBO less (beta - 1) times the total correlation, estimated on the batch; n images in the data set.

    x `[B, ...]` -> `BetaTC` of tensors `[B]`, in nats. Chen et al. (2018), eq. 4 with alpha = gamma = 1;
    of the three terms of the rate only the total correlation is weighted.
    """
    q = model.posterior(x)
    z = q.rsample()
    reconstruction, kl = log_likelihood(model, x, z), kl_divergence(q, model.prior)
    total_correlation = minibatch_rate_terms(z, q, model.prior, n).total_correlation
    return BetaTC(reconstruction - kl - (beta - 1) * total_correlation, reconstruction, kl, total_correlation)


def _terms(z: Tensor, log_own: Tensor, prior: Normal, joint: Tensor, marginals: Tensor) -> RateTerms:
    product = marginals.sum(-1)
    return RateTerms(log_own - joint, joint - product, product - prior.log_prob(z).sum(-1))
