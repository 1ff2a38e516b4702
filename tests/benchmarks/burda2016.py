"""The table of the IWAE paper, trained anew: Burda et al. (2016), table 1, MNIST.

    VAE_DATA_DIR=... python -m tests.benchmarks.burda2016                     # every row: a night on two cores
    VAE_DATA_DIR=... python -m tests.benchmarks.burda2016 "IWAE, k = 50"      # some rows
    python -m tests.benchmarks.burda2016_table                                # tables and figure, from the JSON

May be stopped at any time: a checkpoint is stored after every epoch in build/burda2016, a result when its row is done,
and the same command goes on. Rows that are in the JSON are not trained again.

As in the paper and in its code (github.com/yburda/iwae): 784-200-200-50 and back (two layers: 784-200-200-100 and
100-100-100-50), tanh; pixels drawn from the grey levels at every step; -log p(x) as -L_5000 on all 10,000 test images,
drawn once. Ours: the recipe in `Row`, one or two cycles of the learning rate, bfloat16 products while training with
k > 1 (not in the evaluation), gradients without the score of q (STL for the VAE, DReG for IWAE), and a larger k begins
with the weights of the smaller one. Theirs: 3,280 epochs in batches of 20 for every row, the rate falling from 1e-3 to
1e-4. Test images chose nothing but when to go on: a row that was not there yet was trained for longer.
"""

import argparse
import json
import time
from dataclasses import asdict, dataclass
from functools import partial

import torch
from torch import Tensor, nn

from tests.benchmarks.measuring import machine
from vae_helpers import (
    VAE,
    Bernoulli,
    BottomUp,
    HierarchicalVAE,
    LayerPrior,
    LongRun,
    dreg_bound,
    evaluate,
    fit,
    importance_log_prob,
    importance_nll,
    load_images,
    mlp,
    seed_everything,
    start_at_mean,
)
from vae_helpers.files import ROOT, write_atomically
from vae_helpers.objectives.importance import weighted_samples
from vae_helpers.training.history import History

STORED = ROOT / "tests" / "benchmarks" / "results" / "burda2016.json"
WEIGHTS = STORED.with_suffix(".pt")  # of the best model
CHECKPOINTS = ROOT / "build" / "burda2016"
SAMPLES = 5000
DRAWN_WITH = 2016  # the seed of the black and white test images


@dataclass(frozen=True)
class Row:
    """One number of the table: what the paper found, and how it is trained here."""

    layers: int
    bound: str  # "VAE" or "IWAE"
    k: int
    published: float  # nats
    published_units: str  # in use
    cycles: list[tuple[int, float]]  # epochs and peak of the learning rate, of one cycle after the other
    start: str = ""  # the row whose weights it begins with
    batch_size: int = 200
    seeds: int = 1

    @property
    def name(self) -> str:
        return f"{self.bound}, k = {self.k}" + (", two layers" if self.layers == 2 else "")

    @property
    def epochs(self) -> int:
        return sum(epochs for epochs, _ in self.cycles)

    @property
    def recipes(self) -> list[str]:
        """What makes a run this run, but for its seed: up to the end of every cycle."""
        start = f", from {named(self.start).recipe}" if self.start else ""
        cycles = [f"{epochs} epochs of {self.batch_size}, lr {lr}" for epochs, lr in self.cycles]
        return [f"{self.name}, {', then '.join(cycles[: n + 1])}{start}" for n in range(len(cycles))]

    @property
    def recipe(self) -> str:
        return self.recipes[-1]


ROWS = [
    Row(1, "VAE", 1, 86.76, "19", [(900, 3e-3)]),
    Row(1, "VAE", 5, 86.47, "20", [(60, 1e-3)], "VAE, k = 1"),
    Row(1, "VAE", 50, 86.35, "20", [(20, 3e-4)], "VAE, k = 5", batch_size=100),
    Row(1, "IWAE", 5, 85.54, "22", [(400, 3e-3), (300, 1e-3)]),
    Row(1, "IWAE", 50, 84.78, "25", [(85, 7e-4)], "IWAE, k = 5", batch_size=100),
    Row(2, "IWAE", 5, 83.89, "21+5", [(240, 3e-3)]),
    Row(2, "IWAE", 50, 82.90, "26+7", [(28, 1e-3)], "IWAE, k = 5, two layers", batch_size=100),
]


def named(name: str) -> Row:
    """The row of that name."""
    return next(row for row in ROWS if row.name == name)


# --- the models ---


def between(inputs: int, outputs: int) -> nn.Sequential:
    """The networks between pixels and z_1 have 200 units a layer, those between z_1 and z_2 100."""
    width = 200 if 784 in (inputs, outputs) else 100
    return mlp([inputs, width, width, outputs], nn.Tanh)


class Halves(nn.Module):
    """x -> (mu, log_var), the two halves of a network's output."""

    def __init__(self, net: nn.Module):
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.net(x.flatten(1)).chunk(2, -1)


