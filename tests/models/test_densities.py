"""Densities and KLs against torch.distributions and scipy, in float64, on non-square shapes."""

import math

import pytest
import scipy.stats
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from torch.distributions import Bernoulli, Normal, kl_divergence

from vae_helpers import (
    VAE,
    MLPDecoder,
    bernoulli_log_prob,
    elbo,
    gaussian_log_prob,
    kl_per_dimension,
    kl_to_standard_normal,
    log_weights,
)
from vae_helpers import Bernoulli as BernoulliLikelihood
from vae_helpers.models.latent_distributions import kl_to_prior

# float64 keeps about 16 digits; the sums below have under 100 terms of similar size.
EXACT = {"rtol": 1e-11, "atol": 1e-11}

shapes = st.tuples(st.integers(1, 4), st.integers(1, 3), st.integers(1, 5))
seeds = st.integers(0, 2**31)


def draw(shape, seed, n, scale=3.0):
    rng = torch.Generator().manual_seed(seed)
    return [scale * torch.randn(shape, generator=rng, dtype=torch.float64) for _ in range(n)]


@given(shapes, seeds, st.integers(1, 2))
def test_bernoulli_is_torch_and_scipy(shape, seed, event_dims):
    (logits, noise) = draw(shape, seed, 2)
    x = (noise > 0).double()
    got = bernoulli_log_prob(x, logits, event_dims)
    dims = tuple(range(-event_dims, 0))
    torch.testing.assert_close(got, Bernoulli(logits=logits).log_prob(x).sum(dims), **EXACT)
    by_scipy = torch.tensor(scipy.stats.bernoulli.logpmf(x.numpy(), logits.sigmoid().numpy()))
    # scipy goes through probabilities: 1 - p loses digits for large logits.
    torch.testing.assert_close(got, by_scipy.reshape(shape).sum(dims), rtol=1e-7, atol=1e-7)


@given(shapes, seeds)
def test_bernoulli_on_grey_levels_is_the_negative_cross_entropy(shape, seed):
    (logits,) = draw(shape, seed, 1)
    x = torch.rand(shape, dtype=torch.float64)
    p = logits.sigmoid()
    expected = (x * p.log() + (1 - x) * (1 - p).log()).sum(-1)
    torch.testing.assert_close(bernoulli_log_prob(x, logits), expected, rtol=1e-8, atol=1e-8)


@given(shapes, seeds, st.integers(1, 2))
def test_gaussian_is_torch_and_scipy(shape, seed, event_dims):
    x, mu, log_var = draw(shape, seed, 3)
    got = gaussian_log_prob(x, mu, log_var, event_dims)
    sigma = (0.5 * log_var).exp()
    dims = tuple(range(-event_dims, 0))
    torch.testing.assert_close(got, Normal(mu, sigma).log_prob(x).sum(dims), rtol=1e-10, atol=1e-10)
    by_scipy = torch.tensor(scipy.stats.norm.logpdf(x.numpy(), mu.numpy(), sigma.numpy()))
    torch.testing.assert_close(got, by_scipy.reshape(shape).sum(dims), rtol=1e-10, atol=1e-10)


@given(shapes, seeds)
def test_kls_are_torch(shape, seed):
    mu_q, log_var_q, mu_p, log_var_p = draw(shape, seed, 4)
    q = Normal(mu_q, (0.5 * log_var_q).exp())
    p = Normal(mu_p, (0.5 * log_var_p).exp())
    torch.testing.assert_close(
        kl_to_prior(q, p, q.mean),
        kl_divergence(q, p).sum(-1),
        rtol=1e-9,
        atol=1e-9,
    )
    torch.testing.assert_close(
        kl_to_standard_normal(mu_q, log_var_q),
        kl_divergence(q, Normal(torch.zeros(()).double(), torch.ones(()).double())).sum(-1),
        rtol=1e-9,
        atol=1e-9,
    )


@pytest.mark.parametrize(("mu_q", "log_var_q", "mu_p", "log_var_p"), [(0.3, -1.0, 0.0, 0.0), (-2.0, 0.7, 1.0, -0.4)])
def test_kl_is_the_integral_in_the_right_direction(mu_q, log_var_q, mu_p, log_var_p):
    q = scipy.stats.norm(mu_q, 2.718281828459045 ** (log_var_q / 2))
    p = scipy.stats.norm(mu_p, 2.718281828459045 ** (log_var_p / 2))
    integral, error = quad(lambda z: q.pdf(z) * (q.logpdf(z) - p.logpdf(z)), -30, 30, points=[mu_q, mu_p])
    numbers = torch.tensor([[mu_q, log_var_q], [mu_p, log_var_p]], dtype=torch.float64)
    ours = kl_to_prior(*(Normal(row[:1], (0.5 * row[1:]).exp()) for row in numbers), torch.zeros(1))
    assert ours.item() == pytest.approx(integral, abs=10 * error + 1e-9)


