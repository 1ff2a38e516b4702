"""L-BFGS, for an exact objective, where no minibatch is needed."""

from collections.abc import Callable

import torch
from torch import Tensor


def maximise(objective: Callable[..., Tensor], *start: Tensor, steps: int = 1000) -> list[Tensor]:
    """The parameters that maximise an exact objective, climbed to by L-BFGS.

    Stops after `steps` iterations, or where the gradient is below 1e-9 or no step improves. It finds a
    local maximum: the start decides which.

    Args:
        objective: of the parameters, a scalar.
        start: one tensor for each parameter.
        steps: the most iterations.

    Returns:
        The parameters, without gradient.

    Raises:
        ArithmeticError: if the objective starts or ends infinite.

    Example:
        >>> maximise(lambda x: -((x - 3) ** 2).sum(), torch.zeros(2))
        [tensor([3., 3.])]
    """
    parameters = [p.detach().clone(memory_format=torch.contiguous_format).requires_grad_() for p in start]
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
