"""The hierarchy against the exact linear-Gaussian one: weights, merges, KLs, samples, and known mistakes."""

import math

import pytest
import torch
from torch import nn
from torch.distributions import MultivariateNormal, kl_divergence

from tests.models.hierarchy.linear import SIGMA, SIZES, ExactLadder, ExactResidual, S, Truth
from vae_helpers import (
    BottomUp,
    ais_log_weights,
    dreg_bound,
    elbo,
    importance_log_prob,
    iwae_bound,
    layer_elbo,
    layer_kls,
    log_weights,
    stl_bound,
)
from vae_helpers.models.hierarchy.inference import TopDownPosterior
from vae_helpers.models.hierarchy.layered import Layered
from vae_helpers.models.latent_distributions import DiagonalGaussian


def climbing(prior, truth):
    """q(z_1|x) q(z_2|z_1), both exact, for a truth with a diagonal A A^T."""
    encoder = BottomUp(SIZES, (5,), nn.Linear).double()
    prior_1 = truth.z.covariance_matrix[:3, :3].diagonal()
    cov_1 = 1 / (1 / prior_1 + 1 / truth.v_1)
    to_1 = cov_1[:, None] * truth.W.T / SIGMA**2
    cov_2 = 1 / (1 + (truth.A / S.square()[:, None] * truth.A).sum(0))
    to_2 = cov_2[:, None] * truth.A.T / S.square()
    with torch.no_grad():
        for net, weight, bias, cov in (
            (encoder.nets[0], to_1, cov_1 * truth.a / prior_1 - to_1 @ truth.b, cov_1),
            (encoder.nets[1], to_2, -to_2 @ truth.a, cov_2),
        ):
            net.weight.copy_(torch.cat([weight, torch.zeros_like(weight)]))
            net.bias.copy_(torch.cat([bias, cov.log()]))
    return encoder


EXACT = {"ladder": ExactLadder, "residual": ExactResidual, "bottom-up": climbing}


def case(name):
    """(model with the exact posterior, x `[7, 5]`, log p(x), truth)."""
    truth = Truth(straight=name == "bottom-up")
    model = truth.model(EXACT[name])
    x = truth.x.sample((7,))
    return model, x, truth.x.log_prob(x), truth


