"""{exercise: [(wrong answer, a part of the message that it must get)]}, one module per notebook."""

from . import nb00, nb01, nb02, nb03, nb04, nb05, nb06, nb07, nb08, nb09, nb10, nb11, nb12

MUTANTS = {
    id: mutants
    for module in (nb00, nb01, nb02, nb03, nb04, nb05, nb06, nb07, nb08, nb09, nb10, nb11, nb12)
    for id, mutants in module.MUTANTS.items()
}
