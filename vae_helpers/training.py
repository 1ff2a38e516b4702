"""fit(): the training loop that all notebooks share, and the History it returns."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike

import torch
from matplotlib.figure import Figure
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.nn.utils import clip_grad_norm_
from torch.optim.lr_scheduler import OneCycleLR
from tqdm.auto import tqdm

from .checkpoint import Checkpoint
from .device import autocast as autocast_on
from .device import pick_device
from .distributed import World
from .evaluation import evaluate, named_terms, unchecked_distributions
from .likelihoods import Bernoulli, check_pixels
from .objectives import elbo
from .plotting import plot_history


class NonFiniteLoss(ArithmeticError):
    """A term of the objective became infinite or not a number while training."""


@dataclass
class History:
    """What happened while training, in nats per image: one dict of means per epoch.

    train        means over the epoch's images, taken while the model was changing
    validation   means over the validation images after the epoch, empty if there are none
    steps        means over each batch, {term: one number per step}
    seconds      time per epoch, without validation
    interrupted  True if Ctrl-C ended training; only completed epochs are recorded
    """

    train: list[dict[str, float]] = field(default_factory=list)
    validation: list[dict[str, float]] = field(default_factory=list)
    steps: dict[str, list[float]] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)
    interrupted: bool = False

    def record(
        self,
        names: list[str],
        sums: Tensor,
        batch_size: int,
        n: int,
        held_out: dict[str, float] | None,
        seconds: float,
    ) -> None:
        """Add an epoch over n images, from the sums over its batches `[S, terms]`."""
        columns = sums.double().T
        sizes = torch.full(columns.shape[1:], batch_size)
        sizes[-1] = n - batch_size * (len(sizes) - 1)  # the last batch may be smaller
        self.train.append(
            {name: column.sum().item() / n for name, column in zip(names, columns, strict=True)}
        )
        for name, column in zip(names, columns, strict=True):
            self.steps.setdefault(name, []).extend((column / sizes).tolist())
        self.seconds.append(seconds)
        if held_out is not None:
            self.validation.append(held_out)

    def summary(self, device: torch.device) -> str:
        """One line: epochs, seconds and the last means."""
        last = self.validation or self.train
        parts = [f"{len(self.train)} epochs in {sum(self.seconds):.0f} s on {device}"]
        if self.interrupted:
            parts.append("stopped by Ctrl-C")
        if last:
            which = "validation" if self.validation else "training"
            parts.append(f"{which} " + ", ".join(f"{name} {mean:.2f}" for name, mean in last[-1].items()))
        return "; ".join(parts)

    def plot(self) -> Figure:
        """One panel per term: every batch, the epochs' means, and the validation images."""
        return plot_history(self)


class _Objective(nn.Module):
    """objective(model, x) as the forward pass of a module, which torch can compile or distribute."""

    def __init__(self, model: nn.Module, objective: Callable):
        super().__init__()
        self.model, self.objective = model, objective

    def forward(self, x: Tensor, scheduled: dict[str, float]) -> Tensor | tuple:
        return self.objective(self.model, x, **scheduled)


