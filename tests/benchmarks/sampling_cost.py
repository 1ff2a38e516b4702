"""What samples cost: IWAE steps, -log p(x) by importance sampling and by AIS, sweeps; and how all costs grow."""

import statistics
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from vae_helpers import (
    VAE,
    Images,
    LongRun,
    ais_log_weights,
    fit_sweep,
    importance_log_prob,
    iwae_bound,
    seed_everything,
)
from vae_helpers.device import autocast
from vae_helpers.measures.ais import PILOTS

from .floors import floor_of, linear_layers, products
from .measuring import BATCH, DEVICE, SHORT, fit_epoch, interleaved, peak_memory, ratios, rounds, seconds, vae
from .training_cost import PRECISIONS, recipe


def iwae(data: Images, k: int = 50) -> dict:
    """An IWAE step of k samples, against k times the products that a decoder needs for one."""
    images = data.train[: 4 * BATCH].to(DEVICE)
    layers = linear_layers(vae().decoder)
    one_sample = products(layers, [BATCH] * len(layers), first_input=True, backward=True)
    timed = {"products": lambda: seconds(one_sample, times=4 * k)}
    for kind, run in PRECISIONS.items():
        model, objective = vae(), partial(iwae_bound, k=k)
        timed["fit" + kind] = lambda model=model, run=run, f=objective: fit_epoch(model, images, f, long_run=run)
    measured = interleaved(rounds(12), **timed)
    found = {
        f"IWAE step{kind}, k = {k} / {k} decoder products": ratios(measured["fit" + kind], measured["products"])
        for kind in PRECISIONS
    }
    return found | {f"IWAE step: {name} (ms, median)": 250 * statistics.median(v) for name, v in measured.items()}


