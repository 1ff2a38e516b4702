"""Images to learn from: MNIST and Fashion-MNIST are read from disk, strokes are drawn.

`load_images()` is all that a notebook calls. It never touches the network: `make data` does
(`vae_helpers.data.download`).
"""

import hashlib
import os
import tempfile
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from ..files import ROOT, write_atomically
from .strokes import draw_strokes

FOLDERS = {"mnist": "MNIST", "fashion_mnist": "FashionMNIST"}  # torchvision's names
KNOWN = (*FOLDERS, "strokes")
STROKES = 60_000, 10_000  # as many as MNIST has
# Raw file: the sizes that its header must give, as in LeCun's idx format.
RAW_FILES = {
    "train-images-idx3-ubyte": (60_000, 28, 28),
    "train-labels-idx1-ubyte": (60_000,),
    "t10k-images-idx3-ubyte": (10_000, 28, 28),
    "t10k-labels-idx1-ubyte": (10_000,),
}


class CorruptDataError(ValueError):
    """A data file is not what it should be; the message names it and says what to do."""


class Images(NamedTuple):
    """A data set in memory: images float32 `[N, 1, 28, 28]` in [0, 1], labels int64 `[N]`.

    Drawn images come with the latent variables that they were drawn from: `[N, ...]` by name.
    """

    train: Tensor
    test: Tensor
    train_labels: Tensor
    test_labels: Tensor
    name: str
    train_factors: dict[str, Tensor] | None = None
    test_factors: dict[str, Tensor] | None = None


def load_images(name: str | None = None) -> Images:
    """Load a data set, and say in one line which.

    Args:
        name: "mnist", "fashion_mnist" or "strokes"; by default MNIST where it is on disk, else strokes.

    Raises:
        ValueError: for an unknown name.
        FileNotFoundError: for one that is not on disk.
        CorruptDataError: for a damaged file.

    Example:
        >>> data = load_images("strokes")
        Data: strokes, 60,000 + 10,000 images (drawn from a seed)
        >>> data.train.shape
        torch.Size([60000, 1, 28, 28])
    """
    if name is not None and name not in KNOWN:
        raise ValueError(f"no data set is called {name!r}; there are {', '.join(map(repr, KNOWN))}")
    why = "drawn from a seed"
    if name is None:
        name = "mnist" if not missing_files("mnist") else "strokes"
        why += "; MNIST is not on disk, `make data` fetches it" if name == "strokes" else ""
    if name == "strokes":
        images, source = _strokes(), why
    else:
        images, source = _read(name), f"from {data_dir_words()}"
    print(f"Data: {name}, {len(images.train):,} + {len(images.test):,} images ({source})")
    return images


def data_dir() -> Path:
    """`$VAE_DATA_DIR`, counted from the repository root if it is relative; else `data/`.

    Example:
        >>> data_dir().is_absolute()
        True
    """
    return ROOT / Path(os.environ.get("VAE_DATA_DIR") or "data").expanduser()


def data_dir_words() -> str:
    """`data_dir()` as it may stand in a stored notebook: without this machine's paths.

    Example:
        >>> data_dir_words() in ("$VAE_DATA_DIR", "data/")
        True
    """
    return "$VAE_DATA_DIR" if os.environ.get("VAE_DATA_DIR") else "data/"


def raw_folder(name: str) -> Path:
    """Where the four raw files of a data set lie, as torchvision has it.

    Args:
        name: "mnist" or "fashion_mnist".

    Example:
        >>> raw_folder("mnist").parts[-2:]
        ('MNIST', 'raw')
    """
    return data_dir() / FOLDERS[name] / "raw"


def missing_files(name: str) -> list[Path]:
    """The raw files of a data set that are not on disk.

    Args:
        name: "mnist" or "fashion_mnist".

    Example:
        >>> all(not path.exists() for path in missing_files("mnist"))
        True
    """
    return [path for file in RAW_FILES if not (path := raw_folder(name) / file).is_file()]


