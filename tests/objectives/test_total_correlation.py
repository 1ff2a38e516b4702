"""The three parts of the rate against enumeration, quadrature and closed forms."""

import itertools
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.distributions import MultivariateNormal, Normal

from vae_helpers import (
    VAE,
    Bernoulli,
    MLPDecoder,
    MLPEncoder,
    beta_tc,
    elbo,
    log_aggregate,
    stratified_log_weights,
)
from vae_helpers.objectives.total_correlation import minibatch_rate_terms

PRIOR = Normal(torch.zeros(1).double(), 1.0)


def posteriors(n=6, latent_dim=2):
    rng = torch.Generator().manual_seed(0)
    mu = 1.5 * torch.randn(n, latent_dim, generator=rng).double()
    return Normal(mu, 0.3 + torch.rand(n, latent_dim, generator=rng).double())


def copied_weights(batch_size, n):
    """The fill of the published code: with rows of `batch_size`, it lands in columns 0 and 1."""
    m = batch_size - 1
    weights = torch.full((batch_size, batch_size), 1 / m)
    weights.view(-1)[:: m + 1] = 1 / n
    weights.view(-1)[1 :: m + 1] = (n - m) / (n * m)
    weights[m - 1, 0] = (n - m) / (n * m)
    return weights.log()


def average_over_batches(log_weights, batch_size, n):
    """E[sum_j w_ij q(z_i|x_j)] / q(z_i), for fixed z_i: averaged over all ordered batches with image i."""
    q = posteriors(n)
    z = torch.tensor([[0.3, -0.7]]).double()
    exact = q.log_prob(z).sum(-1).logsumexp(0) - math.log(n)
    ratios = []
    for place in range(batch_size):  # where in the batch image i = 2 stands
        for others in itertools.permutations([j for j in range(n) if j != 2], batch_size - 1):
            batch = [*others[:place], 2, *others[place:]]
            part = Normal(q.loc[batch], q.scale[batch])
            joint, _ = log_aggregate(z, part, log_weights[place])
            ratios.append((joint - exact).exp())
    return torch.cat(ratios).mean().item()


@pytest.mark.parametrize(("batch_size", "n"), [(2, 5), (3, 6), (5, 6), (4, 4)])
def test_the_weights_are_unbiased_over_all_batches(batch_size, n):
    assert average_over_batches(stratified_log_weights(batch_size, n), batch_size, n) == pytest.approx(1)
    assert torch.allclose(stratified_log_weights(batch_size, n).exp().sum(1), torch.ones(batch_size))


def test_the_widely_copied_fill_and_the_unstratified_weights_are_biased():
    assert abs(average_over_batches(copied_weights(3, 6), 3, 6) - 1) > 0.1
    weighted_sampling = torch.full((3, 3), -math.log(3 * 6))
    assert abs(average_over_batches(weighted_sampling, 3, 6) - 1) > 0.1
    # The published weights where they are meant to be: 1 / N on the diagonal, and the odd one beside it.
    published = torch.full((3, 3), 1 / 2).fill_diagonal_(1 / 6)
    for row, column in ((0, 1), (1, 2), (2, 0)):
        published[row, column] = (6 - 2) / (6 * 2)
    assert average_over_batches(published.log(), 3, 6) == pytest.approx(1)


def exact_terms(q):
    """By quadrature in two dimensions: information, total correlation, dimension-wise KL."""
    side = torch.linspace(-13, 13, 1041, dtype=torch.float64)
    step = side[1] - side[0]
    per_dim = torch.stack([Normal(q.loc[:, i], q.scale[:, i]).log_prob(side[:, None]).exp() for i in (0, 1)])
    joint = torch.einsum("an,bn->ab", *per_dim) / len(q.loc)  # q(z) on the grid
    marginals = per_dim.mean(-1)  # [2, 1041]
    normal = Normal(0.0, 1.0).log_prob(side)
    xlogx = lambda p: torch.xlogy(p, p).sum()  # noqa: E731
    minus_entropy = xlogx(joint) * step**2
    marginal = [xlogx(p) * step for p in marginals]
    own = -q.entropy().sum(-1).mean()
    to_prior = sum(m - (p * normal).sum() * step for m, p in zip(marginal, marginals, strict=True))
    return torch.stack([own - minus_entropy, minus_entropy - sum(marginal), to_prior])


