"""Several layers of codes, z_1 (nearest to x) to z_T: a prior in layers, and three ways to infer them.

All codes of an x are one vector z = [z_1, ..., z_T], `[..., L]` with L = L_1 + ... + L_T, so that every bound and
measure that knows a `VAE` knows these models too.
"""
