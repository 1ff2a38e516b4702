"""What the loop of `fit` calls at its turns. Here nothing happens; `long_run.LongRun` overrides what it needs."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from ..contexts import unchecked_distributions
from ..objectives.terms import named_terms
from .history import History


class Hooks:
    """Those of a run of one process that is over before anybody would want to store it."""

    reports = True  # whether this process shows a bar and prints

    def start(self, model: nn.Module, objective: Callable, device: torch.device) -> Callable:
        """The forward pass: a function (x `[B, ...]`, {keyword of the objective: value}) -> {term: `[B]`}."""

        def forward(x: Tensor, scheduled: dict[str, float]) -> dict[str, Tensor]:
            with unchecked_distributions():
                return named_terms(objective(model, x, **scheduled), len(x))

        return forward

    def resume(self, parts: dict, **what: object) -> History:
        """The history so far, after everything in `parts` was put back as it was; here there is none.

        `what` is all that makes this run this run: the arguments of `identity.identity`.
        """
        return History()

    def shuffled(self, n: int, device: torch.device) -> Tensor:
        """0 to n - 1 in random order."""
        return torch.randperm(n, device=device)

    def share(self, rows: Tensor) -> Tensor:
        """The rows of a batch that this process takes."""
        return rows

    def mean(self, values: Tensor, n: int) -> Tensor:
        """The mean of `values` `[B]`, this process's share of a batch of n: the number to maximise."""
        return values.mean()

    def before_update(self, model: nn.Module) -> None:
        """Called between the backward pass and the optimizer's step."""

    def total(self, sums: Tensor) -> Tensor:
        """The sum over all processes."""
        return sums

    def save(self, history: History) -> None:
        """Called after every epoch."""
