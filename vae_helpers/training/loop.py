"""fit(): the training loop that all notebooks share."""

import operator
import time
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import OneCycleLR
from tqdm.auto import tqdm

from ..checks import check_images, like_the_model
from ..contexts import fitting
from ..device import flush_denormals, pick_device, reuse_memory, spare_busy_cores
from ..measures.marginal_likelihood import evaluate
from ..objectives.elbo import elbo
from .history import History
from .hooks import Hooks


class NonFiniteLoss(ArithmeticError):
    """A term of the objective became infinite or not a number while training."""


class TrainingInterrupted(KeyboardInterrupt):
    """Ctrl-C, or Stop in a notebook: training ended, and so does what was to run after it."""


def fit(
    model: nn.Module,
    images: Tensor,
    objective: Callable = elbo,
    epochs: int = 5,
    *,
    batch_size: int = 128,
    lr: float = 5e-3,
    one_cycle: bool = True,
    schedules: Mapping[str, Callable[[float], float]] | None = None,
    binarize: bool = False,
    validation: Tensor | None = None,
    callbacks: Sequence[Callable[[nn.Module, History], bool | None]] = (),
    long_run: Hooks | None = None,
    device: str | None = None,
    progress: bool = True,
) -> History:
    """Maximise the mean of an objective over images with Adam.

    Ctrl-C, or Stop in a notebook, ends training and what was to run after it; the model keeps its weights, and
    `model.history` the completed epochs. A term that is not finite is noticed at the end of its epoch: looking
    sooner would make an accelerator wait at every step.

    Args:
        model: stays on the device, in evaluation mode.
        images: `[N, ...]`.
        objective: (model, x) -> values `[B]` to maximise, or a named tuple with a field `value`.
        epochs: how often every image is seen.
        batch_size: images in a step.
        lr: the learning rate, or its peak if `one_cycle`.
        one_cycle: the rate rises and falls (Smith and Topin, 2019; Adam's beta_1 cycles along); else, and for runs
            under 10 steps, it is constant.
        schedules: {keyword of the objective: function of t}, for a weight that changes while training; t rises
            from 0 at the first step towards 1. Validation uses the keyword's default.
        binarize: draw the pixels afresh from Bernoulli(x) at every step (validation: once).
        validation: images `[M, ...]` on which the objective is evaluated after every epoch.
        callbacks: called as callback(model, history) after every epoch; one that returns True ends training.
        long_run: checkpoints, compiling, lower precision, several processes, clipped gradients: a `LongRun`.
        device: as in `pick_device`.
        progress: show a bar, and print one line at the end.

    Returns:
        `History`.

    Raises:
        ValueError, TypeError: for data that cannot be trained on.
        NonFiniteLoss: naming the first step and term that is infinite or not a number.
        TrainingInterrupted: after Ctrl-C.

    Example:
        >>> from vae_helpers import VAE, Bernoulli, MLPDecoder, MLPEncoder
        >>> model = VAE(MLPEncoder(2), MLPDecoder(2), Bernoulli(), latent_dim=2)
        >>> history = fit(model, torch.rand(50, 1, 28, 28), epochs=2, progress=False)
        >>> sorted(history.train[-1])
        ['kl', 'reconstruction', 'value']
    """
    epochs, batch_size = check_arguments(model, images, validation, objective, epochs, batch_size)
    lr = float(lr)  # a number of NumPy's could not be stored
    reuse_memory()
    hooks, device = long_run or Hooks(), pick_device(device)
    model.to(device).train()
    images, validation = (None if x is None else like_the_model(x, model) for x in (images, validation))
    what = dict(model=model, images=images, validation=validation, objective=objective, schedules=schedules or {})
    if binarize and validation is not None:
        validation = torch.bernoulli(validation)

    sizes = batch_sizes(len(images), batch_size)
    total_steps = epochs * len(sizes)
    optimizer = torch.optim.Adam(model.parameters(), lr=lr, fused=True)
    one_cycle = one_cycle and total_steps >= 10  # a shorter cycle would be over before it warmed up
    cycle = OneCycleLR(optimizer, lr, total_steps=total_steps) if one_cycle else None

    forward = hooks.start(model, objective, device)
    parts = {"model": model, "optimizer": optimizer} | ({"schedule": cycle} if cycle else {})
    numbers = dict(epochs=epochs, batch_size=batch_size, lr=lr, one_cycle=one_cycle, binarize=binarize)
    history = hooks.resume(parts, **what, **numbers)
    done, quiet = len(history.train), not progress or not hooks.reports
    bar = tqdm(total=total_steps, initial=done * len(sizes), unit="step", disable=quiet, leave=False)
    try:
        with fitting(model) as after_step, flush_denormals():
            for epoch in range(done, 0 if history.stopped else epochs):
                spare_busy_cores()
                begun, sums = time.perf_counter(), []  # of every step: each term, summed, left on the device
                for rows in hooks.shuffled(len(images), device).split(sizes):
                    # the batch, and how far training has come
                    x = images.index_select(0, hooks.share(rows))  # images[rows], in half the time
                    x = torch.bernoulli(x) if binarize else x
                    t = (epoch * len(sizes) + len(sums)) / total_steps

                    # forward: the objective's terms [B]
                    terms = forward(x, {name: f(t) for name, f in (schedules or {}).items()})
                    loss = -hooks.mean(terms["value"], len(rows))
                    sums.append(torch.stack([values.detach() for values in terms.values()]).sum(1))

                    # backward, and one step of Adam
                    optimizer.zero_grad()
                    loss.backward()
                    hooks.before_update(model)
                    optimizer.step()
                    after_step()
                    if cycle is not None:
                        cycle.step()
                    bar.update()

                # the epoch is over: the first time that its numbers are waited for
                totals = hooks.total(torch.stack(sums)).cpu().double()
                totals = dict(zip(terms, totals.unbind(1), strict=True))
                _check_finite(totals, epoch * len(sizes), model)
                seconds = time.perf_counter() - begun
                held_out = None if validation is None else evaluate(model, validation, objective)
                history.record(totals, torch.tensor(sizes), held_out, seconds)
                bar.set_postfix({name: f"{mean:.1f}" for name, mean in history.train[-1].items()})
                wishes = [callback(model, history) for callback in callbacks]
                history.stopped = any(wishes) and epoch + 1 < epochs
                hooks.save(history)
                if history.stopped:
                    break
    except KeyboardInterrupt:
        history.interrupted, model.history = True, history
        raise TrainingInterrupted(
            f"{history.summary(device)}. The model keeps its weights; the completed epochs are in model.history"
        ) from None
    finally:
        bar.close()
        model.eval()
    if not quiet:
        print(history.summary(device))
    return history


