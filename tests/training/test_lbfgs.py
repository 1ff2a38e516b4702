"""maximise() against closed forms."""

import pytest
import torch

from vae_helpers import maximise


def test_a_quadratic_form_has_its_maximum_at_the_solution():
    root = torch.randn(4, 4, dtype=torch.float64)
    A, b = root @ root.T + torch.eye(4), torch.randn(4, dtype=torch.float64)
    start = torch.zeros(4, dtype=torch.float64)
    (x,) = maximise(lambda x: b @ x - 0.5 * x @ A @ x, start)
    torch.testing.assert_close(x, torch.linalg.solve(A, b), rtol=1e-7, atol=1e-7)
    assert not x.requires_grad and (start == 0).all()


def test_several_parameters_of_any_shape():
    target = torch.randn(2, 3, dtype=torch.float64)
    zero = torch.zeros((), dtype=torch.float64)
    a, b = maximise(lambda a, b: -((a - target) ** 2).sum() - (b - 2) ** 4, torch.zeros_like(target), zero)
    torch.testing.assert_close(a, target)
    assert b == pytest.approx(2, abs=1e-2)  # flat at the top: the gradient is 4 (b - 2)^3


def test_the_start_decides_which_peak():
    def peaks(x):
        return -((x**2 - 1) ** 2)

    for side in (1.0, -1.0):
        (x,) = maximise(peaks, torch.tensor(0.3 * side, dtype=torch.float64))
        assert x == pytest.approx(side, abs=1e-6)


def test_an_objective_that_is_not_finite():
    with pytest.raises(ArithmeticError, match="is nan at the start; begin where it is finite"):
        maximise(torch.log, torch.tensor(-1.0))
    with pytest.raises(ArithmeticError, match="may have no maximum"):
        maximise(torch.exp, torch.tensor(1.0))


def test_a_start_need_not_be_contiguous():
    target = torch.arange(6.0).reshape(2, 3)
    (found,) = maximise(lambda w: -(w - target).square().sum(), torch.zeros(3, 2).T)
    torch.testing.assert_close(found, target, atol=1e-4, rtol=0)
