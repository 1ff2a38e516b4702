"""`Flow`: what it remembers and what it does not, gradients by finite differences, densities by quadrature."""

import copy
import math

import pytest
import torch
from torch import distributions as td

from tests.models.flows.families import FAMILIES, moved
from vae_helpers import AffineAutoregressive, Flow, LinearAutoregressive
from vae_helpers.models.flows.conditioner import Conditioner
from vae_helpers.models.latent_distributions import DiagonalGaussian

every_family = pytest.mark.parametrize("name", FAMILIES)
B, D, C = 4, 3, 2


def flow_of(name, dim=D, seed=1, size=0.5):
    """A flow of some family with all inputs random, float64: batch [B], event [dim]."""
    torch.manual_seed(seed)
    base = DiagonalGaussian(torch.randn(B, dim).double(), 0.5 * torch.randn(B, dim).double())
    return Flow(base, moved(FAMILIES[name](dim, C), size=size), torch.randn(B, C).double())


def passes(flow, action):
    """How often the flow's networks are called while something is done."""
    calls = []
    hooks = [module.register_forward_hook(lambda *_: calls.append(1))
             for module in flow.transform.modules() if isinstance(module, Conditioner)]  # fmt: skip
    action()
    for hook in hooks:
        hook.remove()
    return len(calls)


@every_family
def test_shapes_and_both_ways_to_the_density(name):
    q = flow_of(name)
    assert (q.batch_shape, q.event_shape, q.has_rsample) == ((B,), (D,), True)
    for shape in ((), (5,), (5, 2)):
        z = q.rsample(shape)
        assert z.shape == (*shape, B, D) and q.log_prob(z).shape == (*shape, B)
        torch.testing.assert_close(q.log_prob(z), q.log_prob(z.clone()))
    wider = q.expand((6, B))
    assert wider.rsample((5,)).shape == (5, 6, B, D) and wider.batch_shape == (6, B)
    torch.testing.assert_close(wider.log_prob(z[0, 0].clone())[3], q.log_prob(z[0, 0].clone()))


def test_its_own_sample_costs_nothing_and_any_other_z_d_passes():
    q = flow_of("autoregressive")
    found = []
    assert passes(q, lambda: found.append(q.rsample((7,)))) == 1
    (z,) = found
    assert passes(q, lambda: q.log_prob(z)) == 0
    for other in (z.detach(), z.clone(), z[0], z + 0):
        assert passes(q, lambda other=other: q.log_prob(other)) == D
    q.rsample()  # the last one only
    assert passes(q, lambda: q.log_prob(z)) == D


def test_it_is_not_fooled():
    q = flow_of("autoregressive")
    truth = copy.deepcopy(q)
    z = q.sample()
    z[0] = 0.0  # in place: the same tensor, other numbers
    torch.testing.assert_close(q.log_prob(z), truth.log_prob(z.clone()))
    assert not torch.allclose(q.log_prob(z)[0], q._last._kept[2][0])
    # drawn without gradients, scored with them: the score, as for any distribution
    weight = q.transform.network.first.weight
    z = q.sample((5,))
    assert not z.requires_grad
    (got,) = torch.autograd.grad(q.log_prob(z).sum(), weight)
    (expected,) = torch.autograd.grad(q.log_prob(z.clone()).sum(), weight)
    torch.testing.assert_close(got, expected)
    with torch.no_grad():
        assert passes(q, lambda: q.log_prob(q.sample())) == 1
        z = q.rsample()
    assert q.log_prob(z).requires_grad
    z = q.rsample()
    with torch.no_grad():
        assert not q.log_prob(z).requires_grad
    with torch.inference_mode():
        z = q.rsample()
        torch.testing.assert_close(q.log_prob(z), q.log_prob(z.clone()))


def directional(f, parameters, step=1e-5):
    """df along a random direction in the space of the parameters, by central differences; and the direction."""
    direction = [torch.randn_like(p) for p in parameters]
    values = []
    for sign in (1, -1):
        with torch.no_grad():
            for p, d in zip(parameters, direction, strict=True):
                p.add_(sign * step * d)
            values.append(f().item())
            for p, d in zip(parameters, direction, strict=True):
                p.sub_(sign * step * d)
    return (values[0] - values[1]) / (2 * step), direction


