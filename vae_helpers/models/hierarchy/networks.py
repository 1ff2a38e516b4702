"""The small networks of a layer, and the prior that is made of them."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from ..latent_distributions import DiagonalGaussian
from .layered import Layered

Network = Callable[[int, int], nn.Module]
"""(inputs, outputs) -> a module from `[..., inputs]` to `[..., outputs]`."""


class BatchNorm(nn.BatchNorm1d):
    """`BatchNorm1d` for `[..., features]`, with any number of dimensions in front."""

    def forward(self, h: Tensor) -> Tensor:
        return super().forward(h.reshape(-1, h.shape[-1])).reshape(h.shape)


def layer_mlp(hidden: Sequence[int] = (128,), batch_norm: bool = False) -> Network:
    """A maker of networks for the layers: linear maps with a ReLU between, after a batch normalisation if wanted.

    Args:
        hidden: the sizes of the hidden layers.
        batch_norm: normalise what comes before each ReLU.

    Returns:
        (inputs, outputs) -> a network.

    Example:
        >>> [type(layer).__name__ for layer in layer_mlp([20], batch_norm=True)(5, 4)]
        ['Linear', 'BatchNorm', 'ReLU', 'Linear']
    """

    def make(inputs: int, outputs: int) -> nn.Module:
        layers, sizes = [], [inputs, *hidden]
        for a, b in zip(sizes[:-1], sizes[1:], strict=True):
            layers += [nn.Linear(a, b), *([BatchNorm(b)] if batch_norm else []), nn.ReLU()]
        return nn.Sequential(*layers, nn.Linear(sizes[-1], outputs))

    return make


class LayerPrior(nn.Module):
    """A prior in layers, to be the `prior` of a `VAE`: a module that returns p(z) when it is called.

        p(z) = N(z_T; 0, I) prod_t p(z_t | z_t+1)

    Args:
        sizes: L_1, ..., L_T, the layer nearest to x first.
        network: makes the networks from z_t+1 to (mu, log_var) of z_t.
        skip: each layer sees all layers above it, not the next alone: p(z_t | z_t+1, ..., z_T).

    Raises:
        ValueError: for no layers.

    Example:
        >>> p = LayerPrior([4, 2])()
        >>> p.sample((5,)).shape, p.log_prob(torch.zeros(5, 6)).shape
        (torch.Size([5, 6]), torch.Size([5]))
    """

    def __init__(self, sizes: Sequence[int], network: Network | None = None, skip: bool = False):
        super().__init__()
        if not sizes or min(sizes) < 1:
            raise ValueError(f"sizes are L_1, ..., L_T, each at least 1, got {sizes}")
        self.sizes, self.skip = list(sizes), skip
        network = network or layer_mlp()
        self.nets = nn.ModuleList(network(self.above(t), 2 * size) for t, size in enumerate(self.sizes[:-1]))
        self.register_buffer("zero", torch.zeros(self.sizes[-1]), persistent=False)

    def above(self, t: int) -> int:
        """How many codes layer t, from 0, sees."""
        return sum(self.sizes[t + 1 :] if self.skip else self.sizes[t + 1 : t + 2])

    def seen(self, t: int, z: Sequence[Tensor]) -> Tensor:
        """What layer t sees of the layers above it: `[..., above(t)]`."""
        return torch.cat(z[t + 1 :], -1) if self.skip else z[t + 1]

    def conditional(self, t: int, z: Sequence[Tensor]) -> DiagonalGaussian:
        """p(z_t | layers above), t from 0."""
        if t == len(self.sizes) - 1:
            return DiagonalGaussian(self.zero, self.zero)
        return DiagonalGaussian(*self.nets[t](self.seen(t, z)).chunk(2, -1))

    def forward(self) -> "LayeredPrior":
        return LayeredPrior(self)


class LayeredPrior(Layered):
    """p(z_T) ... p(z_1 | z_2), as a `LayerPrior` returns it.

    Args:
        module: the `LayerPrior`.
    """

    def __init__(self, module: LayerPrior):
        self.module = module
        super().__init__(module.sizes, ())

    def conditional(self, t: int, z: Sequence[Tensor]) -> DiagonalGaussian:
        """p(z_t | layers above), t from 0."""
        return self.module.conditional(t, z)