def fit(
    model: nn.Module,
    images: Tensor,
    objective: Callable = elbo,
    epochs: int = 5,
    *,
    batch_size: int = 128,
    lr: float = 5e-3,
    one_cycle: bool = True,
    clip_norm: float | None = None,
    schedules: Mapping[str, Callable[[float], float]] | None = None,
    binarize: bool = False,
    autocast: bool = False,
    compile: bool = False,
    validation: Tensor | None = None,
    callbacks: Sequence[Callable[[nn.Module, History], None]] = (),
    checkpoint: str | PathLike | None = None,
    device: str | None = None,
    progress: bool = True,
) -> History:
    """Maximise the mean of objective(model, x) over `images` `[N, ...]` with Adam.

    objective      (model, x) -> values `[B]` to maximise, or a named tuple with a field `value`
    lr, one_cycle  peak of a one-cycle schedule (Smith and Topin, 2019; Adam's beta_1 cycles along), or
                   else, and for runs under 10 steps, a constant rate
    clip_norm      the gradient is scaled down to this norm where it is longer
    schedules      {keyword of the objective: function of t}, for a weight that changes while training;
                   t rises from 0 at the first step towards 1. Validation uses the keyword's default
    binarize       draw the pixels afresh from Bernoulli(x) at every step (validation: once)
    autocast       bfloat16 matrix products
    compile        `torch.compile` the objective: a minute of waiting that long runs on a GPU repay
    validation     images `[M, ...]` on which the objective is evaluated after every epoch
    callbacks      called as callback(model, history) after every epoch
    checkpoint     a file that stores the run after every epoch; if it is there already, the run goes on
                   from it, on a CPU to the same bits as if it had never stopped (if binarized validation
                   images are drawn, from the same seed)
    device         as in `pick_device`; the model stays there, in evaluation mode

    In processes that `torchrun` started and `distributed.joined` connected, each takes its part of every
    batch. Ctrl-C ends training cleanly: the model keeps its weights, the history its completed epochs.
    Raises ValueError or TypeError for data that cannot be trained on, and, at the end of an epoch,
    NonFiniteLoss, naming the first step and term (looking sooner would make an accelerator wait at
    every step).
    """
    _check_arguments(model, images, validation, epochs, batch_size)
    device, world = pick_device(device), World.current()
    model.to(device).train()
    dtype = next(model.parameters()).dtype
    images = images.to(device, dtype)
    if validation is not None:
        validation = validation.to(device, dtype)
        validation = torch.bernoulli(validation) if binarize else validation
    epoch_steps = math.ceil(len(images) / batch_size)
    optimizer = torch.optim.Adam(model.parameters(), lr=lr, fused=True)
    total_steps = epochs * epoch_steps
    one_cycle = one_cycle and total_steps >= 10  # a shorter cycle would be over before it warmed up
    schedule = OneCycleLR(optimizer, lr, total_steps=total_steps) if one_cycle else None
    step = _Objective(model, objective)
    if world.size > 1:
        step = DistributedDataParallel(step)  # averages the gradients of the processes
    if compile:  # a small model's kernels are over before the next one is launched: replay a CUDA graph
        mode = "reduce-overhead" if device.type == "cuda" else "default"
        with unchecked_distributions():  # torch.compile leaves argument checks off; this puts them back
            step = torch.compile(step, dynamic=False, mode=mode)
    settings = dict(epochs=epochs, batch_size=batch_size, lr=lr, one_cycle=one_cycle, clip_norm=clip_norm)
    settings |= dict(binarize=binarize, autocast=autocast, images=len(images), processes=world.size)
    parts = {"model": model, "optimizer": optimizer} | ({"schedule": schedule} if schedule else {})
    stored = Checkpoint(checkpoint, settings, parts, device, world)
    history = History(**(stored.load() or {}))
    done, quiet = len(history.train), not progress or world.rank > 0
    bar = tqdm(total=total_steps, initial=done * epoch_steps, unit="step", disable=quiet, leave=False)
    try:
        for epoch in range(done, epochs):
            start = time.perf_counter()
            sums = []  # for every step the batch's sum of each term, left on the device
            for rows in world.shuffled(len(images), device).split(batch_size):
                x = images[rows[world.rank :: world.size]]
                x = torch.bernoulli(x) if binarize else x
                t = (epoch * epoch_steps + len(sums)) / total_steps
                scheduled = {name: f(t) for name, f in (schedules or {}).items()}
                optimizer.zero_grad()
                with unchecked_distributions(), autocast_on(device, autocast):
                    terms = named_terms(step(x, scheduled), len(x))
                loss = -world.mean(terms["value"], len(rows))
                sums.append(torch.stack([values.detach() for values in terms.values()]).sum(1))

                loss.backward()
                if clip_norm is not None:
                    clip_grad_norm_(model.parameters(), clip_norm)
                optimizer.step()
                if schedule is not None:
                    schedule.step()
                bar.update()

            sums = world.total(torch.stack(sums)).cpu()  # the first time that the epoch is waited for
            _check_finite(list(terms), sums, first_step=epoch * epoch_steps)
            seconds = time.perf_counter() - start
            held_out = evaluate(model, validation, objective) if validation is not None else None
            history.record(list(terms), sums, batch_size, len(images), held_out, seconds)
            bar.set_postfix({name: f"{mean:.1f}" for name, mean in history.train[-1].items()})
            for callback in callbacks:
                callback(model, history)
            stored.save(history)
    except KeyboardInterrupt:
        history.interrupted = True
    finally:
        bar.close()
        model.eval()
    if not quiet:
        print(history.summary(device))
    return history


def _check_arguments(
    model: nn.Module,
    images: Tensor,
    validation: Tensor | None,
    epochs: int,
    batch_size: int,
) -> None:
    if epochs < 1 or batch_size < 1:
        raise ValueError(f"epochs and batch_size must be at least 1, got {epochs} and {batch_size}")
    for name, x in {"images": images, "validation": validation}.items():
        if x is None and name == "validation":
            continue
        if not isinstance(x, Tensor) or not x.is_floating_point():
            found = f"a tensor of {x.dtype}" if isinstance(x, Tensor) else type(x).__name__
            raise TypeError(
                f"{name} must be a float tensor [N, ...], got {found}. "
                "From load_images(), pass data.train; divide 8-bit images by 255."
            )
        if x.ndim < 2 or len(x) == 0:
            raise ValueError(f"{name} must have shape [N, ...] with N of at least 1, got {list(x.shape)}")
        if not all(extreme.isfinite() for extreme in torch.aminmax(x)):  # NaN is passed on
            raise ValueError(f"{name} contains infinite or missing values (NaN). Remove them first.")
        if isinstance(getattr(model, "likelihood", None), Bernoulli):
            check_pixels(x)


def _check_finite(names: list[str], sums: Tensor, first_step: int) -> None:
    """Raise NonFiniteLoss for the first step in which a term's sum, of `[S, terms]`, is not finite."""
    finite = sums.isfinite()
    if finite.all():
        return
    row = int((~finite).any(dim=1).nonzero()[0])
    bad = " and ".join(name for name, fine in zip(names, finite[row].tolist(), strict=True) if not fine)
    raise NonFiniteLoss(
        f"{bad} is infinite or not a number at step {first_step + row} (counted from 0). "
        "Try a smaller lr, clip_norm=100, or look at the network's outputs for this batch."
    )
