"""Probabilistic PCA against the joint Gaussian, quadrature and perturbed parameters."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.distributions import MultivariateNormal

from vae_helpers import PPCA

DOUBLE = {"dtype": torch.float64}


def model(dim=5, latent_dim=2, sigma=0.6):
    return PPCA(torch.randn(dim, latent_dim, **DOUBLE), torch.randn(dim, **DOUBLE), sigma)


def test_the_marginal_and_the_posterior_are_those_of_the_joint_gaussian():
    m = model(5, 3)
    x, z = torch.randn(7, 5, **DOUBLE), torch.randn(7, 3, **DOUBLE)
    # (z, x) is an affine map of independent noise (e_z, e_x).
    root = torch.zeros(8, 8, **DOUBLE)
    root[:3, :3], root[3:, :3], root[3:, 3:] = torch.eye(3), m.W, 0.6 * torch.eye(5)
    joint = MultivariateNormal(torch.cat([torch.zeros(3, **DOUBLE), m.b]), root @ root.T)
    log_joint = joint.log_prob(torch.cat([z, x], dim=1))
    torch.testing.assert_close(m.prior.log_prob(z) + m.decode(z).log_prob(x), log_joint)
    torch.testing.assert_close(m.marginal().log_prob(x) + m.posterior(x).log_prob(z), log_joint)


@given(st.integers(0, 10_000), st.integers(1, 3), st.floats(0.3, 3))
def test_bayes_rule_holds_for_any_z(seed, latent_dim, sigma):
    torch.manual_seed(seed)
    m = model(4, latent_dim, sigma)
    x, z = torch.randn(3, 4, **DOUBLE), torch.randn(3, latent_dim, **DOUBLE)
    evidence = m.prior.log_prob(z) + m.decode(z).log_prob(x) - m.posterior(x).log_prob(z)
    torch.testing.assert_close(evidence, m.marginal().log_prob(x))


def test_the_marginal_is_the_integral_over_codes():
    m = model(3, 1)
    x = m.sample(4)
    grid = torch.linspace(-9, 9, 2001, **DOUBLE)[:, None, None]
    terms = m.prior.log_prob(grid) + m.decode(grid).log_prob(x)
    torch.testing.assert_close(terms.logsumexp(0) + math.log(18 / 2000), m.marginal().log_prob(x))


def test_maximum_likelihood_has_no_better_neighbour_and_no_gradient():
    x = model(6, 2).sample(200)
    best = PPCA.maximum_likelihood(x, 2)
    parameters = [p.clone().requires_grad_() for p in (best.W, best.b, best.sigma)]
    top = PPCA(*parameters).marginal().log_prob(x).mean()
    for gradient in torch.autograd.grad(top, parameters):
        assert gradient.abs().max() < 1e-8
    for _ in range(20):
        moved = [p.detach() + 0.05 * torch.randn_like(p) for p in parameters]
        assert PPCA(*moved).marginal().log_prob(x).mean() < top


def test_maximum_likelihood_finds_the_model_in_many_points():
    m = model(5, 2, sigma=0.5)
    found = PPCA.maximum_likelihood(m.sample(50_000), 2)
    # A covariance from N points is off by about sqrt(2 / N) of its scale; five of these.
    scale = m.marginal().covariance_matrix.abs().max().item()
    error = (found.marginal().covariance_matrix - m.marginal().covariance_matrix).abs().max()
    assert error < 5 * scale * math.sqrt(2 / 50_000)
    columns = found.W.T @ found.W
    torch.testing.assert_close(columns, torch.diag(columns.diagonal()))
    assert columns[0, 0] > columns[1, 1]


def test_samples_have_the_marginal_s_moments_and_no_gradient():
    m = model(3, 2)
    m.W.requires_grad_()
    x = m.sample(100_000)
    assert not x.requires_grad
    deviation = (torch.cov(x.T) - m.marginal().covariance_matrix) / m.marginal().covariance_matrix.abs().max()
    assert deviation.abs().max() < 5 * math.sqrt(2 / 100_000)


def test_what_cannot_be_a_model():
    W, b = torch.randn(5, 2), torch.randn(5)
    with pytest.raises(ValueError, match=r"W must be \[D, L\] and b \[D\].*got \[5, 2\].*\[4\]"):
        PPCA(W, b[:4], 1.0)
    with pytest.raises(ValueError, match="of one dtype"):
        PPCA(W, b.double(), 1.0)
    for sigma in (0.0, -1.0, math.inf, math.nan, torch.ones(2)):
        with pytest.raises(ValueError, match="sigma must be one positive number"):
            PPCA(W, b, sigma)
    for x in (torch.randn(5), torch.randn(3, 1)):
        with pytest.raises(ValueError, match=r"x must be \[B, 5\]"):
            PPCA(W, b, 1.0).posterior(x)
    for latent_dim in (0, 5):
        with pytest.raises(ValueError, match="below D = 5"):
            PPCA.maximum_likelihood(torch.randn(20, 5), latent_dim)


@pytest.mark.parametrize("seed", range(20))
def test_too_few_points_leave_no_noise(seed):
    torch.manual_seed(seed)
    with pytest.raises(ValueError, match="4 points leave no noise behind 3 components"):
        PPCA.maximum_likelihood(torch.randn(4, 10), 3)
