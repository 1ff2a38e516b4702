"""How a model is trained: `fit` in `loop`, sweeps of models in `sweep`, exact maxima in `lbfgs`.

What only long runs need - checkpoints, several processes, compiling - is in files that `fit` does not import.
Not here: what is maximised (`objectives`), and how a history is drawn (`course.figures`).
"""
