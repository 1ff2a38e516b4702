"""The networks inside the transforms: they say how far to shift and how much to stretch."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from ...checks import check_sizes
from ..networks import full_precision


class MaskedLinear(nn.Module):
    """A linear layer some of whose weights are held at zero.

    No subclass of `nn.Linear`: what stacks or rewrites linear layers would lose the mask.

    Args:
        mask: bool `[outputs, inputs]`, True where a weight is free.
    """

    def __init__(self, mask: Tensor):
        super().__init__()
        like = nn.Linear(mask.shape[1], mask.shape[0])
        self.weight, self.bias = like.weight, like.bias
        self.register_buffer("mask", mask.to(like.weight.dtype), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return linear(x, self.mask * self.weight, self.bias)


class Conditioner(nn.Module):
    """Layers with ELU between them; a context is added before the first ELU. The last one starts at zero.

    The context goes through the first layer by itself, once for each datapoint, and broadcasts over samples.

    Args:
        layers: linear or masked, from the vector to the outputs, at least two.
        context: C, the size of the context; 0 for none.

    Raises:
        ValueError: for fewer layers.
    """

    def __init__(self, layers: Sequence[nn.Module], context: int = 0):
        super().__init__()
        if len(layers) < 2:
            raise ValueError("a conditioner needs a hidden layer: hidden=(64,)")
        first, *others = layers
        self.first = first
        self.from_context = nn.Linear(context, first.weight.shape[0], bias=False) if context else None
        self.rest = nn.Sequential(nn.ELU(), *[part for layer in others for part in (layer, nn.ELU())][:-1])
        nn.init.zeros_(others[-1].weight)
        nn.init.zeros_(others[-1].bias)

    def forward(self, z: Tensor, context: Tensor | None = None) -> Tensor:
        """Outputs `[..., O]` for z `[..., I]`, context `[..., C]`."""
        hidden = self.first(z)
        if self.from_context is not None:
            hidden = hidden + self.from_context(given(context, self.from_context.in_features))
        return full_precision(self.rest(hidden))


def plain(inputs: int, outputs: int, hidden: Sequence[int] = (64,), context: int = 0) -> Conditioner:
    """A conditioner in which every output sees every input.

    Args:
        inputs: I.
        outputs: O.
        hidden: the sizes of the hidden layers.
        context: C, the size of the context; 0 for none.

    Example:
        >>> plain(2, 3, context=4)(torch.zeros(7, 5, 2), torch.zeros(5, 4)).shape
        torch.Size([7, 5, 3])
    """
    sizes = [inputs, *check_sizes(hidden), outputs]
    return Conditioner([nn.Linear(*pair) for pair in zip(sizes[:-1], sizes[1:], strict=True)], context)


def made(dim: int, outputs: int, hidden: Sequence[int] = (64,), context: int = 0) -> Conditioner:
    """A conditioner whose outputs for entry i see the entries before i alone. Germain et al. (2015), MADE.

    Every unit has a degree: the entries 1 to D, a hidden unit d if it may see the first d entries. A weight is free

        from entry or hidden unit to hidden unit   if degree of target >= degree of source
        from hidden unit to output                 if degree of target >  degree of source

    Units of degree 0 see the context alone; without a context there are none.

    Args:
        dim: D.
        outputs: how many for each entry; they are `[..., outputs * D]`, the first one's D entries first.
        hidden: the sizes of the hidden layers, each at least the number of degrees.
        context: C, the size of the context; every output may see it.

    Raises:
        ValueError: for a hidden layer that is too small to hold every degree.

    Example:
        >>> masks = [m.mask.int().tolist() for m in made(3, 1, hidden=(2,)).modules() if isinstance(m, MaskedLinear)]
        >>> masks[0], masks[1]  # two hidden units: degrees 1 and 2
        ([[1, 0, 0], [1, 1, 0]], [[0, 0], [1, 0], [1, 1]])
    """
    hidden, lowest = check_sizes(hidden), 0 if context or dim == 1 else 1
    if hidden and min(hidden) < dim - lowest:
        raise ValueError(f"hidden layers need at least {dim - lowest} units, one of each degree, got {hidden}")
    entries = torch.arange(1, dim + 1)
    degrees = [entries, *(lowest + torch.arange(size) % (dim - lowest) for size in hidden)]
    layers = [MaskedLinear(target[:, None] >= source) for source, target in zip(degrees[:-1], degrees[1:], strict=True)]
    last = entries.repeat(outputs)[:, None] > degrees[-1]
    return Conditioner([*layers, MaskedLinear(last)], context)


def given(context: Tensor | None, size: int) -> Tensor:
    """The context, if it is there and as large as it should be.

    Args:
        context: `[..., C]`.
        size: C.

    Raises:
        ValueError: if it is missing, or of another size.

    Example:
        >>> given(None, 3)
        Traceback (most recent call last):
        ValueError: this transform was built for a context [..., 3], got None
    """
    if context is None or context.shape[-1] != size:
        got = None if context is None else list(context.shape)
        raise ValueError(f"this transform was built for a context [..., {size}], got {got}")
    return context


def bounded(log_scale: Tensor, bound: float = 6.9) -> Tensor:
    """A log-scale held between -bound and bound: a factor between 1/1000 and 1000, smooth and monotone.

        a / (1 + |a| / bound)

    Near 0 it is a itself. An exponential of a network's output would overflow once and spoil all weights.

    Args:
        log_scale: of any shape.
        bound: the largest absolute value.

    Example:
        >>> bounded(torch.tensor([0.0, 0.1, 1e9]))
        tensor([0.0000, 0.0986, 6.9000])
    """
    return log_scale / (1 + log_scale.abs() / bound)
