"""Every transform of the package, with parameters that are not those of the start."""

import torch

from vae_helpers import (
    Affine,
    AffineAutoregressive,
    AffineCoupling,
    Chain,
    Inverse,
    LinearAutoregressive,
    Permutation,
)


def reverse(dim):
    return Permutation(range(dim - 1, -1, -1))


FAMILIES = {  # dim, context -> a transform
    "affine": lambda dim, c: Affine(dim, c),
    "coupling": lambda dim, c: AffineCoupling(dim, (5,), c),
    "coupling, flipped": lambda dim, c: AffineCoupling(dim, (5, 4), c, flip=True),
    "autoregressive": lambda dim, c: AffineAutoregressive(dim, (8,), c),
    "autoregressive, deep": lambda dim, c: AffineAutoregressive(dim, (9, 7, 8), c),
    "gated": lambda dim, c: AffineAutoregressive(dim, (8,), c, gated=True),
    "linear": lambda dim, c: LinearAutoregressive(dim, c),
    "permutation": lambda dim, c: Permutation(torch.randperm(dim)),
    "inverse": lambda dim, c: Inverse(AffineAutoregressive(dim, (8,), c)),
    "chain": lambda dim, c: Chain(Affine(dim), AffineAutoregressive(dim, (8,), c), reverse(dim),
                                  Inverse(AffineAutoregressive(dim, (7,))), LinearAutoregressive(dim, c)),
}  # fmt: skip
STARTS_ELSEWHERE = {"gated", "permutation", "chain"}  # the chain holds a permutation


def moved(transform, dtype=torch.float64, size=0.5):
    """The same transform with every parameter moved at random."""
    transform = transform.to(dtype)
    with torch.no_grad():
        for parameter in transform.parameters():
            parameter.add_(size * torch.randn_like(parameter))
    return transform
