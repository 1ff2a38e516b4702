"""The codebook: nearest codes, which term moves what, running means, revival, and nothing outside `fit`."""

import math
from copy import deepcopy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.cluster import KMeans
from torch import nn
from vector_quantize_pytorch import VectorQuantize

from vae_helpers import evaluating, fitting
from vae_helpers.models.quantised.codebook import Codebook, nearest, spread


def steps(codebook, batches):
    """Every batch once, as `fit` would."""
    codebook.train()
    with fitting(codebook) as after_step:
        for z in batches:
            codebook(z)
            after_step()


def quiet(size=6, dim=4, **options):
    """A codebook in float64 without a start from data, and without revival."""
    return Codebook(size, dim, **{"start_from_data": False, "revive": 0.0} | options).double()


@given(seed=st.integers(0, 10**6), n=st.integers(1, 20), size=st.integers(1, 9), dim=st.integers(1, 5),
       away=st.sampled_from([0.0, 1e4]))  # fmt: skip
def test_nearest_is_nearest(seed, n, size, dim, away):
    torch.manual_seed(seed)
    z, codes = torch.randn(n, dim).double() + away, torch.randn(size, dim).double() + away
    distances = (z[:, None] - codes).square().sum(-1)  # [N, K], one by one
    assert torch.equal(distances.gather(1, nearest(z, codes)[:, None])[:, 0], distances.amin(1))


def test_far_from_zero_float32_keeps_its_digits():
    codes = torch.arange(10.0)[:, None] + 4096
    assert torch.equal(nearest(codes + 0.25, codes), torch.arange(10))


@pytest.mark.parametrize("shape", [(5,), (1, 3), (2, 3, 4), (2, 1, 3, 2)])
@pytest.mark.parametrize("update", ["ema", "loss"])
def test_shapes_and_values(shape, update):
    codebook = quiet(update=update)
    z = torch.randn(*shape, 4).double()
    found = codebook(z)
    assert found.values.shape == z.shape
    assert found.indices.shape == found.codebook.shape == found.commitment.shape == shape
    assert torch.equal(found.values, codebook.lookup(found.indices))
    torch.testing.assert_close(found.commitment, (z - found.values).square().sum(-1))
    expected = found.commitment if update == "loss" else torch.zeros(shape).double()
    torch.testing.assert_close(found.codebook, expected)


def test_channels_in_the_wrong_place_are_refused():
    with pytest.raises(ValueError, match=r"C = 4, got shape \[5, 4, 7, 7\].*movedim"):
        quiet()(torch.randn(5, 4, 7, 7).double())


def test_each_term_moves_what_it_should():
    """By hand: codebook 2 (e - z) to the codes and nothing to z; commitment 2 (z - e) to z and nothing to the codes."""
    codebook = quiet(update="loss")
    z = torch.randn(7, 4).double().requires_grad_()
    found = codebook(z)
    error = (found.values - z).detach()  # e - z
    to_codes = torch.zeros(6, 4).double().index_add_(0, found.indices, 2 * error)
    expected = {
        "codebook": (to_codes, None),
        "commitment": (None, -2 * error),
        "values": (None, torch.ones(7, 4).double()),
    }
    for term, gradients in expected.items():
        got = torch.autograd.grad(getattr(found, term).sum(), (codebook.codes, z), allow_unused=True, retain_graph=True)
        for a, b in zip(got, gradients, strict=True):
            assert (a is None) == (b is None), term
            if b is not None:
                torch.testing.assert_close(a, b)


@pytest.mark.parametrize("start", [1, 2, 3])
def test_full_batches_without_memory_are_k_means(start):
    torch.manual_seed(start)
    z = torch.cat([torch.randn(60, 2) + 4 * torch.randn(2) for _ in range(5)]).double()
    codebook = quiet(5, 2, decay=0.0)
    codebook.codes.copy_(z[torch.randperm(len(z))[:5]])
    by_sklearn = KMeans(5, init=codebook.codes.numpy(), n_init=1, max_iter=100, tol=0.0).fit(z.numpy())
    steps(codebook, [z] * 100)
    torch.testing.assert_close(codebook.codes, torch.from_numpy(by_sklearn.cluster_centers_), rtol=1e-5, atol=1e-5)
    assert codebook(z).commitment.sum().item() == pytest.approx(by_sklearn.inertia_, rel=1e-6)


