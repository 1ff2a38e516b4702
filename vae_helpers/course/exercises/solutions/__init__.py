"""The solutions of the exercises, by id: what a notebook goes on with if the reader's own function is not right."""

from . import nb00, nb01, nb02, nb03, nb04, nb05, nb06, nb07, nb08, nb09, nb10, nb11, nb12

MODULES = nb00, nb01, nb02, nb03, nb04, nb05, nb06, nb07, nb08, nb09, nb10, nb11, nb12
SOLUTIONS = {id: function for module in MODULES for id, function in module.SOLUTIONS.items()}
