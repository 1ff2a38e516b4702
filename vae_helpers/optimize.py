"""Maximise an exact objective to full precision, where no minibatch is needed."""

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
        parameters, max_iter=steps, tolerance_grad=1e-9, tolerance_change=0, line_search_fn="strong_wolfe"
    )

    def loss() -> Tensor:
        optimizer.zero_grad()
        value = -objective(*parameters)
        value.backward()
        return value

    values = torch.stack([optimizer.step(loss).detach(), objective(*parameters).detach()])
    if not values.isfinite().all():
        raise ArithmeticError(
            f"the objective went from {-values[0]:g} to {values[1]:g}; start where it is finite."
        )
    return [p.detach() for p in parameters]
