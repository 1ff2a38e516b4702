"""The VAE with several layers of codes."""

import torch
from torch import Tensor, nn

from ...checks import like_the_model
from ..vae import VAE
from .inference import TopDown
from .layered import Layered, Temperature
from .networks import LayerPrior


class OnFirst(nn.Module):
    """A decoder that sees z_1 alone, of all the codes `[..., L]` that it is given.

    Args:
        decoder: z_1 `[..., L_1]` -> the likelihood's parameters.
        size: L_1.
    """

    def __init__(self, decoder: nn.Module, size: int):
        super().__init__()
        self.decoder, self.size = decoder, size

    def forward(self, z: Tensor) -> Tensor:
        return self.decoder(z[..., : self.size])


class HierarchicalVAE(VAE):
    """p(z_T) ... p(z_1|z_2) p(x|z_1) with a q(z|x) in layers: a `VAE` over z = [z_1, ..., z_T].

    `posterior` and `prior` are distributions over all codes of an x, so that `elbo`, `iwae_bound`, `importance_nll`
    and the others take it as it is; `layer_elbo` and its like know the layers.

    Args:
        encoder: a `BottomUp`, or a `Ladder` or `Residual` with the same prior.
        prior: a `LayerPrior`. If it has skips, the decoder sees all layers, too.
        decoder: z_1 `[..., L_1]` (with skips all of z `[..., L]`) -> the likelihood's parameters.
        likelihood: `Bernoulli()`, `Gaussian(...)` or another `Likelihood`.

    Raises:
        TypeError: for another prior.
        ValueError: for an encoder with other layers, or that descends beside another prior.

    Example:
        >>> from vae_helpers import Bernoulli, Ladder, MLPDecoder, elbo
        >>> prior = LayerPrior([4, 2])
        >>> model = HierarchicalVAE(Ladder(prior), prior, MLPDecoder(4), Bernoulli())
        >>> elbo(model, torch.rand(5, 1, 28, 28)).value.shape, model.sample(3, temperature=[0.5, 1.0]).shape
        (torch.Size([5]), torch.Size([3, 1, 28, 28]))
    """

    def __init__(self, encoder: nn.Module, prior: LayerPrior, decoder: nn.Module, likelihood: nn.Module):
        if not isinstance(prior, LayerPrior):
            raise TypeError(f"prior must be a LayerPrior, got {type(prior).__name__}")
        if isinstance(encoder, TopDown) and encoder.prior is not prior:
            raise ValueError("the encoder descends beside another prior than the model's: build it with this one")
        if getattr(encoder, "sizes", prior.sizes) != prior.sizes:
            raise ValueError(f"encoder and prior must have the same layers, got {encoder.sizes} and {prior.sizes}")
        if not prior.skip:
            decoder = OnFirst(decoder, prior.sizes[0])
        super().__init__(encoder, decoder, likelihood, sum(prior.sizes), prior)
        self.sizes = prior.sizes

    @torch.no_grad()
    def sample_codes(self, n: int, temperature: Temperature = 1.0) -> Tensor:
        """z ~ p(z), from the top down: `[n, L]`. The temperature multiplies each sigma of p; z_1's comes first."""
        return self.prior.walk((n,), temperature)[0]

    @torch.no_grad()
    def redraw(self, z: Tensor, keep: int, temperature: Temperature = 1.0) -> Tensor:
        """The codes `[..., L]` with z_1, ..., z_keep-1 drawn anew from p, given z_keep, ..., z_T.

        keep = 1 keeps all; keep = T + 1 none. Raises ValueError for another number.
        """
        if not 1 <= keep <= len(self.sizes) + 1:
            raise ValueError(f"keep counts from 1 to {len(self.sizes) + 1}, got {keep}")
        start = sum(self.sizes[: keep - 1])
        if start == self.latent_dim:
            return self.prior.walk(z.shape[:-1], temperature)[0]
        return self.prior.walk((), temperature, given=z[..., start:])[0]

    def sample(self, n: int, temperature: Temperature = 1.0) -> Tensor:
        """n new data points: `[n, *shape of x]`, without gradient. The temperature is that of the codes."""
        with torch.no_grad():
            return self.decode(self.sample_codes(n, temperature)).sample()

    @torch.no_grad()
    def encode(self, x: Tensor) -> Tensor:
        """One code for each x `[B, ...]`, every layer the mean of q given the means before it: `[B, L]`."""
        q: Layered = self.posterior(like_the_model(x, self))
        return q.walk(temperature=0.0)[0]

    def split(self, z: Tensor) -> tuple[Tensor, ...]:
        """Codes `[..., L]` as z_1 `[..., L_1]`, ..., z_T."""
        return z.split(self.sizes, -1)
