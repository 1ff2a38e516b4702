"""Bounds against the exact log p(x) of a linear-Gaussian model."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vae_helpers import (
    VAE,
    Bernoulli,
    Gaussian,
    MLPDecoder,
    MLPEncoder,
    bernoulli_log_prob,
    dreg_bound,
    elbo,
    free_bits,
    gaussian_log_prob,
    iwae_bound,
    kl_to_standard_normal,
    log_weights,
    stl_bound,
)
from vae_helpers.objectives.importance import weighted_samples


def test_with_the_exact_posterior_every_weight_is_p_of_x(linear_gaussian):
    model, x, log_p = linear_gaussian
    log_w = log_weights(model, x, k=4)
    torch.testing.assert_close(log_w, log_p.expand(4, 7), rtol=1e-12, atol=1e-10)
    torch.testing.assert_close(iwae_bound(model, x, k=4), log_p, rtol=1e-12, atol=1e-10)


def test_elbo_of_the_exact_posterior_is_log_p_on_average(linear_gaussian):
    model, x, log_p = linear_gaussian
    draws = torch.stack([elbo(model, x).value for _ in range(4000)])
    assert ((draws.mean(0) - log_p).abs() < 5 * draws.std(0) / math.sqrt(4000)).all()


def test_elbo_is_below_log_p_by_the_kl_to_the_posterior(linear_gaussian):
    """With a shifted and widened q: gap = KL(q || p(z|x)), in closed form."""
    model, x, log_p = linear_gaussian
    p = model.posterior(x)
    model.encoder.shift, model.encoder.widen = 0.3, 0.5
    gap = torch.distributions.kl_divergence(model.posterior(x), p).sum(-1)
    draws = torch.stack([elbo(model, x).value for _ in range(4000)])
    assert ((draws.mean(0) + gap - log_p).abs() < 5 * draws.std(0) / math.sqrt(4000)).all()
    # the importance-weighted bound is tighter, and still a bound
    bounds = torch.stack([iwae_bound(model, x, k=10) for _ in range(2000)])
    error = 5 * bounds.std(0) / math.sqrt(2000)
    assert (bounds.mean(0) > draws.mean(0) + error).all() and (bounds.mean(0) < log_p + error).all()


def small_vae(shape=(1, 3, 5), latent_dim=2):
    return VAE(MLPEncoder(latent_dim, shape, (6,)), MLPDecoder(latent_dim, shape, (6,)), Bernoulli(), latent_dim)


def test_elbo_written_out(seed=3):
    model, x = small_vae(), torch.rand(4, 1, 3, 5)
    torch.manual_seed(seed)
    got = elbo(model, x, beta=2.5)
    mu, log_var = model.encoder(x)
    torch.manual_seed(seed)
    z = mu + (0.5 * log_var).exp() * torch.randn(4, 2)
    reconstruction = bernoulli_log_prob(x, model.decoder(z), event_dims=3)
    kl = kl_to_standard_normal(mu, log_var)
    for name, expected in {
        "reconstruction": reconstruction,
        "kl": kl,
        "value": reconstruction - 2.5 * kl,
    }.items():
        torch.testing.assert_close(getattr(got, name), expected)
        assert getattr(got, name).shape == (4,)


@given(st.integers(1, 40), st.integers(0, 100))
def test_the_bound_lies_between_mean_and_maximum_of_the_log_weights(k, seed):
    model, x = small_vae(), torch.rand(3, 1, 3, 5)
    torch.manual_seed(seed)
    log_w = log_weights(model, x, k)
    torch.manual_seed(seed)
    bound = iwae_bound(model, x, k)
    assert log_w.shape == (k, 3)
    assert (bound >= log_w.mean(0) - 1e-4).all() and (bound <= log_w.max(0).values + 1e-4).all()


def test_tiny_weights_do_not_underflow():
    model = small_vae((1, 28, 28))
    with torch.no_grad():
        model.decoder.net[-1].bias.fill_(30.0)  # certain ink, where there is none
    assert iwae_bound(model, torch.zeros(2, 1, 28, 28), 5).isfinite().all()


def test_gradients_reach_encoder_and_decoder():
    model, x = small_vae(), torch.rand(4, 1, 3, 5)
    for loss in (elbo(model, x).value, iwae_bound(model, x, 3)):
        model.zero_grad()
        loss.mean().backward()
        assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())


def test_the_gradient_goes_through_the_samples(linear_gaussian):
    """With the random numbers fixed, log w is a smooth function of the encoder: finite differences agree."""
    model, x, _ = linear_gaussian

    def total(objective, value):
        torch.manual_seed(0)
        model.encoder.shift, model.encoder.widen = value, 2 * value
        return objective().sum()

    for objective in (lambda: log_weights(model, x, 4), lambda: elbo(model, x).value):
        at = torch.tensor(0.2, dtype=torch.float64, requires_grad=True)
        (gradient,) = torch.autograd.grad(total(objective, at), at)
        step = 1e-5  # the error of the central difference is of order step^2
        difference = total(objective, at.detach() + step) - total(objective, at.detach() - step)
        torch.testing.assert_close(gradient, difference.detach() / (2 * step), rtol=1e-6, atol=1e-6)


def test_the_kl_of_the_elbo_is_stable_and_that_of_the_prior():
    mu, log_var = torch.tensor([[1.0, -2.0]]), torch.tensor([[-104.0, 40.0]], requires_grad=True)
    model = VAE(lambda x: (mu, log_var), MLPDecoder(2, (3,)), Bernoulli(), 2)
    kl = elbo(model, torch.zeros(1, 3)).kl
    kl.sum().backward()
    torch.testing.assert_close(kl, kl_to_standard_normal(mu, log_var), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(log_var.grad, 0.5 * torch.expm1(log_var.detach()), rtol=1e-5, atol=1e-5)


def test_a_decoder_of_another_shape_is_refused():
    """One missing dimension, and x [5, 1, 3, 4] against [5, 3, 4] would broadcast to [5, 5]."""
    model = VAE(MLPEncoder(2, (1, 3, 4)), MLPDecoder(2, (3, 4)), Bernoulli(), 2)
    for objective in (elbo, lambda model, x: log_weights(model, x, 5)):
        with pytest.raises(ValueError, match=r"\[..., 1, 3, 4\], the shape of an image, got \[.*5, 3, 4\]"):
            objective(model, torch.rand(5, 1, 3, 4))


@pytest.mark.parametrize("k", [0, -1])
def test_too_few_samples(k):
    with pytest.raises(ValueError, match="k must be at least 1"):
        log_weights(small_vae(), torch.rand(2, 1, 3, 5), k)


def test_free_bits_written_out_per_dimension():
    """Dimensions below the threshold give no gradient of the KL; per image or in total they would."""
    mu = torch.tensor([[0.1, 2.0, 0.0], [-0.1, -2.0, 3.0]], requires_grad=True)
    model = VAE(lambda x: (mu, torch.zeros(2, 3)), MLPDecoder(3, (4,)), Bernoulli(), 3)
    x = torch.rand(2, 4)
    got = free_bits(model, x, threshold=2.1)
    kl = mu.square() / 2  # variance 1: [[0.005, 2, 0], [0.005, 2, 4.5]], means 0.005, 2 and 2.25
    torch.testing.assert_close(got.kl, kl.sum(1))
    torch.testing.assert_close(got.reconstruction - got.value, torch.full((2,), 2.1 + 2.1 + 2.25))
    per_image = kl.clamp(min=2.1).sum(1)  # another definition, and another number
    assert not torch.allclose((got.reconstruction - got.value).mean(), per_image.mean())
    (gradient,) = torch.autograd.grad((got.reconstruction - got.value).mean(), mu)
    torch.testing.assert_close(gradient, torch.tensor([[0, 0, 0], [0, 0, 1.5]]))


@given(st.floats(0, 3), st.integers(0, 50))
def test_free_bits_are_below_the_elbo_and_equal_it_without_any(threshold, seed):
    model, x = small_vae(), torch.rand(5, 1, 3, 5)
    torch.manual_seed(seed)
    bits = free_bits(model, x, threshold)
    torch.manual_seed(seed)
    bound = elbo(model, x)
    assert bits.value.mean() <= bound.value.mean() + 1e-4
    torch.testing.assert_close(bits.kl, bound.kl)
    torch.manual_seed(seed)
    dearer = free_bits(model, x, threshold, beta=3.0)
    torch.testing.assert_close(dearer.reconstruction - dearer.value, 3 * (bits.reconstruction - bits.value))
    torch.manual_seed(seed)
    torch.testing.assert_close(free_bits(model, x, 0.0).value.mean(), bound.value.mean())


def test_free_bits_need_a_threshold_of_at_least_zero():
    for threshold in (-0.1, math.nan):
        with pytest.raises(ValueError, match="threshold must be a number of nats of at least 0"):
            free_bits(small_vae(), torch.rand(2, 1, 3, 5), threshold)


X = torch.tensor([0.9, -0.4], dtype=torch.float64)
PARAMETERS = {"mu": [0.1], "log_var": [-0.3], "W": [1.1, -0.6]}  # of q and of p(x|z) = N(W z, 0.8^2 I)


class Copies(VAE):
    """A linear-Gaussian model with parameters of its own for each datapoint: so many gradients at once."""

    def __init__(self, copies):
        expand = lambda row: torch.tensor(row).double().expand(copies, -1).clone().requires_grad_()  # noqa: E731
        leaves = {name: expand(row) for name, row in PARAMETERS.items()}
        encoder = lambda x: (leaves["mu"], leaves["log_var"])  # noqa: E731
        super().__init__(encoder, lambda z: z * leaves["W"], Gaussian(0.8).double(), 1)
        self.double()
        self.leaves = leaves

    def gradients(self, objective, k, x=X):
        """Gradients of objective(model, x, k): `[copies, 4]` (mu, log_var, W) and its values `[copies]`."""
        values = objective(self, x.expand(len(self.leaves["mu"]), -1), k)
        found = torch.autograd.grad(values.sum(), self.leaves.values())
        return torch.cat(found, dim=1), values.detach()


def exact_gradient(k):
    """L_k and its gradient `[4]` by Gauss-Hermite quadrature over the k standard normal variables, k <= 2."""
    nodes, weights = (torch.tensor(a) for a in np.polynomial.hermite_e.hermegauss(80))
    weights = weights / weights.sum()
    leaves = [torch.tensor(row).double().requires_grad_() for row in PARAMETERS.values()]
    mu, log_var, W = leaves
    z = mu + (0.5 * log_var).exp() * nodes
    log_w = gaussian_log_prob(X, z[:, None] * W, torch.tensor(2 * math.log(0.8)))
    log_w = log_w + gaussian_log_prob(z[:, None], torch.zeros(1), torch.zeros(1))
    log_w = log_w - gaussian_log_prob(z[:, None], mu, log_var)
    if k == 1:
        bound = (weights * log_w).sum()
    else:
        pairs = torch.logaddexp(log_w[:, None], log_w) - math.log(2)
        bound = (weights[:, None] * weights * pairs).sum()
    return torch.cat(torch.autograd.grad(bound, leaves)), bound.detach()


def deviations(objective, k, copies=100_000):
    """Of the mean gradient from the exact one, in standard errors: `[4]`."""
    gradients, _ = Copies(copies).gradients(objective, k)
    return (gradients.mean(0) - exact_gradient(k)[0]) / (gradients.std(0) / math.sqrt(copies))


@pytest.mark.parametrize("k", [1, 2])
@pytest.mark.parametrize("objective", [iwae_bound, dreg_bound])
def test_gradients_are_unbiased(objective, k):
    assert deviations(objective, k).abs().max() < 5


def test_sticking_the_landing_is_unbiased_for_one_sample_only():
    assert deviations(stl_bound, 1).abs().max() < 5
    two = deviations(stl_bound, 2)
    assert two[:2].abs().max() > 10 and two[2:].abs().max() < 5


def softmax_over_losses(model, x, k):
    log_w = log_weights(model, x, k)
    return (torch.softmax(-log_w.detach(), 0) * log_w).sum(0)


def mean_of_logarithms(model, x, k):
    return log_weights(model, x, k).mean(0)


def density_not_stopped(model, x, k):
    """The doubly reparameterised gradient, with log q differentiated as usual."""
    z, log_w = weighted_samples(model, x, k)
    share = torch.softmax(log_w.detach(), 0)[..., None]
    z.register_hook(lambda gradient: share * gradient)
    return log_w.logsumexp(0)


def squared_for_the_decoder_too(model, x, k):
    _, log_w = weighted_samples(model, x, k, stop_density=True)
    return (torch.softmax(log_w.detach(), 0) ** 2 * log_w).sum(0)


@pytest.mark.parametrize(
    ("wrong", "touches"),
    [
        (softmax_over_losses, slice(0, 4)),
        (mean_of_logarithms, slice(0, 4)),
        (density_not_stopped, slice(0, 2)),
        (squared_for_the_decoder_too, slice(2, 4)),
    ],
)
def test_wrong_gradients_fail_the_same_check(wrong, touches):
    assert deviations(wrong, 2)[touches].abs().max() > 10


def test_the_bound_of_two_samples_is_that_of_quadrature():
    for objective in (iwae_bound, stl_bound, dreg_bound):
        _, values = Copies(50_000).gradients(objective, 2)
        assert abs(values.mean() - exact_gradient(2)[1]) < 5 * values.std() / math.sqrt(50_000)


@given(st.integers(1, 6), st.integers(0, 1000))
def test_the_variants_have_the_bound_s_value_and_the_decoder_s_gradient(k, seed):
    """And by hand, for the encoder: sums of weights, or squared weights, times the path derivative."""
    model, results = Copies(3), {}
    for objective in (iwae_bound, stl_bound, dreg_bound):
        torch.manual_seed(seed)
        results[objective] = model.gradients(objective, k)
    plain, value = results[iwae_bound]
    torch.manual_seed(seed)
    eps = torch.randn(k, 3, 1, dtype=torch.float64)
    mu, log_var, W = (leaf.detach() for leaf in model.leaves.values())
    sigma = (0.5 * log_var).exp()
    z = mu + sigma * eps
    path = ((X - z * W) * W / 0.8**2).sum(-1, keepdim=True) - z + eps / sigma  # d log w / dz
    torch.manual_seed(seed)
    share = torch.softmax(log_weights(model, X.expand(3, -1), k), 0)[..., None].detach()
    for objective, weight in {stl_bound: share, dreg_bound: share**2}.items():
        gradient, same_value = results[objective]
        torch.testing.assert_close(same_value, value)
        torch.testing.assert_close(gradient[:, 2:], plain[:, 2:])
        torch.testing.assert_close(gradient[:, :1], (weight * path).sum(0))
        torch.testing.assert_close(gradient[:, 1:2], (weight * path * 0.5 * sigma * eps).sum(0))


def test_at_the_exact_posterior_the_encoder_s_gradient_vanishes_without_noise(linear_gaussian):
    model, x, _ = linear_gaussian
    for objective, silent in ((iwae_bound, False), (stl_bound, True), (dreg_bound, True)):
        model.encoder.shift = torch.zeros(3, dtype=torch.float64, requires_grad=True)
        (gradient,) = torch.autograd.grad(objective(model, x, 5).sum(), model.encoder.shift)
        assert (gradient.abs().max() < 1e-9) == silent


def test_the_variants_can_be_evaluated_without_gradients(linear_gaussian):
    model, x, log_p = linear_gaussian
    with torch.no_grad():
        for objective in (stl_bound, dreg_bound):
            torch.testing.assert_close(objective(model, x, 3), log_p)