@every_family
def test_gradients_of_the_density_by_finite_differences(name):
    """Of one's own sample: of e -> log q(f(e)). Of another z: of log q at that point."""
    q = flow_of(name)
    parameters = [q.base.base_dist.loc.requires_grad_(), q.context.requires_grad_(), *q.transform.parameters()]
    elsewhere = q.sample((5,)).clone()

    def own():
        torch.manual_seed(3)
        return q.log_prob(q.rsample((5,))).sum()

    def foreign():
        return q.log_prob(elsewhere).sum()

    for f in (own, foreign):
        slopes = torch.autograd.grad(f(), parameters, allow_unused=True)
        slopes = [torch.zeros_like(p) if s is None else s for s, p in zip(slopes, parameters, strict=True)]
        expected, direction = directional(f, parameters)
        got = sum((s * d).sum().item() for s, d in zip(slopes, direction, strict=True))
        assert got == pytest.approx(expected, rel=1e-6, abs=1e-7)
    assert torch.autograd.gradcheck(q.log_prob, elsewhere[0].requires_grad_())


@pytest.fixture(scope="module")
def grid():
    axis = torch.linspace(-15, 15, 501, dtype=torch.float64)
    return torch.cartesian_prod(axis, axis)[:, None], (axis[1] - axis[0]) ** 2


@every_family
def test_densities_integrate_to_one_and_samples_follow_them(name, grid):
    q, (points, cell) = flow_of(name, dim=2, size=0.25), grid
    with torch.no_grad():
        mass = cell * q.log_prob(points).exp()  # [points, B]
    torch.testing.assert_close(mass.sum(0), torch.ones(B).double(), rtol=0, atol=2e-3)
    z = q.sample((20_000,))
    middle = ((z.median(0).values / 0.06).round() + 0.5) * 0.06  # between two columns of the grid
    for inside in (lambda u: u[..., 0] < middle[:, 0], lambda u: (u[..., 0] < middle[:, 0]) & (u[..., 1] < 0.93)):
        exact, drawn = (mass * inside(points)).sum(0), inside(z).double().mean(0)
        assert ((drawn - exact).abs() < 5 * (0.25 / 20_000) ** 0.5 + 1e-3).all()


def test_wrong_densities_are_seen_by_quadrature(grid):
    """The sign of the log-determinant, and the base's density at z instead of at e."""
    q, (points, cell) = flow_of("autoregressive", dim=2), grid
    with torch.no_grad():
        e, log_det = q.transform.inverse_and_log_det(points, q.context)
        wrong_sign = q.base.log_prob(e) - log_det
        of_z = q.base.log_prob(points)  # a density, but not that of the samples
    assert ((cell * wrong_sign.exp().sum(0) - 1).abs() > 0.05).all()
    inside = points[..., 0] < q.sample((20_000,))[..., 0].median(0).values
    assert (((cell * of_z.exp() * inside).sum(0) - 0.5).abs().max() > 0.05).all()


def test_the_linear_step_is_a_full_covariance():
    covariance = torch.randn(D, D).double()
    covariance = covariance @ covariance.T + 0.1 * torch.eye(D)
    root = torch.linalg.cholesky(covariance)
    step = LinearAutoregressive(D).double()
    unit = root / root.diagonal()  # LDL: unit triangular times the diagonal
    step.below.data = unit[tuple(torch.tril_indices(D, D, -1))]
    mean = torch.randn(B, D).double()
    base = DiagonalGaussian(
        torch.linalg.solve_triangular(unit, mean.T, upper=False).T, 2 * root.diagonal().log().expand(B, D)
    )
    q, exact = Flow(base, step), td.MultivariateNormal(mean, covariance)
    z = q.rsample((6,))
    torch.testing.assert_close(q.log_prob(z), exact.log_prob(z))
    torch.testing.assert_close(q.log_prob(z.clone()), exact.log_prob(z))


def test_a_base_without_a_batch_meets_contexts():
    q = Flow(td.Normal(torch.zeros(D), 1.0), AffineAutoregressive(D, context=C), torch.randn(B, C))
    assert q.batch_shape == (B,) and q.rsample((5,)).shape == (5, B, D)
    z = q.rsample()
    assert len({round(value, 4) for value in z[:, 0].tolist()}) == B, "one noise for all"
    p = Flow(td.Normal(torch.zeros(D), 1.0), AffineAutoregressive(D))
    assert (
        p.batch_shape == () and p.sample((5, 2)).shape == (5, 2, D) and p.log_prob(torch.zeros(5, 2, D)).shape == (5, 2)
    )
    torch.testing.assert_close(p.log_prob(torch.zeros(D)), torch.tensor(-0.5 * D * math.log(2 * math.pi)))


def test_messages():
    q = flow_of("autoregressive")
    for ask in (lambda: q.mean, lambda: q.variance, lambda: q.stddev):
        with pytest.raises(NotImplementedError, match="a flow has no formula"):
            ask()
    with pytest.raises(ValueError, match=r"must end in D = 3 dimensions, got shape \[4, 1\]"):
        q.log_prob(torch.zeros(4, 1).double())