def check_arguments(
    model: nn.Module, images: Tensor, validation: Tensor | None, objective: Callable, epochs: int, batch_size: int
) -> tuple[int, int]:
    """Refuse what `fit` cannot train on. A model with a method `check_data` is asked, too.

    Args:
        model: any module.
        images: `[N, ...]`.
        validation: `[M, ...]`, or None.
        objective: a function.
        epochs: a whole number of at least 1.
        batch_size: a whole number of at least 1.

    Returns:
        epochs and batch_size, as Python's own numbers.

    Raises:
        ValueError: for numbers below 1, and for images that are missing, not finite or not what the model describes.
        TypeError: for images that are no float tensor, an objective that is no function, numbers that are not whole.

    Example:
        >>> check_arguments(nn.Linear(3, 1), torch.rand(5, 3), None, print, epochs=1, batch_size=2)
        (1, 2)
    """
    if not callable(objective):
        raise TypeError(
            f"objective must be a function (model, x) -> [B], got {objective!r}: the third argument is the objective, "
            "as in fit(model, images, elbo, epochs=5)"
        )
    epochs, batch_size = operator.index(epochs), operator.index(batch_size)
    if epochs < 1 or batch_size < 1:
        raise ValueError(f"epochs and batch_size must be at least 1, got {epochs} and {batch_size}")
    for name, x in {"images": images, **({} if validation is None else {"validation": validation})}.items():
        check_images(x, name)
        if hasattr(model, "check_data"):
            model.check_data(x, name)
    return epochs, batch_size


def batch_sizes(n: int, batch_size: int) -> list[int]:
    """How many images each step takes; a last one alone joins the batch before it (BatchNorm needs two).

    Args:
        n: images.
        batch_size: as many as possible.

    Example:
        >>> batch_sizes(25, 10), batch_sizes(21, 10)
        ([10, 10, 5], [10, 11])
    """
    sizes = [min(batch_size, n - start) for start in range(0, n, batch_size)]
    return [*sizes[:-2], sizes[-2] + 1] if len(sizes) > 1 and sizes[-1] == 1 and batch_size > 1 else sizes


def _check_finite(sums: dict[str, Tensor], first_step: int, model: nn.Module) -> None:
    """Raise NonFiniteLoss for the first step in which a term's sum, of `[S]`, is not finite."""
    finite = torch.stack([total.isfinite() for total in sums.values()])  # [terms, S]
    if finite.all():
        return
    step = int((~finite).any(dim=0).nonzero()[0])
    bad = " and ".join(name for name, fine in zip(sums, finite[:, step].tolist(), strict=True) if not fine)
    advice = (
        "Try a smaller lr, long_run=LongRun(clip_norm=100), or look at the network's outputs for this batch."
        if first_step + step
        else "It is the first step, so it is not the learning rate: are the data scaled? Divide 8-bit images by 255; "
        "standardise tables, (x - x.mean(0)) / x.std(0)."
    )
    if any(not p.isfinite().all() for p in model.parameters()):
        advice += " The weights are spoilt: build a new model."
    raise NonFiniteLoss(f"{bad} is infinite or not a number at step {first_step + step} (from 0). {advice}")
