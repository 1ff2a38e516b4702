"""A distribution over several layers of codes: each is a diagonal Gaussian, given the layers drawn before it."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor
from torch import distributions as td

from ..latent_distributions import DiagonalGaussian, LastSample, latent_log_prob

Temperature = float | Sequence[float]


class Layered(td.Distribution, ABC):
    """A density over z = [z_1, ..., z_T]: the product of its layers' conditionals.

        log q(z) = sum_t log q(z_t | layers drawn before)

    Event shape `[L]`, L = L_1 + ... + L_T. A distribution of this kind says by `conditional` what one layer is.

    Args:
        sizes: L_1, ..., L_T, the layer nearest to x first.
        batch_shape: of the first layer that is drawn.
        downward: whether z_T is drawn first and z_1 last, as in a prior; else the other way, as in a bottom-up encoder.
    """

    arg_constraints: dict = {}
    has_rsample = True

    def __init__(self, sizes: Sequence[int], batch_shape: Sequence[int], downward: bool = True):
        self.sizes, self.downward = list(sizes), downward
        order = range(len(self.sizes))
        self.order = order[::-1] if downward else order  # layers are counted from 0 here
        self._last = LastSample()  # log q of each layer
        super().__init__(torch.Size(batch_shape), torch.Size([sum(self.sizes)]), validate_args=False)

    @abstractmethod
    def conditional(self, t: int, z: Sequence[Tensor | None]) -> DiagonalGaussian:
        """The density of layer t, from 0, given the layers in z that are drawn before it, each `[..., L_t]`."""

    def walk(
        self, shape: Sequence[int] = (), temperature: Temperature = 1.0, given: Tensor | None = None
    ) -> tuple[Tensor, list[DiagonalGaussian]]:
        """Draw one layer after the other, with a gradient, and keep the density that each was drawn from.

        Args:
            shape: of the samples, before the batch shape.
            temperature: what sigma is multiplied by, one number or one for each layer, z_1 first.
            given: the last of the codes, `[..., L_t + ... + L_T]`: these layers are not drawn.

        Returns:
            z `[*shape, *batch_shape, L]`, and T distributions, for z_1 first.

        Raises:
            ValueError: for a number of temperatures or given codes that fits no layers.
        """
        tau = [temperature] * len(self.sizes) if isinstance(temperature, int | float) else list(temperature)
        if len(tau) != len(self.sizes):
            raise ValueError(f"there are {len(self.sizes)} layers, got {len(tau)} temperatures")
        z, found = self._given(given), [None] * len(self.sizes)
        for t in self.order:
            found[t] = self.conditional(t, z)
            if z[t] is None:
                like = next((known for known in z if known is not None), None)
                batch = [*shape, *self.batch_shape] if like is None else like.shape[:-1]
                mu = found[t].loc.expand(*batch, self.sizes[t])
                z[t] = mu + tau[t] * found[t].scale * torch.randn_like(mu)
        return torch.cat(z, -1), found

    def conditionals(self, z: Tensor) -> list[DiagonalGaussian]:
        """The density of each layer of z `[..., L]` given those before it: T of them, for z_1 first."""
        parts = z.split(self.sizes, -1)
        return [self.conditional(t, parts) for t in range(len(self.sizes))]

    def layer_log_prob(self, z: Tensor) -> Tensor:
        """log q(z_t | layers drawn before) of z `[..., L]`: `[T, ...]`, in nats."""
        if (known := self._last.recall(z)) is not None:
            return known
        return self._log_probs(self.conditionals(z), z)

    def log_prob(self, value: Tensor) -> Tensor:
        """log q of all layers `[..., L]`: `[...]`, in nats."""
        return self.layer_log_prob(value).sum(0)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Samples `[*sample_shape, *batch_shape, L]`.

        Without gradient (only there, as the short cut by-passes z) what was computed on the way is kept for `log_prob`.
        """
        z, found = self.walk(sample_shape)
        self._last.forget()
        if not z.requires_grad:
            self._last.keep(z, self._log_probs(found, z))
        return z

    def expand(self, batch_shape: Sequence[int], _instance: None = None) -> "Layered":
        raise NotImplementedError(f"{type(self).__name__} cannot be expanded: draw with rsample((k,))")

    def _log_probs(self, found: Sequence[DiagonalGaussian], z: Tensor) -> Tensor:
        parts = z.split(self.sizes, -1)
        return torch.stack([latent_log_prob(q, part) for q, part in zip(found, parts, strict=True)])

    def _given(self, given: Tensor | None) -> list[Tensor | None]:
        """The layers that are given, with None for those below."""
        z: list[Tensor | None] = [None] * len(self.sizes)
        if given is None:
            return z
        missing = next((t for t in range(len(z)) if sum(self.sizes[t:]) == given.shape[-1]), None)
        if missing is None or not self.downward:
            ends = [sum(self.sizes[t:]) for t in range(len(self.sizes))]
            raise ValueError(f"given must end in one of {ends} codes, the upper layers, got {list(given.shape)}")
        z[missing:] = given.split(self.sizes[missing:], -1)
        return z
