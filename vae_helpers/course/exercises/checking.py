"""How an exercise is checked: against independent truth, and against the classic mistakes.

A checker is a function that takes the reader's answer, calls it on several cases and returns one
line on what a right answer means. It raises `Mistake` for a wrong one, usually through `compare`.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

CHECKERS: dict[str, Callable[[Callable], str]] = {}


class Mistake(Exception):
    """A wrong answer. The message says what it looks like and gives a hint."""


def checker(id: str) -> Callable:
    """Register a function as the checker of an exercise.

    Args:
        id: "NN.letter".

    Raises:
        ValueError: if it has a checker already.

    Example:
        >>> checker("04.a")(print)
        Traceback (most recent call last):
        ValueError: exercise 04.a has a checker already
    """

    def register(function: Callable[[Callable], str]) -> Callable[[Callable], str]:
        if id in CHECKERS:
            raise ValueError(f"exercise {id} has a checker already")
        CHECKERS[id] = function
        return function

    return register


def check(id: str, answer: Callable, must_pass: bool = False) -> None:
    """Print whether an answer solves an exercise: not attempted, wrong (and how), or right.

    Args:
        id: "NN.letter".
        answer: the reader's function.
        must_pass: as for the stored solutions: anything but a right answer raises AssertionError.

    Raises:
        ValueError: for an unknown exercise.
        TypeError: if `answer` is not a function.
        AssertionError: with `must_pass`, for a wrong answer.

    Example:
        >>> check("04.a", lambda mu, log_var, eps: mu + eps)
        ✗ 04.a not yet. The noise has unit scale: log_var plays no part.
    """
    if id not in CHECKERS:
        raise ValueError(f"unknown exercise {id!r}; there are {', '.join(sorted(CHECKERS))}")
    if not callable(answer):
        raise TypeError(f"pass the function itself, check({id!r}, f), not a {type(answer).__name__}")
    try:
        passed, message = True, f"✓ {id} right. {CHECKERS[id](_on_copies(answer))}"
    except Mistake as mistake:
        passed, message = False, f"✗ {id} not yet. {mistake}"
    except Exception as error:  # the reader's own function failed: say so instead of a long traceback
        untouched = isinstance(error, NotImplementedError) and not error.args
        stopped = f"✗ {id} your function stopped: {type(error).__name__}: {error}"
        passed, message = False, f"○ {id} not attempted yet" if untouched else stopped
    if must_pass and not passed:
        raise AssertionError(message)
    print(message)


def compare(got, truth: Tensor, mistakes: Sequence[tuple[Tensor, str]] = ()) -> None:
    """Accept an answer that equals the truth to float precision.

    Args:
        got: what the reader's function returned.
        truth: the right value.
        mistakes: (the value that a mistake would give, what it looks like, with a hint), the likelier first.

    Raises:
        Mistake: for any other answer, with the message of the mistake that gives it, if it is known.

    Example:
        >>> compare(torch.tensor(-1.0), torch.tensor(1.0), [(torch.tensor(-1.0), "The sign is wrong.")])
        Traceback (most recent call last):
        vae_helpers.course.exercises.checking.Mistake: The sign is wrong.
    """
    if not isinstance(got, Tensor):
        raise _wrong_type(got, f"a tensor of shape {list(truth.shape)}")
    if same(got, truth):
        return
    for value, message in mistakes:
        if same(got, value):
            raise Mistake(message)
    if got.ndim > truth.ndim and same(got.squeeze(), truth.squeeze()):
        raise Mistake(f"The numbers are right; the shape is {list(got.shape)}, expected {list(truth.shape)}.")
    if got.shape != truth.shape:
        raise Mistake(f"The shape is {list(got.shape)}, expected {list(truth.shape)}. Which dimensions are summed?")
    if not torch.isfinite(got).all():
        raise Mistake("The result is infinite or not a number. Where can a log, exp or division overflow or underflow?")
    worst = (got - truth).abs().flatten().argmax()
    raise Mistake(
        f"Got {got.flatten()[worst].item():.6g} where {truth.flatten()[worst].item():.6g} is right. "
        "Try it on numbers small enough to work out by hand."
    )


def unpack(got, names: str) -> tuple:
    """The answer as a tuple.

    Args:
        got: what the reader's function returned.
        names: of the entries, separated by commas.

    Raises:
        Mistake: if it is no tuple of so many.

    Example:
        >>> unpack((1, 2), "mean, covariance")
        (1, 2)
    """
    if isinstance(got, (tuple, list)) and len(got) == names.count(",") + 1:
        return tuple(got)
    raise _wrong_type(got, f"{names.count(',') + 1} tensors: `return {names}`")


def gradients(value: Tensor, *inputs: Tensor) -> tuple:
    """The gradient of a sum with respect to each input.

    Args:
        value: what is summed.
        inputs: that require gradients.

    Returns:
        One tensor for each input, None where no gradient arrives.

    Example:
        >>> x = torch.ones(2, requires_grad=True)
        >>> gradients(3 * x, x)
        (tensor([3., 3.]),)
    """
    if not value.requires_grad:
        return (None,) * len(inputs)
    return torch.autograd.grad(value.sum(), inputs, allow_unused=True)


def _wrong_type(got, wanted: str) -> Mistake:
    if got is None:
        return Mistake("It returned None: is there a return statement?")
    found = "one tensor" if isinstance(got, Tensor) else f"a {type(got).__name__}"
    return Mistake(f"It returned {found}; return {wanted}.")


def _on_copies(answer: Callable) -> Callable:
    """The answer, given copies of its arguments: it may change them without harm."""
    return lambda *inputs: answer(*(x.clone() if isinstance(x, Tensor) else x for x in inputs))


def same(a, b: Tensor) -> bool:
    """Whether a is a tensor equal to b; 1e-4 relative leaves room for float32 sums in another order.

    Args:
        a: anything.
        b: a tensor.

    Example:
        >>> same(torch.ones(2), torch.ones(2)), same(1.0, torch.ones(()))
        (True, False)
    """
    return (
        isinstance(a, Tensor)
        and a.shape == b.shape
        and torch.allclose(a.double(), b.double(), rtol=1e-4, atol=1e-5, equal_nan=True)
    )
