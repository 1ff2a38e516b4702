"""Annealed importance sampling against the exact log p(x); its known wrong variants fail the same check."""

import math

import pytest
import torch
from torch.distributions import Bernoulli as BernoulliDistribution
from torch.distributions import Normal

from vae_helpers import PPCA, VAE, Bernoulli, MLPDecoder, MLPEncoder
from vae_helpers.contexts import unchecked_distributions
from vae_helpers.measures import ais

DOUBLE = {"dtype": torch.float64}


def model_and_data(dim=4, latent_dim=2, points=3):
    model = PPCA(torch.randn(dim, latent_dim, **DOUBLE), torch.randn(dim, **DOUBLE), 0.7)
    x = model.sample(points)
    return model, x, model.marginal().log_prob(x)


def deviation(log_w, log_p):
    """Of the mean of w / p(x) from 1, in standard errors: `[B]`."""
    r = (log_w - log_p).exp()
    return (r.mean(0) - 1) / (r.std(0) / math.sqrt(len(r)))


def by_hand(model, x, chains, steps, step_size, move_first=False):
    """Annealed importance sampling with a fixed step size, right or with the weight taken after the move."""
    target, ts = ais.Annealed(model, x), ais.temperatures(steps)
    z, log_w = target.prior.sample((chains, len(x))), torch.zeros(chains, len(x), **DOUBLE)
    for before, after in zip(ts[:-1], ts[1:], strict=True):
        if move_first:
            z, _ = ais.hmc_step(target, z, after, step_size, 3)
        log_w += (after - before) * target.log_likelihood(z)
        if not move_first:
            z, _ = ais.hmc_step(target, z, after, step_size, 3)
    return log_w


@pytest.mark.parametrize("steps", [1, 4, 20])
def test_the_mean_weight_is_p_of_x_for_any_number_of_steps(steps):
    model, x, log_p = model_and_data()
    log_w = ais.ais_log_weights(model, x, 20_000 // steps, steps=steps, leapfrog=3)
    assert log_w.shape == (20_000 // steps, 3)
    assert deviation(log_w, log_p).abs().max() < 5


def test_more_steps_make_it_less_noisy():
    model, x, log_p = model_and_data()
    few, many = ((ais.ais_log_weights(model, x, 300, steps=s) - log_p).std(0) for s in (2, 50))
    assert (many < few / 3).all()


def test_one_step_is_importance_sampling_from_the_prior():
    model, x, _ = model_and_data()
    target = ais.Annealed(model, x)
    torch.manual_seed(1)
    log_w = by_hand(model, x, 5, 1, 0.3)
    torch.manual_seed(1)
    torch.testing.assert_close(log_w, target.log_likelihood(target.prior.sample((5, 3))))


def test_a_weight_taken_after_the_move_fails():
    model, x, log_p = model_and_data()
    assert deviation(by_hand(model, x, 5000, 4, 0.3), log_p).abs().max() < 5
    assert deviation(by_hand(model, x, 5000, 4, 0.3, move_first=True), log_p).abs().max() > 10


def test_without_rejection_it_fails(monkeypatch):
    """Every proposal accepted: with steps this long the leapfrog errors are no longer small."""
    model, x, log_p = model_and_data()
    assert deviation(by_hand(model, x, 5000, 10, 0.6), log_p).abs().max() < 5
    monkeypatch.setattr(ais.torch, "rand_like", torch.zeros_like)
    assert deviation(by_hand(model, x, 5000, 10, 0.6), log_p).abs().max() > 10


@pytest.mark.parametrize("t", [0.0, 0.4, 1.0])
def test_a_transition_leaves_the_tempered_density_as_it_is(t):
    """The likelihood to the power t is, for pPCA, one with noise sigma / sqrt(t)."""
    model, x, _ = model_and_data()
    tempered = PPCA(model.W, model.b, model.sigma / math.sqrt(t)).posterior(x) if t else None
    z = tempered.sample((20_000,)) if t else model.prior.sample((20_000, 3))
    z, probability = ais.hmc_step(ais.Annealed(model, x), z, t, 0.4, 3)
    assert 0.3 < probability.mean() < 0.999
    mean = tempered.mean if t else torch.zeros(3, 2, **DOUBLE)
    cov = tempered.covariance_matrix if t else torch.eye(2, **DOUBLE).expand(3, 2, 2)
    sd = cov.diagonal(dim1=-2, dim2=-1).sqrt()
    assert ((z.mean(0) - mean).abs() < 5 * sd / math.sqrt(20_000)).all()
    for b in range(3):
        # an entry of a sample covariance is off by at most sqrt(2 / N) of the standard deviations' product
        limit = 5 * math.sqrt(2 / 20_000) * sd[b][:, None] * sd[b]
        assert ((torch.cov(z[:, b].T) - cov[b]).abs() < limit).all()


def test_small_steps_are_accepted_and_wild_ones_refused():
    model, x, _ = model_and_data()
    z = model.prior.sample((50, 3))
    moved, probability = ais.hmc_step(ais.Annealed(model, x), z, 1.0, 1e-4, 2)
    assert probability.min() > 0.999 and not torch.equal(moved, z)
    with unchecked_distributions():
        wild = torch.tensor([1e9, 1e9, 1e200], **DOUBLE)  # the last one overflows to nan
        kept, probability = ais.hmc_step(ais.Annealed(model, x), z, 1.0, wild, 3)
    assert torch.equal(kept, z) and (probability == 0).all()


def test_a_bernoulli_vae_against_quadrature():
    vae = VAE(MLPEncoder(1, (1, 2, 3), (5,)), MLPDecoder(1, (1, 2, 3), (5,)), Bernoulli(), 1)
    with torch.no_grad():
        vae.decoder.net[-1].weight.mul_(6)
    x = torch.rand(4, 1, 2, 3).round()
    grid = torch.linspace(-8, 8, 4001)[:, None]
    with torch.no_grad():
        log_lik = BernoulliDistribution(logits=vae.decoder(grid)[:, None]).log_prob(x).flatten(2).sum(2)
    log_p = (Normal(0.0, 1.0).log_prob(grid) + log_lik).logsumexp(0) + math.log(16 / 4000)
    log_w = ais.ais_log_weights(vae, x, 1000, steps=10, leapfrog=2)
    assert deviation(log_w, log_p).abs().max() < 5
    assert not log_w.requires_grad and all(p.grad is None for p in vae.parameters())


def test_temperatures_rise_from_0_to_1_slowly_at_the_ends():
    ts = torch.tensor(ais.temperatures(10))
    assert ts[0] == 0 and ts[-1] == 1 and (ts.diff() > 0).all()
    assert ts.diff()[0] < ts.diff()[5] > ts.diff()[-1]


@pytest.mark.parametrize("options", [{"chains": 0}, {"chains": 2, "steps": 0}, {"chains": 2, "leapfrog": 0}])
def test_too_few(options):
    model, x, _ = model_and_data()
    with pytest.raises(ValueError, match="chains, steps and leapfrog must be at least 1"):
        ais.ais_log_weights(model, x, **options)
