"""Three encoders that infer several layers of codes: bottom-up, and two that go down again beside the prior."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ...checks import check_shape
from ..latent_distributions import DiagonalGaussian
from ..networks import IMAGE
from .layered import Layered
from .networks import LayerPrior, Network, layer_mlp


def precision_weighted(mu_1: Tensor, log_var_1: Tensor, mu_2: Tensor, log_var_2: Tensor) -> tuple[Tensor, Tensor]:
    """The product of two Gaussians, normalised: precisions add up, and weight the means. Sonderby et al. (2016).

        1 / var = 1 / var_1 + 1 / var_2,    mu = var (mu_1 / var_1 + mu_2 / var_2)

    Args:
        mu_1: `[...]`.
        log_var_1: log sigma^2 of the first, `[...]`.
        mu_2: `[...]`.
        log_var_2: log sigma^2 of the second, `[...]`.

    Returns:
        mu and log_var, each `[...]`.

    Example:
        >>> quarter = torch.tensor(0.25).log()
        >>> mu, log_var = precision_weighted(torch.tensor(0.0), torch.tensor(0.0), torch.tensor(4.0), quarter)
        >>> mu, log_var.exp()  # N(0, 1) and N(4, 1/4): nearer to the surer one
        (tensor(3.2000), tensor(0.2000))
    """
    share = torch.sigmoid(log_var_2 - log_var_1)  # of the first precision in the sum of both
    return mu_2 + share * (mu_1 - mu_2), -torch.logaddexp(-log_var_1, -log_var_2)


def _data_size(data_shape: Sequence[int], name: str) -> int:
    return math.prod(check_shape(data_shape, name))


class BottomUp(nn.Module):
    """An encoder that climbs: q(z|x) = q(z_1|x) q(z_2|z_1) ... q(z_T|z_T-1), each layer from a sample of the last.

    Rezende et al. (2014) and Burda et al. (2016) have such layers. Nothing that the prior knows is used.

    Args:
        sizes: L_1, ..., L_T, the layer nearest to x first.
        data_shape: the shape of one x.
        network: makes the networks, x -> (mu, log_var) of z_1 and z_t -> (mu, log_var) of z_t+1.

    Example:
        >>> BottomUp([4, 2])(torch.rand(5, 1, 28, 28)).rsample((3,)).shape
        torch.Size([3, 5, 6])
    """

    def __init__(self, sizes: Sequence[int], data_shape: Sequence[int] = IMAGE, network: Network | None = None):
        super().__init__()
        self.sizes, network = list(sizes), network or layer_mlp()
        inputs = [_data_size(data_shape, "BottomUp"), *self.sizes[:-1]]
        self.nets = nn.ModuleList(network(a, 2 * b) for a, b in zip(inputs, self.sizes, strict=True))

    def forward(self, x: Tensor) -> "BottomUpPosterior":
        """x `[B, *data_shape]` -> q(z|x)."""
        return BottomUpPosterior(self, x.flatten(1))


class BottomUpPosterior(Layered):
    """q(z_1|x) q(z_2|z_1) ..., as a `BottomUp` returns it.

    Args:
        encoder: the `BottomUp`.
        x: `[B, D]`.
    """

    def __init__(self, encoder: BottomUp, x: Tensor):
        self.encoder, self.x = encoder, x
        super().__init__(encoder.sizes, x.shape[:1], downward=False)

    def conditional(self, t: int, z: Sequence[Tensor]) -> DiagonalGaussian:
        """q(z_t | z_t-1), or q(z_1|x), t from 0."""
        below = z[t - 1] if t else self.x
        return DiagonalGaussian(*self.encoder.nets[t](below).chunk(2, -1))


class TopDown(nn.Module):
    """What both descending encoders share: features climb from x, and leave a message at each layer for the descent.

        h_1 = relu(up_1(x)),  h_t = relu(up_t(h_t-1)),  q(z|x) = q(z_T|x) ... q(z_1|x, z_2)

    Where the descent passes layer t, `merge` makes q of the message and of the prior p(z_t | layers above).

    Args:
        prior: the `LayerPrior` of the same model, whose networks are used.
        data_shape: the shape of one x.
        network: makes the networks.
        features: the size of every h_t.
    """

    def __init__(
        self,
        prior: LayerPrior,
        data_shape: Sequence[int] = IMAGE,
        network: Network | None = None,
        features: int = 128,
    ):
        super().__init__()
        network, layers = network or layer_mlp(), len(prior.sizes)
        inputs = [_data_size(data_shape, type(self).__name__), *[features] * (layers - 1)]
        self.up = nn.ModuleList(network(size, features) for size in inputs)
        self.heads = nn.ModuleList(self.make_head(prior, t, features, network) for t in range(layers))
        self.prior = prior

    def make_head(self, prior: LayerPrior, t: int, features: int, network: Network) -> nn.Module:
        """The network at layer t, from 0, on top of its features."""
        raise NotImplementedError

    def merge(self, t: int, message: Tensor, p: DiagonalGaussian, z: Sequence[Tensor]) -> DiagonalGaussian:
        """q(z_t | x, layers above) from what came up and the prior of this layer."""
        raise NotImplementedError

    def message(self, t: int, h: Tensor) -> Tensor:
        """What layer t keeps of its features until the descent."""
        return h

    def forward(self, x: Tensor) -> "TopDownPosterior":
        """x `[B, *data_shape]` -> q(z|x)."""
        h, messages = x.flatten(1), []
        for t, up in enumerate(self.up):
            h = torch.relu(up(h))
            messages.append(self.message(t, h))
        return TopDownPosterior(self, messages)


class TopDownPosterior(Layered):
    """q(z_T|x) ... q(z_1 | x, z_2), as a `TopDown` encoder returns it.

    Args:
        encoder: the `Ladder` or `Residual`.
        messages: one for each layer, `[B, ...]`.
    """

    def __init__(self, encoder: TopDown, messages: Sequence[Tensor]):
        self.encoder, self.messages = encoder, messages
        self.priors: dict[int, DiagonalGaussian] = {}  # p(z_t | layers above) of the last conditionals
        super().__init__(encoder.prior.sizes, messages[0].shape[:1])

    def conditional(self, t: int, z: Sequence[Tensor]) -> DiagonalGaussian:
        """q(z_t | x, layers above), t from 0."""
        self.priors[t] = p = self.encoder.prior.conditional(t, z)
        return self.encoder.merge(t, self.messages[t], p, z)


class Ladder(TopDown):
    """The ladder: q of a layer is the prior's density times a Gaussian message from x, both weighted by precision.

        q(z_t | x, layers above) ~ p(z_t | layers above) N(z_t; m_t(x), v_t(x))

    A true posterior has this form, with the likelihood in the message's place. Sonderby et al. (2016); there the
    topmost layer is the message alone.

    Args:
        prior: the `LayerPrior` of the same model.
        data_shape: the shape of one x.
        network: makes the networks.
        features: the size of every h_t.

    Example:
        >>> Ladder(LayerPrior([4, 2]))(torch.rand(5, 1, 28, 28)).rsample((3,)).shape
        torch.Size([3, 5, 6])
    """

    def make_head(self, prior: LayerPrior, t: int, features: int, network: Network) -> nn.Module:
        """Features -> mean and log-variance of the message: one linear map."""
        return nn.Linear(features, 2 * prior.sizes[t])

    def message(self, t: int, h: Tensor) -> Tensor:
        """(m_t, log v_t) `[B, 2 L_t]`."""
        return self.heads[t](h)

    def merge(self, t: int, message: Tensor, p: DiagonalGaussian, z: Sequence[Tensor]) -> DiagonalGaussian:
        """The product of the two Gaussians, normalised."""
        return DiagonalGaussian(*precision_weighted(*message.chunk(2, -1), p.loc, p.log_var))


class Residual(TopDown):
    """q of a layer says only how it differs from the prior. Vahdat and Kautz (2020), NVAE, section 3.2.

        q(z_t | x, layers above) = N(mu_p + delta, sigma_p^2 exp(log_ratio))
        KL = 1/2 sum (delta^2 / sigma_p^2 + exp(log_ratio) - 1 - log_ratio)

    with (delta, log_ratio) from the features of x and the layers above: a layer that says nothing is a zero away.

    Args:
        prior: the `LayerPrior` of the same model.
        data_shape: the shape of one x.
        network: makes the networks.
        features: the size of every h_t.

    Example:
        >>> Residual(LayerPrior([4, 2]))(torch.rand(5, 1, 28, 28)).rsample((3,)).shape
        torch.Size([3, 5, 6])
    """

    def make_head(self, prior: LayerPrior, t: int, features: int, network: Network) -> nn.Module:
        """Features and layers above -> (delta, log_ratio)."""
        if t == len(prior.sizes) - 1:
            return nn.Linear(features, 2 * prior.sizes[t])
        return network(features + prior.above(t), 2 * prior.sizes[t])

    def merge(self, t: int, message: Tensor, p: DiagonalGaussian, z: Sequence[Tensor]) -> DiagonalGaussian:
        """The prior, moved and stretched."""
        if t < len(self.heads) - 1:
            above = self.prior.seen(t, z)
            message = torch.cat([message.expand(*above.shape[:-1], -1), above], -1)
        delta, log_ratio = self.heads[t](message).chunk(2, -1)
        return DiagonalGaussian(p.loc + delta, p.log_var + log_ratio)
