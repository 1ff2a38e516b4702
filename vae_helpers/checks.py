"""Is this what was asked for? Messages that say what came, what was wanted, and the line that mends it."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


def check_images(images: object, name: str = "images") -> None:
    """Refuse what is no float tensor of datapoints with numbers in it.

    Args:
        images: should be `[N, ...]`.
        name: what the message calls it.

    Raises:
        TypeError: for anything but a float tensor.
        ValueError: for a tensor of another shape, or with values that are not finite.

    Example:
        >>> check_images(torch.rand(5, 1, 28, 28))
        >>> check_images(torch.zeros(5, 1, 28, 28, dtype=torch.uint8))
        Traceback (most recent call last):
        TypeError: images must be a float tensor [N, ...], got a tensor of torch.uint8: pass images.float() / 255
    """
    wanted = f"{name} must be a float tensor [N, ...], got"
    if isinstance(images, Tensor) and not images.is_floating_point():
        raise TypeError(f"{wanted} a tensor of {images.dtype}: pass {name}.float() / 255 if they are 8-bit images")
    if not isinstance(images, Tensor):
        raise TypeError(f"{wanted} {type(images).__name__}: {_as_tensor(images, name)}")
    if images.ndim < 2 or len(images) == 0:
        raise ValueError(f"{name} must have shape [N, ...] with N of at least 1, got {list(images.shape)}")
    if not all(extreme.isfinite() for extreme in extremes(images)):  # NaN is passed on
        raise ValueError(f"{name} contains infinite or missing values (NaN). Remove them first.")


def extremes(x: Tensor) -> tuple[Tensor, Tensor]:
    """The smallest and the largest value, in one pass where there is a function for it (MPS has none).

    Args:
        x: of any shape.

    Example:
        >>> extremes(torch.tensor([3.0, 1.0, 2.0]))
        (tensor(1.), tensor(3.))
    """
    return tuple(torch.aminmax(x)) if x.device.type == "cpu" else (x.min(), x.max())


def _as_tensor(images: object, name: str) -> str:
    """The line that makes a tensor of something else."""
    if hasattr(images, "train") and hasattr(images, "test"):
        return "from data = load_images(), pass data.train"
    if isinstance(images, torch.utils.data.DataLoader):
        return f"pass torch.cat([x for x, *_ in {name}])"
    if isinstance(images, torch.utils.data.Dataset):
        return f"pass torch.stack([x for x, *_ in {name}]), which ToTensor() has brought to [0, 1]"
    if hasattr(images, "__array__"):
        return f"pass torch.as_tensor({name}, dtype=torch.float32), divided by 255 if they are 8-bit images"
    return f"pass torch.stack([...]) of the images, as floats, or data.train from load_images() if {name} is a data set"


def check_fit_for(images: Tensor, made: Sequence[int], name: str = "images") -> None:
    """Refuse images of another shape than a decoder makes.

    Args:
        images: `[N, ...]`.
        made: the shape of one image as the decoder makes it.
        name: what the message calls the images.

    Raises:
        ValueError: for another shape.

    Example:
        >>> check_fit_for(torch.rand(5, 28, 28), (1, 28, 28))
        Traceback (most recent call last):
        ValueError: images are [5, 28, 28], and the decoder makes [1, 28, 28] each: pass images.reshape(-1, 1, 28, 28)
    """
    made, shape = tuple(made), tuple(images.shape)
    if shape[1:] == made:
        return
    if shape == made:
        line = f"for a single image pass {name}[None]"
    elif torch.Size(shape[1:]).numel() == torch.Size(made).numel():
        line = f"pass {name}.reshape(-1, {', '.join(map(str, made))})"
    else:
        line = f"build both networks with data_shape={shape[1:]}"
    raise ValueError(f"{name} are {list(shape)}, and the decoder makes {list(made)} each: {line}")


def check_shape(data_shape: object, network: str) -> tuple[int, ...]:
    """The shape of one image as a tuple.

    Args:
        data_shape: should be a sequence of whole numbers.
        network: what the message is about.

    Raises:
        TypeError: for anything else.

    Example:
        >>> check_shape([1, 28, 28], "MLPEncoder")
        (1, 28, 28)
    """
    if not isinstance(data_shape, Sequence) or isinstance(data_shape, str):
        raise TypeError(
            f"data_shape is the shape of one image, such as (1, 28, 28), got {data_shape!r}: "
            f"{network}(latent_dim, data_shape=(1, 28, 28), hidden=(400,))"
        )
    return tuple(int(n) for n in data_shape)


def check_sizes(hidden: object) -> tuple[int, ...]:
    """The sizes of hidden layers as a tuple.

    Args:
        hidden: should be a sequence of whole numbers.

    Raises:
        TypeError: for anything else.

    Example:
        >>> check_sizes((400, 200))
        (400, 200)
    """
    if not isinstance(hidden, Sequence) or isinstance(hidden, str):
        raise TypeError(f"hidden lists the sizes of the hidden layers, got {hidden!r}: hidden=({hidden},)")
    return tuple(int(n) for n in hidden)


def check_module(part: object, name: str) -> None:
    """Refuse a part of a model that is a class instead of a module, or no function at all.

    Args:
        part: a module, or a function.
        name: what the message calls it.

    Raises:
        TypeError: naming the line that mends it.

    Example:
        >>> check_module(nn.Linear, "encoder")
        Traceback (most recent call last):
        TypeError: encoder must be a module, got the class Linear: write Linear(...), with parentheses
    """
    if isinstance(part, type):
        raise TypeError(f"{name} must be a module, got the class {part.__name__}: write {part.__name__}(...), "
                        "with parentheses")  # fmt: skip
    if not callable(part):
        raise TypeError(f"{name} must be a module, got {type(part).__name__}")


def like_the_model(x: Tensor, model: nn.Module) -> Tensor:
    """On the model's device, and in its precision.

    Args:
        x: any float tensor.
        model: any module; without parameters and buffers, x stays as it is.

    Example:
        >>> like_the_model(torch.zeros(2, dtype=torch.float64), nn.Linear(2, 1)).dtype
        torch.float32
    """
    like = next((p for p in [*model.parameters(), *model.buffers()] if p.is_floating_point()), None)
    return x if like is None else x.to(like.device, like.dtype)
