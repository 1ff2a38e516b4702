"""A gradient through argmin: what reaches the encoder where the code that was chosen does not move."""

import torch
from torch import Tensor


def straight_through(z: Tensor, code: Tensor) -> Tensor:
    """The code, with the gradient of z (Bengio et al., 2013; van den Oord et al., 2017, section 3.2).

        value = code,    d value / d z = I

    Args:
        z: the encoder's output, `[..., C]`.
        code: what it was replaced by, `[..., C]`; no gradient reaches it.

    Returns:
        `[..., C]`, the code to the last digit.

    Example:
        >>> z = torch.tensor([0.9, 2.0], requires_grad=True)
        >>> straight_through(z, torch.tensor([1.0, 3.0])).square().sum().backward()
        >>> z.grad  # 2 code
        tensor([2., 6.])
    """
    return code.detach() + (z - z.detach())  # adds 0, and the slope


def rotate(z: Tensor, code: Tensor) -> Tensor:
    """The code, with the gradient of the rotation and scaling that takes z there (Fifty et al., 2025, section 4).

        value = code,    d value / d z = |code| / |z| R,    R the rotation in the plane of both that takes z to code

    R z = z - 2 (r z) r + 2 (z^ z) code^, with unit vectors z^, code^, and r along z^ + code^. Angles between the
    gradient and the code become angles between the gradient and z. Where z points away from the code, or one of them
    is 0, there is no such rotation, and the gradient is that of `straight_through`.

    Args:
        z: the encoder's output, `[..., C]`.
        code: what it was replaced by, `[..., C]`; no gradient reaches it.

    Returns:
        `[..., C]`, the code to the last digit.

    Example:
        >>> z = torch.tensor([2.0, 0.0], requires_grad=True)
        >>> rotate(z, torch.tensor([0.0, 1.0]))[1].backward()  # upwards, along the code
        >>> z.grad.round(decimals=4)  # half as long, and turned back with it: along z
        tensor([0.5000, 0.0000])
    """
    code, at = code.detach(), z.detach()
    size, target = at.norm(dim=-1, keepdim=True), code.norm(dim=-1, keepdim=True)
    tiny = torch.finfo(z.dtype).tiny
    u, v = at / size.clamp(min=tiny), code / target.clamp(min=tiny)
    middle = u + v
    length = middle.norm(dim=-1, keepdim=True)
    defined = (length > 1e-3) & (size > 0) & (target > 0)
    r = middle / length.clamp(min=tiny)
    step = z - at  # 0; what the rotation does to it is the gradient
    turned = step - 2 * (step * r).sum(-1, keepdim=True) * r + 2 * (step * u).sum(-1, keepdim=True) * v
    scale = torch.where(defined, target / size.clamp(min=tiny), 1.0)
    return code + torch.where(defined, scale * turned, step)
