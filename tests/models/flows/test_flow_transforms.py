"""One contract for all families: shapes, round trip, the Jacobian by autograd, gradients, passes, start, context."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from tests.models.flows.families import FAMILIES, STARTS_ELSEWHERE, moved
from vae_helpers import Affine, AffineAutoregressive, AffineCoupling, Inverse, LinearAutoregressive, Permutation
from vae_helpers.models.flows.conditioner import Conditioner, MaskedLinear, bounded, full_precision, made, plain

TOLERANCE = {torch.float32: dict(rtol=2e-3, atol=2e-3), torch.float64: dict(rtol=1e-9, atol=1e-9)}
every_family = pytest.mark.parametrize("name", FAMILIES)


def jacobian_log_det(f, z):
    """log |det| of the Jacobian of f, a function of one vector, at each z `[N, D]`."""
    return torch.stack([torch.linalg.slogdet(torch.autograd.functional.jacobian(f, point)).logabsdet for point in z])


@settings(max_examples=120)
@given(
    name=st.sampled_from(list(FAMILIES)),
    dim=st.integers(2, 6),
    context=st.integers(0, 3),
    leading=st.lists(st.integers(1, 3), max_size=2),
    dtype=st.sampled_from([torch.float32, torch.float64]),
    seed=st.integers(0, 10_000),
)
def test_every_transform_keeps_the_contract(name, dim, context, leading, dtype, seed):
    torch.manual_seed(seed)
    transform = moved(FAMILIES[name](dim, context), dtype)
    batch = 3
    h = torch.randn(batch, context, dtype=dtype) if context else None
    z = torch.randn(*leading, batch, dim, dtype=dtype, requires_grad=True)
    y, log_det = transform.forward_and_log_det(z, h)
    assert y.shape == z.shape and log_det.shape == z.shape[:-1] and y.dtype == log_det.dtype == dtype
    back, log_det_back = transform.inverse_and_log_det(y, h)
    assert back.shape == z.shape and log_det_back.shape == log_det.shape
    torch.testing.assert_close(back, z, **TOLERANCE[dtype])
    torch.testing.assert_close(log_det_back, -log_det, **TOLERANCE[dtype])
    assert torch.equal(transform(z, h), y)
    # the log-determinant against the Jacobian by autograd, for every datapoint with its own context
    first = z.detach().reshape(-1, batch, dim)[0]
    for n in range(batch):
        h_n = None if h is None else h[n]
        expected = jacobian_log_det(lambda point, h_n=h_n: transform(point, h_n), first[n : n + 1])
        torch.testing.assert_close(log_det.reshape(-1, batch)[0, n], expected[0], **TOLERANCE[dtype])
    # gradients arrive at z and at every parameter, and are numbers
    (y.square().sum() + log_det.sum()).backward()
    assert z.grad.isfinite().all()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in transform.parameters())


@every_family
@pytest.mark.parametrize("direction", ["forward_and_log_det", "inverse_and_log_det"])
def test_gradients_by_finite_differences_both_ways(name, direction):
    transform, h = moved(FAMILIES[name](3, 2)), torch.randn(4, 2, dtype=torch.float64, requires_grad=True)
    z = torch.randn(2, 4, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(getattr(transform, direction), (z, h))
    module = OneDirection(transform, direction)
    names, values = zip(*module.named_parameters(), strict=True) if name != "permutation" else ((), ())

    def of_parameters(*values):
        return torch.func.functional_call(module, dict(zip(names, values, strict=True)), (z, h))

    assert not names or torch.autograd.gradcheck(of_parameters, values)


class OneDirection(nn.Module):
    """A direction of a transform as the forward of a module."""

    def __init__(self, transform, direction):
        super().__init__()
        self.transform, self.direction = transform, direction

    def forward(self, z, h):
        return getattr(self.transform, self.direction)(z, h)


@every_family
def test_samples_first_and_each_with_its_context(name):
    """[K, B, D] with context [B, C] is K B single vectors; a single vector meets B contexts."""
    transform, h = moved(FAMILIES[name](3, 2)), torch.randn(5, 2).double()
    for direction in (transform.forward_and_log_det, transform.inverse_and_log_det):
        z = torch.randn(7, 5, 3).double()
        y, log_det = direction(z, h)
        for k, b in ((0, 0), (6, 4), (3, 1)):
            one, log_det_one = direction(z[k, b], h[b])
            torch.testing.assert_close(y[k, b], one)
            torch.testing.assert_close(log_det[k, b], log_det_one)
        if name != "permutation":
            assert direction(z[0, 0], h)[0].shape == (5, 3) and direction(z[0, 0], h)[1].shape == (5,)


@every_family
def test_a_new_transform_is_the_identity(name):
    transform, z, h = FAMILIES[name](4, 2), torch.randn(5, 4), torch.randn(5, 2)
    if name in STARTS_ELSEWHERE:
        return
    y, log_det = transform.forward_and_log_det(z, h)
    assert torch.equal(y, z) and not log_det.any()


def test_a_new_gate_is_nearly_open():
    z, g = torch.randn(5, 4), torch.sigmoid(torch.tensor(2.0))
    y, log_det = AffineAutoregressive(4, gated=True).forward_and_log_det(z)
    torch.testing.assert_close(y, g * z)
    torch.testing.assert_close(log_det, (4 * g.log()).expand(5))


@every_family
def test_the_context_matters_or_there_is_none(name):
    """Every output, the first one too, depends on the context, and not linearly where a network is in between."""
    transform, z = moved(FAMILIES[name](3, 2)), torch.randn(3).double()
    h = torch.randn(2).double()
    of_context = torch.autograd.functional.jacobian(lambda h: transform(z, h), h)
    untouched = {"permutation": 3, "linear": 1, "coupling": 1, "coupling, flipped": 2}.get(name, 0)
    assert (of_context.abs().sum(1) < 1e-12).sum() == untouched
    if name.startswith("autoregressive"):
        other = torch.autograd.functional.jacobian(lambda h: transform(z, h), h + 1)
        assert (of_context[0] - other[0]).abs().max() > 1e-3


class Counter:
    """How often a network is called."""

    def __init__(self, transform):
        self.calls = 0
        for module in transform.modules():
            if isinstance(module, Conditioner):
                module.register_forward_hook(self.count)

    def count(self, *_):
        self.calls += 1


@pytest.mark.parametrize(
    ("make", "there", "back"),
    [
        (lambda: AffineAutoregressive(6), 1, 6),
        (lambda: AffineAutoregressive(6, gated=True), 1, 6),
        (lambda: Inverse(AffineAutoregressive(6)), 6, 1),
        (lambda: AffineCoupling(6), 1, 1),
        (lambda: LinearAutoregressive(6), 0, 0),
    ],
)
def test_which_direction_costs_d_passes(make, there, back):
    transform = make()
    counter, z = Counter(transform), torch.randn(2, 6)
    transform.forward_and_log_det(z)
    assert counter.calls == there
    transform.inverse_and_log_det(z)
    assert counter.calls == there + back


@settings(max_examples=60)
@given(dim=st.integers(1, 7), context=st.integers(0, 2), extra=st.integers(0, 5), depth=st.integers(1, 3))
def test_made_is_autoregressive_and_uses_every_entry_that_it_may(dim, context, extra, depth):
    network = moved(made(dim, 2, (dim + extra,) * depth, context))
    h = torch.randn(context).double() if context else None
    J = torch.autograd.functional.jacobian(lambda z: network(z, h), torch.randn(dim).double())
    for of_one in J.split(dim):
        assert not of_one.triu().any(), "an output sees its own entry, or a later one"
    seen = torch.stack([torch.autograd.functional.jacobian(lambda z: network(z, h), torch.randn(dim).double())
                        for _ in range(3)]).abs().amax(0)  # fmt: skip
    below = torch.ones(dim, dim).tril(-1).bool()
    assert all((of_one[below] > 0).all() for of_one in seen.split(dim))


def test_masks_with_the_inequalities_swapped_are_noticed():
    """`>` into the hidden layer and `>=` out of it: outputs would see their own entry."""
    network = moved(made(3, 1, (6,)))
    network.rest[-1].mask[0, :] = 1  # output 1 sees all hidden units
    J = torch.autograd.functional.jacobian(network, torch.randn(3).double())
    assert J.triu().any()


def test_a_masked_layer_is_no_linear_layer():
    """What stacks `nn.Linear`s (`fit_sweep`) would lose its mask."""
    layer = MaskedLinear(torch.tensor([[True, False]]))
    assert not isinstance(layer, nn.Linear)
    layer(torch.randn(3, 2)).sum().backward()
    assert layer.weight.grad[0, 1] == 0
    assert "mask" not in layer.state_dict()


def test_known_values():
    affine = Affine(2)
    affine.shift.data, affine.log_scale.data = torch.tensor([1.0, 0.0]), torch.tensor([0.0, math.log(3)])
    y, log_det = affine.forward_and_log_det(torch.tensor([1.0, 1.0]))
    torch.testing.assert_close(y, torch.tensor([2.0, 3.0]))
    torch.testing.assert_close(log_det, torch.tensor(math.log(3)))
    linear = LinearAutoregressive(3)
    linear.below.data = torch.tensor([2.0, 3.0, 5.0])
    assert torch.equal(linear.matrix(), torch.tensor([[1.0, 0, 0], [2, 1, 0], [3, 5, 1]]))
    assert torch.equal(linear(torch.tensor([1.0, 10, 100])), torch.tensor([1.0, 12, 153]))
    coupling, flipped = AffineCoupling(3), AffineCoupling(3, flip=True)
    for step, kept in ((coupling, [0]), (flipped, [1, 2])):
        moved(step, torch.float32)
        z = torch.randn(5, 3)
        changed = (step(z) != z).any(0)
        assert [i for i in range(3) if not changed[i]] == kept


def test_scales_stay_within_a_thousand():
    values = bounded(torch.tensor([-1e30, -1e3, -1.0, 0.0, 1.0, 1e3, 1e30]))
    assert (values.diff() > 0).all() and values[3] == 0
    torch.testing.assert_close(values[[0, -1]], torch.tensor([-6.9, 6.9]))
    assert full_precision(torch.zeros(1, dtype=torch.bfloat16)).dtype == torch.float32
    step = moved(AffineAutoregressive(4), torch.float32, size=100)
    y, log_det = step.forward_and_log_det(torch.randn(50, 4))
    assert y.isfinite().all() and log_det.isfinite().all() and log_det.abs().max() < 4 * 6.91


def test_a_single_dimension():
    for step in (AffineAutoregressive(1, context=2), LinearAutoregressive(1, context=2), Permutation([0])):
        z, h = torch.randn(5, 1), torch.randn(5, 2)
        y, log_det = step.forward_and_log_det(z, h)
        assert y.shape == (5, 1) and log_det.shape == (5,)
        torch.testing.assert_close(step.inverse_and_log_det(y, h)[0], z)


def test_messages():
    with pytest.raises(ValueError, match=r"built for a context \[..., 3\], got None"):
        AffineAutoregressive(2, context=3)(torch.zeros(2))
    with pytest.raises(ValueError, match=r"built for a context \[..., 3\], got \[5, 4\]"):
        Affine(2, context=3)(torch.zeros(2), torch.zeros(5, 4))
    with pytest.raises(ValueError, match="at least 2 dimensions, got 1"):
        AffineCoupling(1)
    with pytest.raises(ValueError, match="each of 0 to 2 once"):
        Permutation([0, 2, 2])
    with pytest.raises(ValueError, match="at least 5 units, one of each degree"):
        AffineAutoregressive(6, hidden=(4,))
    with pytest.raises(ValueError, match="needs a hidden layer"):
        plain(2, 2, hidden=())
    with pytest.raises(NotImplementedError):
        from vae_helpers import Transform

        Transform()(torch.zeros(2))
