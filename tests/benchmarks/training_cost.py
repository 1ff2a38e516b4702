"""What training costs: a step above its floor, an epoch and the way to a quality beside the peers, lower precision."""

import math
import statistics
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from vae_helpers import (
    VAE,
    Bernoulli,
    ConvDecoder,
    ConvEncoder,
    Gaussian,
    Images,
    LongRun,
    MLPDecoder,
    MLPEncoder,
    elbo,
    evaluate,
    fit,
    iwae_bound,
    seed_everything,
    start_at_mean,
)
from vae_helpers.device import fast_bfloat16
from vae_helpers.objectives.elbo import log_likelihood

from . import libraries
from .floors import floor_of, linear_layers, products
from .measuring import BATCH, DEVICE, fit_epoch, interleaved, ratios, rounds, seconds, vae
from .peers import loader_loop, plain_loop, test_loss

STEPS = 96  # in a row: a `fit` begins by making the state of Adam, which an epoch does not notice
RECIPE = {"epochs": 4, "batch_size": 300, "lr": 1.2e-2}  # where time counts; also `start_at_mean`
PEERS = {"loader loop": loader_loop, "plain loop": plain_loop, **libraries.INSTALLED}
PRECISIONS = {"": LongRun()} | ({" (bfloat16)": LongRun(autocast=True)} if fast_bfloat16(DEVICE) else {})


def recipe(images: Tensor, long_run: LongRun) -> VAE:
    """A model trained where time counts."""
    model = vae()
    start_at_mean(model, images)
    fit(model, images, progress=False, long_run=long_run, **RECIPE)
    return model


def steps(data: Images) -> dict:
    """A training step: both loops by hand, fit, compiled fit, fit with bfloat16, floor."""
    images, labels = data.train[: STEPS * BATCH], data.train_labels[: STEPS * BATCH]
    loops = {name: PEERS[name](images, labels)[1] for name in ("loader loop", "plain loop")}
    model, images = vae(), images.to(DEVICE)
    floor, found = floor_of(model, BATCH), {}
    timed = {name: lambda train=train: train(1)[0] for name, train in loops.items()}
    timed |= {"fit": lambda: fit_epoch(model, images), "floor": lambda: seconds(floor, times=STEPS)}
    variants = {"compiled": LongRun(compile=True)}
    if fast_bfloat16(DEVICE):
        variants |= {"bfloat16": LongRun(autocast=True), "bfloat16 compiled": LongRun(autocast=True, compile=True)}
    for name, long_run in variants.items():
        other = vae()
        waited = seconds(lambda other=other, long_run=long_run: fit_epoch(other, images[:BATCH], long_run=long_run))
        if long_run.compile:
            found[f"step: seconds to compile ({name})"] = waited
        timed[name] = lambda other=other, long_run=long_run: fit_epoch(other, images, long_run=long_run)
    measured = interleaved(rounds(10), **timed)
    for name in ("fit", *variants, "plain loop"):
        found[f"step: {name} / floor"] = ratios(measured[name], measured["floor"])
    return found | {f"step: {k} (ms, median)": 1000 * statistics.median(v) / STEPS for k, v in measured.items()}


def parts(data: Images) -> dict:
    """A step built up from its matrix products, part by part; each figure has the ones before it in it."""
    model, x = vae(), data.train[:BATCH].to(DEVICE)
    layers = linear_layers(model.encoder, model.decoder)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-6, fused=True)
    gradient = torch.randn(BATCH, 1, 28, 28, device=DEVICE)

    def step(forward: Callable[[], Tensor], gradient: Tensor | None = None) -> None:
        out = forward()
        optimizer.zero_grad()
        out.backward(gradient)
        optimizer.step()

    # the same codes go on: what is left out is only what follows the networks
    def networks() -> Tensor:
        mu, log_var = model.encoder(x)
        return model.decoder(mu + log_var)

    def likelihood() -> Tensor:
        mu, log_var = model.encoder(x)
        return log_likelihood(model, x, mu + log_var).mean()

    other, images = vae(), data.train[: STEPS * BATCH].to(DEVICE)
    built = {
        "matrix products": products(layers, [BATCH] * len(layers), first_input=False, backward=True),
        "Adam": floor_of(model, BATCH),
        "biases, ReLU, autograd": lambda: step(networks, gradient),
        "likelihood": lambda: step(likelihood),
        "sampling and KL": lambda: step(lambda: elbo(model, x).value.mean()),
    }
    timed = {name: lambda run=run: seconds(run, times=STEPS) for name, run in built.items()}
    timed["the loop of fit"] = lambda: fit_epoch(other, images)
    measured = interleaved(rounds(10), **timed)
    return {f"parts: {name} / floor": ratios(values, measured["Adam"]) for name, values in measured.items()}


