"""A gradient through argmin: the code to the last digit, and the gradient of the right matrix."""

import math

import pytest
import torch
from vector_quantize_pytorch.vector_quantize_pytorch import rotate_to

from vae_helpers.models.quantised.gradients import rotate, straight_through

BOTH = pytest.mark.parametrize("trick", [straight_through, rotate])


def jacobian(trick, z, code):
    return torch.autograd.functional.jacobian(lambda z: trick(z, code), z)


@BOTH
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_value_is_the_code_and_no_gradient_reaches_it(trick, dtype):
    z = torch.randn(5, 3, 4, dtype=dtype, requires_grad=True)
    code = torch.randn(5, 3, 4, dtype=dtype, requires_grad=True)
    value = trick(z, code)
    assert torch.equal(value, code) and value.dtype == dtype
    value.sum().backward()
    assert code.grad is None and z.grad.abs().sum() > 0


def test_straight_through_has_the_gradient_of_the_identity():
    z, code = torch.randn(4).double(), torch.randn(4).double()
    assert torch.equal(jacobian(straight_through, z, code), torch.eye(4).double())


def test_the_rotation_turns_z_onto_the_code_and_keeps_angles():
    z, code = torch.randn(7, 5).double(), torch.randn(7, 5).double()
    for u, v in zip(z, code, strict=True):
        turn = jacobian(rotate, u, v) * u.norm() / v.norm()
        torch.testing.assert_close(turn @ turn.T, torch.eye(5).double())  # orthogonal
        assert torch.linalg.det(turn).item() == pytest.approx(1.0)  # no reflection
        torch.testing.assert_close(turn @ u / u.norm(), v / v.norm())
        across = torch.linalg.svd(torch.stack([u, v]))[2][2:]  # what is orthogonal to both stays
        torch.testing.assert_close(across @ turn.T, across)


def test_the_rotation_in_the_plane_by_hand():
    """From (2, 0) to (0, 1): a quarter turn to the left, and half as long."""
    found = jacobian(rotate, torch.tensor([2.0, 0.0]), torch.tensor([0.0, 1.0]))
    torch.testing.assert_close(found, torch.tensor([[0.0, -0.5], [0.5, 0.0]]))


def test_where_z_is_the_code_both_are_the_identity():
    z = torch.randn(4).double()
    torch.testing.assert_close(jacobian(rotate, z, z.clone()), torch.eye(4).double())


@pytest.mark.parametrize(
    ("z", "code"),
    [
        ([0.0, 0.0], [1.0, 2.0]),
        ([1.0, 2.0], [0.0, 0.0]),
        ([1.0, 2.0], [-2.0, -4.0]),
        ([0.0, 0.0], [0.0, 0.0]),
        ([0.0, 0.0], [1e30, 0.0]),
    ],
)
def test_where_no_rotation_is_defined_it_is_straight_through(z, code):
    z, code = torch.tensor(z), torch.tensor(code)
    assert torch.equal(jacobian(rotate, z, code), torch.eye(2)) and torch.equal(rotate(z, code), code)


def test_tiny_and_huge_vectors():
    for scale in (1e-15, 1e15):
        z, code = scale * torch.randn(3), torch.randn(3)
        assert jacobian(rotate, z, code).isfinite().all()


def test_as_the_oracle_has_it():
    z = torch.randn(6, 4, dtype=torch.float64, requires_grad=True)
    code, weight = torch.randn(6, 4).double(), torch.randn(6, 4).double()
    mine, theirs = (torch.autograd.grad((f(z, code) * weight).sum(), z)[0] for f in (rotate, rotate_to))
    torch.testing.assert_close(mine, theirs, rtol=1e-5, atol=1e-6)  # they clamp lengths at 1e-6
    torch.testing.assert_close(rotate(z, code), rotate_to(z, code), rtol=1e-6, atol=1e-6)


def test_the_gradient_that_is_really_there_is_zero():
    """Finite differences of the true function, nearest code and then a loss: zero almost everywhere."""
    from vae_helpers.models.quantised.codebook import nearest

    codes = torch.tensor([[-1.0], [0.5], [2.0]]).double()
    z, step = torch.linspace(-3, 3, 50).double()[:, None] + math.pi / 1e4, 1e-6
    loss = lambda z: codes[nearest(z, codes)].square().sum(1)  # noqa: E731
    assert torch.equal(loss(z + step), loss(z - step))
