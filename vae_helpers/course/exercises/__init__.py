"""Checkers for the exercises of the notebooks: `check("04.a", my_function)`."""

# Importing a module registers its checkers.
from . import (  # noqa: F401
    nb00,
    nb01,
    nb01_further,
    nb02,
    nb02_further,
    nb03,
    nb03_further,
    nb04,
    nb04_evaluation,
    nb05,
    nb05_further,
    nb06,
    nb06_further,
    nb07,
    nb08,
    nb09,
    nb10,
    nb11,
    nb12,
)
from .checking import Mistake, check

__all__ = ["Mistake", "check"]
