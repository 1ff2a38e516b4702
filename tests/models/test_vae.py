"""VAE and the networks: shapes, prior, sampling, errors."""

import pytest
import torch
from torch import nn

from vae_helpers import (
    VAE,
    Bernoulli,
    ContinuousBernoulli,
    ConvDecoder,
    ConvEncoder,
    Gaussian,
    MLPDecoder,
    MLPEncoder,
    evaluate,
    fit,
    start_at_mean,
)

SHAPE = (2, 8, 12)


def make(kind, latent_dim=3):
    encoder, decoder = {"mlp": (MLPEncoder, MLPDecoder), "conv": (ConvEncoder, ConvDecoder)}[kind]
    return VAE(encoder(latent_dim, SHAPE), decoder(latent_dim, SHAPE), Bernoulli(), latent_dim)


@pytest.mark.parametrize("kind", ["mlp", "conv"])
def test_shapes(kind):
    model, x = make(kind), torch.rand(5, *SHAPE)
    q = model.posterior(x)
    assert isinstance(q, torch.distributions.Normal) and q.mean.shape == q.stddev.shape == (5, 3)
    for batch in ((5,), (4, 5), (), (2, 1, 3)):
        p = model.decode(torch.randn(*batch, 3))
        assert p.batch_shape == batch and p.event_shape == SHAPE
    assert model.sample(6).shape == (6, *SHAPE)
    assert not model.sample(1).requires_grad


@pytest.mark.parametrize("kind", ["mlp", "conv"])
def test_samples_and_batches_are_decoded_independently(kind):
    model, z = make(kind).double(), torch.randn(4, 5, 3, dtype=torch.float64)
    together = model.decode(z).mean
    torch.testing.assert_close(together[2, 3], model.decode(z[2, 3]).mean)


@pytest.mark.parametrize("kind", ["mlp", "conv"])
def test_every_parameter_gets_a_gradient(kind):
    model, x = make(kind), torch.rand(5, *SHAPE)
    model.decode(model.posterior(x).rsample()).log_prob(x).sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())


def test_log_var_is_the_log_of_the_variance():
    class Encoder(nn.Module):
        def forward(self, x):
            return torch.zeros(len(x), 2), torch.full((len(x), 2), 2.0)

    q = VAE(Encoder(), nn.Identity(), Gaussian(), 2).posterior(torch.rand(3, 2))
    torch.testing.assert_close(q.variance, torch.full((3, 2), 2.0).exp())


def test_prior_and_ancestral_samples(linear_gaussian):
    model, _, _ = linear_gaussian
    assert model.prior.mean.shape == (3,) and model.prior.stddev.tolist() == [1, 1, 1]
    loading, n = model.decoder.loading.detach(), 50_000
    covariance = loading @ loading.T + 0.49 * torch.eye(5)
    # Var of a sample covariance entry is (c_ii c_jj + c_ij^2) / n; five standard errors.
    diagonal = covariance.diagonal()
    within = 5 * ((diagonal[:, None] * diagonal + covariance**2) / n).sqrt()
    assert ((model.sample(n).T.cov() - covariance).abs() < within).all()


def test_the_state_dict_holds_parameters_only():
    assert not any("prior" in name for name in make("mlp").state_dict())


def test_wrong_shapes_are_named():
    model = VAE(MLPEncoder(4, SHAPE), MLPDecoder(3, SHAPE), Bernoulli(), latent_dim=3)
    with pytest.raises(ValueError, match=r"each \[5, 3\].*got \[5, 4\]"):
        model.posterior(torch.rand(5, *SHAPE))
    with pytest.raises(ValueError, match=r"L = 3.*\[5, 4\]"):
        model.decode(torch.randn(5, 4))
    for network in (ConvEncoder, ConvDecoder):
        with pytest.raises(ValueError, match="multiples of 4"):
            network(3, (1, 28, 30))


def test_a_transposed_convolution_covers_every_pixel_evenly():
    """Constant features give a constant image away from the border: no checkerboard built in."""
    layer = next(m for m in ConvDecoder(3, (1, 16, 16)).net if isinstance(m, nn.ConvTranspose2d))
    with torch.no_grad():
        nn.init.ones_(layer.weight), nn.init.zeros_(layer.bias)
        out = layer(torch.ones(1, layer.in_channels, 4, 4))[0, 0, 2:-2, 2:-2]
    assert out.std() == 0


