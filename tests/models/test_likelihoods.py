"""Likelihoods: distributions over x, with errors for what they cannot describe."""

import math

import pytest
import torch

from vae_helpers import VAE, Bernoulli, ContinuousBernoulli, Gaussian, MLPDecoder, MLPEncoder, elbo, fit
from vae_helpers.contexts import fitting, unchecked_distributions


def test_event_and_batch_shapes():
    parameters = torch.randn(6, 4, 1, 3, 2)
    for likelihood in (Bernoulli(), ContinuousBernoulli(), Gaussian(0.5), Gaussian("learned")):
        p = likelihood(parameters, event_dims=3)
        assert p.batch_shape == (6, 4) and p.event_shape == (1, 3, 2)
        assert p.sample().shape == parameters.shape
        assert p.log_prob(torch.rand(4, 1, 3, 2)).shape == (6, 4)


def test_log_prob_is_that_of_torch():
    parameters = torch.randn(4, 3, 2, dtype=torch.float64)
    bits = torch.rand_like(parameters).round()
    expected = torch.distributions.Bernoulli(logits=parameters).log_prob(bits).sum((-1, -2))
    torch.testing.assert_close(Bernoulli()(parameters, 2).log_prob(bits), expected)
    x = torch.rand_like(parameters)
    for sigma in (0.1, 1, 2.5):
        expected = torch.distributions.Normal(parameters, sigma).log_prob(x).sum((-1, -2))
        got = Gaussian(sigma).double()(parameters, 2).log_prob(x)
        torch.testing.assert_close(got, expected, rtol=1e-6, atol=1e-6)  # sigma is stored in float32


def test_mean_and_samples_agree():
    logits = torch.tensor([[-2.0, 0.0, 1.0]])
    p = Bernoulli()(logits, 1)
    samples = p.sample((20_000,))
    assert set(samples.unique().tolist()) == {0.0, 1.0}
    within = 5 * (p.mean * (1 - p.mean) / 20_000).sqrt()  # five standard errors
    assert ((samples.mean(0) - p.mean).abs() < within).all()
    q = Gaussian(0.3)(logits, 1)
    assert ((q.sample((20_000,)).std(0) - 0.3).abs() < 5 * 0.3 / math.sqrt(2 * 20_000)).all()


def test_learned_sigma_reaches_the_root_mean_squared_error():
    x = 0.2 * torch.randn(2000, 3)
    likelihood = Gaussian("learned")
    optimizer = torch.optim.Adam(likelihood.parameters(), lr=0.1)
    for _ in range(300):
        optimizer.zero_grad()
        (-likelihood(torch.zeros(2000, 3), 1).log_prob(x).mean()).backward()
        optimizer.step()
    assert likelihood.log_var.item() == pytest.approx(x.square().mean().log().item(), abs=1e-3)
    assert len(list(Gaussian(0.5).parameters())) == 0 and Gaussian("learned").log_var.item() == 0


@pytest.mark.parametrize("sigma", [0, -1, math.nan, math.inf, "optimistic", None])
def test_an_impossible_sigma_is_refused(sigma):
    with pytest.raises(ValueError, match="sigma must be a positive number, 'learned' or 'optimal'"):
        Gaussian(sigma)
    with pytest.raises(ValueError, match="floor must be a number of at least 0"):
        Gaussian(floor=-0.1)


@pytest.mark.parametrize("pixels", [(), (1, 3, 2)])
def test_the_optimal_sigma_maximises_the_batch_s_likelihood(pixels):
    mean, x = torch.randn(6, 4, 1, 3, 2, dtype=torch.float64), torch.rand(4, 1, 3, 2, dtype=torch.float64)
    likelihood = Gaussian("optimal", pixels).double()
    with fitting(likelihood):
        got = likelihood(mean, 3).log_prob(x)
    mse = (x - mean).square().mean(tuple(range(5 - len(pixels))))
    torch.testing.assert_close(likelihood.best_log_var(x - mean), mse.log())
    expected = torch.distributions.Normal(mean, mse.sqrt()).log_prob(x).sum((-1, -2, -3))
    torch.testing.assert_close(got, expected)
    for factor in (0.9, 0.99, 1.01, 1.1):
        assert torch.distributions.Normal(mean, factor * mse.sqrt()).log_prob(x).sum() < got.sum()


