"""Flows as posterior and as prior, under every objective: pPCA exactly, a bent model in 2-D by quadrature."""

import copy
import math
from functools import partial

import pytest
import torch
from torch import distributions as td
from torch import nn

from tests.conftest import FromX, LinearDecoder
from tests.models.flows.families import moved, reverse
from vae_helpers import (
    PPCA,
    VAE,
    AffineAutoregressive,
    AffineCoupling,
    Chain,
    ContextEncoder,
    Flow,
    FlowPosterior,
    FlowPrior,
    Gaussian,
    Inverse,
    LinearAutoregressive,
    MLPDecoder,
    MLPEncoder,
    ais_log_weights,
    dreg_bound,
    elbo,
    evaluate,
    fit,
    fit_sweep,
    free_bits,
    importance_log_prob,
    importance_nll,
    iwae_bound,
    log_weights,
    posterior_parameters,
    start_at_mean,
    stl_bound,
)
from vae_helpers.models.latent_distributions import DiagonalGaussian, latent_log_prob

D, L, C, B = 5, 2, 3, 3


class BentDecoder(nn.Module):
    """z `[..., 2]` -> mean `[..., 5]`: the posterior of its codes is bent."""

    def forward(self, z):
        a, b = z.unbind(-1)
        return torch.stack([a, a.square() / 2 - b, b, a * b / 2, a + b], dim=-1)


def iaf(dim, context=0, **options):
    return Chain(AffineAutoregressive(dim, (8,), context, **options), reverse(dim),
                 AffineAutoregressive(dim, (8,), context, **options))  # fmt: skip


@pytest.fixture(params=["iaf", "gated", "coupling, iaf as prior"])
def bent(request):
    """(model with a flow as posterior and as prior, moved at random, x `[B, 5]`), float64."""
    step, prior = {
        "iaf": (iaf(L, C), Inverse(AffineAutoregressive(L, (6,)))),
        "gated": (iaf(L, C, gated=True), AffineCoupling(L, (6,))),
        "coupling, iaf as prior": (AffineCoupling(L, (7,), C), iaf(L)),
    }[request.param]
    encoder = ContextEncoder(L, C, data_shape=(5,), hidden=(7,))
    encoder.net[-1].bias.data[L : 2 * L] = 1.0  # wide enough: the weights have a finite variance
    model = VAE(FlowPosterior(encoder, moved(step, size=0.25)), BentDecoder(), Gaussian(1.0),
                L, FlowPrior(L, moved(prior, size=0.2))).double()  # fmt: skip
    return model.eval(), model.sample(B)


@pytest.fixture(scope="module")
def grid():
    axis = torch.linspace(-20, 20, 501, dtype=torch.float64)
    return torch.cartesian_prod(axis, axis)[:, None], (axis[1] - axis[0]) ** 2


def truth(model, x, grid):
    """log p(x) and the exact ELBO, `[B]` each, on a grid."""
    points, cell = grid
    with torch.no_grad():
        q = model.posterior(x)
        log_joint = model.decode(points).log_prob(x) + latent_log_prob(model.prior, points)
        log_q = q.log_prob(points.expand(-1, len(x), -1))
        torch.testing.assert_close(cell * log_q.exp().sum(0), torch.ones(len(x)).double(), rtol=0, atol=1e-3)
        return log_joint.logsumexp(0) + cell.log(), (cell * log_q.exp() * (log_joint - log_q)).sum(0)


def test_every_objective_agrees_with_quadrature(bent, grid):
    model, x = bent
    log_p, exact = truth(model, x, grid)
    assert (exact < log_p).all()
    with torch.no_grad():
        log_w = log_weights(model, x, 40_000)

    def error(draws):
        return draws.std(0) / math.sqrt(len(draws))

    assert ((log_w.mean(0) - exact).abs() < 5 * error(log_w) + 2e-3).all()  # the ELBO
    ratio = (log_w - log_p).exp()
    assert ((ratio.mean(0) - 1).abs() < 5 * error(ratio) + 2e-3).all()
    tens = log_w.unflatten(0, (-1, 10)).logsumexp(1) - math.log(10)
    assert (tens.mean(0) < log_p).all() and (tens.mean(0) > exact).all()
    values = elbo(model, x.repeat(1000, 1)).value.unflatten(0, (-1, B))
    assert ((values.mean(0) - exact).abs() < 5 * error(values) + 2e-3).all()
    tolerance = 5 * error(ratio).max().item() + 1e-2
    torch.testing.assert_close(importance_log_prob(model, x, 40_000), log_p, rtol=0, atol=tolerance)
    assert importance_nll(model, x, 40_000) == pytest.approx(-log_p.mean().item(), abs=tolerance)
    for bound in (iwae_bound, stl_bound, dreg_bound):
        values = bound(model, x.repeat(1000, 1), 10).detach().unflatten(0, (-1, B))
        assert ((values.mean(0) - tens.mean(0)).abs() < 5 * (error(values) + error(tens))).all()
    assert evaluate(model, x, partial(iwae_bound, k=2))["value"] < log_p.mean() + 2
    ratio = (ais_log_weights(model, x, chains=300, steps=8) - log_p).exp()
    assert ((ratio.mean(0) - 1).abs() < 5 * error(ratio) + 1e-2).all()


