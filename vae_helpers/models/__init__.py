"""p and q: densities, likelihoods, networks, the VAE that joins them, and models with exact answers.

A new likelihood goes into `likelihoods`; a new posterior, prior or flow into a file of its own.
Not here: what is maximised (`objectives`), what a trained model is worth (`measures`), optimisers, files, plots.
"""
