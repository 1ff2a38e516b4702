"""What a trained model is worth, on data it has not seen: numbers in nats, from a model and images.

A new metric goes into a file of its own here.
Not here: what is maximised in training (`objectives`), and how a number is drawn (`course.figures`).
"""
