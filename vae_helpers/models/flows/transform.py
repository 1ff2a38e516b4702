"""What every transform offers, transforms one after the other, and a transform read backwards."""

from torch import Tensor, nn


class Transform(nn.Module):
    """An invertible map z -> y of vectors, with the logarithm of how much it stretches volumes.

        log_det = log |det dy/dz|

    Both directions return it, each for itself: `log_det` of the inverse is minus that of the map at the same point.
    A context is what the map may depend on besides, such as a network's view of x. Its leading dimensions
    broadcast: z `[K, B, D]` meets context `[B, C]`.
    """

    def forward_and_log_det(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """y `[..., D]` and log |det dy/dz| `[...]` for z `[..., D]` and context `[..., C]`."""
        raise NotImplementedError

    def inverse_and_log_det(self, y: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """z `[..., D]` and log |det dz/dy| `[...]` for y `[..., D]` and context `[..., C]`."""
        raise NotImplementedError

    def forward(self, z: Tensor, context: Tensor | None = None) -> Tensor:
        """y alone."""
        return self.forward_and_log_det(z, context)[0]


class Chain(Transform):
    """Transforms one after the other: the map of the last, after that of the one before it, and so on.

        y = f_n(... f_2(f_1(z)))        log_det = sum of theirs

    Args:
        transforms: the first one meets z.

    Example:
        >>> import math
        >>> from vae_helpers import Affine
        >>> add, double = Affine(2), Affine(2)
        >>> _ = add.shift.data.fill_(1.0), double.log_scale.data.fill_(math.log(2))
        >>> y, log_det = Chain(add, double).forward_and_log_det(torch.zeros(2))  # first + 1, then times 2
        >>> y.tolist(), round(log_det.item() / math.log(2), 3)
        ([2.0, 2.0], 2.0)
    """

    def __init__(self, *transforms: Transform):
        super().__init__()
        self.transforms = nn.ModuleList(transforms)

    def forward_and_log_det(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        log_det = z.new_zeros(z.shape[:-1])
        for transform in self.transforms:
            z, of_this = transform.forward_and_log_det(z, context)
            log_det = log_det + of_this
        return z, log_det

    def inverse_and_log_det(self, y: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        log_det = y.new_zeros(y.shape[:-1])
        for transform in reversed(self.transforms):
            y, of_this = transform.inverse_and_log_det(y, context)
            log_det = log_det + of_this
        return y, log_det


class Inverse(Transform):
    """A transform read backwards: its forward is the other's inverse.

    So an `AffineAutoregressive`, which is one pass forward (IAF), becomes one pass backward (MAF).

    Args:
        transform: the one to read backwards.

    Example:
        >>> from vae_helpers import Affine
        >>> add = Affine(1)
        >>> _ = add.shift.data.fill_(3.0)
        >>> Inverse(add)(torch.ones(1)).tolist()
        [-2.0]
    """

    def __init__(self, transform: Transform):
        super().__init__()
        self.transform = transform

    def forward_and_log_det(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        return self.transform.inverse_and_log_det(z, context)

    def inverse_and_log_det(self, y: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        return self.transform.forward_and_log_det(y, context)
