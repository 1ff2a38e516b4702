"""What a checker says about a wrong answer: the mistake it looks like, or the smallest input where it fails."""

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


class Mistake(Exception):
    """A wrong answer. The message says what it looks like and gives a hint."""


@dataclass
class Comparison:
    """What one call returned, beside the truth.

    Args:
        inputs: of the call, by name.
        line: of the checker, where it is compared.
        name: of the output, where there are several.
        got: what came.
        truth: what is right.
        mistakes: (the value that a mistake would give, what it looks like).

    Example:
        >>> Comparison({"x": torch.ones(2, 3)}, 1, "y", torch.ones(()), torch.zeros(()), []).size()
        6
    """

    inputs: dict[str, object]
    line: int
    name: str
    got: Tensor
    truth: Tensor
    mistakes: Sequence[tuple[Tensor, str]]

    def size(self) -> int:
        """How many numbers the inputs have."""
        return sum(x.numel() for x in self.inputs.values() if isinstance(x, Tensor))


def conclude(comparisons: list[Comparison]) -> None:
    """Explain what is wrong, if anything is.

    Args:
        comparisons: of one checker, in order.

    Raises:
        Mistake: with the first message that matches in all comparisons of the same line; if there is none, with the
            smallest input that shows the difference.

    Example:
        >>> conclude([Comparison({"x": torch.ones(1)}, 1, "y", torch.ones(()), torch.zeros(()), [])])
        Traceback (most recent call last):
        vae_helpers.course.exercises.diagnosis.Mistake: y is 1, and 0 is right, for x = [1]. ...
    """
    first = next((c for c in comparisons if not same(c.got, c.truth)), None)
    if first is None:
        return
    alike = [c for c in comparisons if c.line == first.line]
    for _, message in first.mistakes:
        if all(any(text == message and same(c.got, value) for value, text in c.mistakes) for c in alike):
            raise Mistake(message)
    wrong = min((c for c in alike if not same(c.got, c.truth)), key=Comparison.size)
    raise Mistake(_shape_or_kind(wrong, alike) or _smallest(wrong))


def _shape_or_kind(c: Comparison, alike: list[Comparison]) -> str:
    """What is wrong with the form of an answer whatever it computes; empty if nothing is."""
    got, truth, of = c.got, c.truth, f" of {c.name}" * bool(c.name)
    shapes = f"The shape{of} is {list(got.shape)}, expected {list(truth.shape)}"
    everywhere = lambda f: all(same(c.got, f(c.truth)) for c in alike)  # noqa: E731
    if got.shape != truth.shape and all(same(c.got.squeeze(), c.truth.squeeze()) for c in alike):
        return f"The numbers are right; the shape{of} is {list(got.shape)}, expected {list(truth.shape)}."
    if got.ndim == 2 and all(same(c.got.mT, c.truth) for c in alike if c.got.ndim == 2):
        return f"This is the transpose: {shapes[0].lower()}{shapes[1:]}."
    if truth.numel() > 1 and everywhere(lambda t: t.double().mean()):
        return f"{shapes}. This is the mean of all the right numbers."
    if truth.numel() > 1 and everywhere(lambda t: t.sum()):
        return f"{shapes}. This is the sum of all the right numbers."
    if truth.ndim == 1 and list(got.shape) == [len(truth)] * 2 and len(truth) > 1:
        return f"{shapes}. If an [n, 1] meets an [n], broadcasting makes [n, n] of them."
    if got.shape != truth.shape:
        return f"{shapes}. Which dimensions are summed, and over which does the answer still run?"
    if not torch.isfinite(got).all() and torch.isfinite(truth).all():
        return f"The result{of} is infinite or not a number {_for(c)}. Which log, exp, root or division does that?"
    return ""


def _smallest(c: Comparison) -> str:
    worst = (c.got.double() - c.truth.double()).abs().flatten().argmax()
    pair = [c.got.flatten()[worst].item(), c.truth.flatten()[worst].item()]
    index = [int(i) for i in torch.unravel_index(worst, c.truth.shape)] if c.truth.ndim else ""
    return (
        f"{c.name or 'The result'}{index} is {pair[0]:.6g}, and {pair[1]:.6g} is right, {_for(c)}. "
        "Work it out by hand on these numbers."
    )