@pytest.mark.parametrize("name", EXACT)
def test_with_the_true_conditionals_every_weight_is_p_of_x(name):
    model, x, log_p, _ = case(name)
    torch.testing.assert_close(log_weights(model, x, 4), log_p.expand(4, 7), rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(importance_log_prob(model, x, 3), log_p, rtol=1e-10, atol=1e-10)
    for bound in (iwae_bound, stl_bound, dreg_bound):
        torch.testing.assert_close(bound(model, x, 3), log_p, rtol=1e-10, atol=1e-10)
    for objective in (elbo, layer_elbo):
        draws = objective(model, x.repeat(2000, 1)).value.detach().view(2000, 7)
        assert ((draws.mean(0) - log_p).abs() < 5 * draws.std(0) / math.sqrt(2000) + 1e-9).all()


@pytest.mark.parametrize("name", EXACT)
def test_densities_are_those_of_the_joint_gaussians(name):
    model, x, _, truth = case(name)
    z = torch.randn(4, 7, 5, dtype=torch.float64)
    torch.testing.assert_close(model.prior.log_prob(z), truth.z.log_prob(z))
    torch.testing.assert_close(model.posterior(x).log_prob(z), truth.posterior(x).log_prob(z))


def test_the_merge_is_the_true_posterior_of_z_1_given_x_and_z_2():
    model, x, _, truth = case("ladder")
    z = torch.randn(7, 5, dtype=torch.float64)
    q = model.posterior(x).conditionals(z)[0]
    joint = truth.posterior(x)
    C = joint.covariance_matrix[0]
    gain = C[:3, 3:] @ torch.linalg.inv(C[3:, 3:])
    expected = MultivariateNormal(
        joint.mean[:, :3] + (z[:, 3:] - joint.mean[:, 3:]) @ gain.T, C[:3, :3] - gain @ C[3:, :3]
    )
    torch.testing.assert_close(q.loc, expected.mean)
    torch.testing.assert_close(torch.diag_embed(q.scale.square()), expected.covariance_matrix.expand(7, 3, 3))


class VariancesForPrecisions(ExactLadder):
    def merge(self, t, message, p, z):
        mean, log_var = message.chunk(2, -1)
        v, v_p = log_var.exp(), p.scale.square()
        return DiagonalGaussian((mean * v + p.loc * v_p) / (v + v_p), torch.log(v * v_p / (v + v_p)))


class LogVariancesAveraged(ExactLadder):
    def merge(self, t, message, p, z):
        right = super().merge(t, message, p, z)
        return DiagonalGaussian(right.loc, (message.chunk(2, -1)[1] + p.log_var) / 2)


class PriorSampleSentDown(ExactLadder):
    """z_1 is inferred beside a prior whose z_2 was drawn from p, not from q."""

    def forward(self, x):
        q = super().forward(x)
        drawn = torch.randn(len(x), 2, dtype=torch.float64)

        def conditional(t, z):
            return TopDownPosterior.conditional(q, t, [None, drawn] if t == 0 else z)

        q.conditional = conditional
        return q


class MessageAlone(ExactLadder):
    def merge(self, t, message, p, z):
        return DiagonalGaussian(*message.chunk(2, -1))


class OverPosteriorSigma(ExactResidual):
    """delta read in units of sigma_p, log_ratio forgotten."""

    def merge(self, t, message, p, z):
        right = super().merge(t, message, p, z)
        return DiagonalGaussian(p.loc + (right.loc - p.loc) * p.scale, p.log_var)


WRONG = [VariancesForPrecisions, LogVariancesAveraged, PriorSampleSentDown, MessageAlone, OverPosteriorSigma]


@pytest.mark.parametrize("kind", WRONG)
def test_wrong_merges_have_a_gap(kind):
    truth = Truth()
    model, x = truth.model(kind), truth.x.sample((7,))
    log_w = log_weights(model, x, 4000).detach()
    gap = (truth.x.log_prob(x) - log_w.mean(0)).mean()
    assert gap > 0.05 and log_w.std(0).max() > 0.2


class Spoilt(ExactLadder):
    def spoil(self, t, mean, variance):
        return mean + 0.3, 1.7 * variance


def test_what_a_spoilt_ladder_loses_importance_sampling_mends():
    truth = Truth()
    model, x = truth.model(Spoilt), truth.x.sample((7,))
    log_p = truth.x.log_prob(x)
    log_w = log_weights(model, x, 50_000).detach()
    assert (log_p - log_w.mean(0)).min() > 0.1
    ratio = (log_w - log_p).exp()
    assert ((ratio.mean(0) - 1).abs() < 5 * ratio.std(0) / math.sqrt(50_000)).all()


def test_weights_multiplied_layer_by_layer_after_resampling_are_not_p_of_x():
    """The mean of products is p(x); the product of the layers' means, as if they were apart, is not."""
    truth = Truth()
    model, x = truth.model(MessageAlone), truth.x.sample((7,))
    q = model.posterior(x)
    z = q.sample((50_000,))
    parts = model.prior.layer_log_prob(z) - q.layer_log_prob(z)  # [T, K, B]
    likelihood = model.decode(z).log_prob(x)
    joint = (likelihood + parts.sum(0)).logsumexp(0) - math.log(50_000)
    apart = sum(term.logsumexp(0) - math.log(50_000) for term in (likelihood + parts[0], parts[1]))
    log_p = truth.x.log_prob(x)
    assert (joint - log_p).abs().max() < 0.2 < (apart - log_p).abs().max()


class MeanField(Layered):
    """q(z_1|x) q(z_2|x): the best that knows no other layer."""

    def __init__(self, joint):
        self.joint = joint
        super().__init__(SIZES, joint.mean.shape[:1])

    def conditional(self, t, z):
        part = slice(3) if t == 0 else slice(3, 5)
        precision = self.joint.precision_matrix[0].diagonal()[part]
        return DiagonalGaussian(self.joint.mean[:, part], -precision.log().expand(len(self.joint.mean), -1))


class MeanFieldEncoder(nn.Module):
    def __init__(self, prior, truth):
        super().__init__()
        self.truth = truth

    def forward(self, x):
        return MeanField(self.truth.posterior(x))


def test_layers_that_do_not_know_each_other_have_a_gap_in_closed_form():
    truth = Truth()
    model, x = truth.model(MeanFieldEncoder), truth.x.sample((7,))
    P = truth.posterior(x).precision_matrix[0]
    gap = 0.5 * (P.diagonal().log().sum() - torch.logdet(P))
    assert gap > 0.1
    draws = layer_elbo(model, x.repeat(4000, 1)).value.detach().view(4000, 7)
    assert ((draws.mean(0) + gap - truth.x.log_prob(x)).abs() < 5 * draws.std(0) / math.sqrt(4000)).all()


@pytest.mark.parametrize("name", EXACT)
def test_the_layers_kls_add_up(name):
    """On average to KL(q(z|x) || p(z)), which is that of two Gaussians."""
    model, x, _, truth = case(name)
    exact = kl_divergence(truth.posterior(x), truth.z)
    draws = layer_kls(model, x.repeat(4000, 1))[1].sum(0).detach().view(4000, 7)
    assert ((draws.mean(0) - exact).abs() < 5 * draws.std(0) / math.sqrt(4000) + 1e-9).all()
    # under the prior's samples of the layers above they do not
    if name == "ladder":
        q, z = model.posterior(x), model.prior.sample((4000, 7))
        wrong = sum(
            kl_divergence(a, b).sum(-1).mean(0)
            for a, b in zip(q.conditionals(z), model.prior.conditionals(z), strict=True)
        )
        assert (wrong - exact).abs().max() > 0.1


@pytest.mark.parametrize("name", ["ladder", "residual"])
def test_each_kl_is_torch_s(name):
    model, x, _, _ = case(name)
    torch.manual_seed(1)
    z, kls = layer_kls(model, x)
    q, p = model.posterior(x).conditionals(z), model.prior.conditionals(z)
    for t in range(2):
        torch.testing.assert_close(kls[t], kl_divergence(q[t], p[t]).sum(-1))
    # and of the residual form: over the prior's sigma, with the ratio of variances
    delta, ratio = q[0].loc - p[0].loc, q[0].scale.square() / p[0].scale.square()
    torch.testing.assert_close(kls[0], 0.5 * (delta.square() / S.square() + ratio - ratio.log() - 1).sum(-1))
    for wrong in (delta.square() / q[0].scale.square() + ratio - ratio.log() - 1, delta.square() / S.square()):
        assert (kls[0] - 0.5 * wrong.sum(-1)).abs().max() > 0.1


def test_the_climb_s_cost_of_a_layer_is_shifted_by_what_the_layers_share():
    """Top: log q(z_2|z_1) - log p(z_2) costs I(z_1; z_2 | x) more than in a descent, the layer below so much less."""
    down, x, _, truth = case("bottom-up")
    C = truth.posterior(x).covariance_matrix[0]
    shared = 0.5 * (torch.logdet(C[:3, :3]) + torch.logdet(C[3:, 3:]) - torch.logdet(C))
    draws = layer_kls(down, x.repeat(20_000, 1))[1].detach().view(2, 20_000, 7)  # [T, N, B]
    other = truth.model(ExactLadder)
    beside = layer_kls(other, x.repeat(20_000, 1))[1].detach().view(2, 20_000, 7)
    difference, error = draws.mean(1) - beside.mean(1), (draws.var(1) + beside.var(1)).sqrt() / math.sqrt(20_000)
    assert ((difference - shared * torch.tensor([[-1.0], [1.0]])).abs() < 5 * error).all()
    assert shared > 0.05


@pytest.mark.parametrize("temperature", [1.0, [0.5, 1.0], [1.0, 0.3]])
def test_samples_have_the_covariance_of_their_temperatures(temperature):
    truth = Truth()
    model, n = truth.model(ExactLadder), 100_000
    tau = [temperature] * 2 if isinstance(temperature, float) else temperature
    z = model.sample_codes(n, temperature)
    upper = tau[1] ** 2 * truth.A @ truth.A.T + tau[0] ** 2 * S.square().diag()
    expected = torch.cat(
        [torch.cat([upper, tau[1] ** 2 * truth.A], 1), tau[1] ** 2 * torch.cat([truth.A.T, torch.eye(2)], 1)]
    )

    def far(C, expected):  # in standard errors of a Gaussian's sample covariance
        error = ((expected.diagonal()[:, None] * expected.diagonal() + expected.square()) / n).sqrt()
        return ((C - expected).abs() / error).max()

    assert far(z.T.cov(), expected) < 5
    assert tau == [1.0, 1.0] or far(z.T.cov(), truth.z.covariance_matrix) > 50, "the temperature was not used"
    x = model.sample(n, temperature)
    assert far(x.T.cov(), truth.W @ upper @ truth.W.T + SIGMA**2 * torch.eye(5)) < 5
    assert (z.mean(0) - truth.z.mean).abs().max() < 5 * z.std(0).max() / math.sqrt(n)


def test_redrawing_keeps_the_upper_layers_and_draws_the_lower_from_p():
    truth = Truth()
    model = truth.model(ExactLadder)
    z = torch.randn(7, 5, dtype=torch.float64).expand(20_000, 7, 5)
    new = model.redraw(z, keep=2)
    assert torch.equal(new[..., 3:], z[..., 3:])
    error = S / math.sqrt(20_000)
    assert ((new[..., :3].mean(0) - (z[0, :, 3:] @ truth.A.T + truth.a)).abs() < 5 * error).all()
    torch.testing.assert_close(new[..., :3].std(0), S.expand(7, 3), rtol=0.03, atol=0)
    assert torch.equal(model.redraw(z, keep=1), z)
    assert not (model.redraw(z, keep=3) == z).any()
    cold = model.redraw(z, keep=2, temperature=0.0)
    torch.testing.assert_close(cold[0, :, :3], z[0, :, 3:] @ truth.A.T + truth.a)
    for keep in (0, 4):
        with pytest.raises(ValueError, match="keep counts from 1 to 3"):
            model.redraw(z, keep)


def test_only_the_very_sample_is_remembered():
    """Drawn without gradients and scored with them, or changed in place, it is scored anew."""
    model, x, _, _ = case("residual")
    q = model.posterior(x)
    z = q.sample((4,))
    parameters = list(model.encoder.parameters())
    got, expected = (torch.autograd.grad(q.log_prob(point).sum(), parameters, allow_unused=True, retain_graph=True)
                     for point in (z, z.clone()))  # fmt: skip
    assert any(slope is not None and slope.any() for slope in expected)
    for a, b in zip(got, expected, strict=True):
        assert (a is None) == (b is None) and (a is None or torch.equal(a, b))
    with torch.no_grad():
        z = q.sample((4,))
        assert torch.equal(q.log_prob(z), q.log_prob(z.clone()))
        z.mul_(2)
        assert torch.equal(q.log_prob(z), q.log_prob(z.clone()))


def test_ais_agrees():
    model, x, log_p, _ = case("residual")
    ratio = (ais_log_weights(model.eval(), x, chains=1000, steps=20) - log_p).exp()
    assert ((ratio.mean(0) - 1).abs() < 5 * ratio.std(0) / math.sqrt(1000)).all()