def check_raw_file(path: Path) -> None:
    """Refuse a raw file that has not the header and length of `RAW_FILES`.

    The pixels are not compared: a restored or re-labelled MNIST is as welcome as the original.

    Args:
        path: the file.

    Raises:
        CorruptDataError: saying what it is instead.

    Example:
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder, "t10k-labels-idx1-ubyte")
        ...     _ = path.write_bytes(bytes.fromhex("00000801 00002710") + bytes(10_000))
        ...     check_raw_file(path)
    """
    shape = RAW_FILES[path.name]
    expected = b"".join(n.to_bytes(4, "big") for n in (0x0800 + len(shape), *shape))  # 08: unsigned bytes
    size = len(expected) + torch.Size(shape).numel()
    found = path.stat().st_size
    with open(path, "rb") as file:
        header = file.read(len(expected))
    if header.lstrip()[:1] == b"<":
        raise _corrupt(path, "a web page, perhaps the log-in page of a network")
    if header[:2] == b"\x1f\x8b":
        raise _corrupt(path, "still packed: unpack it with gunzip")
    if found != size:
        raise _corrupt(path, f"{found:,} bytes, and {size:,} were expected")
    if header != expected:
        raise _corrupt(path, f"its header is {header.hex(' ', 4)}, and {expected.hex(' ', 4)} was expected")


def _corrupt(path: Path, found: str) -> CorruptDataError:
    return CorruptDataError(f"{path} is damaged: {found}. `make data` puts a whole one in its place.")


def _read(name: str) -> Images:
    """Read `name` through torchvision, every file checked first."""
    from torchvision.datasets.mnist import read_image_file, read_label_file  # slow: only where needed

    if missing := missing_files(name):
        raise FileNotFoundError(
            f"{name} is not on disk: {missing[0]} is missing. Fetch it with `make data`, or set "
            f"VAE_DATA_DIR to the folder that holds {FOLDERS[name]}/raw, or draw digits instead: "
            'load_images("strokes").'
        )
    tensors = []
    for path in (raw_folder(name) / file for file in RAW_FILES):
        check_raw_file(path)
        tensors.append((read_image_file if "images" in path.name else read_label_file)(str(path)))
        if "labels" in path.name and tensors[-1].max() > 9:
            raise _corrupt(path, f"a label is {tensors[-1].max()}, and 0 to 9 were expected")
    train, train_labels, test, test_labels = tensors
    return Images(_grey(train[:, None]), _grey(test[:, None]), train_labels, test_labels, name)


def _grey(pixels: Tensor) -> Tensor:
    """Bytes -> float32 in [0, 1]."""
    return pixels.to(torch.float32).div_(255)


def _strokes() -> Images:
    """60,000 + 10,000 strokes, from the cache if there is one that can be trusted."""
    for path in _cache_files():
        try:
            return _drawn(*torch.load(path, weights_only=True))
        except Exception:  # not there, or damaged: it is only a cache
            continue
    parts = [draw_strokes(STROKES[0], seed=0), draw_strokes(STROKES[1], seed=1)]
    for path in _cache_files():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, lambda temporary: torch.save(parts, temporary))
            break
        except (OSError, RuntimeError):  # read-only, or full: they will be drawn again
            continue
    return _drawn(*parts)


def _drawn(train: tuple[Tensor, dict[str, Tensor]], test: tuple[Tensor, dict[str, Tensor]]) -> Images:
    images, labels = (_grey(train[0]), _grey(test[0])), (train[1]["label"], test[1]["label"])
    return Images(*images, *labels, "strokes", train[1], test[1])


def _cache_files() -> list[Path]:
    """Where drawn images may be kept: beside the code, else (it is read-only) with temporary files.

    Not in `$VAE_DATA_DIR`, which may belong to a whole class. The name changes with all that may
    change a pixel: the code that draws, and torch.
    """
    sources = sorted(Path(__file__).parent.glob("stroke*.py"))
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()
    name = f"strokes-torch{torch.__version__}-{digest[:12]}.pt"
    return [ROOT / "data" / name, Path(tempfile.gettempdir()) / "vae_helpers" / name]
