"""Floors: the matrix products that a model cannot do without, and one fused Adam step; nothing else."""

from collections.abc import Callable

import torch
from torch import nn

from vae_helpers import VAE

from .measuring import DEVICE


def products(layers: list[nn.Linear], rows: list[int], first_input: bool, backward: bool, weights: bool = True):
    """A function that does the matrix products of linear layers: forward and, if asked for, backward.

    rows         of the input of each layer
    first_input  whether the first layer's input has a gradient, too (a decoder's has)
    weights      whether the weights have one (they have none where only z moves)
    """
    matrices = [layer.weight.detach() for layer in layers]
    inputs = [torch.randn(n, w.shape[1], device=DEVICE) for n, w in zip(rows, matrices, strict=True)]
    outputs = [torch.randn(n, w.shape[0], device=DEVICE) for n, w in zip(rows, matrices, strict=True)]
    spare = [[torch.empty_like(t) for t in kind] for kind in (outputs, matrices, inputs)]

    def run() -> None:
        for w, x, out in zip(matrices, inputs, spare[0], strict=True):
            torch.mm(x, w.T, out=out)
        if backward:
            last_to_first = reversed(list(zip(matrices, inputs, outputs, spare[1], spare[2], strict=True)))
            for number, (w, x, g, for_weight, for_input) in enumerate(last_to_first, start=1):
                if weights:
                    torch.mm(g.T, x, out=for_weight)
                if number < len(matrices) or first_input:
                    torch.mm(g, w, out=for_input)

    return run


def linear_layers(*modules: nn.Module) -> list[nn.Linear]:
    return [layer for module in modules for layer in module.modules() if isinstance(layer, nn.Linear)]


def floor_of(model: VAE, batch_size: int, models: int = 1) -> Callable[[], None]:
    """A step's matrix products and one fused Adam step on parameters of the same sizes, for so many models at once."""
    layers = linear_layers(model.encoder, model.decoder)
    multiply = products(layers, [batch_size] * len(layers), first_input=False, backward=True)
    parameters = [nn.Parameter(torch.randn_like(p)) for p in model.parameters() for _ in range(models)]
    for p in parameters:
        p.grad = torch.randn_like(p)
    optimizer = torch.optim.Adam(parameters, lr=1e-6, fused=True)

    def run() -> None:
        for _ in range(models):
            multiply()
        optimizer.step()

    return run
