"""A VAE whose codes are symbols: an encoder, a quantiser, a decoder and a likelihood."""

import torch
from torch import Tensor, nn
from torch import distributions as td

from ...checks import check_fit_for, check_module, like_the_model
from ...contexts import evaluating
from ..likelihoods import Likelihood
from ..networks import full_precision
from .codebook import Quantised


class VQVAE(nn.Module):
    """p(x|z) of a map of codes, and the map that an image is given (van den Oord et al., 2017).

    There is no p(z) in it: a prior over the maps is fitted when training is over, as `CodePrior`, and only both
    together are a model of x (`code_bound`).

    Args:
        encoder: x `[B, ...]` -> vectors `[B, *map, C]`, such as `MapEncoder`.
        quantiser: vectors -> `Quantised`: a `Codebook` or `FiniteScalars`.
        decoder: vectors `[..., *map, C]` -> the likelihood's parameters, `[..., *shape of x]`, such as `MapDecoder`.
        likelihood: `Bernoulli()`, `Gaussian(...)` or another `Likelihood`.
        map_dims: dimensions of a map: 2 for one of rows and columns, 1 for a sequence.

    Raises:
        TypeError: for a part that is no module.

    Example:
        >>> from vae_helpers import Bernoulli
        >>> from vae_helpers.models.quantised.codebook import Codebook
        >>> from vae_helpers.models.quantised.networks import MapDecoder, MapEncoder
        >>> model = VQVAE(MapEncoder(8), Codebook(64, 8), MapDecoder(8), Bernoulli())
        >>> codes = model.encode(torch.rand(5, 1, 28, 28))
        >>> codes.shape, model.decode(model.lookup(codes)).mean.shape
        (torch.Size([5, 7, 7]), torch.Size([5, 1, 28, 28]))
    """

    def __init__(
        self, encoder: nn.Module, quantiser: nn.Module, decoder: nn.Module, likelihood: nn.Module, map_dims: int = 2
    ):
        super().__init__()
        parts = {"encoder": encoder, "quantiser": quantiser, "decoder": decoder, "likelihood": likelihood}
        for name, part in parts.items():
            check_module(part, name)
        self.encoder, self.quantiser, self.decoder, self.likelihood = encoder, quantiser, decoder, likelihood
        self.map_dims = map_dims

    def quantise(self, x: Tensor) -> Quantised:
        """The codes of x `[B, ...]`: values `[B, *map, C]`, the rest `[B, *map]`."""
        return self.quantiser(self.encoder(x))

    def lookup(self, codes: Tensor) -> Tensor:
        """The vectors `[..., *map, C]` of indices `[..., *map]`."""
        return self.quantiser.lookup(codes)

    def decode(self, z: Tensor) -> td.Distribution:
        """p(x|z) for vectors z `[..., *map, C]`: batch shape `[...]`, event shape that of x."""
        parameters = full_precision(self.decoder(z))
        return self.likelihood(parameters, event_dims=parameters.ndim - z.ndim + self.map_dims + 1)

    @torch.no_grad()
    def encode(self, x: Tensor) -> Tensor:
        """The indices `[B, *map]` of x `[B, ...]`."""
        return self.quantise(like_the_model(x, self)).indices

    @torch.no_grad()
    def reconstruct(self, x: Tensor) -> Tensor:
        """The mean of p(x|z) at the codes of each x `[B, ...]`: `[B, ...]`."""
        return self.decode(self.lookup(self.encode(x))).mean

    def check_data(self, x: Tensor, name: str = "images") -> None:
        """Raise ValueError for data `[N, ...]` that the likelihood does not describe, or of another shape."""
        known = isinstance(self.likelihood, Likelihood)
        if known:
            self.likelihood.check_data(x)
        with evaluating(self):
            values = self.quantise(like_the_model(x[:64], self)).values
            far = 100 * torch.randn(values.shape, generator=torch.Generator().manual_seed(0))
            parameters = self.decoder(like_the_model(far, self))  # far out, where only a sigmoid keeps to [0, 1]
        check_fit_for(x, parameters.shape[1:], name)
        if known:
            self.likelihood.check_parameters(parameters)
