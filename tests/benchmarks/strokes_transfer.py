"""Are strokes like handwriting? Train a small CNN on one kind of digits and test it on the other.

    VAE_DATA_DIR=... python -m tests.benchmarks.strokes_transfer

Needs the real MNIST on disk. The training of the CNN makes no choice by looking at test figures.
Each figure is the mean over `SEEDS`; exit code 1 if one is below its target. Two minutes on one core.
"""

import sys
import time

import torch
from torch import Tensor, nn

from vae_helpers import load_images

SEEDS = (0, 1, 2)  # of the network and the order of its batches
TRAIN, TEST, EPOCHS, BATCH = 20_000, 10_000, 6, 64
TARGETS = {"strokes -> mnist": 80.0, "mnist -> strokes": 90.0}  # per cent right


def train(images: Tensor, labels: Tensor, seed: int) -> nn.Module:
    """A plain CNN after a fixed number of epochs: no augmentation, no validation, no early stop."""
    torch.manual_seed(seed)
    net = nn.Sequential(
        *(nn.Conv2d(1, 16, 5, stride=2, padding=2), nn.ReLU()),
        *(nn.Conv2d(16, 32, 5, stride=2, padding=2), nn.ReLU()),
        *(nn.Flatten(), nn.Linear(32 * 7 * 7, 64), nn.ReLU(), nn.Linear(64, 10)),
    )
    optimiser = torch.optim.Adam(net.parameters(), lr=1e-3)
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(images)).split(BATCH):
            loss = nn.functional.cross_entropy(net(images[batch]), labels[batch])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    return net


@torch.no_grad()
def accuracy(net: nn.Module, images: Tensor, labels: Tensor) -> float:
    """Per cent of images classified as their label."""
    guesses = torch.cat([net(batch).argmax(1) for batch in images.split(1000)])
    return 100 * (guesses == labels).double().mean().item()


def main() -> int:
    """Print per cent right by training set, test set and seed; 0 if every target is met."""
    torch.set_num_threads(1)  # so small a network gains nothing from more
    began = time.perf_counter()
    sets = {
        name: ((x.train[:TRAIN], x.train_labels[:TRAIN]), (x.test[:TEST], x.test_labels[:TEST]))
        for name, x in (("strokes", load_images("strokes")), ("mnist", load_images("mnist")))
    }
    nets = {name: [train(*sets[name][0], seed) for seed in SEEDS] for name in sets}
    print(f"{'train -> test':<18}" + "".join(f"  seed {s}" for s in SEEDS) + "    mean    sd  target")
    met = True
    for source in sets:
        for goal in sets:
            name = f"{source} -> {goal}"
            scores = torch.tensor([accuracy(net, *sets[goal][1]) for net in nets[source]])
            target = TARGETS.get(name)
            met = met and (target is None or scores.mean().item() >= target)
            cells = "".join(f"{score:8.2f}" for score in scores)
            print(f"{name:<18}{cells}{scores.mean():8.2f}{scores.std():6.2f}  {target or ''}")
    seconds = time.perf_counter() - began
    print(f"{TRAIN} training images, {EPOCHS} epochs, {seconds:.0f} s; targets {'met' if met else 'missed'}")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
