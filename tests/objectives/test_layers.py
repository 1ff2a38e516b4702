"""Objectives for layers: their terms written out, what they have in common, and known mistakes."""

import pytest
import torch

from tests.models.hierarchy.linear import ExactResidual, Truth
from tests.models.hierarchy.test_hierarchy import KINDS, SHAPE, build, every
from vae_helpers import balanced_elbo, elbo, evaluate, layer_elbo, layer_free_bits, layer_kls
from vae_helpers.objectives.elbo import log_likelihood


def terms(model, x, seed=3):
    torch.manual_seed(seed)
    z, kl = layer_kls(model, x)
    return log_likelihood(model, x, z), kl


def same(objective, model, x, seed=3, **options):
    torch.manual_seed(seed)
    return objective(model, x, **options)


@every
def test_the_objectives_written_out(kind):
    model, x = build(kind).double(), torch.rand(5, *SHAPE).double()
    reconstruction, kl = terms(model, x)
    mean = kl.mean(1)
    gamma = (mean.abs() + 0.01) / torch.tensor([4.0, 3.0, 2.0])
    gamma = gamma / gamma.sum() * 3
    expected = {
        (layer_elbo, ()): kl.sum(0),
        (layer_elbo, (("beta", 0.3),)): 0.3 * kl.sum(0),
        (layer_free_bits, (("threshold", 0.2), ("beta", 2.0))): 2 * mean.clamp(min=0.2).sum(),
        (layer_free_bits, (("threshold", 0.0),)): mean.clamp(min=0).sum(),
        (balanced_elbo, ()): kl.sum(0),
        (balanced_elbo, (("beta", 0.5),)): 0.5 * (gamma[:, None] * kl).sum(0),
    }
    for (objective, options), cost in expected.items():
        got = same(objective, model, x, **dict(options))
        torch.testing.assert_close(got.value, reconstruction - cost)
        torch.testing.assert_close(got.reconstruction, reconstruction)
        torch.testing.assert_close(got.kl, kl.sum(0))
        for t in range(3):
            torch.testing.assert_close(getattr(got, f"kl_{t + 1}"), kl[t])


def test_a_weight_for_each_layer_and_for_each_row():
    model, x = build("ladder"), torch.rand(5, *SHAPE)
    reconstruction, kl = terms(model, x)
    weights = torch.tensor([[1.0], [0.5], [0.0]])
    got = same(layer_elbo, model, x, beta=weights)
    torch.testing.assert_close(got.value, reconstruction - kl[0] - 0.5 * kl[1])
    rows = torch.rand(5)
    torch.testing.assert_close(same(layer_elbo, model, x, beta=rows).value, reconstruction - rows * kl.sum(0))


@every
def test_all_are_the_elbo_on_average(kind):
    model, x = build(kind).double(), torch.rand(3, *SHAPE).double()
    many = x.repeat(5000, 1, 1, 1)
    draws = {f: f(model, many).value.detach().view(5000, 3) for f in (elbo, layer_elbo, balanced_elbo)}
    for f in (layer_elbo, balanced_elbo):
        error = (draws[f].var(0) + draws[elbo].var(0)).sqrt() / 5000**0.5
        assert ((draws[f].mean(0) - draws[elbo].mean(0)).abs() < 5 * error).all()


def test_free_bits_are_given_to_the_mean_of_a_batch_not_to_each_image():
    truth = Truth()
    model, x = truth.model(ExactResidual), truth.x.sample((50,))
    _, kl = terms(model, x)
    threshold = kl[1].mean().item()  # between images' own
    assert kl[1].min() < threshold < kl[1].max()
    got = same(layer_free_bits, model, x, threshold=threshold)
    cost = (got.reconstruction - got.value)[0]
    torch.testing.assert_close(cost, kl[0].mean().clamp(min=threshold) + threshold)
    wrong = kl.clamp(min=threshold).mean(1).sum()
    assert wrong - cost > 0.01
    assert same(layer_free_bits, model, x, threshold=threshold).value.mean() <= same(layer_elbo, model, x).value.mean()
    with pytest.raises(ValueError, match="at least 0, got -1"):
        layer_free_bits(model, x, -1)


def test_free_bits_stop_a_layer_s_gradient_below_the_threshold():
    model, x = build("residual"), torch.rand(5, *SHAPE)
    _, kl = terms(model, x)
    total = same(layer_free_bits, model, x, threshold=1e6)
    (total.reconstruction - total.value).sum().backward()
    assert all(p.grad is None or not p.grad.any() for p in model.parameters()), "nothing is dear here"


def test_balancing_makes_the_layer_dear_that_spends_most():
    truth = Truth()
    model, x = truth.model(ExactResidual), truth.x.sample((50,))
    with torch.no_grad():
        model.encoder.heads[0].bias[:3] += 1  # z_1 spends much more than z_2
    reconstruction, kl = terms(model, x)
    mean = kl.mean(1)
    got = same(balanced_elbo, model, x, beta=0.5)
    cost = 2 * (reconstruction - got.value).mean()
    per_code = mean / torch.tensor([3.0, 2.0])
    gamma = 2 * per_code / per_code.sum()
    torch.testing.assert_close(cost, (gamma * mean).sum(), rtol=0.01, atol=0)
    assert gamma[0] > 1.5 and cost > 1.2 * mean.sum() > 1.2 * (gamma.flip(0) * mean).sum()
    # without gradient in gamma
    model.zero_grad()
    (0.5 * cost).backward()
    slope = model.encoder.heads[0].bias.grad.clone()
    model.zero_grad()
    _, kl = terms(model, x)
    (reconstruction_now, _) = terms(model, x)
    (reconstruction_now.mean() - (reconstruction_now.mean() - 0.5 * (gamma.detach() * kl.mean(1)).sum())).backward()
    torch.testing.assert_close(model.encoder.heads[0].bias.grad, slope, rtol=0.05, atol=1e-3)


def test_evaluation_takes_every_image_once():
    for kind in KINDS:
        model, images = build(kind), torch.rand(25, *SHAPE)
        torch.manual_seed(0)
        got = evaluate(model, images, layer_elbo, batch_size=10)
        assert set(got) == {"value", "reconstruction", "kl", "kl_1", "kl_2", "kl_3"}
