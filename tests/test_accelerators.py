"""Training and every measure on a device that refuses what Apple's does: float64, aminmax, tensors of two devices."""

from functools import partial

import pytest
import torch

import vae_helpers as vh
from tests.fake_device import MPS, FakeMPS, OnDevice
from vae_helpers import device as devices

SHAPE = (1, 4, 8)


@pytest.fixture
def mps(monkeypatch):
    """Inside, there is a device "mps", and `pick_device` picks it."""
    monkeypatch.setenv("VAE_DEVICE", "mps")
    torch.__future__.set_swap_module_params_on_conversion(True)
    with FakeMPS():
        yield MPS
    torch.__future__.set_swap_module_params_on_conversion(False)


def small(likelihood=None, conv=False):
    networks = (vh.ConvEncoder, vh.ConvDecoder) if conv else (vh.MLPEncoder, vh.MLPDecoder)
    size = {"channels": 2} if conv else {"hidden": (6,)}
    return vh.VAE(*(n(2, SHAPE, **size) for n in networks), likelihood or vh.Bernoulli(), 2)


def test_the_fake_refuses_what_apple_refuses(mps):
    x = torch.ones(3, device=mps)
    assert x.device.type == "mps" and isinstance(x + 1, OnDevice) and not isinstance(x.cpu(), OnDevice)
    with pytest.raises(TypeError, match="float64"):
        x.double()
    with pytest.raises(TypeError, match="float64"):
        torch.zeros(3, dtype=torch.float64, device=mps)
    with pytest.raises(NotImplementedError, match="aminmax"):
        torch.aminmax(x)
    with pytest.raises(RuntimeError, match="same device"):
        x + torch.ones(3)
    assert x.cpu().double().sum().item() == 3


@pytest.mark.parametrize(
    ("likelihood", "objective"),
    [
        (vh.Bernoulli, vh.elbo),
        (vh.ContinuousBernoulli, vh.elbo),
        (partial(vh.Gaussian, "learned", floor=0.1), vh.elbo),
        (partial(vh.Gaussian, "optimal"), vh.elbo),
        (vh.Bernoulli, partial(vh.iwae_bound, k=3)),
        (vh.Bernoulli, partial(vh.dreg_bound, k=3)),
        (vh.Bernoulli, partial(vh.free_bits, threshold=0.1)),
        (vh.Bernoulli, partial(vh.beta_tc, beta=2.0, n=40)),
    ],
)
def test_training_and_measures(mps, likelihood, objective):
    model, images = small(likelihood()), torch.rand(40, *SHAPE)
    binarize = likelihood is vh.Bernoulli
    history = vh.fit(
        model, images, objective, epochs=2, batch_size=9, validation=images, binarize=binarize, progress=False
    )
    assert len(history.validation) == 2 and all(p.device.type == "mps" for p in model.parameters())
    assert devices.device_of(model).type == "mps"
    vh.evaluate(model, images.double())
    assert vh.importance_nll(model, images, k=5) == pytest.approx(vh.importance_nll(model, images, k=5), abs=5)
    assert vh.kl_per_dimension(model, images).device.type == "cpu"
    vh.active_units(model, images)
    vh.rate_terms(model, images, samples=20)
    model.sample(3), model.encode(images), model.reconstruct(images)


def test_convolutions_sweeps_ais_and_starting_at_the_mean(mps):
    images = torch.rand(40, *SHAPE)
    vh.fit(small(conv=True), images, epochs=1, progress=False)
    models = [small(), small()]
    vh.fit_sweep(models, images, settings={"beta": [1.0, 2.0]}, epochs=1, progress=False)
    vh.start_at_mean(models[0], images)
    assert vh.ais_log_weights(models[0], images[:4].to(mps), chains=2, steps=3).shape == (2, 4)


def test_scores_of_codes_on_the_device(mps):
    classes = torch.cartesian_prod(torch.arange(4), torch.arange(3)).repeat(5, 1)
    codes = (classes.float() + 0.01 * torch.randn(60, 2)).to(mps)
    for score in (vh.mig, vh.sap, vh.dci, vh.factor_vae_score):
        score(codes, classes.to(mps))


def test_the_checkup_names_a_device_without_a_name(mps, monkeypatch):
    from vae_helpers.course import checkup

    monkeypatch.setattr(torch, "get_device_module", lambda device: object())
    assert checkup._device().found == "mps"