@pytest.mark.parametrize("bound", [iwae_bound, stl_bound, dreg_bound])
def test_gradients_of_the_bounds_by_finite_differences(bent, bound):
    """What each estimator is defined as, from values of the density alone, for the same noise."""
    model, x = bent
    k, frozen = 3, copy.deepcopy(model)
    parameters = list(model.encoder.parameters())

    def samples(of):
        torch.manual_seed(7)
        q = of.posterior(x)
        return q.rsample((k,)), q

    def log_w_at(z, q):
        return model.decode(z).log_prob(x) + latent_log_prob(model.prior, z) - q.log_prob(z.clone())

    with torch.no_grad():
        share = torch.softmax(log_w_at(samples(frozen)[0], samples(frozen)[1]), dim=0)
    torch.manual_seed(7)
    slopes = torch.autograd.grad(bound(model, x, k).sum(), parameters)
    direction, step, values = [torch.randn_like(p) for p in parameters], 1e-5, []
    for sign in (1, -1):
        with torch.no_grad():
            for p, d in zip(parameters, direction, strict=True):
                p.add_(sign * step * d)
            z, q = samples(model)
            if bound is iwae_bound:
                values.append(torch.logsumexp(log_w_at(z, q), dim=0).sum())
            else:  # q's parameters held, the samples moved
                weight = share if bound is stl_bound else share.square()
                values.append((weight * log_w_at(z, samples(frozen)[1])).sum())
            for p, d in zip(parameters, direction, strict=True):
                p.sub_(sign * step * d)
    expected = ((values[0] - values[1]) / (2 * step)).item()
    got = sum((s * d).sum().item() for s, d in zip(slopes, direction, strict=True))
    assert got == pytest.approx(expected, rel=1e-6)


def test_the_three_gradients_are_not_the_same(bent):
    model, x = bent
    found = []
    for bound in (iwae_bound, stl_bound, dreg_bound):
        torch.manual_seed(7)
        found.append(torch.autograd.grad(bound(model, x, 3).sum(), model.encoder.encoder.net[0].weight)[0])
    assert all((a - b).abs().max() > 1e-3 for a, b in ((found[0], found[1]), (found[1], found[2])))


def ppca_and_linear_flow(D=5, L=3, sigma=0.6):
    """pPCA with correlated codes, and a VAE whose q is a diagonal Gaussian sent through one linear step."""
    W = torch.randn(D, 1).double() + 0.5 * torch.randn(D, L).double()
    b = torch.randn(D).double()
    ppca, step = PPCA(W, b, sigma), LinearAutoregressive(L).double()
    root = torch.linalg.cholesky(ppca.posterior(b[None]).covariance_matrix[0])
    unit, log_var = root / root.diagonal(), 2 * root.diagonal().log()
    step.below.data = unit[tuple(torch.tril_indices(L, L, -1))]

    def encoder(x):
        mean = ppca.posterior(x).mean
        return torch.linalg.solve_triangular(unit, mean.T, upper=False).T, log_var.expand_as(mean)

    model = VAE(FlowPosterior(FromX(encoder), step), LinearDecoder(W, b), Gaussian(sigma), L).double()
    model.likelihood.log_var.fill_(2 * math.log(sigma))
    return ppca, model, (unit, log_var)


def test_one_linear_step_closes_the_gap_of_ppca():
    ppca, model, _ = ppca_and_linear_flow()
    x = ppca.sample(7)
    log_p = ppca.marginal().log_prob(x)
    torch.testing.assert_close(log_weights(model, x, 4), log_p.expand(4, 7), rtol=1e-11, atol=1e-11)
    for bound in (iwae_bound, stl_bound, dreg_bound):
        torch.testing.assert_close(bound(model, x, 3), log_p, rtol=1e-11, atol=1e-11)
    P = torch.linalg.inv(ppca.posterior(x).covariance_matrix[0])
    gap = (P.diagonal().log().sum() - torch.logdet(P)) / 2
    assert gap > 0.1, "a diagonal q would nearly do"
    model.encoder = FromX(lambda x: DiagonalGaussian(ppca.posterior(x).mean, -P.diagonal().log().expand(len(x), -1)))
    draws = torch.stack([log_weights(model, x, 1000).mean(0) for _ in range(20)]).detach()
    assert ((log_p - draws.mean(0) - gap).abs() < 6 * draws.std(0) / math.sqrt(20)).all()


