"""What happened while training: data, for `course.figures.plot_history` to draw."""

from dataclasses import dataclass, field

import torch
from torch import Tensor


@dataclass
class History:
    """What happened while training, in nats per image: one dict of means per epoch.

    Attributes:
        train: means over the epoch's images, taken while the model was changing.
        validation: means over the validation images after the epoch, empty if there are none.
        steps: means over each batch, {term: one number per step}.
        seconds: time per epoch, without validation.
        interrupted: True if Ctrl-C ended training; only completed epochs are recorded.
        stopped: True if a callback ended training before its last epoch.
    """

    train: list[dict[str, float]] = field(default_factory=list)
    validation: list[dict[str, float]] = field(default_factory=list)
    steps: dict[str, list[float]] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)
    interrupted: bool = False
    stopped: bool = False

    def record(self, sums: dict[str, Tensor], sizes: Tensor, held_out: dict[str, float] | None, seconds: float) -> None:
        """Add an epoch, from the sums of each term over its S batches, `[S]`, and their sizes `[S]`."""
        self.train.append({name: (total.sum() / sizes.sum()).item() for name, total in sums.items()})
        for name, total in sums.items():
            self.steps.setdefault(name, []).extend((total / sizes).tolist())
        self.seconds.append(seconds)
        if held_out is not None:
            self.validation.append(held_out)

    def summary(self, device: torch.device) -> str:
        """One line: epochs, seconds and the last means."""
        last = self.validation or self.train
        parts = [f"{len(self.train)} epochs in {sum(self.seconds):.0f} s on {device}"]
        if self.interrupted:
            parts.append("stopped by Ctrl-C")
        if self.stopped:
            parts.append("stopped by a callback")
        if last:
            which = "validation" if self.validation else "training"
            parts.append(f"{which} " + ", ".join(f"{name} {mean:.2f}" for name, mean in last[-1].items()))
        return "; ".join(parts)
