"""Which latent dimensions are used, on posteriors that are given."""

import math

import pytest
import torch

from vae_helpers import VAE, Bernoulli, MLPDecoder, active_units, evaluate, kl_per_dimension


def fixed_posterior(mu, log_var):
    class Encoder(torch.nn.Module):
        def forward(self, x):
            return mu.expand(len(x), -1) * x[:, :1], log_var.expand(len(x), -1)

    return VAE(Encoder(), MLPDecoder(3, (2,)), Bernoulli(), 3)


def test_kl_per_dimension_sums_to_the_rate_and_knows_the_prior():
    model = fixed_posterior(torch.tensor([[0.0, 1.0, 0.0]]), torch.tensor([[0.0, 0.0, -2.0]]))
    kl = kl_per_dimension(model, torch.ones(5, 2))
    expected = torch.tensor([0.0, 0.5, 0.5 * (math.exp(-2) - 1 + 2)])
    torch.testing.assert_close(kl, expected)
    assert kl.sum().item() == pytest.approx(evaluate(model, torch.ones(5, 2))["kl"], rel=1e-5)


def test_active_units_are_those_whose_mean_moves():
    model = fixed_posterior(torch.tensor([[1.0, 0.05, 0.3]]), torch.zeros(1, 3))
    x = torch.linspace(2, 4, 50)[:, None].expand(50, 2)  # off centre: it is the variance that counts
    assert active_units(model, x).tolist() == [True, False, True]
    assert active_units(model, x, threshold=0.1).tolist() == [True, False, False]
