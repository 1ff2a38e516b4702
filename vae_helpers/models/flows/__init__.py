"""Normalising flows: invertible maps with a known log-determinant, one family per file, and what is built of them.

transform       the contract, `Chain` and `Inverse`
affine, linear, permutation, coupling, autoregressive    the families
conditioner     the networks inside: plain, and masked as in MADE
distribution    `Flow`: a base distribution sent through a transform
modules         `FlowPosterior`, the encoder of a `VAE`, and `FlowPrior`, its prior

Every transform starts as the identity (the gated one, near it), so that a new flow is its base distribution: training
begins where it would begin without the flow, no sample is far out in the first steps, and whatever is gained later,
the flow has gained. Rezende and Mohamed (2015); Kingma et al. (2016); Papamakarios et al. (2021), a review.
"""
