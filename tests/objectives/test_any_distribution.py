"""Posteriors and priors of any kind: full covariances, a q that torch has no KL of, mixtures; log p(x) is exact."""

import math
from functools import partial

import pytest
import torch
from torch import distributions as td
from torch import nn

from tests.conftest import FromX, LinearDecoder
from vae_helpers import (
    PPCA,
    VAE,
    Gaussian,
    active_units,
    ais_log_weights,
    beta_tc,
    dreg_bound,
    elbo,
    evaluate,
    fit,
    free_bits,
    importance_log_prob,
    iwae_bound,
    kl_per_dimension,
    log_weights,
    posterior_parameters,
    rate_terms,
    stl_bound,
)
from vae_helpers.models.latent_distributions import kl_to_prior, latent_log_prob

D, L, SIGMA = 5, 2, 0.6


class Mixture(nn.Module):
    """A prior with parameters: two Gaussians with covariances of their own."""

    def __init__(self):
        super().__init__()
        self.logits = nn.Parameter(torch.tensor([0.4, -0.3]))
        self.means = nn.Parameter(torch.tensor([[-1.5, 0.5], [1.0, 1.2]]))
        self.roots = nn.Parameter(torch.tensor([[[0.5, 0.0], [0.3, 0.4]], [[0.9, 0.0], [-0.2, 0.6]]]))

    def forward(self):
        parts = td.MultivariateNormal(self.means, scale_tril=self.roots.tril())
        return td.MixtureSameFamily(td.Categorical(logits=self.logits), parts)


def linear_model(make, prior=None):
    """A VAE with a linear decoder and a pPCA with the same p(x|z), in float64."""
    common = torch.randn(D, 1, dtype=torch.float64)  # of both columns, so that the codes of an x are correlated
    W, b = common + 0.5 * torch.randn(D, L, dtype=torch.float64), torch.randn(D, dtype=torch.float64)
    model = VAE(FromX(make), LinearDecoder(W, b), Gaussian(SIGMA), L, prior).double()
    model.likelihood.log_var.fill_(2 * math.log(SIGMA))  # in float64
    return model, PPCA(W, b, SIGMA)


@pytest.fixture
def correlated():
    """(model with the exact posterior of correlated codes, x `[7, D]`, log p(x))."""
    model, ppca = linear_model(lambda x: ppca.posterior(x))
    x = ppca.sample(7)
    return model, x, ppca.marginal().log_prob(x)


def test_a_full_covariance_closes_the_gap(correlated):
    model, x, log_p = correlated
    covariance = model.posterior(x).covariance_matrix[0]
    assert (covariance[0, 1] / covariance.diagonal().prod().sqrt()).abs() > 0.3, "a diagonal q would nearly do"
    torch.testing.assert_close(log_weights(model, x, 4), log_p.expand(4, 7), rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(importance_log_prob(model, x, 3), log_p, rtol=1e-10, atol=1e-10)
    for bound in (iwae_bound, stl_bound, dreg_bound):
        torch.testing.assert_close(bound(model, x, 3), log_p, rtol=1e-10, atol=1e-10)
    draws = torch.stack([elbo(model, x).value for _ in range(4000)])  # KL in closed form: it still scatters
    assert ((draws.mean(0) - log_p).abs() < 5 * draws.std(0) / math.sqrt(4000)).all()


def test_the_kl_of_full_covariances_is_in_closed_form(correlated):
    model, x, _ = correlated
    q = model.posterior(x)
    expected = td.kl_divergence(q, td.MultivariateNormal(torch.zeros(L).double(), torch.eye(L).double()))
    torch.testing.assert_close(elbo(model, x).kl, expected)
    by_hand = 0.5 * (q.covariance_matrix.diagonal(dim1=1, dim2=2).sum(1) + q.mean.square().sum(1) - L)
    torch.testing.assert_close(expected, by_hand - 0.5 * torch.logdet(q.covariance_matrix))


def test_what_is_measured_of_any_posterior_and_what_needs_a_diagonal_gaussian(correlated):
    model, x, log_p = correlated
    assert evaluate(model, x, partial(iwae_bound, k=2))["value"] == pytest.approx(log_p.mean().item())
    q = model.posterior(x)
    for got, expected in zip(posterior_parameters(model, x), (q.mean, q.stddev), strict=True):
        torch.testing.assert_close(got, expected)
    assert torch.equal(active_units(model, x), q.mean.var(0) > 0.01)
    for needs in (
        partial(free_bits, model, x, 0.1),
        partial(beta_tc, model, x, 2.0, 50),
        partial(kl_per_dimension, model, x),
        partial(rate_terms, model, x),
    ):
        with pytest.raises(TypeError, match=f"{needs.func.__name__} needs a diagonal Gaussian.*MultivariateNormal"):
            needs()


def pair(scale=0.8):
    """The same q twice: one that torch has the KL of, and one that it has not, with the gradients of one leaf."""
    mu = torch.tensor([[0.3, -0.2]], dtype=torch.float64, requires_grad=True)
    log_sigma = torch.full((1, L), math.log(scale), dtype=torch.float64, requires_grad=True)

    def known(x):
        return td.Normal(mu.expand(len(x), -1), log_sigma.exp())

    def unknown(x):
        base = td.Independent(td.Normal(torch.zeros(len(x), L).double(), 1.0), 1)
        return td.TransformedDistribution(base, td.AffineTransform(mu, log_sigma.exp(), event_dim=1))

    return known, unknown, (mu, log_sigma)


def test_without_a_formula_the_kl_is_estimated_from_the_same_sample():
    known, unknown, _ = pair()
    model, ppca = linear_model(unknown)
    x = ppca.sample(3)
    torch.manual_seed(1)
    got = elbo(model, x)
    torch.manual_seed(1)
    q = model.posterior(x)
    z = q.rsample()
    torch.testing.assert_close(got.kl, q.log_prob(z) - td.Normal(0.0, 1.0).log_prob(z).sum(-1))
    exact = kl_to_prior(known(x), model.prior, z)
    draws = torch.stack([elbo(model, x).kl for _ in range(20_000)])
    assert ((draws.mean(0) - exact).abs() < 5 * draws.std(0) / math.sqrt(20_000)).all()
    with pytest.raises(TypeError, match="a formula for its mean.*TransformedDistribution"):
        active_units(model, x)


@pytest.mark.parametrize("bound", [iwae_bound, stl_bound, dreg_bound])
def test_the_gradients_do_not_depend_on_how_q_is_written(bound):
    known, unknown, leaves = pair()
    model, ppca = linear_model(known)
    x, found = ppca.sample(6), []
    for make in (known, unknown):
        model.encoder.make = make
        torch.manual_seed(2)
        found.append(torch.autograd.grad(bound(model, x, 4).sum(), leaves))
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-8, atol=1e-8)


