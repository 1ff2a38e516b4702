"""Layered densities, networks and encoders of any size: shapes, gradients, messages, training, storing."""

import io
from copy import deepcopy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.distributions import MultivariateNormal, Normal

from tests.models.hierarchy.linear import ExactLadder, Truth
from vae_helpers import (
    Bernoulli,
    BottomUp,
    Gaussian,
    HierarchicalVAE,
    Ladder,
    LayerPrior,
    MLPDecoder,
    Residual,
    dreg_bound,
    elbo,
    evaluate,
    fit,
    fit_sweep,
    importance_log_prob,
    iwae_bound,
    layer_elbo,
    layer_mlp,
    precision_weighted,
    start_at_mean,
    stl_bound,
)
from vae_helpers.models.hierarchy.networks import BatchNorm

SHAPE, SIZES = (1, 3, 5), [4, 3, 2]
KINDS = {
    "bottom-up": lambda prior, net: BottomUp(SIZES, SHAPE, net),
    "ladder": lambda prior, net: Ladder(prior, SHAPE, net, features=6),
    "residual": lambda prior, net: Residual(prior, SHAPE, net, features=6),
}


def build(kind, skip=False, batch_norm=False, likelihood=None):
    net = layer_mlp((7,), batch_norm)
    prior = LayerPrior(SIZES, net, skip)
    decoder = MLPDecoder(sum(SIZES) if skip else SIZES[0], SHAPE, (8,))
    return HierarchicalVAE(KINDS[kind](prior, net), prior, decoder, likelihood or Bernoulli())


every = pytest.mark.parametrize("kind", KINDS)
skips = pytest.mark.parametrize("skip", [False, True])
numbers = st.floats(-50, 50)


@given(numbers, numbers, numbers, numbers)
def test_the_product_of_two_gaussians(mu_1, log_var_1, mu_2, log_var_2):
    given_ = [torch.tensor(v, dtype=torch.float64) for v in (mu_1, log_var_1, mu_2, log_var_2)]
    mu, log_var = precision_weighted(*given_)
    m_1, l_1, m_2, l_2 = given_
    precision = (-l_1).exp() + (-l_2).exp()
    torch.testing.assert_close(log_var, -precision.log(), rtol=1e-9, atol=1e-9)
    expected = (m_1 * (-l_1).exp() + m_2 * (-l_2).exp()) / precision
    torch.testing.assert_close(mu, expected, rtol=1e-9, atol=1e-9 * 50)
    swapped = precision_weighted(m_2, l_2, m_1, l_1)
    torch.testing.assert_close(torch.stack(swapped), torch.stack((mu, log_var)), rtol=1e-9, atol=1e-9)
    assert min(mu_1, mu_2) - 1e-9 <= mu <= max(mu_1, mu_2) + 1e-9


def test_the_product_of_two_gaussians_by_quadrature_and_where_float32_is_strained():
    z = torch.linspace(-10, 10, 20_001, dtype=torch.float64)
    density = (Normal(0.0, 1.0).log_prob(z) + Normal(4.0, 0.5).log_prob(z)).exp()
    density /= density.sum()
    mean = (density * z).sum()
    variance = (density * (z - mean).square()).sum()
    mu, log_var = precision_weighted(*(torch.tensor(v) for v in (0.0, 0.0, 4.0)), torch.tensor(0.25).log())
    torch.testing.assert_close(torch.stack((mu, log_var.exp())).double(), torch.stack((mean, variance)))
    extremes = precision_weighted(*(torch.tensor(v) for v in (1.0, 100.0, 2.0, -200.0)))
    torch.testing.assert_close(torch.stack(extremes), torch.tensor([2.0, -200.0]))


@every
@skips
def test_shapes_and_that_what_is_remembered_is_right(kind, skip):
    model, x = build(kind, skip), torch.rand(5, *SHAPE)
    q, p = model.posterior(x), model.prior
    for shape in ((), (4,), (2, 4)):
        z = q.rsample(shape)
        assert z.shape == (*shape, 5, 9) and z.requires_grad
        assert q.log_prob(z).shape == p.log_prob(z).shape == (*shape, 5)
        assert p.sample(shape).shape == (*shape, 9)
        assert [part.shape[-1] for part in model.split(z)] == SIZES
    with torch.no_grad():
        z = q.rsample((4,))
        kept = q.log_prob(z)
        assert kept is not q.log_prob(z) and torch.equal(kept, q.log_prob(z))
        torch.testing.assert_close(kept, q.log_prob(z.clone()))
        q.rsample((4,))
        torch.testing.assert_close(kept, q.log_prob(z))
    assert elbo(model, x).value.shape == layer_elbo(model, x).value.shape == (5,)
    assert model.encode(x).shape == (5, 9) and model.reconstruct(x).shape == (5, *SHAPE)
    assert torch.equal(model.encode(x), model.encode(x)), "no noise in it"


