"""VQ-VAE: the objective's terms, and the bound, against log p(x) by the sum over all maps of codes."""

import itertools
from functools import partial

import pytest
import torch
from torch import nn

from vae_helpers import Bernoulli, Gaussian, evaluate, fit
from vae_helpers.models.quantised.code_prior import CodePrior
from vae_helpers.models.quantised.codebook import Codebook
from vae_helpers.models.quantised.finite_scalars import FiniteScalars
from vae_helpers.models.quantised.networks import MapDecoder, MapEncoder
from vae_helpers.models.quantised.vqvae import VQVAE
from vae_helpers.objectives.codes import code_bound, vq_objective

SHAPE = (1, 8, 12)  # maps of 2 x 3


def tiny(quantiser, dim, likelihood=None):
    networks = MapEncoder(dim, SHAPE, channels=4), MapDecoder(dim, SHAPE, channels=4)
    return VQVAE(networks[0], quantiser, networks[1], likelihood or Bernoulli())


QUANTISERS = {
    "codebook": lambda: Codebook(3, 4, start_from_data=False),
    "loss, rotated": lambda: Codebook(3, 4, update="loss", gradient="rotation", start_from_data=False),
    "finite scalars": lambda: FiniteScalars([2, 2]),
}


@pytest.mark.parametrize("make", QUANTISERS.values(), ids=QUANTISERS)
@pytest.mark.parametrize("train", [False, True])
def test_the_bound_is_below_log_p_by_the_sum_over_all_maps(make, train):
    """log p(x) = logsumexp over all K^6 maps of log p(x|c) + log P(c), in float64."""
    quantiser = make()
    model, prior = tiny(quantiser, quantiser.dim), CodePrior(quantiser.size, (2, 3), channels=12)
    images = torch.bernoulli(torch.rand(20, 1, 2, 3).repeat_interleave(4, 2).repeat_interleave(4, 3).expand(20, *SHAPE))
    if train:
        fit(model, images, vq_objective, epochs=30, batch_size=10, lr=1e-2, progress=False, device="cpu")
        codes = model.encode(images).float()
        fit(prior, codes, CodePrior.log_prob, epochs=30, batch_size=10, lr=1e-2, progress=False, device="cpu")
    model, prior, x = model.double().eval(), prior.double().eval(), images[:7].double()
    maps = torch.tensor(list(itertools.product(range(quantiser.size), repeat=6))).view(-1, 2, 3)
    with torch.no_grad():
        log_joint = (
            model.decode(model.lookup(maps)[:, None]).log_prob(x[:, None].transpose(0, 1))
            + prior.log_prob(maps)[:, None]
        )
        log_p = log_joint.logsumexp(0)  # [7]
    bound = code_bound(model, x, prior)
    assert (bound.value < log_p).all()
    places = (model.encode(x).flatten(1) * quantiser.size ** torch.arange(5, -1, -1)).sum(1)
    torch.testing.assert_close(bound.value, log_joint[places, torch.arange(7)])  # one of the maps that are summed
    assert (bound.value <= log_joint.amax(0) + 1e-12).all()
    # the reconstruction alone is no bound: it forgets what the codes cost
    assert (bound.reconstruction > bound.value).all()
    if train:
        assert (bound.reconstruction > log_p).any()


@pytest.mark.parametrize("make", QUANTISERS.values(), ids=QUANTISERS)
def test_the_objective_is_the_sum_of_its_terms_for_each_image_alone(make):
    quantiser = make()
    model, x = tiny(quantiser, quantiser.dim), torch.rand(7, *SHAPE)
    terms = vq_objective(model, x, beta=0.3)
    assert all(term.shape == (7,) for term in terms)
    torch.testing.assert_close(terms.value, terms.reconstruction - terms.codebook - 0.3 * terms.commitment)
    found = model.quantise(x)
    torch.testing.assert_close(terms.commitment, found.commitment.sum((1, 2)))
    torch.testing.assert_close(terms.reconstruction, model.decode(found.values).log_prob(x))
    one_by_one = torch.cat([vq_objective(model, image[None], beta=0.3).value for image in x])
    torch.testing.assert_close(terms.value, one_by_one)  # nothing depends on the batch


@pytest.mark.parametrize("beta", [0.0, 0.25, 2.0])
def test_beta_is_on_the_encoder_s_term(beta):
    """The codes' gradient does not depend on beta; the encoder's is that of the reconstruction plus beta times."""
    model, x = tiny(QUANTISERS["loss, rotated"](), 4), torch.rand(7, *SHAPE)
    weight = model.encoder.net[0].weight

    def gradients(value):
        return torch.autograd.grad(value.sum(), (model.quantiser.codes, weight), allow_unused=True)

    codes, encoder = gradients(vq_objective(model, x, beta).value)
    only = vq_objective(model, x)
    of_codes, nothing = gradients(-only.codebook)
    torch.testing.assert_close(codes, of_codes)
    assert nothing is None
    reconstruction, commitment = (
        gradients(t)[1] for t in (vq_objective(model, x).reconstruction, vq_objective(model, x).commitment)
    )
    torch.testing.assert_close(encoder, reconstruction - beta * commitment, rtol=1e-4, atol=1e-5)


def test_the_decoder_s_loss_does_not_move_the_codes():
    model, x = tiny(QUANTISERS["loss, rotated"](), 4), torch.rand(7, *SHAPE)
    (got,) = torch.autograd.grad(vq_objective(model, x).reconstruction.sum(), model.quantiser.codes, allow_unused=True)
    assert got is None


def test_trained_evaluated_stored_and_moved():
    model, images = tiny(Codebook(5, 4), 4), torch.rand(60, *SHAPE)
    history = fit(model, images, vq_objective, epochs=2, batch_size=20, validation=images[:10], progress=False)
    assert set(history.train[-1]) == {"value", "reconstruction", "codebook", "commitment"}
    again = tiny(Codebook(5, 4), 4)
    again.load_state_dict(model.state_dict())
    x = images[:5]
    assert torch.equal(again.eval().encode(x), model.encode(x)) and model.encode(x).shape == (5, 2, 3)
    assert model.reconstruct(x).shape == x.shape
    before = model.quantiser.codes.clone()
    found = evaluate(model, images, partial(code_bound, prior=CodePrior(5, (2, 3))))
    assert found["value"] == pytest.approx(found["reconstruction"] + found["codes"], rel=1e-5)
    assert torch.equal(before, model.quantiser.codes)


def test_a_sequence_of_codes_and_grey_levels():
    """Maps of one dimension, and another likelihood: nothing is made for images alone."""
    model = VQVAE(
        nn.Unflatten(1, (3, 4)), Codebook(5, 4, start_from_data=False), nn.Flatten(-2), Gaussian(0.5), map_dims=1
    )
    x = torch.randn(7, 12)
    assert model.encode(x).shape == (7, 3) and vq_objective(model, x).value.shape == (7,)
    assert model.decode(model.lookup(model.encode(x))).event_shape == (12,)


def test_images_that_do_not_fit_are_named():
    with pytest.raises(ValueError, match="multiples of 4, got .1, 30, 28."):
        MapEncoder(4, (1, 30, 28))
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        tiny(Codebook(5, 4), 4).check_data(torch.randn(5, *SHAPE))
    with pytest.raises(TypeError, match="quantiser must be a module, got the class Codebook"):
        VQVAE(nn.Identity(), Codebook, nn.Identity(), Bernoulli())
