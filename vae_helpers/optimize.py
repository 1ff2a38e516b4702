"""Maximise an exact objective, where no minibatch is needed."""

from collections.abc import Callable

import torch
from torch import Tensor


def maximise(objective: Callable[..., Tensor], *start: Tensor, steps: int = 1000) -> list[Tensor]:
    """The parameters that maximise the scalar objective(*parameters), climbed to from `start` by L-BFGS.

    Stops after `steps` iterations, or where the gradient is below 1e-9 or no step improves. It finds a
    local maximum: the start decides which. Raises ArithmeticError if the objective ends or starts infinite.
    """
    parameters = [p.detach().clone().requires_grad_() for p in start]
    optimizer = torch.optim.LBFGS(
        parameters,
        max_iter=steps,
        max_eval=25 * steps,
        tolerance_grad=1e-9,
        tolerance_change=0,
        line_search_fn="strong_wolfe",
    )

    def loss() -> Tensor:
        optimizer.zero_grad()
        value = -objective(*parameters)
        value.backward()
        return value

    if not (first := objective(*parameters)).isfinite():
        raise ArithmeticError(f"the objective is {first:g} at the start; begin where it is finite")
    optimizer.step(loss)
    if not (last := objective(*parameters)).isfinite():
        raise ArithmeticError(f"the objective went from {first:g} to {last:g}; it may have no maximum")
    return [p.detach() for p in parameters]
