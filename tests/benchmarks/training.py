"""How fast is `fit`? Against the usual tutorial loop, and against what the machine can do at all.

    VAE_DATA_DIR=... python -m tests.benchmarks.training             # all, 20 to 30 minutes on two cores
    VAE_DATA_DIR=... python -m tests.benchmarks.training steps nll   # some of it

Everything that is compared runs interleaved in one process, and what is reported is the median of the
paired ratios with its quartiles: seconds on a shared machine change by the minute. Prints a table,
and stores it with versions and processor in tests/benchmarks/results/, and the targets in docs/pages/speed.md;
sections measured again replace their figures there. Exit code 1 if a target is missed.

The baseline is the loop of most tutorials: torchvision's data set with `ToTensor`, `DataLoader`, sigmoid
and `binary_cross_entropy`, plain `Adam` at 1e-3, three `.item()` a step. The floor of a step is its
matrix products, forward and backward, and one fused Adam step; nothing else that a step does.
"""

import argparse
import json
import math
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import redirect_stderr
from datetime import date
from functools import partial
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy
from torch.utils.data import DataLoader
from torchvision.datasets import MNIST, VisionDataset
from torchvision.transforms import ToTensor

from tests.form import with_table
from vae_helpers import (
    BLUE,
    ORANGE,
    VAE,
    Bernoulli,
    Images,
    LongRun,
    MLPDecoder,
    MLPEncoder,
    elbo,
    evaluate,
    fit,
    importance_log_prob,
    iwae_bound,
    load_images,
    pick_device,
    seed_everything,
    start_at_mean,
    use_style,
)

ROOT = Path(__file__).parents[2]
RESULTS = Path(__file__).parent / "results"
STORED = RESULTS / "training.json"
SPEED = ROOT / "docs" / "pages" / "speed.md"  # has the tables, between marks
BATCH, LATENT, HIDDEN = 128, 20, 400
RECIPE = {"epochs": 4, "batch_size": 300, "lr": 1.2e-2}  # where time counts; also `start_at_mean`
DEVICE = pick_device()
TARGETS = {  # name of a figure: (largest or smallest allowed, and which of the two)
    "step: fit / floor": (1.8, "<="),
    f"epoch: baseline / fit, batches of {RECIPE['batch_size']}": (4.0, ">="),
    "time to quality: baseline / fit": (12.0, ">="),
    "time to quality: fit's test -ELBO above the baseline's, worst seed (nats)": (0.0, "<="),
    "IWAE step, k = 50 / 50 decoder products": (1.6, "<="),
    "importance NLL / its products": (1.5, "<="),
    "importance NLL: extra memory (MB)": (1000.0, "<="),
}
ALSO_SHOWN = ("step: compiled / floor", "epoch: baseline / fit", "epoch: baseline / compiled fit")


# --- what is compared ---


class TutorialVAE(nn.Module):
    """As in most tutorials: two heads, and a decoder that ends in a sigmoid."""

    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(784, HIDDEN)
        self.mu, self.log_var = nn.Linear(HIDDEN, LATENT), nn.Linear(HIDDEN, LATENT)
        self.decoder = nn.Sequential(nn.Linear(LATENT, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 784), nn.Sigmoid())

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        h = torch.relu(self.hidden(x))
        mu, log_var = self.mu(h), self.log_var(h)
        z = mu + torch.exp(0.5 * log_var) * torch.randn_like(mu)
        return self.decoder(z), mu, log_var

    def losses(self, x: Tensor) -> tuple[Tensor, Tensor]:
        reconstruction, mu, log_var = self(x)
        bce = binary_cross_entropy(reconstruction, x, reduction="sum")
        kl = -0.5 * torch.sum(1 + log_var - mu.pow(2) - log_var.exp())
        return bce, kl


class AsFiles(MNIST):
    """torchvision's MNIST, its `__getitem__` untouched, on images that are already in memory."""

    def __init__(self, images: Tensor, labels: Tensor):
        VisionDataset.__init__(self, root="", transform=ToTensor())
        self.data, self.targets = (255 * images[:, 0]).round().byte(), labels