@given(shapes, seeds)
def test_kl_is_never_negative_and_zero_only_at_the_prior(shape, seed):
    mu, log_var = draw(shape, seed, 2)
    assert (kl_to_standard_normal(mu, log_var) > 0).all()
    for scale in (1.0, 1e-4, 1e-8):
        assert (kl_to_standard_normal(0 * mu, scale * log_var) >= 0).all()
    assert (kl_to_standard_normal(0 * mu, 0 * log_var) == 0).all()


@pytest.mark.parametrize("logit", [-1e4, -100.0, 0.0, 100.0, 1e4])
@pytest.mark.parametrize("x", [0.0, 0.25, 1.0])
def test_bernoulli_is_finite_with_the_right_gradient_at_extreme_logits(logit, x):
    logits = torch.full((2, 3), logit, requires_grad=True)
    value = bernoulli_log_prob(torch.full((2, 3), x), logits)
    value.sum().backward()
    assert value.isfinite().all()
    torch.testing.assert_close(logits.grad, x - logits.sigmoid(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("log_var", [-80.0, -30.0, 30.0, 80.0])
def test_gaussian_and_kl_are_finite_at_extreme_log_variances(log_var):
    mu = torch.full((2, 3), 1e-3, requires_grad=True)
    spread = torch.full((2, 3), log_var, requires_grad=True)
    total = gaussian_log_prob(mu.detach() + 1e-2, mu, spread) + kl_to_standard_normal(mu, spread)
    total.sum().backward()
    assert total.isfinite().all()
    assert mu.grad.isfinite().all() and spread.grad.isfinite().all()


def test_samples_broadcast_against_data():
    x, logits = torch.rand(4, 1, 3, 2), torch.randn(6, 4, 1, 3, 2)
    assert bernoulli_log_prob(x, logits, event_dims=3).shape == (6, 4)


@pytest.mark.parametrize(
    "call",
    [
        lambda: bernoulli_log_prob(torch.zeros(5, 6), torch.zeros(5, 1)),
        lambda: bernoulli_log_prob(torch.zeros(5, 6), torch.zeros(5, 2, 3), 2),
        lambda: gaussian_log_prob(torch.zeros(5, 6), torch.zeros(5, 6), torch.zeros(5, 1)),
        lambda: kl_to_standard_normal(torch.zeros(5, 6), torch.zeros(1)),
        lambda: kl_to_prior(Normal(torch.zeros(5, 6), 1.0), Normal(torch.zeros(5, 1), 1.0), torch.zeros(5, 6)),
        lambda: kl_to_standard_normal(torch.zeros(6), torch.zeros(6), event_dims=2),
        lambda: kl_to_standard_normal(torch.zeros(6), torch.zeros(6), event_dims=0),
    ],
)
def test_event_shapes_that_would_broadcast_silently_are_refused(call):
    with pytest.raises(ValueError, match="event_dims|must be the same"):
        call()


@pytest.mark.parametrize("shape", [(), (3,)])
def test_an_error_of_zero_stays_zero_however_small_sigma(shape):
    """exp(-log_var) overflows below -88.7 in float32, and 0 times infinity is not a number."""
    for log_var in (-80.0, -100.0, -170.0, -300.0):
        got = gaussian_log_prob(torch.zeros(3), torch.zeros(3), torch.full(shape, log_var))
        torch.testing.assert_close(got, torch.tensor(-1.5 * (math.log(2 * math.pi) + log_var)))
    x = torch.tensor([1e-20, 0.0, 0.0])  # where it still can be represented, an error counts in full
    expected = gaussian_log_prob(x.double(), torch.zeros(3).double(), torch.full(shape, -95.0).double())
    got = gaussian_log_prob(x, torch.zeros(3), torch.full(shape, -95.0))
    torch.testing.assert_close(got, expected.float(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("log_var", [-104.0, -204.0, -210.0, -1e4, 40.0])
def test_the_kl_of_a_vae_is_that_of_log_var_itself(log_var):
    """sigma = exp(log_var / 2) underflows in float32 at about -206; the KL does not go through it."""
    mu = torch.tensor([[1.0, -2.0]])
    model = VAE(lambda x: (mu, torch.full((1, 2), log_var)), MLPDecoder(2, (3,)), BernoulliLikelihood(), 2)
    exact = sum(0.5 * (m**2 + math.expm1(log_var) - log_var) for m in (1.0, -2.0))
    assert elbo(model, torch.zeros(1, 3)).kl.item() == pytest.approx(exact, rel=1e-6)
    assert kl_per_dimension(model, torch.zeros(1, 3)).sum().item() == pytest.approx(exact, rel=1e-6)
    assert log_weights(model, torch.zeros(1, 3), 4).isfinite().all()
