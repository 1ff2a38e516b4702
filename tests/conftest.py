"""Fixtures shared by the tests, which run offline: see offline/sitecustomize.py."""

import math
import os
import sys
from pathlib import Path

import hypothesis
import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from vae_helpers import VAE, Gaussian, seed_everything

OFFLINE = Path(__file__).parent / "offline"
sys.path.insert(0, str(OFFLINE))
import sitecustomize  # noqa: E402, F401  (this process; the next line is for kernels and other children)

os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(OFFLINE), os.environ.get("PYTHONPATH")]))

# An example of hypothesis may take as long as a busy machine makes it: what is slow is no error.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")


@pytest.fixture(autouse=True)
def seeded():
    """Every test starts from the same random state, and with torch's argument checks on."""
    assert Distribution._validate_args, "something switched the checks of torch.distributions off and left them so"
    seed_everything(0)


class FromX(nn.Module):
    """An encoder that returns whatever distribution `make` does."""

    def __init__(self, make):
        super().__init__()
        self.make = make

    def forward(self, x):
        return self.make(x)


class ExactEncoder(nn.Module):
    """The exact posterior of a linear-Gaussian model whose loading matrix has orthogonal columns.

    Tests spoil it by setting `shift`, added to mu, and `widen`, added to log_var.
    """

    shift = widen = 0.0

    def __init__(self, loading: Tensor, offset: Tensor, sigma: float):
        super().__init__()
        self.loading, self.offset = loading, offset
        self.precision = 1 + loading.square().sum(0) / sigma**2  # [L], diagonal
        self.sigma = sigma

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mu = (x - self.offset) @ self.loading / self.sigma**2 / self.precision
        return mu + self.shift, self.widen - self.precision.log().expand_as(mu)


class LinearDecoder(nn.Module):
    """z `[..., L]` -> mean `[..., D]`."""

    def __init__(self, loading: Tensor, offset: Tensor):
        super().__init__()
        self.loading, self.offset = nn.Parameter(loading), offset

    def forward(self, z: Tensor) -> Tensor:
        return z @ self.loading.T + self.offset


@pytest.fixture
def linear_gaussian():
    """(VAE, x, log p(x)): float64, D = 5, L = 3, an exact encoder, x `[7, 5]`, exact log p(x) `[7]`."""
    dim, latent_dim, sigma = 5, 3, 0.7
    basis, _ = torch.linalg.qr(torch.randn(dim, latent_dim, dtype=torch.float64))
    loading = basis * torch.tensor([2.0, 1.0, 0.5], dtype=torch.float64)
    offset = torch.randn(dim, dtype=torch.float64)
    encoder, decoder = ExactEncoder(loading, offset, sigma), LinearDecoder(loading, offset)
    model = VAE(encoder, decoder, Gaussian(sigma), latent_dim).double()
    model.likelihood.log_var.fill_(2 * math.log(sigma))  # in float64
    covariance = loading @ loading.T + sigma**2 * torch.eye(dim, dtype=torch.float64)
    marginal = torch.distributions.MultivariateNormal(offset, covariance)
    x = marginal.sample((7,))
    return model, x, marginal.log_prob(x)
