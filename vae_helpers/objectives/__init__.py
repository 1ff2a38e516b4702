"""What is maximised: bounds on log p(x) and their relatives, `[B]` in nats, from (model, x).

A new bound, or another weighting of its terms, goes here.
Not here: averages over a data set and numbers that are only looked at (`measures`); optimisers (`training`).
"""
