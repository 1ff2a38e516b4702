"""A codebook: every vector is replaced by the nearest of K codes, which learn where the vectors are."""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding

from .gradients import rotate, straight_through

GRADIENTS = {"straight-through": straight_through, "rotation": rotate}


class Quantised(NamedTuple):
    """What a quantiser makes of vectors z `[..., C]`.

    `values` `[..., C]` are the codes, with a gradient to z; `indices` `[...]` say which. `codebook` and `commitment`
    `[...]` are both |z - code|^2, a sum over C: the first moves the code, the second the encoder.
    """

    values: Tensor
    indices: Tensor
    codebook: Tensor
    commitment: Tensor


def nearest(z: Tensor, codes: Tensor) -> Tensor:
    """The index of the nearest code.

        argmin_k |z - e_k|^2 = argmin_k |e_k|^2 / 2 - z e_k

    taken from the middle of the codes, so that no digits are lost where all of them are far from 0.

    Args:
        z: `[..., C]`.
        codes: `[K, C]`.

    Returns:
        `[...]`, whole numbers; the first of equally near ones.

    Example:
        >>> nearest(torch.tensor([[0.2], [0.9], [7.0]]), torch.tensor([[0.0], [1.0]]))
        tensor([0, 1, 1])
    """
    middle = codes.mean(0)
    codes = codes - middle
    return (0.5 * codes.square().sum(1) - (z - middle) @ codes.T).argmin(-1)


def spread(z: Tensor, size: int) -> Tensor:
    """Vectors to start a codebook from: each is drawn in proportion to its squared distance from those before.

    The seeding of k-means++ (Arthur and Vassilvitskii, 2007). Drawn evenly, most codes of an image would start on
    the same background.

    Args:
        z: `[N, C]`.
        size: how many are drawn, K; some twice if fewer than K vectors differ.

    Returns:
        `[K, C]`.

    Example:
        >>> spread(torch.tensor([[0.0]] * 99 + [[1.0]]), 2).sort(0).values
        tensor([[0.],
                [1.]])
    """
    chosen = [z[torch.randint(len(z), (1,), device=z.device)]]
    distance = torch.full_like(z[:, 0], float("inf"))
    for _ in range(size - 1):
        distance = torch.minimum(distance, (z - chosen[-1]).square().sum(1))
        chosen.append(z[_in_proportion(distance, 1)])
    return torch.cat(chosen)