@pytest.mark.parametrize("likelihood", [Bernoulli(), Gaussian(0.5)])
def test_a_model_starts_at_the_mean(likelihood):
    images = torch.rand(200, *SHAPE).double() * torch.linspace(0, 1, SHAPE[-1])  # a dark edge
    model = VAE(MLPEncoder(3, SHAPE), MLPDecoder(3, SHAPE), likelihood, 3).double()
    fresh = MLPEncoder(3, SHAPE).double()
    fresh.load_state_dict(model.encoder.state_dict())
    start_at_mean(model, images)
    centred = images - images.mean(0)
    torch.testing.assert_close(model.encoder(images)[0], fresh(centred)[0])
    last = model.decoder.net[-1]
    last.weight.data.zero_()  # nothing else speaks: the decoder returns the mean image
    expected = images.mean(0).clamp(1e-3, 1 - 1e-3) if isinstance(likelihood, Bernoulli) else images.mean(0)
    torch.testing.assert_close(model.decode(torch.randn(3).double()).mean, expected)


@pytest.mark.parametrize(
    ("kind", "likelihood", "message"),
    [("conv", Bernoulli(), "linear layers"), ("mlp", ContinuousBernoulli(), "ContinuousBernoulli has no formula")],
)
def test_what_cannot_start_at_the_mean(kind, likelihood, message):
    model = make(kind)
    model.likelihood = likelihood
    with pytest.raises(TypeError, match=message):
        start_at_mean(model, torch.rand(5, *SHAPE))


@pytest.mark.parametrize(
    ("build", "error", "message"),
    [
        (lambda: MLPEncoder(3, SHAPE, hidden=64), TypeError, r"hidden=\(64,\)"),
        (lambda: MLPDecoder(3, 8), TypeError, r"shape of one image.*got 8.*MLPDecoder\(latent_dim, data_shape="),
        (lambda: ConvEncoder(3, 8), TypeError, "shape of one image.*got 8"),
        (lambda: VAE(MLPEncoder(3), MLPDecoder(3), Gaussian, 3), TypeError, r"likelihood .* write Gaussian\(...\)"),
        (lambda: VAE(MLPEncoder, MLPDecoder(3), Gaussian(), 3), TypeError, r"encoder .* write MLPEncoder\(...\)"),
        (lambda: VAE(None, MLPDecoder(3), Gaussian(), 3), TypeError, "encoder must be a module, got NoneType"),
    ],
)
def test_what_a_model_cannot_be_built_of(build, error, message):
    with pytest.raises(error, match=message):
        build()


@pytest.mark.parametrize("network", [MLPEncoder, ConvEncoder])
def test_images_of_another_size_are_named_with_the_line_that_mends_it(network):
    with pytest.raises(ValueError, match=r"shape \[1, 28, 28\], got \[5, 3, 32, 32\].*data_shape=\(3, 32, 32\)"):
        network(2)(torch.rand(5, 3, 32, 32))


def test_codes_and_reconstructions():
    model, x = make("mlp"), torch.rand(5, *SHAPE).double()
    codes = model.encode(x)
    torch.testing.assert_close(codes, model.posterior(x.float()).mean)
    torch.testing.assert_close(model.reconstruct(x), model.decode(codes).mean)
    assert not codes.requires_grad and model.reconstruct(x).shape == x.shape


@pytest.mark.parametrize("sigma", ["optimal", "learned"])
def test_one_sigma_per_channel(sigma):
    """Two channels with noise of 0.1 and 0.5 about 0: sigma finds both."""
    scale = torch.tensor([0.1, 0.5]).reshape(2, 1, 1)
    x = scale * torch.randn(4000, 2, 4, 4)
    model = VAE(MLPEncoder(1, (2, 4, 4), (4,)), MLPDecoder(1, (2, 4, 4), (4,)), Gaussian(sigma, (2, 1, 1)), 1)
    fit(model, x, epochs=8, batch_size=100, lr=0.05, progress=False, device="cpu")
    found = (0.5 * model.likelihood.log_var.detach()).exp()
    torch.testing.assert_close(found, scale, rtol=0.05, atol=0)
    entropy = (torch.distributions.Normal(0.0, scale).entropy() * torch.ones(2, 4, 4)).sum().item()
    assert evaluate(model, x)["value"] == pytest.approx(-entropy, abs=0.5)


def test_a_likelihood_of_ones_own_needs_nothing_but_forward():
    class Laplace(nn.Module):
        def forward(self, mean, event_dims):
            return torch.distributions.Independent(torch.distributions.Laplace(mean, 1.0), event_dims)

    model = VAE(MLPEncoder(2, (3,), (4,)), MLPDecoder(2, (3,), (4,)), Laplace(), 2)
    fit(model, 10 * torch.randn(20, 3), epochs=1, progress=False, device="cpu")
    with pytest.raises(ValueError, match="decoder makes"):
        fit(model, torch.randn(20, 3, 1), epochs=1, progress=False, device="cpu")
