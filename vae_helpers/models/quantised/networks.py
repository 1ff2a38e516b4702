"""Networks from images to a map of vectors, a quarter as high and wide, and back. Vectors come last."""

from collections.abc import Sequence

from torch import Tensor, nn

from ..networks import IMAGE, multiple_of_four


class MapEncoder(nn.Module):
    """x `[B, C, H, W]` -> a map of vectors `[B, H / 4, W / 4, dim]`: two strided convolutions, and one that mixes.

    Args:
        dim: the size of a vector.
        data_shape: (C, H, W), with H and W multiples of 4.
        channels: the width of the first convolution.

    Raises:
        ValueError: for another shape.
    """

    def __init__(self, dim: int, data_shape: Sequence[int] = IMAGE, channels: int = 16):
        super().__init__()
        depth, _, _ = multiple_of_four(data_shape, "MapEncoder", "write networks of your own")
        self.net = nn.Sequential(
            nn.Conv2d(depth, channels, kernel_size=4, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(channels, 2 * channels, kernel_size=4, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(2 * channels, dim, kernel_size=1),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x).movedim(1, -1)


class MapDecoder(nn.Module):
    """A map of vectors `[..., H / 4, W / 4, dim]` -> the likelihood's parameters `[..., C, H, W]`.

    Args:
        dim: the size of a vector.
        data_shape: (C, H, W), with H and W multiples of 4.
        channels: the width of the last hidden convolution.

    Raises:
        ValueError: for another shape.
    """

    def __init__(self, dim: int, data_shape: Sequence[int] = IMAGE, channels: int = 16):
        super().__init__()
        depth, _, _ = multiple_of_four(data_shape, "MapEncoder", "write networks of your own")
        self.net = nn.Sequential(
            nn.Conv2d(dim, 2 * channels, kernel_size=3, padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(2 * channels, channels, kernel_size=4, stride=2, padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(channels, depth, kernel_size=4, stride=2, padding=1),
        )

    def forward(self, z: Tensor) -> Tensor:
        images = self.net(z.reshape(-1, *z.shape[-3:]).movedim(-1, 1))
        return images.reshape(*z.shape[:-3], *images.shape[1:])