def epochs(data: Images) -> dict:
    """An epoch of every peer and of `fit`, and ten of theirs against all of RECIPE; of the first 20,000 images."""
    images, labels = data.train[:20_000], data.train_labels[:20_000]
    trained = {name: peer(images, labels)[1] for name, peer in PEERS.items()}
    model, images = vae(), images.to(DEVICE)
    timed = {name: lambda train=train: train(1)[0] for name, train in trained.items()}
    timed["fit"] = lambda: fit_epoch(model, images)
    for kind, long_run in PRECISIONS.items():
        timed["recipe" + kind] = lambda long_run=long_run: seconds(lambda: recipe(images, long_run))
    measured = interleaved(rounds(4), **timed)
    found = {"epoch: fit / plain loop": ratios(measured["fit"], measured["plain loop"])}
    found |= {f"epoch: {name} / fit": ratios(measured[name], measured["fit"]) for name in PEERS}
    for kind in PRECISIONS:
        for name in PEERS:
            ten = [10 * value for value in measured[name]]
            found[f"time to quality{kind}: {name} / fit"] = ratios(ten, measured["recipe" + kind])
    return found | {f"epoch: {k} (s, median)": statistics.median(v) for k, v in measured.items()}


def quality(data: Images, seeds: int = 3) -> dict:
    """Test -ELBO (nats) of every peer after ten epochs, and of `fit` after RECIPE's.

    The baseline, with all seeds, is the plain loop: the loader loop does the same sums, only later. The others are
    trained once.
    """
    images, losses = data.train.to(DEVICE), {}
    for seed in range(seeds):
        for name in PEERS if seed == 0 else ["plain loop"]:
            seed_everything(seed)
            network, train = PEERS[name](data.train, data.train_labels)
            train(10)
            losses.setdefault(name, []).append(test_loss(network, data.test))
        for kind, long_run in PRECISIONS.items():
            seed_everything(seed)
            losses.setdefault("fit" + kind, []).append(-evaluate(recipe(images, long_run), data.test)["value"])
    found = {f"quality: {name} (nats)": statistics.mean(values) for name, values in losses.items()}
    for kind in PRECISIONS:
        pairs = zip(losses["fit" + kind], losses["plain loop"], strict=True)
        found[f"quality: fit{kind} above the plain loop, worst seed (nats)"] = max(a - b for a, b in pairs)
    return found


def precision(data: Images, seeds: int = 3) -> dict:
    """Final test value (nats) of models of the course, in float32 and with bfloat16 products, same seeds."""
    networks = {"MLP": (MLPEncoder, MLPDecoder, 20), "convolutional": (ConvEncoder, ConvDecoder, 10)}
    models = {  # as in notebooks 04, 05, 07
        "Bernoulli": ("MLP", Bernoulli, elbo, 20_000),
        "optimal sigma": ("MLP", partial(Gaussian, "optimal"), elbo, 20_000),
        "IWAE, k = 10": ("MLP", Bernoulli, partial(iwae_bound, k=10), 10_000),
        "Bernoulli, convolutional": ("convolutional", Bernoulli, elbo, 5_000),
    }
    found = {}
    for name, (kind, likelihood, objective, n) in models.items():
        losses = {False: [], True: []}
        for seed in range(seeds):
            for lower, values in losses.items():
                seed_everything(seed)
                encoder, decoder, latent_dim = networks[kind]
                model = VAE(encoder(latent_dim), decoder(latent_dim), likelihood(), latent_dim)
                images, run = data.train[:n], LongRun(autocast=lower)
                fit(model, images, objective, epochs=5, long_run=run, progress=False)
                seed_everything(seed)  # the same noise for both
                values.append(-evaluate(model, data.test, objective)["value"])
        differences = [b - a for a, b in zip(losses[False], losses[True], strict=True)]
        found |= {
            f"precision: {name}, float32": statistics.mean(losses[False]),
            f"precision: {name}, bfloat16 minus float32": statistics.mean(differences),
            f"precision: {name}, its standard error": statistics.stdev(differences) / math.sqrt(seeds),
            f"precision: {name}, spread over seeds": statistics.stdev(losses[False]),
        }
    return found
