"""What makes a training run this run: its objective, data, model and settings, as plain words and numbers.

A checkpoint stores them, and refuses to go on with others: it never returns another experiment's numbers.
"""

import hashlib
import types
from collections.abc import Callable, Mapping
from functools import partial

import torch
from torch import Tensor, nn


def describe(thing: object, within: tuple[int, ...] = ()) -> str:
    """A callable or a value in words that stay the same from one process to the next.

    Functions are known by name and by a fingerprint of their code, with what they hold from outside; partials by
    their arguments; other objects by their class and attributes.

    Args:
        thing: an objective, or what it was given.
        within: the ids of what it is a part of; a part that holds the whole is only named.

    Example:
        >>> from vae_helpers.objectives.elbo import elbo
        >>> describe(partial(elbo, beta=4))
        'vae_helpers.objectives.elbo.elbo(beta=4)'
    """
    if id(thing) in within:
        return "itself"
    part = partial(describe, within=(*within, id(thing)))
    if isinstance(thing, partial):
        arguments = [part(a) for a in thing.args]
        arguments += [f"{name}={part(value)}" for name, value in sorted(thing.keywords.items())]
        return f"{part(thing.func)}({', '.join(arguments)})"
    if isinstance(thing, types.FunctionType):
        name = f"{thing.__module__}.{thing.__qualname__}"
        return name if thing.__module__.startswith("vae_helpers.") else f"{name} {_digest(_code(thing, part))}"
    if isinstance(thing, types.MethodType):
        return f"{part(thing.__func__)} of {part(thing.__self__)}"
    if isinstance(thing, type | types.BuiltinFunctionType):
        return f"{thing.__module__}.{thing.__qualname__}"
    if isinstance(thing, Tensor):
        return fingerprint(thing)
    if isinstance(thing, nn.Module):
        return f"{type(thing).__name__} {_digest(repr(thing))}"
    if isinstance(thing, list | tuple):
        return f"[{', '.join(part(item) for item in thing)}]"
    if isinstance(thing, Mapping):
        return "{" + ", ".join(f"{part(k)}: {part(v)}" for k, v in thing.items()) + "}"
    if hasattr(thing, "__dict__"):
        return f"{type(thing).__qualname__}{part(vars(thing))}"
    return repr(plain(thing))


def fingerprint(x: Tensor) -> str:
    """Shape, kind and a digest of the content.

    Args:
        x: any tensor.

    Example:
        >>> fingerprint(torch.zeros(5, 3))
        'float32 [5, 3] 5dcc1b58'
    """
    content = x.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy()
    return f"{str(x.dtype).removeprefix('torch.')} {list(x.shape)} {_digest(content)}"


def plain(value: object) -> object:
    """A number of NumPy or torch as Python's own; anything else as it is.

    Args:
        value: anything.

    Example:
        >>> plain(torch.tensor(2.0)), plain("x")
        (2.0, 'x')
    """
    single = isinstance(value, Tensor) and value.ndim == 0
    return value.item() if single or type(value).__module__ == "numpy" and getattr(value, "ndim", 1) == 0 else value


def identity(
    model: nn.Module,
    images: Tensor,
    validation: Tensor | None,
    objective: Callable,
    schedules: Mapping[str, Callable[[float], float]],
    **settings: object,
) -> dict:
    """All that two runs must have in common to be one.

    Args:
        model: known by its structure, as it prints, and the sizes of its parameters.
        images: known by a fingerprint.
        validation: known by a fingerprint, or None.
        objective: as in `describe`.
        schedules: known by their values at five moments.
        settings: numbers and strings.

    Returns:
        {name: number, string or list of them}.

    Example:
        >>> identity(nn.Linear(2, 1), torch.zeros(5, 2), None, print, {}, lr=0.1)["objective"]
        'builtins.print'
    """
    moments = (0.0, 0.25, 0.5, 0.75, 1.0)
    sizes = [f"{name} {list(p.shape)}" for name, p in model.state_dict().items()]
    return {
        "objective": describe(objective),
        "schedules": {name: [float(f(t)) for t in moments] for name, f in sorted(schedules.items())},
        "images": fingerprint(images),
        "validation": None if validation is None else fingerprint(validation),
        "model": [*repr(model).splitlines(), *sizes],
        **{name: plain(value) for name, value in settings.items()},
    }


def difference(stored: Mapping, mine: Mapping) -> str | None:
    """What tells two runs apart, in words; None if nothing does.

    Args:
        stored: the identity of the run on disk.
        mine: that of the run to be started.

    Example:
        >>> difference({"lr": 0.1}, {"lr": 0.2})
        'lr = 0.1 there and 0.2 here'
    """
    for name, value in mine.items():
        other = stored.get(name, "unknown")
        if name == "model" and isinstance(other, list) and other != value:
            lines = [(a, b) for a, b in zip([*other, ""], [*value, ""], strict=False) if a != b]
            return f"another model: {lines[0][0].strip() or 'nothing'!r} there and {lines[0][1].strip()!r} here"
        if other != value:
            return f"{name} = {other} there and {value} here"
    return None


def _code(function: types.FunctionType, part: Callable[[object], str]) -> str:
    """What a function does, and with what from outside: closures, defaults, the globals that it reads."""
    code = function.__code__
    held = [part(cell.cell_contents) for cell in function.__closure__ or ()]
    defaults = [part(d) for d in (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values())]
    read = {name: plain(function.__globals__[name]) for name in code.co_names if name in function.__globals__}
    told = int | float | str | bool | types.FunctionType | partial
    outside = {name: part(value) for name, value in sorted(read.items()) if isinstance(value, told)}
    return repr((code.co_code, [_constant(c) for c in code.co_consts], code.co_names, held, defaults, outside))


def _constant(value: object) -> str:
    inner = isinstance(value, types.CodeType)
    return repr((value.co_code, [_constant(c) for c in value.co_consts], value.co_names)) if inner else repr(value)


def _digest(content: str | memoryview) -> str:
    data = content.encode() if isinstance(content, str) else content
    return hashlib.sha256(data).hexdigest()[:8]
