"""Evaluation: weighted means, importance sampling against the exact answer, bounded memory."""

import math
import subprocess
import sys
from functools import partial

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.training.test_loop import small_vae
from vae_helpers import (
    active_units,
    effective_sample_size,
    evaluate,
    importance_log_prob,
    importance_nll,
    kl_per_dimension,
    log_weights,
    posterior_parameters,
)
from vae_helpers.objectives import importance


def test_every_image_counts_once(linear_gaussian):
    model, x, _ = linear_gaussian
    model.train()

    def pixels(model, x):
        assert not model.training and not torch.is_grad_enabled()
        return x.sum(1)

    assert evaluate(model, x, pixels, batch_size=3) == pytest.approx({"value": x.sum().item() / 7})
    assert model.training


def test_elbo_is_evaluated_with_samples_not_with_the_mean(linear_gaussian):
    model, x, log_p = linear_gaussian
    many = x.repeat(2000, 1)
    expected, error = (
        log_p.mean().item(),
        5 * 3 / math.sqrt(len(many)),
    )  # a sample's deviation is under 3 nats
    assert evaluate(model, many)["value"] == pytest.approx(expected, abs=error)


def test_importance_sampling_is_exact_with_the_exact_posterior(linear_gaussian):
    model, x, log_p = linear_gaussian
    torch.testing.assert_close(importance_log_prob(model, x, k=3), log_p)
    assert importance_nll(model, x, k=3) == pytest.approx(-log_p.mean().item())


def test_importance_sampling_converges_from_another_proposal(linear_gaussian):
    model, x, log_p = linear_gaussian
    model.encoder.widen = 0.5
    log_w = log_weights(model, x, 20_000)
    relative = (log_w - log_p).exp().std(0) / math.sqrt(20_000)  # standard error of the mean weight
    estimate = importance_log_prob(model, x, k=20_000)
    assert ((estimate - log_p).abs() < 5 * relative).all()


@pytest.mark.parametrize(("chunk", "k"), [(1, 7), (40, 7), (105, 7), (100, 1), (10**9, 7)])
def test_chunks_change_nothing(linear_gaussian, monkeypatch, chunk, k):
    """The same weights, whatever the chunks, give the log of their mean."""
    model, x, _ = linear_gaussian
    stream, sizes = torch.randn(k, len(x), dtype=torch.float64), []

    def weights(model, batch, size, q):
        rows = [int((x == row).all(1).nonzero()[0]) for row in batch]
        done = counts.setdefault(tuple(rows), 0)
        counts[tuple(rows)] = done + size
        sizes.append(size * batch.numel())
        return stream[done : done + size, rows]

    counts = {}
    monkeypatch.setattr(importance, "log_weights", weights)
    monkeypatch.setattr(importance, "PIXELS_AT_ONCE", chunk)
    torch.testing.assert_close(importance_log_prob(model, x, k), stream.logsumexp(0) - math.log(k))
    assert set(counts.values()) == {k} and max(sizes) <= max(chunk, 5)


def test_memory_stays_bounded():
    """At once, 5,000 samples of 20 images would need 314 MB for each of several tensors, 500 of 1,000 five times so."""
    code = """
import resource, torch
from functools import partial
from vae_helpers import VAE, Bernoulli, MLPDecoder, MLPEncoder, evaluate, importance_nll, iwae_bound
torch.manual_seed(0)
model = VAE(MLPEncoder(2, hidden=(4,)), MLPDecoder(2, hidden=(4,)), Bernoulli(), 2)
few, many = torch.rand(20, 1, 28, 28), torch.rand(1000, 1, 28, 28)
importance_nll(model, few, k=10)
evaluate(model, many, partial(iwae_bound, k=1))
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
before = peak()
importance_nll(model, few, k=5000)
importance_nll(model, many.repeat(3, 1, 1, 1), k=60)
evaluate(model, many[:, :, :14, :14].repeat(1, 1, 2, 2), partial(iwae_bound, k=500))
print((peak() - before) // 1024)
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    # MB: some six tensors of a piece of 16 MB at a time, and once more while the heap finds its form (macOS: bytes)
    assert int(run.stdout) < 200


def test_every_modules_mode_is_put_back(linear_gaussian):
    model, x, _ = linear_gaussian
    model.train()
    model.encoder.eval()
    evaluate(model, x)
    assert model.training and model.decoder.training and not model.encoder.training


def test_what_cannot_be_evaluated(linear_gaussian):
    model, x, _ = linear_gaussian
    for images, error, message in (
        (x[:0], ValueError, "N of at least 1"),
        (x.long(), TypeError, "float tensor"),
        (x.numpy(), TypeError, "torch.as_tensor"),
    ):
        for measure in (evaluate, importance_nll, kl_per_dimension, active_units):
            with pytest.raises(error, match=message):
                measure(model, images)
    with pytest.raises(ValueError, match="k must be at least 1"):
        importance_log_prob(model, x, 0)


def test_images_of_another_precision_are_converted():
    model, x = small_vae(), torch.rand(7, 1, 3, 4)
    for measure in (evaluate, partial(importance_nll, k=2), kl_per_dimension, active_units, posterior_parameters):
        measure(model.float(), x.double())
        measure(model.double(), x.float())


def test_effective_sample_size_of_weights_that_are_equal_or_one_or_known():
    rows = torch.tensor([[1.0, 1.0, 1.0, 1.0], [1.0, 0.0, 0.0, 0.0], [1.0, 1.0, 0.0, 0.0], [3.0, 1.0, 1.0, 1.0]])
    expected = torch.tensor([4.0, 1.0, 2.0, 36 / 12])
    torch.testing.assert_close(effective_sample_size(rows.T.log() - 1000), expected, rtol=1e-3, atol=0)
    assert effective_sample_size(torch.zeros(7, 2, 3)).shape == (2, 3)


@given(st.integers(1, 30), st.integers(0, 1000), st.floats(0, 20))
def test_effective_sample_size_is_between_1_and_k(k, seed, spread):
    log_w = spread * torch.randn(k, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    size = effective_sample_size(log_w)
    assert (size >= 1 - 1e-9).all() and (size <= k * (1 + 1e-9)).all()
    torch.testing.assert_close(size, 1 / torch.softmax(log_w, 0).square().sum(0))


def test_effective_sample_size_predicts_the_error_of_the_mean_weight(linear_gaussian):
    """Var[w] / E[w]^2 is about K / ESS - 1; for a widened q the first is known in closed form.

    Per dimension with q wider by c = e^0.5 in variance, E[w^2] / E[w]^2 = c / sqrt(2 c - 1).
    """
    model, x, _ = linear_gaussian
    model.encoder.widen, c = 0.5, math.exp(0.5)
    size = effective_sample_size(log_weights(model, x, 50_000)).detach()
    torch.testing.assert_close(50_000 / size, torch.full_like(size, (c / math.sqrt(2 * c - 1)) ** 3), rtol=0.03, atol=0)
