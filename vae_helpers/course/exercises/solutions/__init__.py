"""The solutions of the exercises, by id: what a notebook goes on with if the reader's own function is not right."""

from . import nb00, nb01, nb02, nb03, nb04, nb05, nb06, nb07

SOLUTIONS = {id: f for nb in (nb00, nb01, nb02, nb03, nb04, nb05, nb06, nb07) for id, f in nb.SOLUTIONS.items()}
