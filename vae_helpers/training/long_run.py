"""What long runs need of `fit`: checkpoints, compiling, lower precision, several processes, clipped gradients."""

from collections.abc import Callable
from dataclasses import dataclass
from os import PathLike

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.nn.utils import clip_grad_norm_

from ..contexts import unchecked_distributions
from ..device import autocast, fast_bfloat16
from ..objectives.terms import named_terms
from .checkpoint import Checkpoint
from .history import History
from .hooks import Hooks
from .identity import identity
from .torchrun import Processes


class _Objective(nn.Module):
    """objective(model, x) as the forward pass of a module, which torch can compile or distribute."""

    def __init__(self, model: nn.Module, objective: Callable):
        super().__init__()
        self.model, self.objective = model, objective

    def forward(self, x: Tensor, scheduled: dict[str, float]) -> Tensor | tuple:
        return self.objective(self.model, x, **scheduled)


@dataclass
class LongRun(Hooks):
    """Options of `fit` for runs of minutes and more: `fit(..., long_run=LongRun(checkpoint="build/vae.pt"))`.

    In processes that `torchrun` started and `torchrun_processes` joined, each takes its part of every batch.

    Args:
        checkpoint: a file that stores the run after every epoch. If it is there already, the run goes on from it,
            on a CPU to the same bits as if it had never stopped (if binarized validation images are drawn, from
            the same seed); a file of any other objective, data, model or setting is refused. `load_weights`
            takes the model out of it.
        compile: `torch.compile` the objective: a minute of waiting that long runs on a GPU repay.
        autocast: bfloat16 matrix products in training (never in an evaluation, and never of float64): True, False, or
            "auto", which is True where the device multiplies bfloat16 in hardware (`device.fast_bfloat16`). They pay
            for large products: batches of 300 and more, many samples (docs/pages/speed.md).
        clip_norm: the gradient is scaled down to this norm where it is longer.
        seed: the one that weights and batches were drawn with, if a checkpoint should know it.

    Raises:
        ValueError: for another autocast.

    Example:
        >>> LongRun(clip_norm=100.0)
        LongRun(checkpoint=None, compile=False, autocast=False, clip_norm=100.0, seed=None)
    """

    checkpoint: str | PathLike | None = None
    compile: bool = False
    autocast: bool | str = False
    clip_norm: float | None = None
    seed: int | None = None

    def __post_init__(self):
        if self.autocast not in (True, False, "auto"):
            raise ValueError(f'autocast must be True, False or "auto", got {self.autocast!r}')

    def start(self, model: nn.Module, objective: Callable, device: torch.device) -> Callable:
        self.device, self.processes = device, Processes.current()
        self.lower = fast_bfloat16(device) if self.autocast == "auto" else self.autocast
        self.reports = self.processes.rank == 0
        step = _Objective(model, objective)
        if self.processes.size > 1:
            step = DistributedDataParallel(step)  # averages the gradients of the processes
        if self.compile:  # a small model's kernels are over before the next one is launched: replay a CUDA graph
            mode = "reduce-overhead" if device.type == "cuda" else "default"
            with unchecked_distributions():  # torch.compile leaves argument checks off; this puts them back
                step = torch.compile(step, dynamic=False, mode=mode)

        def forward(x: Tensor, scheduled: dict[str, float]) -> dict[str, Tensor]:
            with unchecked_distributions(), autocast(device, self.lower):
                return named_terms(step(x, scheduled), len(x))

        return forward

    def resume(self, parts: dict, **what: object) -> History:
        mine = dict(clip_norm=self.clip_norm, autocast=self.lower, seed=self.seed, processes=self.processes.size)
        this = {} if self.checkpoint is None else identity(**what, **mine)  # fingerprints take a moment
        self.stored = Checkpoint(self.checkpoint, this, parts, self.device, self.processes)
        return self.stored.load()

    def shuffled(self, n: int, device: torch.device) -> Tensor:
        return self.processes.same(torch.randperm(n, device=device))

    def share(self, rows: Tensor) -> Tensor:
        return rows[self.processes.rank :: self.processes.size]

    def mean(self, values: Tensor, n: int) -> Tensor:
        return self.processes.mean(values, n)

    def before_update(self, model: nn.Module) -> None:
        if self.clip_norm is not None:
            clip_grad_norm_(model.parameters(), self.clip_norm)

    def total(self, sums: Tensor) -> Tensor:
        return self.processes.total(sums)

    def save(self, history: History) -> None:
        history.stopped = self.processes.any(history.stopped)
        self.stored.save(history)
