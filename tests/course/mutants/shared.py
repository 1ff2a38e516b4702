"""What the mutants of several notebooks are made with."""


def changed(answer, place, change):
    """A function that answers as `answer` does, but for one entry of the tuple."""

    def mutant(*args):
        values = list(answer(*args))
        values[place] = change(values[place])
        return tuple(values)

    return mutant
