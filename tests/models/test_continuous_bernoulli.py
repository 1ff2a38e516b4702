"""The continuous Bernoulli against mpmath with 400 digits, for logits from 0 to the largest float."""

import math

import mpmath
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kstest

from vae_helpers import VAE, ContinuousBernoulli, MLPDecoder, MLPEncoder, elbo, fit
from vae_helpers.models.continuous_bernoulli import ContinuousBernoulliPixel

LOGITS = [
    0.0,
    1e-30,
    1e-8,
    1e-4,
    1e-3,
    0.01,
    0.1,
    0.499,
    0.5,
    0.501,
    1.0,
    3.0,
    10.0,
    16.0,
    20.0,
    36.0,
    88.0,
    100.0,
    1e4,
    1e15,
]


def exact(a, x):
    """(log p(x), mean, variance) of the density proportional to e^(a x) on [0, 1]."""
    mpmath.mp.dps = 400
    a, x = mpmath.mpf(a), mpmath.mpf(x)
    if a == 0:
        return 0.0, 0.5, 1 / 12
    total = (mpmath.e**a - 1) / a if a < 1e6 else mpmath.e**a / a
    mean = 1 / (1 - mpmath.e ** (-a)) - 1 / a
    variance = 1 / a**2 - mpmath.e ** (-abs(a)) / (1 - mpmath.e ** (-abs(a))) ** 2
    return tuple(map(float, (a * x - mpmath.log(total), mean, variance)))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("sign", [1, -1])
def test_value_mean_and_variance_for_any_logit(dtype, sign):
    digits = 20 * torch.finfo(dtype).eps
    for size in LOGITS:
        a = torch.tensor(sign * size, dtype=dtype)
        p = ContinuousBernoulliPixel(a)
        for point in (0.0, 0.25, 1.0):
            log_p, mean, variance = exact(a.item(), point)
            x = torch.tensor(point, dtype=dtype)
            assert p.log_prob(x).item() == pytest.approx(log_p, rel=digits, abs=digits), (size, point)
        assert p.mean.item() == pytest.approx(mean, rel=digits, abs=1e-30)
        # 1/t^2 - ... cancels to a thousandth of its terms where the series ends
        assert p.variance.item() == pytest.approx(variance, rel=2000 * digits, abs=1e-30)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_gradients_are_those_of_an_exponential_family(dtype):
    """d log p / da = x - mean, and d mean / da = variance; finite for the largest logit there is."""
    sizes = torch.tensor([0.0, 1e-6, 0.1, 0.5, 2.0, 20.0, 90.0, 1e5], dtype=dtype)
    a = torch.cat([sizes, -sizes, torch.tensor([torch.finfo(dtype).max], dtype=dtype)]).requires_grad_()
    p = ContinuousBernoulliPixel(a)
    x = torch.tensor(0.3, dtype=dtype)
    (score,) = torch.autograd.grad(p.log_prob(x).sum(), a)
    torch.testing.assert_close(score, x - p.mean.detach(), rtol=1e-5, atol=1e-6)
    (slope,) = torch.autograd.grad(p.mean.sum(), a)
    torch.testing.assert_close(slope, p.variance.detach(), rtol=1e-3, atol=1e-6)


def test_the_example_that_torch_gets_wrong():
    """Logit -100: torch clamps probabilities (pytorch#72525), and its density integrates to 0.16."""
    t = torch.linspace(0, 1, 2_000_001)[:, None]
    p = ContinuousBernoulli()(torch.tensor([[-100.0]]), 1)
    assert torch.trapezoid(p.log_prob(t[:, None]).exp()[:, 0], t[:, 0]).item() == pytest.approx(1, abs=1e-4)
    assert p.mean.item() == pytest.approx(0.01, rel=1e-6)
    theirs = torch.distributions.ContinuousBernoulli(logits=torch.tensor(-100.0))
    assert torch.trapezoid(theirs.log_prob(t[:, 0]).exp(), t[:, 0]).item() < 0.2, "torch is right now: use it"


@pytest.mark.parametrize("a", [-300.0, -20.0, -1.0, 0.0, 1e-5, 0.3, 5.0, 80.0, 1e4])
def test_samples_follow_the_density(a):
    p = ContinuousBernoulliPixel(torch.tensor(a, dtype=torch.float64))
    x = p.sample((20_000,))
    assert (x >= 0).all() and (x <= 1).all()
    t = abs(a)
    distance = (1 - x if a > 0 else x).numpy()
    cdf = (lambda d: d) if t == 0 else (lambda d: np.expm1(-t * d) / math.expm1(-t))
    assert kstest(distance, cdf).pvalue > 1e-5  # a right sampler fails once in 100,000


def test_the_gradient_of_a_sample_is_that_of_the_inverse_distribution_function():
    a = torch.tensor([-30.0, -0.7, 0.0, 2e-3, 1.5, 50.0], dtype=torch.float64, requires_grad=True)

    def draw(logits):
        torch.manual_seed(0)
        return ContinuousBernoulliPixel(logits).rsample()

    (slope,) = torch.autograd.grad(draw(a).sum(), a)
    step = 1e-6
    difference = (draw(a.detach() + step) - draw(a.detach() - step)) / (2 * step)
    torch.testing.assert_close(slope, difference, rtol=1e-5, atol=1e-7)


@given(st.floats(-200, 200), st.floats(0, 1))
def test_mirrored_in_the_middle(a, x):
    a, x = torch.tensor([a, -a], dtype=torch.float64), torch.tensor([x, 1 - x], dtype=torch.float64)
    log_p = ContinuousBernoulliPixel(a).log_prob(x)
    torch.testing.assert_close(log_p[0], log_p[1], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("bad", [-0.1, 1.5, math.nan])
def test_its_data_are_checked(bad):
    model = VAE(MLPEncoder(2, (1, 3, 4)), MLPDecoder(2, (1, 3, 4)), ContinuousBernoulli(), 2)
    x = torch.rand(20, 1, 3, 4)
    x[3, 0, 1, 2] = bad
    with pytest.raises(ValueError, match=r"in \[0, 1\]|NaN"):
        fit(model, x, epochs=1, progress=False, device="cpu")
    with pytest.raises(ValueError, match=r"in \[0, 1\]"):
        elbo(model, x)
