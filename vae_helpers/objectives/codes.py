"""Codes that are symbols: what a VQ-VAE is trained with, and the bound on log p(x) that it is part of."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from ..models.quantised.vqvae import VQVAE
from .elbo import log_likelihood


class VQTerms(NamedTuple):
    """What a VQ-VAE is trained with, each `[B]`: `reconstruction` in nats, the others squared distances."""

    value: Tensor
    reconstruction: Tensor
    codebook: Tensor
    commitment: Tensor


class CodeBound(NamedTuple):
    """A lower bound on log p(x) and its two terms, each `[B]`, in nats."""

    value: Tensor
    reconstruction: Tensor
    codes: Tensor


def vq_objective(model: VQVAE, x: Tensor, beta: float = 0.25) -> VQTerms:
    """What a VQ-VAE is trained with: no bound, for the codes cost nothing. Van den Oord et al. (2017), eq. 3.

        value = log p(x|z) - sum |sg(z_e) - e|^2 - beta sum |z_e - sg(e)|^2,    z = e, with the gradient of z_e

    z_e is the encoder's map and e the codes nearest to it; sg stops the gradient. The sums run over the map, so
    that nothing depends on the size of a batch. The second term moves the codes (it is 0 where running means do),
    the third the encoder, and beta weights the third.

    Args:
        model: a `VQVAE`, or another model with its names.
        x: `[B, ...]`.
        beta: the weight of the commitment.

    Returns:
        `VQTerms` of tensors `[B]`.

    Example:
        >>> from vae_helpers import VQVAE, Bernoulli, Codebook, MapDecoder, MapEncoder
        >>> model = VQVAE(MapEncoder(8), Codebook(64, 8, update="loss"), MapDecoder(8), Bernoulli())
        >>> terms = vq_objective(model, torch.rand(5, 1, 28, 28))
        >>> torch.allclose(terms.codebook, terms.commitment)  # of equal value; they differ in what they move
        True
    """
    found = model.quantise(x)
    reconstruction = log_likelihood(model, x, found.values)
    codebook, commitment = (term.flatten(1).sum(1) for term in (found.codebook, found.commitment))
    return VQTerms(reconstruction - codebook - beta * commitment, reconstruction, codebook, commitment)


@torch.no_grad()
def code_bound(model: VQVAE, x: Tensor, prior: nn.Module) -> CodeBound:
    """A lower bound on log p(x): the image given its codes, and the codes.

        log p(x) = log sum_c p(x|c) P(c) >= log p(x|c(x)) + log P(c(x))

    One of the maps c that p(x) sums over. It is the ELBO of a q(c|x) that is certain, and has no entropy. P may be
    any distribution over maps; the better it is fitted, the higher the bound.

    Args:
        model: a `VQVAE`, or another model with its names.
        x: `[B, ...]`.
        prior: with `log_prob(codes)` `[B, *map] -> [B]`, in nats, such as `CodePrior`.

    Returns:
        `CodeBound` of tensors `[B]`, in nats, without gradient.

    Example:
        >>> from vae_helpers import VQVAE, Bernoulli, Codebook, CodePrior, MapDecoder, MapEncoder
        >>> model = VQVAE(MapEncoder(8), Codebook(64, 8), MapDecoder(8), Bernoulli())
        >>> code_bound(model, torch.rand(5, 1, 28, 28), CodePrior(64, (7, 7))).value.shape
        torch.Size([5])
    """
    codes = model.encode(x)
    reconstruction, log_p = log_likelihood(model, x, model.lookup(codes)), prior.log_prob(codes)
    return CodeBound(reconstruction + log_p, reconstruction, log_p)
