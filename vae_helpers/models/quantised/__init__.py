"""Codes that are symbols: a codebook, finite scalars, the model that uses them, and a prior over what it writes.

Everywhere here a code is an index in `[0, K)`, and vectors come last: z `[..., C]`, indices `[...]`. The networks
turn images `[B, C, H, W]` into such a map and back, so that nothing else ever has to permute it.
"""
