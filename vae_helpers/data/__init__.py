"""Images: read from disk (MNIST, Fashion-MNIST) or drawn by a program whose factors are known (strokes, sprites).

A new data set goes here, with its card in data/README.md.
Not here: anything that knows a model. Nothing but `download` touches the network.
"""