def tutorial_epoch(model: TutorialVAE, optimizer: torch.optim.Optimizer, loader: DataLoader) -> float:
    """One epoch; seconds."""
    start, total, total_bce, total_kl = time.perf_counter(), 0.0, 0.0, 0.0
    for x, _ in loader:
        x = x.view(-1, 784).to(DEVICE)
        optimizer.zero_grad()
        bce, kl = model.losses(x)
        loss = (bce + kl) / len(x)
        loss.backward()
        optimizer.step()
        total, total_bce, total_kl = total + loss.item(), total_bce + bce.item(), total_kl + kl.item()
    return time.perf_counter() - start


def tutorial(images: Tensor, labels: Tensor) -> tuple[TutorialVAE, Callable[[], float]]:
    model = TutorialVAE().to(DEVICE)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    loader = DataLoader(AsFiles(images, labels), batch_size=BATCH, shuffle=True)
    return model, partial(tutorial_epoch, model, optimizer, loader)


@torch.no_grad()
def tutorial_loss(model: TutorialVAE, images: Tensor) -> float:
    """-ELBO in nats per image, one sample each."""
    model.eval()
    parts = [sum(model.losses(x.flatten(1).to(DEVICE))).item() for x in images.split(1000)]
    model.train()
    return sum(parts) / len(images)


def vae(latent_dim: int = LATENT, hidden: int = HIDDEN) -> VAE:
    networks = MLPEncoder(latent_dim, hidden=(hidden,)), MLPDecoder(latent_dim, hidden=(hidden,))
    return VAE(*networks, Bernoulli(), latent_dim).to(DEVICE)


def recipe(images: Tensor) -> tuple[VAE, float]:
    """The trained model, and the seconds of all its epochs and of its start."""
    start = time.perf_counter()
    model = vae()
    start_at_mean(model, images)
    beginning = time.perf_counter() - start
    return model, beginning + sum(fit(model, images, progress=False, **RECIPE).seconds)


def fit_epoch(model: VAE, images: Tensor, objective: Callable = elbo, **options) -> float:
    """Seconds that `fit` took for one epoch."""
    options = {"epochs": 1, "batch_size": BATCH, "progress": False} | options
    return fit(model, images, objective, **options).seconds[0]


def products(layers: list[nn.Linear], rows: list[int], first_input: bool, backward: bool) -> Callable:
    """The matrix products of linear layers: forward and, if asked for, for weights and inputs.

    rows         of the input of each layer
    first_input  whether the first layer's input has a gradient, too (a decoder's has)
    """
    weights = [layer.weight.detach() for layer in layers]
    inputs = [torch.randn(n, w.shape[1], device=DEVICE) for n, w in zip(rows, weights, strict=True)]
    outputs = [torch.randn(n, w.shape[0], device=DEVICE) for n, w in zip(rows, weights, strict=True)]
    spare = [[torch.empty_like(t) for t in kind] for kind in (outputs, weights, inputs)]

    def run() -> None:
        for w, x, out in zip(weights, inputs, spare[0], strict=True):
            torch.mm(x, w.T, out=out)
        if backward:
            last_to_first = reversed(list(zip(weights, inputs, outputs, spare[1], spare[2], strict=True)))
            for number, (w, x, g, for_weight, for_input) in enumerate(last_to_first, start=1):
                torch.mm(g.T, x, out=for_weight)
                if number < len(weights) or first_input:
                    torch.mm(g, w, out=for_input)

    return run


def linear_layers(*modules: nn.Module) -> list[nn.Linear]:
    return [layer for module in modules for layer in module.modules() if isinstance(layer, nn.Linear)]


def floor_of(model: VAE, batch_size: int) -> Callable[[], None]:
    """A step's matrix products and one fused Adam step on parameters of the same sizes."""
    layers = linear_layers(model.encoder, model.decoder)
    multiply = products(layers, [batch_size] * len(layers), first_input=False, backward=True)
    parameters = [nn.Parameter(torch.randn_like(p)) for p in model.parameters()]
    for p in parameters:
        p.grad = torch.randn_like(p)
    optimizer = torch.optim.Adam(parameters, lr=1e-6, fused=True)

    def run() -> None:
        multiply()
        optimizer.step()

    return run


# --- how it is measured ---


def wait() -> None:
    if DEVICE.type != "cpu":
        torch.accelerator.synchronize()


def seconds(function: Callable[[], object], times: int = 1) -> float:
    wait()
    start = time.perf_counter()
    for _ in range(times):
        function()
    wait()
    return time.perf_counter() - start


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


# --- the measurements: each returns {figure: ratios or a number} ---