def _for(c: Comparison) -> str:
    """The inputs of a call: numbers where they are few, else shapes."""
    few = c.size() <= 24
    texts = []
    for name, x in c.inputs.items():
        if isinstance(x, Tensor):
            numbers = [f"{n:.4g}" for n in x.flatten().tolist()] if few else []
            rows = re.sub(r"'", "", str(_nested(numbers, list(x.shape)))) if few else f"{list(x.shape)} numbers"
            texts.append(f"{name} = {rows}")
        elif isinstance(x, (int, float)):
            texts.append(f"{name} = {x:.4g}")
        else:
            texts.append(f"{name}, a {type(x).__name__}")
    return "for " + ", ".join(texts) if texts else "here"


def _nested(numbers: list[str], shape: list[int]):
    for size in reversed(shape[1:]):
        numbers = [numbers[i : i + size] for i in range(0, len(numbers), size)]
    return numbers if shape else numbers[0]


def wrong_type(got, wanted: str) -> Mistake:
    """The Mistake for a result of another type.

    Args:
        got: what the reader's function returned.
        wanted: in words.

    Example:
        >>> print(wrong_type(None, "a tensor"))
        It returned None: is there a return statement?
    """
    if got is None:
        return Mistake("It returned None: is there a return statement?")
    found = "one tensor" if isinstance(got, Tensor) else f"a {type(got).__name__}"
    stay = " Stay with torch's functions: a gradient has to pass." if type(got).__module__ == "numpy" else ""
    return Mistake(f"It returned {found}; return {wanted}.{stay}")


def translated(error: Exception, inputs: dict[str, object]) -> str:
    """An error in the reader's function; the kinds that beginners meet most with a line that helps.

    Args:
        error: what was raised.
        inputs: of the call, by name.

    Example:
        >>> print(translated(TypeError("argument 'input' must be Tensor, not float"), {"p": 0.5}))
        TypeError: argument 'input' must be Tensor, not float
        A function of torch's was given a Python number (here p): use math.log, ..., or torch.tensor(number).
    """
    text = f"{type(error).__name__}: {error}"
    numbers = [name for name, x in inputs.items() if isinstance(x, (int, float))]
    if "only one element tensors can be converted" in text or "only integer tensors" in text:
        return f"{text}\nA function for numbers was given a tensor of many: for those use torch.sqrt, torch.log, ..."
    if re.search(r"must be Tensor, not (float|int)", text):
        which = f" (here {', '.join(numbers)})" if numbers else ""
        advice = "use math.log, ..., or torch.tensor(number)."
        return f"{text}\nA function of torch's was given a Python number{which}: {advice}"
    if re.search(r"must match the size|shapes cannot be multiplied|size mismatch|Expected size|inconsistent", text):
        shapes = ", ".join(f"{name} {list(x.shape)}" for name, x in inputs.items() if isinstance(x, Tensor))
        return f"{text}\nThe shapes do not fit. It was called with {shapes}; a row is a data point."
    if "numpy()" in text:
        return f"{text}\nDo not detach: stay with torch's functions, so that a gradient can pass."
    return text


def uncompiled(id: str, name: str) -> str:
    """What to say if the last cell that defines the function could not be compiled; empty if it could.

    Args:
        id: "NN.letter".
        name: of the function.

    Example:
        >>> uncompiled("04.a", "reparameterize")
        ''
    """
    if "IPython" not in sys.modules or (shell := sys.modules["IPython"].get_ipython()) is None:
        return ""
    cells = [text for text in shell.user_ns.get("_ih", []) if re.search(rf"^\s*def {name}\b", text, re.MULTILINE)]
    try:
        compile(shell.transform_cell(cells[-1]) if cells else "", name, "exec")
    except SyntaxError as error:
        return f"✗ {id} the cell with {name} did not run: line {error.lineno}, {error.msg}. The one before is checked."
    return ""


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
