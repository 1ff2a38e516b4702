"""The variational autoencoder: an encoder, a decoder and a likelihood."""

import torch
from torch import Tensor, nn
from torch import distributions as td

from ..checks import check_fit_for, check_module, like_the_model
from ..contexts import evaluating
from .latent_distributions import DiagonalGaussian
from .likelihoods import Likelihood
from .networks import full_precision


class StandardNormal(nn.Module):
    """The prior of most VAEs: a module that returns p(z) = N(0, 1) in each of the L dimensions.

    Args:
        latent_dim: L.
    """

    def __init__(self, latent_dim: int):
        super().__init__()
        self.register_buffer("mean", torch.zeros(latent_dim), persistent=False)
        self.register_buffer("sigma", torch.ones(latent_dim), persistent=False)

    def forward(self) -> td.Normal:
        return td.Normal(self.mean, self.sigma, validate_args=False)


class VAE(nn.Module):
    """p(z) p(x|z) with an amortised posterior q(z|x) (Kingma and Welling, 2014).

    Args:
        encoder: x `[B, ...]` -> (mu, log_var), each `[B, L]`, of a diagonal Gaussian; log_var is log sigma^2.
            Or x -> any distribution over z with `rsample` and `log_prob`.
        decoder: z `[..., L]` -> the likelihood's parameters, `[..., *shape of x]`.
        likelihood: `Bernoulli()`, `Gaussian(...)` or another `Likelihood`.
        latent_dim: L.
        prior: a module that returns a distribution over z, with `sample` and `log_prob`, when it is called; its
            parameters are trained with the others. By default N(0, I).

    Raises:
        TypeError: for a part that is no module.

    Example:
        >>> from vae_helpers import Bernoulli, MLPDecoder, MLPEncoder
        >>> model = VAE(MLPEncoder(2), MLPDecoder(2), Bernoulli(), latent_dim=2)
        >>> model.posterior(torch.rand(5, 1, 28, 28)).mean.shape, model.sample(3).shape
        (torch.Size([5, 2]), torch.Size([3, 1, 28, 28]))
    """

    def __init__(
        self,
        encoder: nn.Module,
        decoder: nn.Module,
        likelihood: nn.Module,
        latent_dim: int,
        prior: nn.Module | None = None,
    ):
        super().__init__()
        for name, part in {"encoder": encoder, "decoder": decoder, "likelihood": likelihood}.items():
            check_module(part, name)
        if prior is not None and not isinstance(prior, nn.Module):
            raise TypeError(
                f"prior must be a module that returns a distribution, got {type(prior).__name__}: its tensors "
                "have to move with the model. Return the distribution from the forward() of an nn.Module."
            )
        self.encoder, self.decoder, self.likelihood = encoder, decoder, likelihood
        self.latent_dim = latent_dim
        self.prior_module = StandardNormal(latent_dim) if prior is None else prior

    @property
    def prior(self) -> td.Distribution:
        """p(z): by default N(0, 1) in each of the L dimensions."""
        return self.prior_module()

    def posterior(self, x: Tensor) -> td.Distribution:
        """q(z|x) for x `[B, ...]`: a `DiagonalGaussian` over `[B, L]`, a `Normal`, or what the encoder returned.

        Raises ValueError if the encoder's shapes are wrong.
        """
        output, expected = self.encoder(x), (x.shape[0], self.latent_dim)
        if isinstance(output, td.Distribution):
            if (shape := output.batch_shape + output.event_shape) != expected:
                raise ValueError(f"the encoder's distribution must be over {list(expected)} = [B, L], "
                                 f"got {list(shape)}. Check latent_dim.")  # fmt: skip
            return output
        mu, log_var = output
        if mu.shape != expected or log_var.shape != expected:
            raise ValueError(
                f"the encoder must return (mu, log_var), each {list(expected)} = [B, L], "
                f"got {list(mu.shape)} and {list(log_var.shape)}. Check latent_dim and the last layer."
            )
        return DiagonalGaussian(mu, log_var)

    def decode(self, z: Tensor) -> td.Distribution:
        """p(x|z) for z `[..., L]`: batch shape `[...]`, event shape that of x."""
        if z.shape[-1] != self.latent_dim:
            raise ValueError(f"z must end in L = {self.latent_dim} dimensions, got shape {list(z.shape)}")
        parameters = full_precision(self.decoder(z))
        return self.likelihood(parameters, event_dims=parameters.ndim - z.ndim + 1)

    def sample(self, n: int) -> Tensor:
        """n new data points, z ~ p(z) and then x ~ p(x|z): `[n, *shape of x]`, without gradient."""
        return self.decode(self.prior.sample((n,))).sample()

    @torch.no_grad()
    def encode(self, x: Tensor) -> Tensor:
        """One code for each x `[B, ...]`, the mean of q(z|x): `[B, L]`. A bound needs samples of q instead."""
        return self.posterior(like_the_model(x, self)).mean

    @torch.no_grad()
    def reconstruct(self, x: Tensor) -> Tensor:
        """The mean of p(x|z) at the code of each x `[B, ...]`: `[B, ...]`."""
        return self.decode(self.encode(x)).mean

    def check_data(self, x: Tensor, name: str = "images") -> None:
        """Raise ValueError for data `[N, ...]` that the likelihood does not describe, or of another shape."""
        known = isinstance(self.likelihood, Likelihood)  # any other module may be one, too, and checks nothing
        if known:
            self.likelihood.check_data(x)
        few = like_the_model(x[:64], self)
        far = 100 * torch.randn(64, self.latent_dim, generator=torch.Generator().manual_seed(0))
        with evaluating(self):
            self.posterior(few)
            parameters = self.decoder(like_the_model(far, self))  # codes far out, where only a sigmoid keeps to [0, 1]
        check_fit_for(x, parameters.shape[1:], name)
        if known:
            self.likelihood.check_parameters(parameters)


@torch.no_grad()
def start_at_mean(model: VAE, images: Tensor) -> None:
    """Set two biases so that a new model starts from the mean of the images, as PCA does.

    The first layer sees centred images, and the last one returns the mean image where nothing else does:
    a network need not spend its first steps on the background.

    Args:
        model: with networks that begin and end with a linear layer, and Bernoulli or Gaussian pixels.
        images: `[N, ...]`.

    Raises:
        TypeError: for another model.

    Example:
        >>> from vae_helpers import Gaussian, MLPDecoder, MLPEncoder
        >>> model = VAE(MLPEncoder(2), MLPDecoder(2), Gaussian(), latent_dim=2)
        >>> start_at_mean(model, torch.ones(10, 1, 28, 28))
        >>> model.decoder.net[-1].bias[:2]
        tensor([1., 1.], grad_fn=<SliceBackward0>)
    """
    layers = [[layer for layer in net.modules() if list(layer.parameters(recurse=False))]
              for net in (model.encoder, model.decoder)]  # fmt: skip
    first, last = layers[0][0], layers[1][-1]
    if not (isinstance(first, nn.Linear) and isinstance(last, nn.Linear)):
        raise TypeError(
            f"start_at_mean needs linear layers, got {first} at the start and {last} at the end. The bias of a "
            "convolution is one number for a whole channel and cannot hold a mean image: train without it"
        )
    mean = images.mean(0).flatten().to(first.weight)
    start = model.likelihood.parameters_of_mean(mean)
    first.bias -= first.weight @ mean
    last.bias.copy_(start)
