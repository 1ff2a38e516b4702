"""Checkers for the exercises of the notebooks: `check("04.a", my_function)`."""

from . import nb00, nb01, nb02, nb03, nb04, nb07  # noqa: F401  (importing a module registers its checkers)
from .checking import Mistake, check

__all__ = ["Mistake", "check"]