def build(layers: int) -> VAE:
    """The model of the paper with one or two stochastic layers, untrained."""
    to_image = nn.Unflatten(-1, (1, 28, 28))
    if layers == 1:
        return VAE(Halves(between(784, 2 * 50)), nn.Sequential(between(50, 784), to_image), Bernoulli(), latent_dim=50)
    prior = LayerPrior([100, 50], network=between)
    decoder = nn.Sequential(between(100, 784), to_image)
    return HierarchicalVAE(BottomUp([100, 50], network=between), prior, decoder, Bernoulli())


def mean_elbo(model: VAE, x: Tensor, k: int) -> Tensor:
    """The ELBO as the mean of k log-weights, `[B]`: the paper's VAE, with the gradient of Roeder et al. (2017)."""
    return weighted_samples(model, x, k, stop_density=True)[1].mean(0)


# --- training and measuring ---


def train(row: Row, seed: int, images: Tensor) -> tuple[VAE, list[History]]:
    """The trained model, and the history of every cycle. One that is stored is not repeated."""
    if row.start:
        model, _ = train(named(row.start), seed, images)
    else:
        seed_everything(seed)
        model = build(row.layers)
        start_at_mean(model, images)
    objective = partial(mean_elbo if row.bound == "VAE" else dreg_bound, k=row.k)
    histories = []
    for (epochs, lr), recipe in zip(row.cycles, row.recipes, strict=True):
        seed_everything(seed)
        checkpoint = CHECKPOINTS / f"{recipe}, seed {seed}.pt".replace(" ", "")
        long_run = LongRun(checkpoint=checkpoint, autocast=row.k > 1, seed=seed)
        settings = dict(epochs=epochs, batch_size=row.batch_size, lr=lr, binarize=True)
        histories.append(fit(model, images, objective, **settings, long_run=long_run, progress=False))
    return model, histories


def test_images(grey: Tensor) -> Tensor:
    """Black and white pixels, drawn once from the grey levels."""
    return torch.bernoulli(grey, generator=torch.Generator().manual_seed(DRAWN_WITH))


def measure(model: VAE, x: Tensor) -> dict:
    """-L_5000 with its standard error over images, the ELBO, units in use; and what a test can afford, ten times."""
    log_p = importance_log_prob(model, x, SAMPLES).double()
    used = (model.encode(x).var(0) > 0.01).split(getattr(model, "sizes", [50]))  # `active_units`, in every layer
    return {
        "nll": -log_p.mean().item(),
        "standard error": (log_p.std() / len(x) ** 0.5).item(),
        "first 500": -log_p[:500].mean().item(),
        "first 500, k = 1000": [quick_nll(model, x) for _ in range(10)],
        "elbo": evaluate(model, x)["value"],
        "active": "+".join(str(int(layer.sum())) for layer in used),
    }


def quick_nll(model: VAE, x: Tensor) -> float:
    """-L_1000 of the first 500 images: some seconds."""
    return importance_nll(model, x[:500], k=1000)


def run(row: Row, seed: int, train_images: Tensor, x: Tensor) -> dict:
    """Train and measure one row with one seed."""
    model, histories = train(row, seed, train_images)
    curve = [round(terms["value"], 3) for history in histories for terms in history.train]
    seconds = sum(sum(history.seconds) for history in histories)
    begun = time.perf_counter()
    found = measure(model, x) | {"seconds": seconds, "bound while training": curve}
    found |= {"seconds to measure": time.perf_counter() - begun, "threads": torch.get_num_threads()}
    if found["nll"] < min((other["nll"] for other in others(row, seed)), default=float("inf")):
        write_atomically(WEIGHTS, lambda path: torch.save(model.state_dict(), path))
    return asdict(row) | {"name": row.name, "recipe": row.recipe, "seed": seed} | found | {"machine": machine()}


def results() -> list[dict]:
    return json.loads(STORED.read_text(encoding="utf-8")) if STORED.exists() else []


def others(row: Row, seed: int) -> list[dict]:
    """All results but one of this row and seed, which an older recipe may have left."""
    return [found for found in results() if (found["name"], found["seed"]) != (row.name, seed)]


def is_of(found: dict, row: Row, seed: int) -> bool:
    """Whether a result is that of a row as it is trained now."""
    return (found["recipe"], found["seed"]) == (row.recipe, seed)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="*", help=f"default: all of {[row.name for row in ROWS]}")
    args = parser.parse_args()
    if unknown := set(args.rows) - {row.name for row in ROWS}:
        parser.error(f"no row is called {unknown}: there are {[row.name for row in ROWS]}")
    CHECKPOINTS.mkdir(parents=True, exist_ok=True)
    data = load_images("mnist")
    x = test_images(data.test)
    for row in ROWS:
        for seed in range(row.seeds):
            if (args.rows and row.name not in args.rows) or any(is_of(r, row, seed) for r in results()):
                continue
            found = run(row, seed, data.train, x)
            text = json.dumps([*others(row, seed), found], indent=1) + "\n"
            write_atomically(STORED, lambda path, text=text: path.write_text(text, encoding="utf-8"))
            print(f"{row.name}, seed {seed}: {found['nll']:.2f} +- {found['standard error']:.2f} nats "
                  f"(published: {row.published}), {found['seconds']:.0f} s", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
