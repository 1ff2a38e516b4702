"""Bounds against the exact log p(x) of a linear-Gaussian model."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vae_helpers import VAE, Bernoulli, MLPDecoder, MLPEncoder, elbo, free_bits, iwae_bound, log_weights
from vae_helpers.densities import bernoulli_log_prob, kl_to_standard_normal


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
    return VAE(
        MLPEncoder(latent_dim, shape, (6,)), MLPDecoder(latent_dim, shape, (6,)), Bernoulli(), latent_dim
    )


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
