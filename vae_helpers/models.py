"""The variational autoencoder: an encoder, a decoder and a likelihood."""

from torch import Tensor, bfloat16, nn, no_grad, ones, zeros
from torch import distributions as td

from .likelihoods import Bernoulli, Gaussian


class VAE(nn.Module):
    """p(z) p(x|z) with an amortised posterior q(z|x) (Kingma and Welling, 2014).

    encoder: x `[B, ...]` -> (mu, log_var), each `[B, L]`; log_var is log sigma^2.
    decoder: z `[..., L]` -> the likelihood's parameters, `[..., *shape of x]`.
    likelihood: `Bernoulli()` or `Gaussian(...)`; latent_dim: L.
    """

    def __init__(self, encoder: nn.Module, decoder: nn.Module, likelihood: nn.Module, latent_dim: int):
        super().__init__()
        self.encoder, self.decoder, self.likelihood = encoder, decoder, likelihood
        self.latent_dim = latent_dim
        self.register_buffer("prior_mean", zeros(latent_dim), persistent=False)
        self.register_buffer("prior_sigma", ones(latent_dim), persistent=False)

    @property
    def prior(self) -> td.Normal:
        """p(z) = N(0, 1) in each of the L dimensions."""
        return td.Normal(self.prior_mean, self.prior_sigma, validate_args=False)

    def posterior(self, x: Tensor) -> td.Normal:
        """q(z|x), with mean and scale `[B, L]`. Raises ValueError if the encoder's shapes are wrong."""
        mu, log_var = (_full_precision(output) for output in self.encoder(x))
        expected = (x.shape[0], self.latent_dim)
        if mu.shape != expected or log_var.shape != expected:
            raise ValueError(
                f"the encoder must return (mu, log_var), each {list(expected)} = [B, L], "
                f"got {list(mu.shape)} and {list(log_var.shape)}. Check latent_dim and the last layer."
            )
        return td.Normal(mu, (0.5 * log_var).exp(), validate_args=False)

    def decode(self, z: Tensor) -> td.Distribution:
        """p(x|z) for z `[..., L]`: batch shape `[...]`, event shape that of x."""
        if z.shape[-1] != self.latent_dim:
            raise ValueError(f"z must end in L = {self.latent_dim} dimensions, got shape {list(z.shape)}")
        parameters = _full_precision(self.decoder(z))
        return self.likelihood(parameters, event_dims=parameters.ndim - z.ndim + 1)

    def sample(self, n: int) -> Tensor:
        """n new data points, z ~ p(z) and then x ~ p(x|z): `[n, *shape of x]`, without gradient."""
        return self.decode(self.prior.sample((n,))).sample()


@no_grad()
def start_at_mean(model: VAE, images: Tensor) -> None:
    """Set two biases so that a new model starts from the mean of `images` `[N, ...]`, as PCA does.

    The first layer sees centred images, and the last one returns the mean image where nothing else does:
    a network need not spend its first steps on the background. For networks that begin
    and end with a linear layer, and Bernoulli or Gaussian pixels; TypeError for others.
    """
    likelihood = type(model.likelihood)
    layers = [[layer for layer in net.modules() if list(layer.parameters(recurse=False))]
              for net in (model.encoder, model.decoder)]  # fmt: skip
    first, last = layers[0][0], layers[1][-1]
    if not (isinstance(first, nn.Linear) and isinstance(last, nn.Linear)):
        raise TypeError(f"start_at_mean needs linear layers, got {first} at the start and {last} at the end")
    if likelihood not in (Bernoulli, Gaussian):
        raise TypeError(f"start_at_mean knows Bernoulli and Gaussian pixels, not {likelihood.__name__}")
    mean = images.mean(0).flatten().to(first.weight)
    first.bias -= first.weight @ mean
    # 1/1000 and 999/1000 in place of 0 and 1, whose logits are infinite
    last.bias.copy_(mean.clamp(1e-3, 1 - 1e-3).logit() if likelihood is Bernoulli else mean)


def _full_precision(output: Tensor) -> Tensor:
    """Under autocast networks return bfloat16, with three digits; log-densities need more."""
    return output.float() if output.dtype == bfloat16 else output