@every
def test_a_layer_sees_what_it_should(kind):
    """The decoder sees z_1 alone, z_1 sees z_2 alone; with skips everything above."""
    z = torch.randn(5, 9)
    for skip in (False, True):
        model = build(kind, skip)
        for changed in (slice(4, 7), slice(7, 9)):
            other = z.clone()
            other[:, changed] += 1
            assert torch.equal(model.decode(z).mean, model.decode(other).mean) is not skip
            same = torch.equal(model.prior.conditionals(z)[0].loc, model.prior.conditionals(other)[0].loc)
            assert same == (changed == slice(7, 9) and not skip)


def test_gradients_are_those_of_the_joint_gaussian():
    """log q and p with respect to z and parameters, and samples with respect to parameters, by another way."""
    truth = Truth()
    model, x = truth.model(ExactLadder), truth.x.sample((7,))
    A = model.prior_module.nets[0].weight

    def joint():
        upper = A[:3]
        blocks = [torch.cat([upper @ upper.T + truth.z.covariance_matrix[:3, :3] - truth.A @ truth.A.T, upper], 1)]
        blocks.append(torch.cat([upper.T, torch.eye(2, dtype=torch.float64)], 1))
        return MultivariateNormal(truth.z.mean, torch.cat(blocks))

    z = torch.randn(4, 7, 5, dtype=torch.float64, requires_grad=True)
    for inputs in (z, A):
        got, expected = (torch.autograd.grad(p.log_prob(z).sum(), inputs)[0] for p in (model.prior, joint()))
        if inputs is A:  # the lower rows are the log-variances'
            got, expected = got[:3], expected[:3]
        torch.testing.assert_close(got, expected)
    # of q, by finite differences through all layers
    encoder = model.encoder

    def log_q(weight, z):
        with torch.no_grad():
            A.copy_(weight)
        return encoder(x).log_prob(z).sum()

    start, step = A.detach().clone(), 1e-6
    (got,) = torch.autograd.grad(encoder(x).log_prob(z).sum(), A)
    for i, j in ((0, 1), (2, 0), (4, 1)):
        moved = start.clone()
        moved[i, j] += step
        up = log_q(moved, z.detach())
        moved[i, j] -= 2 * step
        torch.testing.assert_close(got[i, j], (up - log_q(moved, z.detach())) / (2 * step), rtol=1e-5, atol=1e-5)
    log_q(start, z.detach())
    torch.manual_seed(2)
    sample = encoder(x).rsample((4,))
    (got,) = torch.autograd.grad(sample.square().sum(), A)
    for i, j in ((0, 1), (2, 0)):
        values = []
        for sign in (1, -1):
            moved = start.clone()
            moved[i, j] += sign * step
            log_q(moved, z.detach())
            torch.manual_seed(2)
            values.append(encoder(x).rsample((4,)).square().sum())
        torch.testing.assert_close(got[i, j], (values[0] - values[1]).detach() / (2 * step), rtol=1e-5, atol=1e-4)


@every
@pytest.mark.parametrize("bound", [iwae_bound, stl_bound, dreg_bound])
def test_bounds_have_gradients_for_every_parameter_and_dreg_s_is_unbiased(kind, bound):
    model, x = build(kind).double(), torch.rand(3, *SHAPE).double()
    bound(model, x, 4).sum().backward()
    parameters = dict(model.named_parameters())
    assert all(p.grad is not None and p.grad.isfinite().all() for p in parameters.values())
    if bound is not dreg_bound:
        return
    model, x = build(kind).double(), torch.rand(1, *SHAPE).double()
    head = model.encoder.nets[0][-1] if kind == "bottom-up" else model.encoder.heads[0]
    head = (head[-1] if isinstance(head, nn.Sequential) else head).bias
    means, errors = [], []
    for each in (iwae_bound, dreg_bound):
        many = x.repeat(200, 1, 1, 1)
        slopes = torch.stack([torch.autograd.grad(each(model, many, 4).mean(), head)[0] for _ in range(40)])
        means.append(slopes.mean(0))
        errors.append(slopes.std(0) / 40**0.5)
    assert ((means[0] - means[1]).abs() < 5 * (errors[0].square() + errors[1].square()).sqrt()).all()