def test_the_optimal_sigma_needs_no_gradient_of_its_own():
    x = torch.rand(5, 3, dtype=torch.float64)
    mean = torch.randn(5, 3, dtype=torch.float64, requires_grad=True)
    likelihood = Gaussian("optimal").double()
    with fitting(likelihood):
        (got,) = torch.autograd.grad(likelihood(mean, 1).log_prob(x).sum(), mean)
    sigma = (x - mean).square().mean().sqrt()  # with its gradient: the envelope theorem says it adds nothing
    (full,) = torch.autograd.grad(torch.distributions.Normal(mean, sigma).log_prob(x).sum(), mean)
    torch.testing.assert_close(got, full)


def follow(likelihood, batches):
    """As `fit` does it: every batch gives the likelihood a sigma, and a step is over after it."""
    with fitting(likelihood) as after_step:
        for x in batches:
            likelihood(torch.zeros_like(x), x.ndim - 1).log_prob(x)
            after_step()
    return likelihood


@pytest.mark.parametrize("training", [True, False])
def test_outside_of_fit_the_optimal_sigma_is_that_of_training(training):
    batches = (0.2 * torch.randn(50, 3, dtype=torch.float64) for _ in range(1000))
    likelihood = follow(Gaussian("optimal").double(), batches).train(training)
    sigma = (0.5 * likelihood.log_var).exp().item()
    # As good as the mean of 19 batches of 150 numbers, five standard errors.
    assert sigma == pytest.approx(0.2, rel=5 / math.sqrt(2 * 19 * 150))
    x = torch.randn(7, 3, dtype=torch.float64)
    p = likelihood(torch.zeros(7, 3, dtype=torch.float64), 1)
    expected = torch.distributions.Normal(0.0, sigma).log_prob(x).sum(-1)
    torch.testing.assert_close(p.log_prob(x), expected)
    assert (0.5 * likelihood.log_var).exp().item() == sigma  # looking at test data changes nothing
    assert p.base_dist.scale.max().item() == pytest.approx(sigma)


def test_the_running_sigma_is_a_mean_of_variances_not_of_logarithms():
    x = torch.tensor([[0.01], [1.0]], dtype=torch.float64)  # a pixel that is blank in most batches
    likelihood = follow(Gaussian("optimal", (1,)).double(), (x[rows] for rows in ([0], [0], [1], [0])))
    expected = 0.9 * (0.9 * 0.01**2 + 0.1 * 1) + 0.1 * 0.01**2
    torch.testing.assert_close(likelihood.log_var.exp(), torch.tensor([expected], dtype=torch.float64))


def test_an_optimal_sigma_before_training():
    likelihood = Gaussian("optimal")
    for mode in (True, False):
        with pytest.raises(RuntimeError, match="train the model first"):
            likelihood.train(mode)(torch.zeros(2, 3), 1)
    with fitting(likelihood), pytest.raises(RuntimeError, match="train the model first"):
        likelihood.train()(torch.zeros(2, 3), 1).sample()


def test_after_fit_test_data_do_not_move_the_optimal_sigma():
    vae = VAE(MLPEncoder(2, (3, 2), [4]), MLPDecoder(2, (3, 2), [4]), Gaussian("optimal"), 2)
    fit(vae, torch.rand(50, 3, 2), epochs=2, batch_size=10, progress=False, device="cpu")
    before = vae.likelihood.log_var.item()
    again = VAE(MLPEncoder(2, (3, 2), [4]), MLPDecoder(2, (3, 2), [4]), Gaussian("optimal"), 2)
    again.load_state_dict(vae.state_dict())  # a new model is in training mode
    other, same = 3 * torch.rand(1000, 3, 2), torch.rand(1000, 3, 2)
    for model in (vae, again, again.eval()):  # no evaluate(): as anyone would call it
        torch.manual_seed(0)
        value = elbo(model, other).value
        torch.manual_seed(0)
        assert torch.equal(value, elbo(again.train(), other).value)
        assert model.likelihood.log_var.item() == before
        assert value.mean() < elbo(model, same).value.mean()


def test_a_floor_is_for_a_fitted_sigma():
    with pytest.raises(ValueError, match="this one is fixed at 0.1"):
        Gaussian(0.1, floor=0.05)


