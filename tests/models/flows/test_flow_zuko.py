"""Against zuko, written independently: the same parameters in, the same points and log-determinants out."""

import math

import pytest
import torch
import zuko
from torch import distributions as td

from tests.models.flows.families import moved, reverse
from vae_helpers import Affine, AffineAutoregressive, AffineCoupling, Chain, Flow, Inverse, LinearAutoregressive

td.Distribution.set_default_validate_args(True)  # zuko, when imported, switches torch's checks off for everyone

D = 5


def affine_of(m, s):
    """zuko's affine map; it bounds a log-scale as ours does, so it gets what ours was before."""
    before = s / (1 - s.abs() / 6.9)
    affine = zuko.transforms.MonotonicAffineTransform(m, before, slope=math.exp(-6.9))
    return zuko.transforms.DependentTransform(affine, 1)


def autoregressive_of(step, h):
    """zuko's autoregressive transform with the network of ours."""
    return zuko.transforms.AutoregressiveTransform(lambda z: affine_of(*step.shift_and_log_scale(z, h)), passes=D)


def coupling_of(step, h):
    """zuko's coupling with the network of ours."""
    kept = torch.arange(D) < D // 2
    return zuko.transforms.CouplingTransform(
        lambda a: affine_of(*step.shift_and_log_scale(a, h)), ~kept if step.flip else kept
    )


PAIRS = {
    "autoregressive": (lambda c: AffineAutoregressive(D, (9, 8), c), autoregressive_of),
    "gated": (lambda c: AffineAutoregressive(D, (9,), c, gated=True), autoregressive_of),
    "coupling": (lambda c: AffineCoupling(D, (9,), c), coupling_of),
    "coupling, flipped": (lambda c: AffineCoupling(D, (9,), c, flip=True), coupling_of),
    "linear": (lambda c: LinearAutoregressive(D, c), lambda step, h: zuko.transforms.LULinearTransform(
        step.matrix(h).tril(-1) + torch.eye(D).double())),
}  # fmt: skip


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("context", [0, 3])
def test_points_and_log_determinants_are_those_of_zuko(name, context):
    make, oracle_of = PAIRS[name]
    step = moved(make(context))
    h = torch.randn(4, context).double() if context else None
    oracle = oracle_of(step, h)
    z = torch.randn(6, 4, D).double()
    if name == "linear" and context:
        oracle, z = oracle_of(step, h[0]), torch.randn(6, D).double()
        h = h[0]
    y, log_det = step.forward_and_log_det(z, h)
    y_zuko, log_det_zuko = oracle.call_and_ladj(z)
    torch.testing.assert_close(y, y_zuko)
    torch.testing.assert_close(log_det, log_det_zuko.expand(log_det.shape))
    back, log_det_back = step.inverse_and_log_det(z, h)
    torch.testing.assert_close(back, oracle.inv(z))
    torch.testing.assert_close(log_det_back, oracle.inv.log_abs_det_jacobian(z, oracle.inv(z)).expand(log_det.shape))


@pytest.mark.parametrize("backwards", [False, True])
def test_the_density_of_a_chain_is_that_of_zuko(backwards):
    steps, h = [moved(AffineAutoregressive(D, (8,), 2)) for _ in range(3)], torch.randn(4, 2).double()
    order = torch.arange(D - 1, -1, -1)
    ours, theirs = [], []
    for step in steps:
        ours += [Inverse(step) if backwards else step, reverse(D)]
        oracle = autoregressive_of(step, h)
        theirs += [oracle.inv if backwards else oracle, zuko.transforms.PermutationTransform(order)]
    base = td.Independent(td.Normal(torch.randn(4, D).double(), 0.7), 1)
    flow = Flow(base, Chain(*ours), h)
    # zuko's distributions send the data to the noise: theirs is the inverse of our chain
    composed = zuko.transforms.ComposedTransform(*theirs)
    oracle = zuko.distributions.NormalizingFlow(composed.inv, base)
    z = flow.rsample((3,))
    torch.testing.assert_close(flow.log_prob(z), oracle.log_prob(z))
    elsewhere = torch.randn(3, 4, D).double()
    torch.testing.assert_close(flow.log_prob(elsewhere), oracle.log_prob(elsewhere))


def test_torch_s_own_transformed_distribution():
    affine = moved(Affine(D))
    base = td.Independent(td.Normal(torch.randn(4, D).double(), 0.7), 1)
    oracle = td.TransformedDistribution(base, td.AffineTransform(affine.shift, affine.log_scale.exp(), event_dim=1))
    z = torch.randn(3, 4, D).double()
    torch.testing.assert_close(Flow(base, affine).log_prob(z), oracle.log_prob(z))
