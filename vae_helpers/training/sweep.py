"""fit_sweep(): several models of the same sizes trained as one, for sweeps and for seeds."""

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy

import torch
from torch import Tensor, nn

from ..device import pick_device
from ..objectives.elbo import elbo
from .history import History
from .loop import TrainingInterrupted, fit


class StackedLinear(nn.Module):
    """M linear layers as one: of the rows `[..., M B, inputs]` the m-th B go through the m-th layer.

    Args:
        layers: of the same sizes, with a bias.
    """

    def __init__(self, layers: Sequence[nn.Linear]):
        super().__init__()
        weights, biases = ([getattr(layer, name).detach() for layer in layers] for name in ("weight", "bias"))
        self.weight = nn.Parameter(torch.stack(weights).mT.contiguous())  # [M, in, out]
        self.bias = nn.Parameter(torch.stack(biases)[:, None])  # [M, 1, out]

    def forward(self, x: Tensor) -> Tensor:
        x = x.unflatten(-2, (len(self.weight), -1))
        return (x @ self.weight + self.bias).flatten(-3, -2)

    def unstack(self, layers: Sequence[nn.Linear]) -> None:
        """Copy the weights back into the M layers."""
        with torch.no_grad():
            for layer, weight, bias in zip(layers, self.weight, self.bias, strict=True):
                layer.weight.copy_(weight.T)
                layer.bias.copy_(bias[0])


def fit_sweep(
    models: Sequence[nn.Module],
    images: Tensor,
    objective: Callable = elbo,
    settings: Mapping[str, Sequence[float]] | None = None,
    **options,
) -> History:
    """`fit` for M models of linear layers with the same sizes, in one go.

    The layers are stacked, so that a step is one set of batched matrix products for all models:
    where these are small, M steps in the time of two or three. No weight is shared and Adam treats
    every number by itself, so each model learns what it would learn alone from the same batches,
    with noise of its own.

    Args:
        models: M of them.
        images: `[N, ...]`.
        objective: as for `fit`, if it treats the images of a batch one by one (`elbo` and `iwae_bound` do;
            `free_bits` and `beta_tc` take means over a batch, which would be over all models). It sees the batch
            M times, `[M B, ...]`, the first model's rows first.
        settings: {keyword of the objective: one number per model}, as in {"beta": [0.5, 1, 4]}.
        options: of `fit`; no `clip_norm`, which would be one norm for all models.

    Returns:
        `History`, its value the sum over the models.

    Raises:
        ValueError: for models that differ, or settings of another length.
        TypeError: for parameters that are not those of a linear layer.

    Example:
        >>> from vae_helpers import VAE, Bernoulli, MLPDecoder, MLPEncoder
        >>> models = [VAE(MLPEncoder(2), MLPDecoder(2), Bernoulli(), latent_dim=2) for _ in range(3)]
        >>> history = fit_sweep(models, torch.rand(50, 1, 28, 28), settings={"beta": [0.5, 1, 4]}, progress=False)
    """
    if getattr(options.get("long_run"), "clip_norm", None) is not None:
        raise ValueError("clip_norm is one norm for all M models here: train them one by one with fit()")
    count = len(models)
    for name, values in (settings or {}).items():
        if len(values) != count:
            raise ValueError(f"settings need one {name} per model, {count}, got {len(values)}")
    layers = _linear_layers(models)
    stack = deepcopy(models[0])
    stacked = {name: StackedLinear(of_all) for name, of_all in layers.items()}
    for name, layer in stacked.items():
        stack.set_submodule(name, layer)
    if hasattr(stack, "check_data"):
        stack.check_data = models[0].check_data  # of one model: the stack takes M batches at a time

    where = {"device": pick_device(options.get("device")), "dtype": next(stack.parameters()).dtype}
    per_model = {name: torch.as_tensor(values, **where) for name, values in (settings or {}).items()}

    def summed(stack: nn.Module, x: Tensor, **scheduled) -> Tensor:
        per_row = {name: values.repeat_interleave(len(x)) for name, values in per_model.items()}
        result = objective(stack, x.repeat(count, *[1] * (x.ndim - 1)), **per_row, **scheduled)
        value = result if isinstance(result, Tensor) else result.value
        return value.unflatten(0, (count, len(x))).sum(0)

    try:
        return fit(stack, images, summed, **options)
    except TrainingInterrupted:
        for model in models:
            model.history = stack.history
        raise
    finally:
        for name, layer in stacked.items():
            layer.unstack(layers[name])
        for model in models:
            model.to(where["device"]).eval()


def _linear_layers(models: Sequence[nn.Module]) -> dict[str, list[nn.Linear]]:
    """{name of a linear layer: that layer of each model}, if nothing else tells the models apart."""
    if not models:
        raise ValueError("there must be at least one model")
    first, *others = models
    sizes = {name: p.shape for name, p in first.named_parameters()}
    for other in others:
        theirs = {name: p.shape for name, p in other.named_parameters()}
        if theirs != sizes:
            raise ValueError(f"the models must have the same layer sizes, got {sizes} and {theirs}")
        buffers = dict(other.named_buffers())
        for name, buffer in first.named_buffers():
            if not torch.equal(buffer.nan_to_num(), buffers[name].nan_to_num()):
                raise ValueError(f"the models differ in {name}, and only linear layers can be stacked")
    layers = {}
    for name, module in first.named_modules():
        if getattr(module, "follows", False):
            raise TypeError(f"{name} = {module} follows the batches, and would be one for all models: train with fit()")
        if isinstance(module, nn.Linear) and module.bias is not None:
            layers[name] = [model.get_submodule(name) for model in models]
        elif list(module.parameters(recurse=False)):
            raise TypeError(f"only linear layers with a bias can be stacked, got {name} = {module}")
    return layers
