"""Encoders and decoders: x -> (mu, log_var), and z -> the likelihood's parameters.

Decoders take z with any number of leading dimensions (`[K, B, L]` as well as `[B, L]`).
"""

import math
from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor, nn

from ..checks import check_shape, check_sizes

IMAGE = (1, 28, 28)
RELU = partial(nn.ReLU, inplace=True)


def mlp(sizes: Sequence[int], activation: Callable[[], nn.Module] = RELU) -> nn.Sequential:
    """Linear layers with an activation between each two.

    Args:
        sizes: of the input, of every hidden layer, and of the output.
        activation: makes one, as `nn.Tanh`; a ReLU if left out.

    Example:
        >>> mlp([784, 400, 20])
        Sequential(
          (0): Linear(in_features=784, out_features=400, bias=True)
          (1): ReLU(inplace=True)
          (2): Linear(in_features=400, out_features=20, bias=True)
        )
    """
    layers = []
    for inputs, outputs in zip(sizes[:-1], sizes[1:], strict=True):
        layers += [nn.Linear(inputs, outputs), activation()]
    return nn.Sequential(*layers[:-1])


class MLPEncoder(nn.Module):
    """x `[B, *data_shape]` -> (mu, log_var), each `[B, L]`, through fully connected layers.

    Args:
        latent_dim: L.
        data_shape: the shape of one x.
        hidden: the sizes of the hidden layers.
    """

    def __init__(self, latent_dim: int, data_shape: Sequence[int] = IMAGE, hidden: Sequence[int] = (400,)):
        super().__init__()
        self.data_shape = check_shape(data_shape, "MLPEncoder")
        self.net = mlp([math.prod(self.data_shape), *check_sizes(hidden), 2 * latent_dim])

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        _expect(x, math.prod(self.data_shape) == math.prod(x.shape[1:]), self)
        return self.net(x.flatten(1)).chunk(2, dim=-1)


class MLPDecoder(nn.Module):
    """z `[..., L]` -> parameters `[..., *data_shape]` through fully connected layers.

    Args:
        latent_dim: L.
        data_shape: the shape of one x.
        hidden: the sizes of the hidden layers.
    """

    def __init__(self, latent_dim: int, data_shape: Sequence[int] = IMAGE, hidden: Sequence[int] = (400,)):
        super().__init__()
        self.data_shape = check_shape(data_shape, "MLPDecoder")
        self.net = mlp([latent_dim, *check_sizes(hidden), math.prod(self.data_shape)])

    def forward(self, z: Tensor) -> Tensor:
        return self.net(z).unflatten(-1, self.data_shape)


class ConvEncoder(nn.Module):
    """x `[B, C, H, W]` -> (mu, log_var), each `[B, L]`: two strided convolutions, then linear.

    Args:
        latent_dim: L.
        data_shape: (C, H, W), with H and W multiples of 4.
        channels: the width of the first convolution.

    Raises:
        ValueError: for another shape.
    """

    def __init__(self, latent_dim: int, data_shape: Sequence[int] = IMAGE, channels: int = 32):
        super().__init__()
        self.data_shape = depth, height, width = multiple_of_four(data_shape, "ConvEncoder", "use the MLP networks")
        self.net = nn.Sequential(
            nn.Conv2d(depth, channels, kernel_size=4, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(channels, 2 * channels, kernel_size=4, stride=2, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(2 * channels * (height // 4) * (width // 4), 2 * latent_dim),
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        _expect(x, self.data_shape == x.shape[1:], self)
        return self.net(x).chunk(2, dim=-1)


class ConvDecoder(nn.Module):
    """z `[..., L]` -> parameters `[..., C, H, W]`: the mirror image of `ConvEncoder`.

    The transposed convolutions have kernel 4 and stride 2: the kernel is a multiple of the stride,
    so every pixel, but for the border's, receives equally many contributions: no built-in checkerboard.

    Args:
        latent_dim: L.
        data_shape: (C, H, W), with H and W multiples of 4.
        channels: the width of the last hidden convolution.

    Raises:
        ValueError: for another shape.
    """

    def __init__(self, latent_dim: int, data_shape: Sequence[int] = IMAGE, channels: int = 32):
        super().__init__()
        depth, height, width = multiple_of_four(data_shape, "ConvEncoder", "use the MLP networks")
        self.net = nn.Sequential(
            nn.Linear(latent_dim, 2 * channels * (height // 4) * (width // 4)),
            nn.ReLU(),
            nn.Unflatten(-1, (2 * channels, height // 4, width // 4)),
            nn.ConvTranspose2d(2 * channels, channels, kernel_size=4, stride=2, padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(channels, depth, kernel_size=4, stride=2, padding=1),
        )

    def forward(self, z: Tensor) -> Tensor:
        images = self.net(z.reshape(-1, z.shape[-1]))
        return images.reshape(*z.shape[:-1], *images.shape[1:])


def multiple_of_four(data_shape: Sequence[int], name: str, otherwise: str) -> tuple[int, int, int]:
    """(C, H, W), checked, for a network that halves images twice.

    Args:
        data_shape: the shape of one image.
        name: the network that needs it, for the message.
        otherwise: what to do with another shape, besides padding.

    Raises:
        ValueError: unless H and W are multiples of 4.

    Example:
        >>> multiple_of_four([1, 28, 28], "this example", "crop them")
        (1, 28, 28)
    """
    data_shape = check_shape(data_shape, name)
    if len(data_shape) != 3 or data_shape[1] % 4 or data_shape[2] % 4:
        raise ValueError(
            f"data_shape must be (C, H, W) with H and W multiples of 4, got {tuple(data_shape)}. "
            f"Pad the images, or {otherwise}."
        )
    return data_shape


def full_precision(output: Tensor) -> Tensor:
    """A network's output, in float32 if autocast made it bfloat16, whose three digits are too few for a density.

    Args:
        output: of any shape.

    Example:
        >>> full_precision(torch.zeros(2, dtype=torch.bfloat16)).dtype
        torch.float32
    """
    return output.float() if output.dtype == torch.bfloat16 else output


def _expect(x: Tensor, fits: bool, network: nn.Module) -> None:
    """Raise ValueError unless x is what the network was built for."""
    if not fits:
        raise ValueError(
            f"this {type(network).__name__} was built for images of shape {list(network.data_shape)}, got "
            f"{list(x.shape)}: build both networks with data_shape={tuple(x.shape[1:])}"
        )