class Codebook(nn.Module):
    """K codes of C numbers (van den Oord et al., 2017).

    While `fit` trains, the first batch gives the codes their start, and every batch moves them. Everywhere else
    they are what they are: no evaluation moves them. (A loop of your own opens `with fitting(model) as after_step:`
    and calls `after_step()` after every step.)

    With update="ema" a code is the running mean of the vectors that chose it (appendix A.1):

        counts = decay counts + (1 - decay) n,    sums = decay sums + (1 - decay) sum of its n vectors
        code = (sums + s code) / (counts + s)

    Both begin as if every code had been chosen once, by itself, and s = 1e-5 holds a code that nothing chooses
    where it is. With update="loss" the codes are a parameter, and the term `codebook` of the objective moves them.

    Args:
        size: K.
        dim: C.
        update: "ema" or "loss".
        decay: of the running means.
        gradient: "straight-through" or "rotation", what reaches the encoder.
        revive: a code whose running count falls below this share of the average is moved, with its statistics, to a
            vector of the batch, drawn in proportion to its squared error; 0 for never.
        start_from_data: whether the first batch gives the codes their start (else they stay normal numbers).

    Raises:
        ValueError: for other words, and for numbers that make no sense.

    Example:
        >>> codebook = Codebook(size=64, dim=8)
        >>> found = codebook(torch.randn(5, 7, 6, 8))
        >>> found.values.shape, found.indices.shape, found.commitment.shape
        (torch.Size([5, 7, 6, 8]), torch.Size([5, 7, 6]), torch.Size([5, 7, 6]))
    """

    follows, fitting = True, False  # see `contexts.fitting`
    last_batch: tuple[Tensor, Tensor] | None = None
    smoothing = 1e-5

    def __init__(
        self,
        size: int,
        dim: int,
        update: str = "ema",
        decay: float = 0.99,
        gradient: str = "straight-through",
        revive: float = 0.1,
        start_from_data: bool = True,
    ):
        super().__init__()
        if size < 1 or dim < 1:
            raise ValueError(f"size and dim must be at least 1, got {size} and {dim}")
        if update not in ("ema", "loss"):
            raise ValueError(f"update must be 'ema' or 'loss', got {update!r}")
        if gradient not in GRADIENTS:
            raise ValueError(f"gradient must be one of {', '.join(map(repr, GRADIENTS))}, got {gradient!r}")
        if not (0 <= decay < 1 and 0 <= revive < 1):
            raise ValueError(f"decay and revive must be at least 0 and below 1, got {decay} and {revive}")
        self.size, self.dim, self.update, self.decay, self.gradient, self.revive = (
            size, dim, update, decay, gradient, revive)  # fmt: skip
        codes = torch.randn(size, dim)
        if update == "loss":
            self.codes = nn.Parameter(codes)
        else:
            self.register_buffer("codes", codes)
        self.register_buffer("counts", torch.ones(size))
        self.register_buffer("sums", codes.clone())
        self.register_buffer("started", torch.tensor(not start_from_data))
        self._started = False  # what `started` says, without waiting for an accelerator

    def forward(self, z: Tensor) -> Quantised:
        """z `[..., C]` -> `Quantised`; ValueError for another C."""
        if z.shape[-1] != self.dim:
            raise ValueError(
                f"vectors must be the last dimension, of size C = {self.dim}, got shape {list(z.shape)}: "
                "bring channels there with z.movedim(1, -1)"
            )
        follow = self.fitting and self.training
        if follow and not self._started:
            self._start(z.detach().flatten(0, -2))
        indices = nearest(z.detach(), self.codes.detach())
        if follow:
            self.last_batch = z.detach().flatten(0, -2), indices.flatten()
        code = self.lookup(indices)
        commitment = (z - code.detach()).square().sum(-1)
        # a running mean needs no loss
        codebook = torch.zeros_like(commitment) if self.update == "ema" else (z.detach() - code).square().sum(-1)
        return Quantised(GRADIENTS[self.gradient](z, code), indices, codebook, commitment)

    def lookup(self, indices: Tensor) -> Tensor:
        """The codes `[..., C]` of indices `[...]`."""
        return embedding(indices, self.codes)

    @torch.no_grad()
    def after_step(self) -> None:
        """Count what the last batch chose, move the running means, and revive what is hardly chosen."""
        if self.last_batch is None:
            return
        (z, indices), self.last_batch = self.last_batch, None
        chosen = torch.zeros_like(self.counts).index_add_(0, indices, torch.ones_like(z[:, 0]).to(self.counts))
        self.counts.lerp_(chosen, 1 - self.decay)
        if self.update == "ema":
            self.sums.lerp_(torch.zeros_like(self.sums).index_add_(0, indices, z.to(self.sums)), 1 - self.decay)
            held = self.smoothing
            self.codes.copy_((self.sums + held * self.codes) / (self.counts + held)[:, None])
        if self.revive:
            error = (z - embedding(indices, self.codes)).square().sum(1)
            average = self.counts.mean()
            self._place(z[_in_proportion(error, self.size)], self.counts < self.revive * average, average)

    def extra_repr(self) -> str:
        return f"size={self.size}, dim={self.dim}, update={self.update!r}, gradient={self.gradient!r}"

    @torch.no_grad()
    def _start(self, z: Tensor) -> None:
        if not self.started:
            self._place(
                spread(z, self.size), torch.ones_like(self.counts, dtype=torch.bool), torch.ones_like(self.counts)
            )
        self.started.fill_(True)
        self._started = True

    def _place(self, z: Tensor, where: Tensor, count: Tensor) -> None:
        """Codes at z `[K, C]`, as if chosen so often there already, for those k where it is true."""
        z = z.to(self.codes)
        self.codes.copy_(torch.where(where[:, None], z, self.codes))
        self.counts.copy_(torch.where(where, count, self.counts))
        self.sums.copy_(torch.where(where[:, None], self.counts[:, None] * z, self.sums))


def _in_proportion(weights: Tensor, n: int) -> Tensor:
    """n places, drawn in proportion to weights `[N]`; evenly where all are 0."""
    floor = torch.finfo(weights.dtype).tiny
    return torch.multinomial(weights.clamp(min=floor), n, replacement=True)
