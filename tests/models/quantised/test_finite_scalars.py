"""Finite scalars: levels that are all reached, a bijection, and the oracle's numbers."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from vector_quantize_pytorch import FSQ

from vae_helpers.models.quantised.finite_scalars import FiniteScalars

some_levels = st.lists(st.integers(2, 9), min_size=1, max_size=4)


@given(levels=some_levels)
def test_indices_and_values_are_a_bijection(levels):
    quantiser = FiniteScalars(levels)
    every = torch.arange(quantiser.size)
    values = quantiser.lookup(every)
    assert quantiser.size == math.prod(levels) and values.shape == (quantiser.size, len(levels))
    assert len(values.unique(dim=0)) == quantiser.size
    assert torch.equal(quantiser.indices(values), every)


@given(levels=some_levels)
def test_every_level_is_reached_and_zero_stays_zero(levels):
    quantiser = FiniteScalars(levels)
    line = torch.linspace(-12, 12, 4001)[:, None].expand(-1, len(levels))
    found = quantiser(line)
    for d, many in enumerate(levels):
        assert len(found.values[:, d].unique()) == many
    assert (quantiser(torch.zeros(1, len(levels))).values == 0).all()
    assert torch.equal(found.values, quantiser.lookup(found.indices))
    assert ((0 <= found.indices) & (found.indices < quantiser.size)).all()


@pytest.mark.parametrize("many", [2, 4, 5, 8])
def test_without_the_offset_even_levels_are_wrong(many):
    """round(h tanh(z)) has an odd number of levels, whatever h is."""
    z = torch.linspace(-12, 12, 4001)
    levels = ((many - 1) / 2 * 1.001 * z.tanh()).round().unique()
    assert len(levels) % 2 == 1 and (many % 2 == 0) == (len(levels) != many)


@pytest.mark.parametrize("shape", [(5,), (2, 3), (2, 1, 3, 2)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_shapes_gradient_and_terms(shape, dtype):
    quantiser = FiniteScalars([4, 3, 5]).to(dtype)
    z = torch.randn(*shape, 3, dtype=dtype, requires_grad=True)
    found = quantiser(z)
    assert found.values.shape == z.shape and found.values.dtype == dtype and found.indices.shape == shape
    assert quantiser.lookup(found.indices).dtype == dtype
    assert found.codebook.abs().sum() == found.commitment.abs().sum() == 0
    (got,) = torch.autograd.grad(found.values.sum(), z)
    (expected,) = torch.autograd.grad((quantiser.bound(z) / quantiser.middle).sum(), z)  # of what is rounded
    torch.testing.assert_close(got, expected)


@pytest.mark.parametrize("levels", [[8, 5, 5, 5], [3], [4, 4], [7, 6, 5]])
def test_as_the_oracle_has_it(levels):
    mine, theirs = FiniteScalars(levels), FSQ(levels)
    z, weight = 2 * torch.randn(2, 50, len(levels)), torch.randn(2, 50, len(levels))
    a, b = z.clone().requires_grad_(), z.clone().requires_grad_()
    found, (values, indices) = mine(a), theirs(b)
    torch.testing.assert_close(found.values, values)
    assert torch.equal(found.indices, indices.long())
    torch.testing.assert_close(mine.lookup(found.indices), theirs.indices_to_codes(indices))
    (found.values * weight).sum().backward()
    (values * weight).sum().backward()
    torch.testing.assert_close(a.grad, b.grad)


def test_what_does_not_fit_is_named():
    with pytest.raises(ValueError, match=r"at least 2.*got \[4, 1\]"):
        FiniteScalars([4, 1])
    with pytest.raises(ValueError, match=r"C = 2 numbers, got shape \[5, 3\]"):
        FiniteScalars([4, 4])(torch.zeros(5, 3))
