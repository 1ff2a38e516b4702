"""Flows as parts of a `VAE`: its encoder, and its prior."""

import math
from collections.abc import Sequence

from torch import Tensor, nn
from torch import distributions as td

from ...checks import check_shape, check_sizes
from ..latent_distributions import DiagonalGaussian
from ..networks import IMAGE, full_precision, mlp
from ..vae import StandardNormal
from .distribution import Flow
from .transform import Transform


class ContextEncoder(nn.Module):
    """x `[B, *data_shape]` -> (mu, log_var, context): an `MLPEncoder` with a third output.

    They are `[B, L]`, `[B, L]` and `[B, C]`.

    Args:
        latent_dim: L.
        context: C.
        data_shape: the shape of one x.
        hidden: the sizes of the hidden layers.

    Example:
        >>> [part.shape[1] for part in ContextEncoder(2, context=16)(torch.zeros(5, 1, 28, 28))]
        [2, 2, 16]
    """

    def __init__(
        self, latent_dim: int, context: int, data_shape: Sequence[int] = IMAGE, hidden: Sequence[int] = (400,)
    ):
        super().__init__()
        self.data_shape, self.sizes = check_shape(data_shape, "ContextEncoder"), (latent_dim, latent_dim, context)
        self.net = mlp([math.prod(self.data_shape), *check_sizes(hidden), sum(self.sizes)])

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return self.net(x.flatten(1)).split(self.sizes, dim=-1)


class FlowPosterior(nn.Module):
    """The encoder of a `VAE` whose q(z|x) is a diagonal Gaussian sent through a flow.

        e ~ N(mu(x), exp(log_var(x)))        z = f(e, context(x))

    Sampling should be one pass: `AffineAutoregressive` as it is, `AffineCoupling`, `LinearAutoregressive`. Without
    a context the flow bends every x's Gaussian in the same way, and only mu and log_var are amortised.

    Args:
        encoder: x `[B, ...]` -> (mu, log_var), each `[B, L]`, or (mu, log_var, context `[B, C]`).
        transform: f.

    Example:
        >>> from vae_helpers import VAE, Bernoulli, MLPDecoder, elbo
        >>> from vae_helpers.models.flows.autoregressive import AffineAutoregressive
        >>> encoder = FlowPosterior(ContextEncoder(2, context=16), AffineAutoregressive(2, context=16))
        >>> model = VAE(encoder, MLPDecoder(2), Bernoulli(), latent_dim=2)
        >>> elbo(model, torch.rand(5, 1, 28, 28)).value.shape
        torch.Size([5])
    """

    def __init__(self, encoder: nn.Module, transform: Transform):
        super().__init__()
        self.encoder, self.transform = encoder, transform

    def forward(self, x: Tensor) -> Flow:
        mu, log_var, *context = map(full_precision, self.encoder(x))
        if mu.shape != log_var.shape:
            raise ValueError(f"mu and log_var must both be [B, L], got {list(mu.shape)} and {list(log_var.shape)}")
        return Flow(DiagonalGaussian(mu, log_var), self.transform, *context)


class FlowPrior(nn.Module):
    """A prior for a `VAE`: N(0, I) sent through a flow, trained with the other parameters.

    The bound scores samples of the *posterior* under it, so its inverse should be one pass: `AffineCoupling`, or
    `Inverse(AffineAutoregressive(...))`. Chen et al. (2017), section 3.2.

    Args:
        latent_dim: L.
        transform: from e ~ N(0, I) to z.

    Example:
        >>> from vae_helpers.models.flows.coupling import AffineCoupling
        >>> p = FlowPrior(2, AffineCoupling(2))()
        >>> p.log_prob(torch.zeros(2))  # new, it is N(0, I): -log 2 pi
        tensor(-1.8379, grad_fn=<AddBackward0>)
    """

    def __init__(self, latent_dim: int, transform: Transform):
        super().__init__()
        self.base, self.transform = StandardNormal(latent_dim), transform

    def forward(self) -> td.Distribution:
        return Flow(self.base(), self.transform)