def nll(data: Images, k: int = 5000, n: int = 500, block: int = 20) -> dict:
    """Importance sampling of n test images with k samples, against the decoder's products for them."""
    model, rows = recipe(data.train.to(DEVICE), LongRun()), 1000
    layers = linear_layers(model.decoder)
    multiply = products(layers, [rows] * len(layers), first_input=False, backward=False)
    importance_log_prob(model, data.test[:2], k)  # what is allocated once for all
    seconds(multiply, times=3)
    before, log_p = peak_memory(), {}
    measured = {"products": []} | {"nll" + kind: [] for kind in PRECISIONS}
    for number, images in enumerate(data.test[: n // 5 if SHORT else n].split(block)):
        measured["products"].append(seconds(multiply, times=len(images) * k // rows))
        for kind, run in PRECISIONS.items():
            seed_everything(number)  # the same noise for both

            def estimate(images: Tensor = images, kind: str = kind, lower: bool = run.autocast) -> None:
                with autocast(DEVICE, lower):
                    log_p.setdefault(kind, []).append(importance_log_prob(model, images, k))

            measured["nll" + kind].append(seconds(estimate))
    extra, done = peak_memory() - before, block * len(measured["nll"])
    found = {
        f"importance NLL{kind} / its products": ratios(measured["nll" + kind], measured["products"])
        for kind in PRECISIONS
    }
    found["importance NLL: extra memory (MB)"] = extra
    for kind in PRECISIONS:
        found[f"importance NLL{kind}: 10,000 images, from {done} (min)"] = sum(measured["nll" + kind]) / done * 1e4 / 60
    if len(log_p) == 2:
        exact, lower = (torch.cat(parts).double() for parts in log_p.values())
        found["importance NLL: bfloat16 minus float32 (nats)"] = (exact - lower).mean().item()
        found["importance NLL: largest difference of an image (nats)"] = (exact - lower).abs().max().item()
    return found


def ais(data: Images, chains: int = 16, steps: int = 10, leapfrog: int = 5) -> dict:
    """AIS of 20 test images, against the decoder's products for its gradients and weights."""
    model, x = vae().eval(), data.test[:20].to(DEVICE)
    layers, runs = linear_layers(model.decoder), []
    for rows in (PILOTS * len(x), chains * len(x)):
        forward = products(layers, [rows] * len(layers), first_input=True, backward=False)
        both = products(layers, [rows] * len(layers), first_input=True, backward=True, weights=False)
        runs += [(forward, steps), (both, steps * (1 + leapfrog))]
    timed = {"products": lambda: sum(seconds(run, times) for run, times in runs)}
    for kind, run in PRECISIONS.items():

        def estimate(lower: bool = run.autocast) -> None:
            with autocast(DEVICE, lower):
                ais_log_weights(model, x, chains, steps, leapfrog)

        timed["AIS" + kind] = partial(seconds, estimate)
    measured = interleaved(rounds(12), **timed)
    return {f"AIS{kind} / its products": ratios(measured["AIS" + kind], measured["products"]) for kind in PRECISIONS}


def sweep(data: Images, models: int = 5) -> dict:
    """So many small models by `fit_sweep`, against their floors, and against as many calls of `fit`."""
    images, small = data.train[: 48 * BATCH].to(DEVICE), partial(vae, 10, 100)
    settings = {"beta": [0.5 * 2**m for m in range(models)]}
    many, one, floor = [small() for _ in range(models)], small(), floor_of(small(), BATCH, models)

    def swept() -> float:
        return fit_sweep(many, images, settings=settings, epochs=1, batch_size=BATCH, progress=False).seconds[0]

    timed = {"sweep": swept, "fits": lambda: sum(fit_epoch(one, images) for _ in range(models))}
    measured = interleaved(rounds(12), **timed, floor=lambda: seconds(floor, times=48))
    return {
        f"sweep of {models} / its floors": ratios(measured["sweep"], measured["floor"]),
        f"sweep: {models} fits / fit_sweep": ratios(measured["fits"], measured["sweep"]),
    }


def growth(data: Images) -> dict:
    """How all that grows: with batch, latent size, samples, images, chains, models."""
    few, found, sizes = data.train[: 8 * 1024].to(DEVICE), {}, (32, 64, 128, 256, 512, 1024)

    def step_of(images: Tensor, model: VAE, **options) -> Callable[[], float]:
        count = len(images) // options.get("batch_size", BATCH)
        return lambda: 1000 * fit_epoch(model, images, **options) / count

    def nll_of(k: int, n: int) -> Callable[[], float]:
        model, x = vae(), data.test[:n]
        return lambda: seconds(lambda: importance_log_prob(model, x, k))

    def ais_of(chains: int) -> Callable[[], float]:
        model, x = vae().eval(), data.test[:10].to(DEVICE)
        return lambda: seconds(lambda: ais_log_weights(model, x, chains, 4))

    def sweep_of(count: int) -> Callable[[], float]:
        models, images = [vae(10, 100) for _ in range(count)], few[: 8 * BATCH]
        options = dict(epochs=1, batch_size=BATCH, progress=False)
        return lambda: 125 * fit_sweep(models, images, **options).seconds[0]

    model, many = vae(), data.train.to(DEVICE).repeat(4, 1, 1, 1)
    curves = {}
    for kind, run in PRECISIONS.items():
        curves |= {
            f"step (ms), batch size{kind}": {
                n: step_of(few[: max(8 * n, 4096)], vae(), batch_size=n, long_run=run) for n in sizes
            },
            f"step (ms), latent size L{kind}": {
                n: step_of(few[: 32 * BATCH], vae(n), long_run=run) for n in (2, 8, 32, 128)
            },
            f"step (ms), importance samples k{kind}": {
                n: step_of(few[: 4 * BATCH], vae(), objective=partial(iwae_bound, k=n), long_run=run)
                for n in (1, 5, 20, 50)
            },
        }
    curves |= {
        "epoch (s), images N": {n: lambda n=n: fit_epoch(model, many[:n]) for n in (10_000, 60_000, 240_000)},
        "NLL of 50 images (s), samples k": {k: nll_of(k, 50) for k in (50, 500, 5000)},
        "NLL with k = 500 (s), images N": {n: nll_of(500, n) for n in (50, 200, 500)},
        "AIS of 10 images (s), chains": {c: ais_of(c) for c in (4, 16, 64)},
        "sweep, a step (ms), models": {m: sweep_of(m) for m in (1, 2, 5, 10)},
    }
    for what, timed in curves.items():
        measured = interleaved(rounds(3 if "N" in what.split(", ")[-1] else 6), **{str(n): f for n, f in timed.items()})
        for n, values in measured.items():
            found[f"growth: {what} = {n}"] = statistics.median(values)
    return found
