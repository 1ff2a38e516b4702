"""The three parts of the rate of a model, over all its images, against quadrature."""

import math

import torch

from tests.objectives.test_total_correlation import exact_terms, posteriors, small_vae
from vae_helpers import rate_terms


def test_rate_terms_of_a_model_against_quadrature():
    model, images = small_vae(), torch.rand(6, 1, 3, 5)
    q = posteriors()
    model.posterior = lambda x: q
    got = rate_terms(model, images, samples=40_000)
    for name, value in zip(got._fields, exact_terms(q), strict=True):
        draws = getattr(got, name)
        assert draws.shape == (40_000,)
        assert abs(draws.mean() - value) < 5 * draws.std() / math.sqrt(40_000), name