def steps(data: Images) -> dict:
    """A training step: baseline, fit, compiled fit, floor."""
    n = 24 * BATCH
    images, labels = data.train[:n], data.train_labels[:n]
    _, baseline = tutorial(images, labels)
    model, images = vae(), images.to(DEVICE)
    floor = floor_of(model, BATCH)
    timed = {
        "baseline": baseline,
        "fit": lambda: fit_epoch(model, images),
        "floor": lambda: seconds(floor, times=24),
    }
    found = {}
    variants = {"compiled": {"long_run": LongRun(compile=True)}}
    if DEVICE.type != "cpu":
        variants |= {
            "bf16": {"long_run": LongRun(autocast=True)},
            "bf16 compiled": {"long_run": LongRun(autocast=True, compile=True)},
        }
    for name, options in variants.items():
        other = vae()
        waited = seconds(lambda other=other, options=options: fit_epoch(other, images[:BATCH], **options))
        if options["long_run"].compile:
            found[f"step: seconds to compile ({name})"] = waited
        timed[name] = lambda other=other, options=options: fit_epoch(other, images, **options)
    measured = interleaved(25, **timed)
    for name in ("fit", *variants):
        found[f"step: {name} / floor"] = ratios(measured[name], measured["floor"])
    found["step: baseline / fit"] = ratios(measured["baseline"], measured["fit"])
    found |= {f"step: {k} (ms, median)": 1000 * statistics.median(v) / 24 for k, v in measured.items()}
    return found


def epoch(data: Images) -> dict:
    """A whole epoch: baseline, `fit`, compiled `fit`, and `fit` with the batches of RECIPE."""
    _, baseline = tutorial(data.train, data.train_labels)
    model, compiled, images = vae(), vae(), data.train.to(DEVICE)
    batches = images[: BATCH + len(images) % BATCH]  # one of each size
    waited = seconds(lambda: fit_epoch(compiled, batches, long_run=LongRun(compile=True)))
    larger = f"batches of {RECIPE['batch_size']}"
    timed = {
        "baseline": baseline,
        "fit": lambda: fit_epoch(model, images),
        "compiled fit": lambda: fit_epoch(compiled, images, long_run=LongRun(compile=True)),
        f"fit, {larger}": lambda: fit_epoch(model, images, batch_size=RECIPE["batch_size"]),
    }
    measured = interleaved(7, **timed)
    found = {f"epoch: baseline / {name}": ratios(measured["baseline"], measured[name]) for name in list(timed)[1:]}
    found["epoch: seconds to compile"] = waited
    return found | {f"epoch: {k} (s, median)": statistics.median(v) for k, v in measured.items()}


def quality(data: Images, seeds: int = 3) -> dict:
    """Seconds until the test -ELBO that the baseline has after 10 epochs, which fit has after RECIPE's."""
    images, slow, fast, theirs, ours = data.train.to(DEVICE), [], [], [], []
    for seed in range(seeds):
        seed_everything(seed)
        model, one_epoch = tutorial(data.train, data.train_labels)
        first_half = sum(one_epoch() for _ in range(5))
        fitted, duration = recipe(images)
        slow.append(first_half + sum(one_epoch() for _ in range(5)))
        fast.append(duration)
        theirs.append(tutorial_loss(model, data.test))
        ours.append(-evaluate(fitted, data.test)["value"])
    return {
        "time to quality: baseline / fit": ratios(slow, fast),
        "time to quality: baseline, 10 epochs (s, median)": statistics.median(slow),
        "time to quality: fit (s, median)": statistics.median(fast),
        "time to quality: baseline's test -ELBO (nats)": statistics.mean(theirs),
        "time to quality: fit's test -ELBO (nats)": statistics.mean(ours),
        "time to quality: fit's test -ELBO above the baseline's, worst seed (nats)": max(
            a - b for a, b in zip(ours, theirs, strict=True)
        ),
    }


def iwae(data: Images, k: int = 50) -> dict:
    """An IWAE step of k samples, against k times the products that a decoder needs for one."""
    model, images = vae(), data.train[: 4 * BATCH].to(DEVICE)
    layers = linear_layers(model.decoder)
    one_sample = products(layers, [BATCH] * len(layers), first_input=True, backward=True)
    measured = interleaved(
        15,
        fit=lambda: fit_epoch(model, images, partial(iwae_bound, k=k)),
        products=lambda: seconds(one_sample, times=4 * k),
    )
    found = {f"IWAE step, k = {k} / {k} decoder products": ratios(measured["fit"], measured["products"])}
    return found | {f"IWAE step: {name} (ms, median)": 250 * statistics.median(v) for name, v in measured.items()}