def test_the_running_mean_by_its_sum():
    """code = (decay^T e_0 + (1 - decay) sum_t decay^(T - t) sum of z) / the same with counts."""
    codebook, decay = quiet(decay=0.9), 0.9
    before, batches = codebook.codes.clone(), list(torch.randn(12, 30, 4).double())
    indices = []
    codebook.train()
    with fitting(codebook) as after_step:
        for z in batches:
            indices.append(codebook(z).indices)
            after_step()
    weights = [(1 - decay) * decay ** (11 - t) for t in range(12)]
    for k in range(6):
        count = decay**12 + sum(w * (i == k).sum() for w, i in zip(weights, indices, strict=True))
        total = decay**12 * before[k] + sum(
            w * z[i == k].sum(0) for w, i, z in zip(weights, indices, batches, strict=True)
        )
        torch.testing.assert_close(codebook.codes[k], total / count, rtol=1e-4, atol=1e-4)
        assert codebook.counts[k].item() == pytest.approx(count.item())


def test_a_code_that_nothing_chooses_stays_where_it_is():
    """However long: with counts that start from 0, or are floored, it jumps or shrinks away."""
    codebook = Codebook(3, 2, start_from_data=False, revive=0.0)
    codebook.codes.copy_(torch.tensor([[0.0, 0.0], [1.0, 1.0], [500.0, -300.0]]))
    codebook.sums.copy_(codebook.codes)
    steps(codebook, [torch.rand(20, 2) for _ in range(3000)])
    torch.testing.assert_close(codebook.codes[2], torch.tensor([500.0, -300.0]))
    assert codebook.codes[:2].abs().max() < 1.1


def test_quantised_before_updated():
    """What a batch is given are the codes of before; the update comes after the step."""
    codebook, z = quiet(decay=0.0), torch.randn(30, 4).double()
    before = codebook.codes.clone()
    codebook.train()
    with fitting(codebook) as after_step:
        values = codebook(z).values
        assert torch.equal(codebook.codes, before) and torch.equal(values, before[nearest(z, before)])
        after_step()
    assert not torch.equal(codebook.codes, before)


@pytest.mark.parametrize("update", ["ema", "loss"])
def test_nothing_moves_outside_fit(update):
    codebook = Codebook(6, 4, update=update)
    before, z = deepcopy(codebook.state_dict()), torch.randn(30, 4)
    codebook.train()(z)  # training mode, but nobody fits
    codebook.after_step()
    with fitting(codebook) as after_step, evaluating(codebook):
        codebook(z)  # validation within fit
        after_step()
    codebook.eval()(z)
    for name, value in codebook.state_dict().items():
        assert torch.equal(value, before[name]), name
    assert codebook.last_batch is None


def test_the_start_is_from_data_and_spread_out():
    """Nine tenths of the vectors are one and the same: drawn evenly, most codes would be."""
    z = torch.cat([torch.zeros(900, 2), 10 * torch.randn(100, 2)])
    codebook = Codebook(20, 2, revive=0.0).train()
    with fitting(codebook):
        found = codebook(z)
    assert len(found.indices.unique()) == 20 and codebook.started
    assert (codebook.codes[:, None] == z).all(-1).any(1).all()


def test_seeding_draws_in_proportion_to_squared_distance():
    """From 0, 0, 1 and 3, the first at 0: the second is 3 with probability 9/10."""
    z, second = torch.tensor([[0.0], [0.0], [1.0], [3.0]]), []
    while len(second) < 2000:
        first, other = spread(z, 2)[:, 0].tolist()
        if first == 0:
            second.append(other)
    share = second.count(3.0) / 2000
    assert abs(share - 0.9) < 5 * math.sqrt(0.09 / 2000) and second.count(0.0) == 0


def test_a_stored_start_is_not_made_again():
    codebook = Codebook(6, 4).train()
    steps(codebook, [torch.randn(50, 4)])
    again = Codebook(6, 4).train()
    again.load_state_dict(codebook.state_dict())
    with fitting(again):
        again(torch.randn(50, 4) + 9)
    assert torch.equal(again.codes, codebook.codes)


