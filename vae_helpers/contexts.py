"""Small contexts: models evaluated, distributions unchecked, running quantities fitted."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import nn
from torch.distributions import Distribution


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Evaluation mode and no gradients inside; every module's mode is put back afterwards.

    Args:
        model: any module.

    Example:
        >>> layer = nn.Linear(2, 3)
        >>> with evaluating(layer):
        ...     layer.training, layer(torch.zeros(1, 2)).requires_grad
        (False, False)
    """
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module, training in modes.items():
            module.training = training


@contextmanager
def unchecked_distributions() -> Iterator[None]:
    """No argument checks in `torch.distributions` inside: each costs a pass, and a wait on a GPU.

    Example:
        >>> with unchecked_distributions():
        ...     torch.distributions.Bernoulli(0.5).log_prob(torch.tensor(7.0)).isfinite().item()
        True
    """
    before = Distribution._validate_args
    Distribution.set_default_validate_args(False)
    try:
        yield
    finally:
        Distribution.set_default_validate_args(before)


@contextmanager
def fitting(model: nn.Module) -> Iterator[Callable[[], None]]:
    """Inside, what a model fits without a gradient, such as an optimal sigma, follows the batches.

    A module that follows its batches says so by an attribute `follows` and has a method `after_step`. It gets
    `fitting = True`; at the end that is False again, and what it kept as `last_batch` is forgotten. `fit` opens this
    context; so does a training loop of your own.

    Args:
        model: any module.

    Yields:
        A function to call after every step of the optimizer.

    Example:
        >>> with fitting(nn.Linear(2, 3)) as after_step:
        ...     after_step()  # there is nothing in a linear layer that follows
    """
    followers = [module for module in model.modules() if getattr(module, "follows", False)]

    def after_step() -> None:
        for module in followers:
            module.after_step()

    try:
        for module in followers:
            module.fitting = True
        yield after_step
    finally:
        for module in followers:
            module.fitting, module.last_batch = False, None