@every
@pytest.mark.parametrize("bound", [elbo, iwae_bound, dreg_bound])
def test_bfloat16_products_leave_the_densities_in_float32(kind, bound):
    model, x = build(kind), torch.rand(3, *SHAPE)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        posterior = model.posterior(x)
        z = posterior.rsample((2,))
        found = [*posterior.conditionals(z), *model.prior.conditionals(z)]
        assert {z.dtype, *(part.dtype for q in found for part in (q.loc, q.log_var))} == {torch.float32}
        value = bound(model, x).value if bound is elbo else bound(model, x, 4)
    assert value.dtype == torch.float32
    value.sum().backward()
    assert all(p.grad.isfinite().all() for p in model.parameters())


def test_batch_norm_takes_any_number_of_dimensions():
    h, norm = 3 + 2 * torch.randn(4, 5, 6), BatchNorm(6)
    torch.testing.assert_close(norm(h).flatten(0, 1), nn.BatchNorm1d(6)(h.flatten(0, 1)))
    assert norm(h).mean().abs() < 1e-5


@every
def test_training_with_batch_norm_storing_and_measures(kind):
    model = build(kind, batch_norm=True)
    images = (torch.rand(200, *SHAPE) > 0.7).float()
    start_at_mean(model, images)
    before = evaluate(model, images, layer_elbo)["value"]
    history = fit(
        model, images, layer_elbo, epochs=8, batch_size=20, lr=1e-2, progress=False, device="cpu",
        schedules={"beta": lambda t: min(1.0, 2 * t)}, validation=images,
    )  # fmt: skip
    assert {"kl_1", "kl_2", "kl_3"} <= set(history.train[-1])
    after = evaluate(model, images, layer_elbo)
    assert after["value"] > before and abs(sum(after[f"kl_{t}"] for t in (1, 2, 3)) - after["kl"]) < 1e-3
    log_p = importance_log_prob(model, images[:20], 200)
    assert log_p.mean() > evaluate(model, images[:20], layer_elbo)["value"] - 0.3
    file = io.BytesIO()
    torch.save(model.state_dict(), file)
    file.seek(0)
    other = build(kind, batch_norm=True)
    other.load_state_dict(torch.load(file))
    other.eval()
    z = model.sample_codes(3)
    assert torch.equal(other.prior.log_prob(z), model.prior.log_prob(z))
    copy = deepcopy(model)
    if kind != "bottom-up":
        assert copy.encoder.prior is copy.prior_module, "one prior, in a copy too"


@every
def test_seeds_trained_together_are_those_trained_alone(kind):
    images = torch.rand(240, *SHAPE)

    def start():
        torch.manual_seed(5)
        return build(kind, likelihood=Gaussian())

    def without_noise(model, x):
        z = model.posterior(x).walk(temperature=0.0)[0]
        return model.decode(z).log_prob(x) + model.prior.log_prob(z)

    together, alone = [start(), start()], start()
    options = dict(epochs=1, batch_size=20, progress=False, device="cpu")  # one order of the images
    torch.manual_seed(1)
    fit_sweep(together, images, without_noise, **options)
    torch.manual_seed(1)
    fit(alone, images, without_noise, **options)
    for model in together:
        for name, value in model.state_dict().items():
            torch.testing.assert_close(value, alone.state_dict()[name], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_dtypes(dtype):
    model, x = build("residual").to(dtype), torch.rand(5, *SHAPE, dtype=dtype)
    assert layer_elbo(model, x).value.dtype == model.sample(2).dtype == dtype


def test_what_does_not_fit_is_named():
    prior, other = LayerPrior(SIZES), LayerPrior(SIZES)
    with pytest.raises(ValueError, match="beside another prior"):
        HierarchicalVAE(Ladder(prior, SHAPE), other, MLPDecoder(4, SHAPE), Bernoulli())
    with pytest.raises(ValueError, match="same layers"):
        HierarchicalVAE(BottomUp([4, 3], SHAPE), prior, MLPDecoder(4, SHAPE), Bernoulli())
    with pytest.raises(TypeError, match="prior must be a LayerPrior, got Identity"):
        HierarchicalVAE(BottomUp(SIZES, SHAPE), nn.Identity(), MLPDecoder(4, SHAPE), Bernoulli())
    with pytest.raises(ValueError, match="each at least 1"):
        LayerPrior([])
    model = build("ladder")
    with pytest.raises(ValueError, match="there are 3 layers, got 2 temperatures"):
        model.sample_codes(2, [1.0, 0.5])
    with pytest.raises(ValueError, match=r"one of \[9, 5, 2\] codes"):
        model.prior.walk(given=torch.zeros(5, 4))
    with pytest.raises(NotImplementedError, match="draw with rsample"):
        model.prior.expand((3,))
