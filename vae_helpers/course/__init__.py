"""What makes a notebook a lesson: claims, exercises with their checkers, the checkup, figures.

A new exercise gets its checker in `exercises`. The only room that knows a notebook or a plot.
Not here: anything that a model, a bound or a measure needs.
"""