@pytest.mark.parametrize("bound", [iwae_bound, stl_bound, dreg_bound])
def test_gradients_do_not_depend_on_how_a_full_covariance_is_written(bound):
    ppca, model, (unit, log_var) = ppca_and_linear_flow()
    x, L = ppca.sample(6), len(log_var)
    mu = (0.3 * torch.randn(6, L)).double().requires_grad_()
    log_var = (log_var + 0.3).requires_grad_()
    unit = (unit + 0.2 * torch.ones(L, L).double().tril(-1)).requires_grad_()
    found = []

    class Step(LinearAutoregressive):
        def matrix(self, context=None):
            return unit

    step = Step(L)
    for q in (
        lambda x: Flow(DiagonalGaussian(mu, log_var.expand(6, -1)), step),
        lambda x: td.MultivariateNormal(mu @ unit.mT, scale_tril=unit * (0.5 * log_var).exp()),
    ):
        model.encoder = FromX(q)
        torch.manual_seed(2)
        values = bound(model, x, 4)
        found.append((values, *torch.autograd.grad(values.sum(), (mu, log_var, unit))))
    for a, b in zip(*found, strict=True):
        below = (lambda t: t.tril(-1)) if a.shape == (L, L) else (lambda t: t)  # the rest of I + L is no parameter
        torch.testing.assert_close(below(a), below(b))


def small_model(**options):
    encoder = FlowPosterior(ContextEncoder(L, C, data_shape=(5,), hidden=(7,)), iaf(L, C, **options))
    prior = FlowPrior(L, Inverse(AffineAutoregressive(L, (6,))))
    return VAE(encoder, MLPDecoder(L, data_shape=(5,), hidden=(7,)), Gaussian(1.0), L, prior)


def test_a_new_model_is_one_with_gaussians():
    model, x = small_model(), torch.randn(6, 5)
    mu, log_var, _ = model.encoder.encoder(x)
    plain = VAE(FromX(lambda x: (mu, log_var)), model.decoder, model.likelihood, L)
    for f in (lambda m: iwae_bound(m, x, 3), lambda m: log_weights(m, x, 4)):
        torch.manual_seed(1)
        got = f(model)
        torch.manual_seed(1)
        reversed_noise = f(plain)  # iaf() ends in a reversal, so the samples differ, and their law does not
        assert got.shape == reversed_noise.shape and got.isfinite().all()
    z = torch.randn(9, 6, L)
    torch.testing.assert_close(model.prior.log_prob(z), plain.prior.log_prob(z).sum(-1))
    torch.testing.assert_close(model.posterior(x).log_prob(z), plain.posterior(x).log_prob(z.flip(-1)).sum(-1))


@pytest.mark.parametrize("gated", [False, True])
def test_trained_moved_stored_and_loaded(gated):
    model = small_model(gated=gated)
    x = torch.randn(60, 5) @ torch.randn(5, 5)
    start_at_mean(model, x)
    before = evaluate(model, x, partial(iwae_bound, k=20))["value"]
    history = fit(model, x, elbo, epochs=40, batch_size=20, lr=2e-2, progress=False, device="cpu")
    assert evaluate(model, x, partial(iwae_bound, k=20))["value"] > before + 1
    assert set(history.train[-1]) == {"value", "reconstruction", "kl"}
    fit(model, x, partial(dreg_bound, k=3), epochs=1, batch_size=20, progress=False, device="cpu")
    other = small_model(gated=gated)
    other.load_state_dict(model.state_dict())
    torch.manual_seed(1)
    a = iwae_bound(model, x, 3)
    torch.manual_seed(1)
    torch.testing.assert_close(iwae_bound(other, x, 3), a)
    assert model.sample(3).shape == (3, 5) and not model.sample(3).requires_grad
    other.double()
    assert elbo(other, x.double()).value.dtype == torch.float64


def test_under_autocast_densities_keep_their_digits():
    model, x = small_model(), torch.randn(6, 5)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        q = model.posterior(x)
        z = q.rsample()
        assert z.dtype == q.log_prob(z).dtype == torch.float32
        elbo(model, x).value.sum().backward()


def test_what_needs_a_gaussian_says_so():
    model, x = small_model(), torch.randn(6, 5)
    with pytest.raises(NotImplementedError, match="average samples"):
        model.encode(x)
    with pytest.raises(TypeError, match="a formula for its mean is needed, got Flow"):
        posterior_parameters(model, x)
    with pytest.raises(TypeError, match="free_bits needs a diagonal Gaussian.*got Flow"):
        free_bits(model, x, 0.1)
    with pytest.raises(TypeError, match="only linear layers"):
        fit_sweep([small_model(), small_model()], x, progress=False, device="cpu")
    wrong = VAE(FlowPosterior(FromX(lambda x: (x[:, :2], x[:, :3])), iaf(2)), MLPDecoder(2), Gaussian(), 2)
    with pytest.raises(ValueError, match="mu and log_var must both be"):
        wrong.posterior(x)
    three = VAE(FlowPosterior(MLPEncoder(3, (5,)), iaf(3)), MLPDecoder(2, (5,)), Gaussian(), 2)
    with pytest.raises(ValueError, match=r"must be over \[6, 2\] = \[B, L\], got \[6, 3\]"):
        three.posterior(x)
