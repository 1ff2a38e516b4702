"""How the benchmarks measure: interleaved, in paired ratios, with what the figures were measured on."""

import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from types import SimpleNamespace

import torch

import vae_helpers.training.loop
from vae_helpers import VAE, Bernoulli, MLPDecoder, MLPEncoder, elbo, fit, pick_device

ROOT = Path(__file__).parents[2]
RESULTS = Path(__file__).parent / "results"
BATCH, LATENT, HIDDEN = 128, 20, 400
DEVICE = pick_device()
SHORT, BUSY = (bool(os.environ.get(f"VAE_BENCHMARK_{name}")) for name in ("SHORT", "BUSY"))  # options of the command
clock = time.process_time if BUSY else time.perf_counter
SPINNING = {"GOMP_SPINCOUNT": "500"}  # as `make` sets it, so that `fit` leaves the process its threads
if BUSY:
    torch.set_num_threads(1)
    vae_helpers.training.loop.time = SimpleNamespace(perf_counter=clock)  # what `fit` reports, too


def rounds(n: int) -> int:
    """How often something is measured: n times, or a quarter of that if the benchmark is to be short."""
    return max(3, n // 4) if SHORT else n


def vae(latent_dim: int = LATENT, hidden: int = HIDDEN) -> VAE:
    """The model of all measurements, new."""
    networks = MLPEncoder(latent_dim, hidden=(hidden,)), MLPDecoder(latent_dim, hidden=(hidden,))
    return VAE(*networks, Bernoulli(), latent_dim).to(DEVICE)


def fit_epoch(model: VAE, images: torch.Tensor, objective: Callable = elbo, **options) -> float:
    """Seconds that `fit` took for one epoch."""
    options = {"epochs": 1, "batch_size": BATCH, "progress": False} | options
    return fit(model, images, objective, **options).seconds[0]


def wait() -> None:
    """Until the accelerator has done what it was told."""
    if DEVICE.type != "cpu":
        torch.accelerator.synchronize()


def seconds(function: Callable[[], object], times: int = 1) -> float:
    """Of so many calls."""
    wait()
    start = clock()
    for _ in range(times):
        function()
    wait()
    return clock() - start


def interleaved(rounds: int, **timed: Callable[[], float]) -> dict[str, list[float]]:
    """Seconds of each, round after round, after one round that does not count."""
    measured = {name: [] for name in timed}
    for number in range(rounds + 1):
        names = list(timed) if number % 2 else list(reversed(timed))
        for name in names:
            value = timed[name]()
            if number:
                measured[name].append(value)
    return measured


def ratios(above: list[float], below: list[float]) -> dict[str, float]:
    """Median and quartiles of the paired ratios."""
    paired = [a / b for a, b in zip(above, below, strict=True)]
    quartiles = statistics.quantiles(paired, n=4) if len(paired) > 3 else sorted(paired)
    low, high = quartiles[0], quartiles[-1]
    return {"median": statistics.median(paired), "low": low, "high": high, "n": len(paired)}


def peak_memory() -> float:
    """MB of the process (or of the accelerator) at its highest so far."""
    if DEVICE.type != "cpu":
        return torch.accelerator.max_memory_allocated() / 1e6
    unit = 1e6 if sys.platform == "darwin" else 1e3
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def machine() -> dict[str, str]:
    """What the figures were measured on."""
    processor = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        processor = next((line.split(":")[1].strip() for line in lines if "model name" in line), processor)
    name = getattr(torch.get_device_module(DEVICE), "get_device_name", lambda: DEVICE.type)  # MPS has none
    accelerator = "none" if DEVICE.type == "cpu" else name()
    return {
        "date": date.today().isoformat(),
        "processor": processor,
        "cores": str(os.cpu_count()),
        "threads": str(torch.get_num_threads()),
        "clock": "processor" if BUSY else "wall",
        "accelerator": accelerator,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "system": platform.platform(terse=True),
    }


def markdown(head: list[str], lines: list[list[str]]) -> str:
    """A table."""
    return "\n".join("| " + " | ".join(line) + " |" for line in (head, ["---"] * len(head), *lines)) + "\n"


def measured_on(report: dict) -> str:
    """When, where and with what: a sentence for a page."""
    on = report["machine"]
    where = on["processor"] if on["accelerator"] == "none" else on["accelerator"]
    versions = f"{on['threads']} threads, torch {on['torch']}, Python {on['python']}"
    return f"Measured on {on['date']}: {where}, {versions}; data: {report['data']}.\n"


def in_a_process(module: str, section: str, options: dict[str, str]) -> dict:
    """What a section found, in a process of its own: nothing else warms its caches or fills its memory."""
    command = [sys.executable, "-m", module, "--inner", section]
    environment = SPINNING | os.environ | options
    output = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, cwd=ROOT, env=environment).stdout
    return json.loads(output.splitlines()[-1])
