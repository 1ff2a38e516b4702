"""Is each known factor found in a code of its own? Four published scores, one per file, from arrays.

All take codes `[N, L]`, a representation of N images (usually the posterior means), and classes
`[N, F]`, the factors that the images were drawn with, as whole numbers whose order means something
(DCI and SAP regress on them; for MIG and the FactorVAE score the order plays no part).
"""
