"""The form of an objective: (model, x) -> a tensor `[B]`, or a named tuple of them with a field `value`.

`value`, in nats, is what is maximised. Averages over datapoints are the caller's.
"""

from torch import Tensor


def named_terms(result: Tensor | tuple, batch_size: int) -> dict[str, Tensor]:
    """An objective's result as {term: tensor `[B]`}; a plain tensor is called "value".

    Args:
        result: what the objective returned.
        batch_size: B.

    Raises:
        TypeError: for a result that is neither a tensor nor a named tuple with a field `value`.
        ValueError: for a term of another shape than `[B]`.

    Example:
        >>> import torch
        >>> named_terms(torch.zeros(3), batch_size=3)
        {'value': tensor([0., 0., 0.])}
    """
    terms = {"value": result} if isinstance(result, Tensor) else getattr(result, "_asdict", dict)()
    if "value" not in terms:
        raise TypeError(
            "an objective returns a tensor [B], or a named tuple of such tensors with a field `value`; "
            f"got {type(result).__name__}"
        )
    for name, values in terms.items():
        if values.shape != (batch_size,):
            raise ValueError(
                f"an objective returns one number per datapoint, [{batch_size}] here, got {name} "
                f"{list(values.shape)}. Sum over dimensions; leave the mean over datapoints to the caller."
            )
    return terms
