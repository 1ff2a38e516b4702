"""fit_sweep(): every model learns what it would learn alone."""

from copy import deepcopy
from functools import partial

import pytest
import torch

from vae_helpers import (
    ELBO,
    VAE,
    Bernoulli,
    Gaussian,
    LongRun,
    MLPDecoder,
    MLPEncoder,
    elbo,
    fit,
    fit_sweep,
    iwae_bound,
)
from vae_helpers.models.latent_distributions import kl_to_prior

SHAPE = (1, 3, 4)
QUIET = {"progress": False, "device": "cpu"}


def small_vae(hidden=(8, 5), likelihood=None):
    networks = MLPEncoder(2, SHAPE, hidden), MLPDecoder(2, SHAPE, hidden[::-1])
    return VAE(*networks, likelihood or Bernoulli(), 2).double()


def without_noise(model, x, beta=1.0, gamma=0.0):
    """The ELBO with the posterior mean in place of a sample: training repeats itself exactly."""
    q = model.posterior(x)
    reconstruction, kl = model.decode(q.mean).log_prob(x), kl_to_prior(q, model.prior, q.mean)
    return ELBO(reconstruction - beta * kl - gamma * q.mean.square().sum(1), reconstruction, kl)


def weights(model):
    return torch.cat([p.detach().flatten() for p in model.parameters()])


@pytest.mark.parametrize("one_cycle", [True, False])
def test_each_model_learns_what_it_learns_alone(one_cycle):
    torch.manual_seed(0)
    images, betas, gammas = torch.rand(50, *SHAPE).double(), [0.0, 1.0, 4.0], [0.0, 0.5, 0.1]
    together = [small_vae() for _ in betas]
    alone = deepcopy(together)
    options = {"epochs": 6, "batch_size": 16, "one_cycle": one_cycle, **QUIET}
    for model, beta, gamma in zip(alone, betas, gammas, strict=True):
        torch.manual_seed(7)  # the same batches
        fit(model, images, partial(without_noise, beta=beta, gamma=gamma), **options)
    torch.manual_seed(7)
    fit_sweep(together, images, without_noise, {"beta": betas, "gamma": gammas}, **options)
    for a, b in zip(alone, together, strict=True):
        # Adam divides by the gradient's size, so rounding (1e-16) grows where gradients are small.
        torch.testing.assert_close(weights(a), weights(b), rtol=0, atol=1e-9)
    assert (weights(together[0]) - weights(together[1])).abs().max() > 1e-3  # and they do differ


def test_the_objective_sees_the_batch_once_per_model():
    """The first model's rows first: an objective of one's own may take means within a model's rows."""
    images, seen = torch.rand(7, *SHAPE).double(), []

    def watched(model, x):
        seen.append(x.unflatten(0, (3, -1)))
        return without_noise(model, x)

    fit_sweep([small_vae() for _ in range(3)], images, watched, epochs=1, batch_size=7, **QUIET)
    assert seen[0].shape == (3, 7, *SHAPE) and all(torch.equal(part, seen[0][0]) for part in seen[0])


def test_the_noise_is_each_models_own():
    torch.manual_seed(0)
    first = small_vae()
    pair = [first, deepcopy(first)]
    fit_sweep(pair, torch.rand(20, *SHAPE).double(), epochs=2, **QUIET)
    assert not torch.equal(weights(pair[0]), weights(pair[1]))


def test_history_is_the_sum_and_schedules_and_validation_pass_through():
    torch.manual_seed(0)
    models, images = [small_vae(), small_vae()], torch.rand(20, *SHAPE).double()
    seen = []

    def watched(model, x, beta, warmth=1.0):
        seen.append((len(x), beta.tolist(), warmth))
        return without_noise(model, x, beta * warmth)

    history = fit_sweep(
        models, images, watched, {"beta": [1.0, 2.0]}, epochs=1, batch_size=10,
        schedules={"warmth": lambda t: t}, validation=images[:4], one_cycle=False, **QUIET,
    )  # fmt: skip
    assert [size for size, *_ in seen] == [20, 20, 8]
    assert seen[0][1] == [1.0] * 10 + [2.0] * 10 and [warmth for *_, warmth in seen] == [0.0, 0.5, 1.0]
    apart = [without_noise(m, images[:4], b).value.mean().item() for m, b in zip(models, (1.0, 2.0), strict=True)]
    assert history.validation[0]["value"] == pytest.approx(sum(apart), rel=1e-9)


def test_interrupted_the_models_keep_what_they_learned():
    models, calls = [small_vae(), small_vae()], []
    before = [weights(model) for model in models]

    def interrupt(model, x):
        calls.append(0)
        if len(calls) == 7:
            raise KeyboardInterrupt
        return elbo(model, x)

    with pytest.raises(KeyboardInterrupt):
        fit_sweep(models, torch.rand(20, *SHAPE).double(), interrupt, batch_size=4, **QUIET)
    for model, old in zip(models, before, strict=True):
        assert not torch.equal(weights(model), old) and len(model.history.train) == 1 and not model.training


def test_several_samples_per_image_and_evaluation_mode():
    models = [small_vae(), small_vae()]
    fit_sweep(models, torch.rand(20, *SHAPE).double(), partial(iwae_bound, k=3), epochs=1, **QUIET)
    assert not any(model.training for model in models)
    assert all(elbo(model, torch.rand(5, *SHAPE).double()).value.isfinite().all() for model in models)


@pytest.mark.parametrize(
    ("models", "options", "error", "message"),
    [
        ([], {}, ValueError, "at least one"),
        ([small_vae(), small_vae((8, 6))], {}, ValueError, "same layer sizes"),
        ([small_vae()], {"settings": {"beta": [1.0, 2.0]}}, ValueError, "one beta per model, 1, got 2"),
        ([small_vae()], {"long_run": LongRun(clip_norm=1.0)}, ValueError, "one by one"),
        ([small_vae(likelihood=Gaussian("learned"))], {}, TypeError, "only linear layers.*likelihood"),
        ([small_vae(likelihood=Gaussian(s)) for s in (0.1, 0.2)], {}, ValueError, "log_var"),
        (
            [small_vae(likelihood=Gaussian("optimal")) for _ in "ab"],
            {},
            TypeError,
            "follows the batches.*train with fit",
        ),
    ],
)
def test_what_cannot_be_trained_together(models, options, error, message):
    with pytest.raises(error, match=message):
        fit_sweep(models, torch.rand(20, *SHAPE).double(), **options, **QUIET)