def nll(data: Images, k: int = 5000, n: int = 1000, block: int = 20) -> dict:
    """Importance sampling of n test images with k samples, against the decoder's products for them."""
    model, rows = vae(), 1000
    layers = linear_layers(model.decoder)
    multiply = products(layers, [rows] * len(layers), first_input=False, backward=False)
    importance_log_prob(model, data.test[:2], k)  # what is allocated once for all
    seconds(multiply, times=3)
    before, measured = peak_memory(), {"nll": [], "products": []}
    for images in data.test[:n].split(block):
        measured["nll"].append(seconds(lambda images=images: importance_log_prob(model, images, k)))
        measured["products"].append(seconds(multiply, times=len(images) * k // rows))
    found = {"importance NLL / its products": ratios(measured["nll"], measured["products"])}
    found["importance NLL: extra memory (MB)"] = peak_memory() - before
    return found | {f"importance NLL: {name} (s, {n:,} images)": sum(v) for name, v in measured.items()}


def peak_memory() -> float:
    """MB of the process (or of the accelerator) at its highest so far."""
    if DEVICE.type != "cpu":
        return torch.accelerator.max_memory_allocated() / 1e6
    unit = 1e6 if sys.platform == "darwin" else 1e3
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def memory_of(data: Images, kind: str) -> dict:
    """The rise of the peak in an epoch of the baseline, of `fit`, of compiled `fit`; data already loaded."""
    before = peak_memory()
    if kind == "baseline":
        tutorial(data.train, data.train_labels)[1]()
    else:
        fit_epoch(vae(), data.train, long_run=LongRun(compile=kind == "compiled"))
    return {f"memory: an epoch of {kind} adds (MB)": peak_memory() - before}


def growth(data: Images) -> dict:
    """Milliseconds of a step against batch size, latent size and k; seconds of an epoch against N."""
    few, found = data.train[: 8 * 1024].to(DEVICE), {}

    def step_of(images: Tensor, model: VAE, **options) -> Callable[[], float]:
        count = len(images) // options.get("batch_size", BATCH)
        return lambda: fit_epoch(model, images, **options) / count

    sizes = {size: few[: 8 * size] for size in (32, 64, 128, 256, 512, 1024)}
    curves = {
        "batch size": {n: step_of(x, vae(), batch_size=n) for n, x in sizes.items()},
        "latent size": {n: step_of(few[: 8 * BATCH], vae(n)) for n in (2, 8, 32, 128)},
        "k": {n: step_of(few[: 4 * BATCH], vae(), objective=partial(iwae_bound, k=n)) for n in (1, 5, 20, 50)},
    }
    for what, timed in curves.items():
        measured = interleaved(7, **{str(n): function for n, function in timed.items()})
        for n, values in measured.items():
            found[f"growth: step (ms), {what} = {n}"] = 1000 * statistics.median(values)
    model, many = vae(), data.train.to(DEVICE).repeat(4, 1, 1, 1)
    epochs = {str(n): lambda n=n: fit_epoch(model, many[:n]) for n in (10_000, 60_000, 240_000)}
    for n, values in interleaved(3, **epochs).items():
        found[f"growth: epoch (s), images = {n}"] = statistics.median(values)
    return found


SECTIONS = {
    "steps": steps,
    "epoch": epoch,
    "quality": quality,
    "iwae": iwae,
    "nll": nll,
    "memory-baseline": partial(memory_of, kind="baseline"),
    "memory-fit": partial(memory_of, kind="fit"),
    "memory-compiled": partial(memory_of, kind="compiled"),
    "growth": growth,
}


# --- the report ---


def plot_growth(found: dict, path: Path) -> None:
    """How the cost grows, four panels, both axes logarithmic."""
    use_style()
    fig, axes = plt.subplots(1, 4, figsize=(12, 3), layout="constrained")
    panels = {
        "batch size": ("step (ms)", "batch size"),
        "latent size": ("step (ms)", "latent size L"),
        "k": ("step (ms)", "importance samples k"),
        "images": ("epoch (s)", "images N"),
    }
    for ax, (what, (unit, label)) in zip(axes, panels.items(), strict=True):
        prefix = f"growth: {unit}, {what} = "
        points = sorted((int(k.removeprefix(prefix)), v) for k, v in found.items() if k.startswith(prefix))
        n, cost = zip(*points, strict=True)
        ax.loglog(n, cost, "o-", color=BLUE, label="fit")
        ax.loglog(n, [cost[0] * m / n[0] for m in n], "--", color=ORANGE, label="in proportion")
        power = math.log(cost[-1] / cost[-2]) / math.log(n[-1] / n[-2])
        ax.set(xlabel=label, ylabel=unit, title=f"power {power:.1f} at the end")
        ax.set_xticks(n, [f"{m:,}" for m in n])
        ax.minorticks_off()
    axes[0].legend()
    fig.savefig(path)


def table(report: dict) -> str:
    """Markdown: the figures that have a target, some others, and what they were measured on."""
    rows = ["| | measured | wanted | met |", "|---|---|---|---|"]
    for name in sorted([*TARGETS, *ALSO_SHOWN], key=list(report["found"]).index):
        value = report["found"][name]
        if isinstance(value, dict):
            shown = f"{value['median']:.2f} ({value['low']:.2f} to {value['high']:.2f})"
        else:
            shown = f"{value:.2f}" if abs(value) < 10 else f"{value:.0f}"
        wanted = yes_or_no = ""
        if name in TARGETS:
            bound, sense = TARGETS[name]
            wanted = f"{'at most' if sense == '<=' else 'at least'} {bound:g}"
            yes_or_no = "yes" if met(name, value) else "**no**"
        rows.append(f"| {name} | {shown} | {wanted} | {yes_or_no} |")
    return "\n".join(rows) + "\n\n" + measured_on(report)


def measured_on(report: dict) -> str:
    on = report["machine"]
    where = on["processor"] if on["accelerator"] == "none" else on["accelerator"]
    versions = f"{on['threads']} threads, torch {on['torch']}, Python {on['python']}"
    return f"Measured on {on['date']}: {where}, {versions}; data: {report['data']}.\n"


def machine() -> dict[str, str]:
    """What the figures were measured on."""
    processor = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        processor = next((line.split(":")[1].strip() for line in lines if "model name" in line), processor)
    accelerator = "none" if DEVICE.type == "cpu" else torch.get_device_module(DEVICE).get_device_name()
    return {
        "date": date.today().isoformat(),
        "processor": processor,
        "cores": str(os.cpu_count()),
        "threads": str(torch.get_num_threads()),
        "accelerator": accelerator,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "system": platform.platform(terse=True),
    }


def line(name: str, value: dict | float) -> str:
    if isinstance(value, dict):
        shown = f"{value['median']:8.2f}   ({value['low']:.2f} to {value['high']:.2f}, {value['n']} pairs)"
    else:
        shown = f"{value:8.2f}"
    target = ""
    if name in TARGETS:
        bound, sense = TARGETS[name]
        target = f"   {sense} {bound:g}: {'met' if met(name, value) else 'MISSED'}"
    return f"{name:52s} {shown}{target}"


def met(name: str, value: dict | float) -> bool:
    bound, sense = TARGETS[name]
    value = value["median"] if isinstance(value, dict) else value
    return value <= bound if sense == "<=" else value >= bound


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sections", nargs="*", help="default: all of them")
    parser.add_argument("--inner", choices=SECTIONS, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.inner:  # a section in a process of its own: nothing else warms its caches or fills its memory
        with redirect_stderr(sys.stdout):
            data = load_images()
            print(json.dumps({"data": data.name, "found": SECTIONS[args.inner](data)}))
        return 0
    again = args.sections and STORED.exists()
    report = json.loads(STORED.read_text()) if again else {"found": {}}
    report["machine"] = machine()
    for name in args.sections or SECTIONS:
        command = [sys.executable, "-m", "tests.benchmarks.training", "--inner", name]
        output = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
        section = json.loads(output.splitlines()[-1])
        report["data"] = section["data"]
        report["found"] |= section["found"]
        print(*(line(*item) for item in section["found"].items()), sep="\n", flush=True)
    if all(name in report["found"] for name in TARGETS):
        STORED.write_text(json.dumps(report, indent=1) + "\n")
        plot_growth(report["found"], STORED.with_suffix(".png"))
        SPEED.write_text(with_table(SPEED.read_text(), "training", table(report)))
    return 0 if all(met(name, report["found"][name]) for name in TARGETS if name in report["found"]) else 1


if __name__ == "__main__":
    sys.exit(main())