def test_the_exact_terms_against_quadrature():
    q = posteriors()
    expected = exact_terms(q)
    kl = torch.distributions.kl_divergence(q, PRIOR).sum(-1).mean()
    torch.testing.assert_close(expected.sum(), kl, rtol=1e-6, atol=1e-6)
    z = q.sample((4000,))  # [4000, N, L]: a batch that is the whole data set, 4000 times
    terms = [minibatch_rate_terms(part, q, PRIOR, n=6) for part in z]
    for name, value in zip(("information", "total_correlation", "dimension_wise"), expected, strict=True):
        draws = torch.stack([getattr(t, name).mean() for t in terms])
        assert abs(draws.mean() - value) < 5 * draws.std() / math.sqrt(4000), name


def test_a_gaussian_aggregate_has_the_total_correlation_of_its_covariance():
    """Many narrow posteriors whose means are correlated Gaussians: TC = -1/2 log det of the correlation."""
    correlation = torch.tensor([[1.0, 0.8], [0.8, 1.0]]).double()
    means = MultivariateNormal(torch.zeros(2).double(), correlation - 0.1 * torch.eye(2)).sample((2000,))
    q = Normal(means, torch.full_like(means, math.sqrt(0.1)))
    z = q.sample()
    joint, marginals = log_aggregate(z, q, torch.full((2000,), -math.log(2000)))
    got = joint - marginals.sum(-1)
    # 2,000 components stand for infinitely many, which adds an error of the order of the standard error.
    assert abs(got.mean() + 0.5 * torch.logdet(correlation)) < 10 * got.std() / math.sqrt(2000)


def small_vae(shape=(1, 3, 5), latent_dim=2):
    return VAE(MLPEncoder(latent_dim, shape, (6,)), MLPDecoder(latent_dim, shape, (6,)), Bernoulli(), latent_dim)


@given(st.integers(2, 8), st.integers(0, 1000), st.integers(0, 50))
def test_the_terms_add_up_to_the_log_ratio_whatever_the_weights(batch_size, more, seed):
    torch.manual_seed(seed)
    q = Normal(torch.randn(batch_size, 3), torch.rand(batch_size, 3) + 0.1)
    z, prior = q.sample(), Normal(torch.zeros(3), 1.0)
    total = sum(minibatch_rate_terms(z, q, prior, batch_size + more))
    torch.testing.assert_close(total, (q.log_prob(z) - prior.log_prob(z)).sum(-1), rtol=1e-4, atol=1e-4)


def test_equal_posteriors_have_no_information_and_one_dimension_no_total_correlation():
    q = Normal(torch.full((5, 2), 0.3).double(), 0.7)
    z = q.sample()
    terms = minibatch_rate_terms(z, q, PRIOR, 20)
    torch.testing.assert_close(terms.information, torch.zeros(5).double(), atol=1e-6, rtol=0)
    torch.testing.assert_close(terms.total_correlation, torch.zeros(5).double(), atol=1e-6, rtol=0)
    single = posteriors(5, 1)
    terms = minibatch_rate_terms(single.sample(), single, PRIOR, 20)
    torch.testing.assert_close(terms.total_correlation, torch.zeros(5).double(), atol=1e-6, rtol=0)


def test_information_is_at_most_log_n():
    """Posteriors far apart: every sample names its image. The copied fill says log of the batch instead."""
    n, batch_size = 1000, 20
    q = Normal(100 * torch.arange(batch_size).double()[:, None], torch.ones(batch_size, 1).double())
    z = q.sample()
    right = minibatch_rate_terms(z, q, PRIOR, n).information
    torch.testing.assert_close(right, torch.full((batch_size,), math.log(n)).double(), rtol=1e-6, atol=1e-5)
    joint, _ = log_aggregate(z, q, copied_weights(batch_size, n))
    wrong = q.log_prob(z).sum(-1) - joint
    assert wrong[2:].max() < math.log(batch_size) + 0.1


def test_beta_tc_weights_only_the_total_correlation():
    model, x = small_vae(), torch.rand(7, 1, 3, 5)
    torch.manual_seed(1)
    got = beta_tc(model, x, beta=4.0, n=50)
    torch.manual_seed(1)
    bound = elbo(model, x)
    torch.testing.assert_close(got.value, bound.value - 3 * got.total_correlation)
    torch.testing.assert_close(got.kl, bound.kl)
    torch.manual_seed(1)
    torch.testing.assert_close(beta_tc(model, x, beta=1.0, n=50).value, bound.value)
    got.value.mean().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())


@pytest.mark.parametrize(("batch_size", "n"), [(1, 5), (6, 5)])
def test_impossible_batches(batch_size, n):
    with pytest.raises(ValueError, match=f"a batch has 2 to n = 5 images, got {batch_size}"):
        stratified_log_weights(batch_size, n)