@pytest.mark.parametrize("update", ["ema", "loss"])
def test_dead_codes_come_back_with_their_statistics(update):
    codebook = Codebook(4, 2, update=update, start_from_data=False, revive=0.1, decay=0.5)
    with torch.no_grad():
        codebook.codes.copy_(torch.tensor([[0.0, 0.0], [900.0, 0.0], [0.0, 900.0], [1.0, 1.0]]))
        codebook.sums.copy_(codebook.codes)
    z = torch.rand(64, 2)
    steps(codebook, [z] * 8)
    assert codebook.codes.abs().max() < 2 and len(codebook(z).indices.unique()) == 4
    # the statistics belong to the codes: one more step without data near them would leave them there
    if update == "ema":
        torch.testing.assert_close(codebook.sums / codebook.counts[:, None], codebook.codes, rtol=1e-3, atol=1e-3)


def test_a_code_in_use_is_not_revived():
    codebook = Codebook(4, 1, start_from_data=False, revive=0.1)
    with torch.no_grad():
        codebook.codes.copy_(torch.arange(4.0)[:, None])
        codebook.sums.copy_(codebook.codes)
    steps(codebook, [torch.arange(4.0)[:, None].repeat(10, 1)] * 50)
    torch.testing.assert_close(codebook.codes, torch.arange(4.0)[:, None], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("gradient", ["straight-through", "rotation"])
@pytest.mark.parametrize("update", ["ema", "loss"])
def test_as_the_oracle_has_it(update, gradient):
    """vector-quantize-pytorch, told what its defaults are not: decay 0.9, no revival.

    Its loss is a mean over all numbers, ours a sum over C; with learnable codes it has one term that moves both.
    """
    dim, size, ema = 4, 6, update == "ema"
    oracle = VectorQuantize(
        dim, size, decay=0.9, eps=1e-9, threshold_ema_dead_code=0, rotation_trick=gradient == "rotation",
        learnable_codebook=not ema, ema_update=ema,
    ).double().train()  # fmt: skip
    codebook = quiet(size, dim, update=update, decay=0.9, gradient=gradient)
    codebook.smoothing = 1e-9
    with torch.no_grad():
        codebook.codes.copy_(oracle._codebook.embed[0])
        codebook.sums.copy_(codebook.codes)
    codebook.train()
    with fitting(codebook) as after_step:
        for z in 0.3 * torch.randn(8, 5, 7, dim).double():
            mine, theirs, weight = z.clone().requires_grad_(), z.clone().requires_grad_(), torch.randn_like(z)
            found, (values, indices, loss) = codebook(mine), oracle(theirs)
            assert torch.equal(found.indices, indices)
            torch.testing.assert_close(found.values, values, rtol=1e-5, atol=1e-6)
            torch.testing.assert_close(found.commitment.sum() / z.numel(), loss.sum(), rtol=1e-5, atol=1e-6)
            ours = (found.values * weight).sum() + (found.commitment + found.codebook).sum() / z.numel()
            ours.backward()
            ((values * weight).sum() + loss.sum()).backward()
            torch.testing.assert_close(mine.grad, theirs.grad, rtol=1e-5, atol=1e-5)
            if not ema:
                torch.testing.assert_close(codebook.codes.grad, oracle._codebook.embed.grad[0], rtol=1e-6, atol=1e-8)
            after_step()
            torch.testing.assert_close(codebook.codes, oracle._codebook.embed[0], rtol=1e-6, atol=1e-6)


def test_a_codebook_is_stored_and_moved_with_its_model():
    model = nn.Sequential(nn.Linear(3, 4), Codebook(6, 4))
    assert {"1.codes", "1.counts", "1.sums", "1.started"} <= set(model.state_dict())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(size=0), "at least 1, got 0"),
        (dict(update="kmeans"), "'ema' or 'loss', got 'kmeans'"),
        (dict(gradient="st"), "'straight-through', 'rotation', got 'st'"),
        (dict(decay=1.0), "below 1, got 1.0"),
    ],
)
def test_wrong_options_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        Codebook(**dict(size=6, dim=4) | options)
