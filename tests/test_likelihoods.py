"""Likelihoods: distributions over x, with errors for what they cannot describe."""

import math

import pytest
import torch

from vae_helpers import Bernoulli, Gaussian
from vae_helpers.evaluation import unchecked_distributions


def test_event_and_batch_shapes():
    parameters = torch.randn(6, 4, 1, 3, 2)
    for likelihood in (Bernoulli(), Gaussian(0.5), Gaussian("learned")):
        p = likelihood(parameters, event_dims=3)
        assert p.batch_shape == (6, 4) and p.event_shape == (1, 3, 2)
        assert p.sample().shape == parameters.shape
        assert p.log_prob(torch.rand(4, 1, 3, 2)).shape == (6, 4)


def test_log_prob_is_that_of_torch():
    parameters = torch.randn(4, 3, 2, dtype=torch.float64)
    bits = torch.rand_like(parameters).round()
    expected = torch.distributions.Bernoulli(logits=parameters).log_prob(bits).sum((-1, -2))
    torch.testing.assert_close(Bernoulli()(parameters, 2).log_prob(bits), expected)
    x = torch.rand_like(parameters)
    for sigma in (0.1, 1, 2.5):
        expected = torch.distributions.Normal(parameters, sigma).log_prob(x).sum((-1, -2))
        got = Gaussian(sigma).double()(parameters, 2).log_prob(x)
        torch.testing.assert_close(got, expected, rtol=1e-6, atol=1e-6)  # sigma is stored in float32


def test_mean_and_samples_agree():
    logits = torch.tensor([[-2.0, 0.0, 1.0]])
    p = Bernoulli()(logits, 1)
    samples = p.sample((20_000,))
    assert set(samples.unique().tolist()) == {0.0, 1.0}
    within = 5 * (p.mean * (1 - p.mean) / 20_000).sqrt()  # five standard errors
    assert ((samples.mean(0) - p.mean).abs() < within).all()
    q = Gaussian(0.3)(logits, 1)
    assert ((q.sample((20_000,)).std(0) - 0.3).abs() < 5 * 0.3 / math.sqrt(2 * 20_000)).all()


def test_learned_sigma_reaches_the_root_mean_squared_error():
    x = 0.2 * torch.randn(2000, 3)
    likelihood = Gaussian("learned")
    optimizer = torch.optim.Adam(likelihood.parameters(), lr=0.1)
    for _ in range(300):
        optimizer.zero_grad()
        (-likelihood(torch.zeros(2000, 3), 1).log_prob(x).mean()).backward()
        optimizer.step()
    assert likelihood.log_var.item() == pytest.approx(x.square().mean().log().item(), abs=1e-3)
    assert len(list(Gaussian(0.5).parameters())) == 0 and Gaussian("learned").log_var.item() == 0


@pytest.mark.parametrize("sigma", [0, -1, math.nan, math.inf, "optimistic", None])
def test_an_impossible_sigma_is_refused(sigma):
    with pytest.raises(ValueError, match="sigma must be a positive number or 'learned'"):
        Gaussian(sigma)


@pytest.mark.parametrize("bad", [-0.1, 1.5, 255.0, math.nan])
def test_pixels_outside_the_unit_interval_are_refused(bad):
    x = torch.rand(2, 1, 3, 2)
    x[1, 0, 2, 1] = bad
    p = Bernoulli()(torch.zeros(2, 1, 3, 2), 3)
    with pytest.raises(ValueError, match=r"pixels in \[0, 1\].*Divide"):
        p.log_prob(x)
    with unchecked_distributions():
        Bernoulli()(torch.zeros(2, 1, 3, 2), 3).log_prob(x)
    with pytest.raises(ValueError, match="pixels"):
        Bernoulli()(torch.zeros(2, 1, 3, 2), 3).log_prob(x)


def test_images_of_another_shape_are_refused():
    with pytest.raises(ValueError, match="must be the same"):
        Bernoulli()(torch.zeros(2, 1, 3, 2), 3).log_prob(torch.rand(2, 6))
    with pytest.raises(ValueError, match="must be the same"):
        Gaussian()(torch.zeros(2, 1, 3, 2), 3).log_prob(torch.rand(2, 1, 2, 3))
