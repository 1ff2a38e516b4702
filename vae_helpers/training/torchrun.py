"""Several processes, one per device, that train one model: started by `torchrun`, joined here."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor

from ..device import pick_device, seed_everything


@dataclass(frozen=True)
class Processes:
    """The processes that train together: this one's rank, and how many there are."""

    rank: int = 0
    size: int = 1

    @staticmethod
    def current() -> "Processes":
        """Those of `torch.distributed`, if it was initialised; else this process alone."""
        return Processes(dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else Processes()

    def same(self, tensor: Tensor) -> Tensor:
        """The tensor of rank 0, in every process."""
        if self.size > 1:
            dist.broadcast(tensor, src=0)
        return tensor

    def mean(self, values: Tensor, n: int) -> Tensor:
        """The mean of `values` `[B]`; of several processes, this one's part of the mean over all n.

        DistributedDataParallel averages gradients over the processes, whatever the size of their parts,
        so a part counts `size` times.
        """
        return values.mean() if self.size == 1 else values.sum() * (self.size / n)

    def total(self, sums: Tensor) -> Tensor:
        """The sum over the processes."""
        if self.size > 1:
            dist.all_reduce(sums)
        return sums

    def any(self, wish: bool) -> bool:
        """Whether any process wishes it."""
        return any(self.gather(wish))

    def gather(self, mine: object) -> list:
        """What every process has, in the order of their ranks."""
        everyone = [mine] * self.size
        if self.size > 1:
            dist.all_gather_object(everyone, mine)
        return everyone


@contextmanager
def torchrun_processes(seed: int) -> Iterator[Processes]:
    """Join the processes that `torchrun` started, if it did, and seed each one differently.

    NCCL connects GPUs, and gloo CPUs. `fit` gives every process the weights of rank 0.

    Args:
        seed: of rank 0; the others count on from it.

    Yields:
        The processes.

    Example:
        >>> with torchrun_processes(seed=0) as processes:  # without torchrun
        ...     processes
        Processes(rank=0, size=1)
    """
    if "LOCAL_RANK" not in os.environ:
        seed_everything(seed)
        yield Processes()
        return
    device = pick_device()
    if device.type == "cuda":
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        processes = Processes.current()
        seed_everything(seed + processes.rank)
        yield processes
    finally:
        dist.destroy_process_group()
