"""What else trains a VAE: the loop of most tutorials, and one by hand. (`libraries`: Pyro, pythae, Lightning.)

A peer is a function of (images `[N, 1, 28, 28]`, labels) that returns its network, untrained, and a function
which trains that for so many epochs and returns the seconds of each. All have the same network, batches of 128,
and Adam at 1e-3.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy, binary_cross_entropy_with_logits
from torch.utils.data import DataLoader
from torchvision.datasets import MNIST, VisionDataset
from torchvision.transforms import ToTensor

from .measuring import BATCH, DEVICE, HIDDEN, LATENT, seconds

Peer = tuple["TutorialVAE", Callable[[int], list[float]]]


class TutorialVAE(nn.Module):
    """As in most tutorials: two heads, and a decoder that ends in a sigmoid."""

    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(784, HIDDEN)
        self.mu, self.log_var = nn.Linear(HIDDEN, LATENT), nn.Linear(HIDDEN, LATENT)
        self.decoder = nn.Sequential(nn.Linear(LATENT, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 784), nn.Sigmoid())

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        h = torch.relu(self.hidden(x))
        return self.mu(h), self.log_var(h)

    def losses(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mu, log_var = self.encode(x)
        z = mu + torch.exp(0.5 * log_var) * torch.randn_like(mu)
        bce = binary_cross_entropy(self.decoder(z), x, reduction="sum")
        kl = -0.5 * torch.sum(1 + log_var - mu.pow(2) - log_var.exp())
        return bce, kl


@torch.no_grad()
def test_loss(model: TutorialVAE, images: Tensor) -> float:
    """-ELBO in nats per image, one sample each."""
    parts = [sum(model.losses(x.flatten(1).to(DEVICE))).item() for x in images.split(1000)]
    return sum(parts) / len(images)


test_loss.__test__ = False  # for pytest: not a test


def times(epoch: Callable[[], None]) -> Callable[[int], list[float]]:
    """From a function that trains one epoch, one that trains several, and says how long each took."""
    return lambda epochs: [seconds(epoch) for _ in range(epochs)]


class AsFiles(MNIST):
    """torchvision's MNIST, its `__getitem__` untouched, on images that are already in memory."""

    def __init__(self, images: Tensor, labels: Tensor):
        VisionDataset.__init__(self, root="", transform=ToTensor())
        self.data, self.targets = (255 * images[:, 0]).round().byte(), labels


def loader_loop(images: Tensor, labels: Tensor) -> Peer:
    """The tutorials': torchvision's data set, a DataLoader, plain Adam, three `.item()` a step."""
    model = TutorialVAE().to(DEVICE)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    loader = DataLoader(AsFiles(images, labels), batch_size=BATCH, shuffle=True)

    def epoch() -> None:
        total, total_bce, total_kl = 0.0, 0.0, 0.0
        for x, _ in loader:
            x = x.view(-1, 784).to(DEVICE)
            optimizer.zero_grad()
            bce, kl = model.losses(x)
            loss = (bce + kl) / len(x)
            loss.backward()
            optimizer.step()
            total, total_bce, total_kl = total + loss.item(), total_bce + bce.item(), total_kl + kl.item()

    return model, times(epoch)


def plain_loop(images: Tensor, labels: Tensor) -> Peer:
    """What one writes who knows what is slow: no loader, fused Adam, cross-entropy from logits, no `.item()`."""
    model, images = TutorialVAE().to(DEVICE), images.flatten(1).to(DEVICE)
    logits = model.decoder[:-1]
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)

    def epoch() -> None:
        for rows in torch.randperm(len(images), device=DEVICE).split(BATCH):
            x = images[rows]
            mu, log_var = model.encode(x)
            z = mu + torch.exp(0.5 * log_var) * torch.randn_like(mu)
            bce = binary_cross_entropy_with_logits(logits(z), x, reduction="sum")
            loss = (bce - 0.5 * torch.sum(1 + log_var - mu.square() - log_var.exp())) / len(x)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    return model, times(epoch)