def mixture_log_prob(model, x):
    """log p(x) of a linear-Gaussian model with a mixture prior: itself a mixture of Gaussians."""
    W, b, prior = model.decoder.loading, model.decoder.offset, model.prior_module
    covariances = W @ (prior.roots.tril() @ prior.roots.tril().mT) @ W.T + SIGMA**2 * torch.eye(D)
    parts = td.MultivariateNormal(prior.means @ W.T + b, covariances)
    return td.MixtureSameFamily(td.Categorical(logits=prior.logits), parts).log_prob(x)


@pytest.fixture
def mixed():
    """(model with a mixture prior and a wide q, x `[7, D]`, log p(x))."""
    model, ppca = linear_model(lambda x: td.Normal(ppca.posterior(x).mean, 0.7 * torch.ones(L).double()), Mixture())
    x = model.sample(7).detach()
    return model, x, mixture_log_prob(model, x).detach()


def test_importance_sampling_with_a_mixture_prior(mixed):
    model, x, log_p = mixed
    log_w = log_weights(model, x, 100_000).detach()
    error = (log_w - log_p).exp().std(0) / math.sqrt(100_000)  # of the mean of w / p(x)
    assert (((log_w - log_p).exp().mean(0) - 1).abs() < 5 * error).all()
    torch.testing.assert_close(importance_log_prob(model, x, 100_000), log_p, rtol=0, atol=5 * error.max().item())


def test_the_elbo_with_a_mixture_prior_against_quadrature(mixed):
    """E_q[log p(x, z) - log q(z|x)] on a grid of codes, and log p(x) as its integral."""
    model, x, log_p = mixed
    axis = torch.linspace(-9, 9, 361, dtype=torch.float64)
    grid, cell = torch.cartesian_prod(axis, axis)[:, None], (axis[1] - axis[0]) ** 2
    q = model.posterior(x)
    log_joint = model.decode(grid).log_prob(x) + latent_log_prob(model.prior, grid)
    torch.testing.assert_close(log_joint.logsumexp(0) + cell.log(), log_p, rtol=1e-6, atol=1e-6)
    log_q = latent_log_prob(q, grid)
    exact = (cell * log_q.exp() * (log_joint - log_q)).sum(0).detach()
    draws = torch.stack([elbo(model, x).value.detach() for _ in range(20_000)])
    assert ((draws.mean(0) - exact).abs() < 5 * draws.std(0) / math.sqrt(20_000)).all()
    assert (exact < log_p).all()


def test_ais_with_a_mixture_prior(mixed):
    model, x, log_p = mixed
    ratio = (ais_log_weights(model.eval(), x, chains=2000, steps=20) - log_p).exp()
    assert ((ratio.mean(0) - 1).abs() < 5 * ratio.std(0) / math.sqrt(2000)).all()


def test_a_prior_is_trained_moved_and_stored_with_the_model(mixed):
    model, x, _ = mixed
    elbo(model, x).value.sum().backward()
    assert all(p.grad.abs().sum() > 0 for p in model.prior_module.parameters())
    assert "prior_module.means" in model.state_dict()
    before = model.prior_module.means.detach().clone()
    fit(model, x, epochs=2, batch_size=4, progress=False, device="cpu")
    assert not torch.equal(before, model.prior_module.means)
    assert model.sample(3).shape == (3, D)


def test_wrong_posteriors_and_priors_are_named():
    model, ppca = linear_model(lambda x: td.MultivariateNormal(torch.zeros(len(x), 3), torch.eye(3)))
    with pytest.raises(ValueError, match=r"over \[4, 2\] = \[B, L\], got \[4, 3\]"):
        elbo(model, ppca.sample(4))
    with pytest.raises(TypeError, match="prior must be a module that returns a distribution, got Normal"):
        VAE(nn.Identity(), nn.Identity(), Gaussian(), 2, td.Normal(torch.zeros(2), 1.0))
