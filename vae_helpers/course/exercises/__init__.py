"""Checkers for the exercises of the notebooks: `check("04.a", my_function)`."""

# Importing a module registers its checkers.
from . import nb00, nb01, nb02, nb02_further, nb03, nb03_further, nb04, nb04_evaluation, nb05, nb06, nb07, nb08, nb09  # noqa: F401
from .checking import Mistake, check

__all__ = ["Mistake", "check"]
