"""How an exercise is checked: against independent truth, and against the classic mistakes.

A checker is a function that takes the reader's answer, calls it on several cases, `compare`s each, and returns one
line on what a right answer means. What is wrong is judged after the last case, so that a diagnosis is given only if
it matches on all of them. A checker may also raise `Mistake` itself.
"""

import inspect
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ..record import note
from .diagnosis import Comparison, Mistake, conclude, translated, uncompiled, wrong_type
from .diagnosis import same as same

CHECKERS: dict[str, Callable[[Callable], str]] = {}
ACCEPTED: set[str] = set()
"""The names of the reader's own functions that passed."""


@dataclass
class _Session:
    """The calls and comparisons of one checker that is running."""

    inputs: dict[str, object] = field(default_factory=dict)
    comparisons: list[Comparison] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    """The arguments that the answer changed in place."""


_sessions: list[_Session] = []


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


def check(id: str, answer: Callable, must_pass: bool = False) -> Callable:
    """Print whether an answer solves an exercise, and return the function to go on with.

    Args:
        id: "NN.letter".
        answer: the reader's function.
        must_pass: anything but a right answer raises AssertionError.

    Returns:
        The answer if it is right, and the course's solution if not.

    Raises:
        ValueError: for an unknown exercise.
        TypeError: if `answer` is not a function.
        AssertionError: with `must_pass`, for a wrong answer.

    Example:
        >>> reparameterize = check("04.a", lambda mu, log_var, eps: mu + eps)
        ✗ 04.a not yet. The noise has unit scale: log_var plays no part.
        The notebook goes on with the course's reparameterize.
    """
    from .solutions import SOLUTIONS  # only a notebook needs them

    if id not in CHECKERS:
        raise ValueError(f"unknown exercise {id!r}; there are {', '.join(sorted(CHECKERS))}")
    if not callable(answer):
        raise TypeError(f"pass the function itself, check({id!r}, f), not a {type(answer).__name__}")
    ours = SOLUTIONS[id]
    name = ours.__name__
    ACCEPTED.discard(name)
    if answer is ours and not must_pass:  # the check ran again without the cell above it
        passed, message = False, f"○ {id} this is the course's own {name}: first run the cell with yours again."
    else:
        passed, message = _judged(id, answer, ours)
    if must_pass and not passed:
        raise AssertionError(message)
    if passed:
        ACCEPTED.add(name)
    tried = getattr(answer, "__name__", "") == name and not message.startswith("○")
    trouble = note(id, answer, passed) if tried else ""
    whose = "your" if passed else "the course's"
    print(message, f"The notebook goes on with {whose} {name}.", *[trouble] * bool(trouble), sep="\n")
    return answer if passed else ours


def _judged(id: str, answer: Callable, ours: Callable) -> tuple[bool, str]:
    """Whether an answer passes, and the line that says so."""
    session = _Session()
    _sessions.append(session)
    try:
        try:
            praise = CHECKERS[id](_recorded(answer, list(inspect.signature(ours).parameters), session))
        except Exception:
            conclude(session.comparisons)  # what was wrong before comes first
            raise
        conclude(session.comparisons)
        if session.changed:
            name = session.changed[0]
            raise Mistake(
                f"The result is right, but {name} itself is changed, and whoever calls this may still need it: "
                f"write {name} = {name} + ..., not {name} += ..., and no function that ends in an underscore."
            )
        return True, f"✓ {id} right. {praise}"
    except Mistake as mistake:
        return False, f"✗ {id} not yet. {mistake}"
    except Exception as error:  # the reader's own function failed: say so instead of a long traceback
        if isinstance(error, NotImplementedError) and not error.args:
            return False, uncompiled(id, ours.__name__) or f"○ {id} not attempted yet"
        return False, f"✗ {id} your function stopped: {translated(error, session.inputs)}"
    finally:
        _sessions.remove(session)


def compare(got, truth: Tensor, mistakes: Sequence[tuple[Tensor, str]] = (), name: str = "") -> None:
    """Accept an answer that equals the truth to float precision; inside `check`, judged after the last case.

    Args:
        got: what the reader's function returned.
        truth: the right value.
        mistakes: (the value that a mistake would give, what it looks like, with a hint), the likelier first. A
            message is given only if it matches in all comparisons that the checker makes in this line.
        name: of the output, where there are several.

    Raises:
        Mistake: for any other answer, with the message of the mistake that gives it, if it is known.

    Example:
        >>> compare(torch.tensor(-1.0), torch.tensor(1.0), [(torch.tensor(-1.0), "The sign is wrong.")])
        Traceback (most recent call last):
        vae_helpers.course.exercises.diagnosis.Mistake: The sign is wrong.
    """
    if isinstance(got, (int, float)) and not isinstance(got, bool) and truth.ndim == 0:
        got = torch.tensor(got, dtype=truth.dtype)
    if not isinstance(got, Tensor):
        raise wrong_type(got, f"a tensor of shape {list(truth.shape)}")
    session = _sessions[-1] if _sessions else _Session()
    line = sys._getframe(1).f_lineno
    session.comparisons.append(Comparison(session.inputs, line, name, got.detach(), truth.detach(), mistakes))
    if not _sessions:
        conclude(session.comparisons)


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
    raise wrong_type(got, f"{names.count(',') + 1} tensors: `return {names}`")


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


def _recorded(answer: Callable, names: list[str], session: _Session) -> Callable:
    """The answer, given copies of its arguments; these are noted down, and those that it changes."""

    def called(*inputs):
        session.inputs = dict(zip(names, inputs, strict=False))
        copies = [x.clone() if isinstance(x, Tensor) else x for x in inputs]
        result = answer(*copies)
        for name, x, copy in zip(names, inputs, copies, strict=False):
            if isinstance(x, Tensor) and not torch.equal(x.nan_to_num(), copy.nan_to_num()):
                session.changed.append(name)
        return result

    return called