@pytest.mark.parametrize("pixels", [(), (3,)])
def test_a_floor_holds_and_does_not_bias(pixels):
    likelihood = follow(Gaussian("optimal", pixels, floor=0.05), [torch.zeros(40, 3)])
    torch.testing.assert_close((0.5 * likelihood.log_var).exp(), torch.full(pixels, 0.05))
    x = 0.06 * torch.randn(2000, 3)  # barely above the floor
    rms = x.square().mean(0 if pixels else (0, 1)).sqrt()
    optimal = follow(Gaussian("optimal", pixels, floor=0.05), [x])
    torch.testing.assert_close((0.5 * optimal.log_var).exp(), rms)
    learned = Gaussian("learned", pixels, floor=0.05)
    optimizer = torch.optim.Adam(learned.parameters(), lr=0.05)
    for _ in range(600):
        optimizer.zero_grad()
        (-learned(torch.zeros(2000, 3), 1).log_prob(x).mean()).backward()
        optimizer.step()
    scale = learned(torch.zeros(1, 3), 1).base_dist.scale[0]
    torch.testing.assert_close(scale, rms.expand(3), rtol=1e-3, atol=0)


def test_one_learned_sigma_per_pixel():
    likelihood = Gaussian("learned", (1, 3, 2))
    assert likelihood.log_var.shape == (1, 3, 2)
    likelihood.log_var.data.copy_(torch.arange(6.0).reshape(1, 3, 2))
    mean, x = torch.randn(5, 4, 1, 3, 2), torch.rand(4, 1, 3, 2)
    expected = torch.distributions.Normal(mean, (0.5 * likelihood.log_var).exp()).log_prob(x).sum((-1, -2, -3))
    torch.testing.assert_close(likelihood(mean, 3).log_prob(x), expected)


def test_the_continuous_bernoulli_is_a_density():
    logits = torch.tensor([-8.0, -1.0, 0.0, 1e-4, 0.5, 12.0], dtype=torch.float64)
    grid = torch.linspace(0, 1, 200_001, dtype=torch.float64)[:, None]
    p = ContinuousBernoulli()(logits[None, :, None], 1)
    assert p.batch_shape == (1, 6) and p.event_shape == (1,)
    density = p.log_prob(grid[..., None].expand(-1, 6, 1)).exp()
    torch.testing.assert_close(torch.trapezoid(density, grid, dim=0), torch.ones(6, dtype=torch.float64))
    unnormalised = Bernoulli()(logits[None, :, None], 1).log_prob(grid[..., None].expand(-1, 6, 1)).exp()
    constant = 1 / torch.trapezoid(unnormalised, grid, dim=0)
    torch.testing.assert_close(density / unnormalised, constant.expand_as(density), rtol=1e-6, atol=0)


@pytest.mark.parametrize("bad", [-0.1, 1.5, 255.0, math.nan])
def test_pixels_outside_the_unit_interval_are_refused(bad):
    x = torch.rand(2, 1, 3, 2)
    x[1, 0, 2, 1] = bad
    p = Bernoulli()(torch.zeros(2, 1, 3, 2), 3)
    with pytest.raises(ValueError, match=r"pixels in \[0, 1\].*Divide"):
        p.log_prob(x)
    with unchecked_distributions():
        Bernoulli()(torch.zeros(2, 1, 3, 2), 3).log_prob(x)
    with pytest.raises(ValueError, match="pixels"):
        Bernoulli()(torch.zeros(2, 1, 3, 2), 3).log_prob(x)


def test_images_of_another_shape_are_refused():
    with pytest.raises(ValueError, match="must be the same"):
        Bernoulli()(torch.zeros(2, 1, 3, 2), 3).log_prob(torch.rand(2, 6))
    with pytest.raises(ValueError, match="must be the same"):
        Gaussian()(torch.zeros(2, 1, 3, 2), 3).log_prob(torch.rand(2, 1, 2, 3))


def test_rounding_errors_of_resized_images_are_tolerated_and_others_shown_with_their_digits():
    p = Bernoulli()(torch.zeros(2, 1, 3, 2), 3)
    p.log_prob(torch.full((2, 1, 3, 2), 1 + 5e-7))
    with pytest.raises(ValueError, match="from 1.00001 to 1.00001"):
        p.log_prob(torch.full((2, 1, 3, 2), 1 + 1e-5))
