"""The files of MNIST and Fashion-MNIST: where they lie, and whether they are whole."""

import gzip
import math
import os
from pathlib import Path

import torch
from torch import Tensor

from ..files import ROOT

FOLDERS = {"mnist": "MNIST", "fashion_mnist": "FashionMNIST"}  # torchvision's names
# Raw file: the sizes that its header must give, as in LeCun's idx format.
RAW_FILES = {
    "train-images-idx3-ubyte": (60_000, 28, 28),
    "train-labels-idx1-ubyte": (60_000,),
    "t10k-images-idx3-ubyte": (10_000, 28, 28),
    "t10k-labels-idx1-ubyte": (10_000,),
}


class CorruptDataError(ValueError):
    """A data file is not what it should be; the message names it and says what to do."""


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


def raw_file(name: str, file: str) -> Path:
    """Where a raw file is: as torchvision has it, with a dot in its name as LeCun had it, or still packed (.gz).

    Also where `$VAE_DATA_DIR` names the data set's own folder, one or two levels too deep.

    Args:
        name: "mnist" or "fashion_mnist".
        file: a key of `RAW_FILES`.

    Returns:
        A path; where there is no such file, the one that is to be written.

    Example:
        >>> raw_file("mnist", "train-images-idx3-ubyte").name.removesuffix(".gz").replace(".idx", "-idx")
        'train-images-idx3-ubyte'
    """
    folder, own = data_dir(), FOLDERS[name]
    folders = [raw_folder(name)]
    folders += [folder / "raw"] if folder.name == own else []
    folders += [folder] if folder.name == "raw" and folder.parent.name == own else []
    spellings = [spelled + end for end in ("", ".gz") for spelled in (file, file.replace("-idx", ".idx"))]
    found = (path for place in folders for spelled in spellings if (path := place / spelled).is_file())
    return next(found, folders[0] / file)


def missing_files(name: str) -> list[Path]:
    """The raw files of a data set that are not on disk.

    Args:
        name: "mnist" or "fashion_mnist".

    Example:
        >>> all(not path.exists() for path in missing_files("mnist"))
        True
    """
    return [path for file in RAW_FILES if not (path := raw_file(name, file)).is_file()]


def read_raw_file(path: Path) -> Tensor:
    """The bytes of a raw file, whose header and length must be those of `RAW_FILES`.

    The values are not compared with the original's (a restored or re-labelled MNIST is as welcome), but pixels
    that are all the same, and labels of which one is never used, are not data.

    Args:
        path: from `raw_file`.

    Returns:
        uint8, of the sizes in `RAW_FILES`.

    Raises:
        CorruptDataError: saying what it is instead.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder, "t10k-labels-idx1-ubyte")
        ...     _ = path.write_bytes(bytes.fromhex("00000801 00002710") + bytes(range(10)) * 1000)
        ...     read_raw_file(path)[:12]
        tensor([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1], dtype=torch.uint8)
    """
    shape = RAW_FILES[path.name.removesuffix(".gz").replace(".idx", "-idx")]
    header = b"".join(n.to_bytes(4, "big") for n in (0x0800 + len(shape), *shape))  # 08: unsigned bytes
    content = path.read_bytes()
    if content[:2] == b"\x1f\x8b":
        try:
            content = gzip.decompress(content)
        except (OSError, EOFError) as error:
            raise _corrupt(path, f"it cannot be unpacked ({error})") from error
    if content[:100].lstrip()[:1] == b"<":
        raise _corrupt(path, "a web page, perhaps the log-in page of a network")
    if len(content) != len(header) + math.prod(shape):
        raise _corrupt(path, f"{len(content):,} bytes, and {len(header) + math.prod(shape):,} were expected")
    if (found := content[: len(header)]) != header:
        raise _corrupt(path, f"its header is {found.hex(' ', 4)}, and {header.hex(' ', 4)} was expected")
    values = torch.frombuffer(bytearray(content), dtype=torch.uint8, offset=len(header)).reshape(shape)
    if len(shape) == 1 and values.max() > 9:
        raise _corrupt(path, f"a label is {values.max()}, and 0 to 9 were expected")
    if len(shape) == 1 and len(used := values.unique()) < 10:
        raise _corrupt(path, f"only {len(used)} of the ten labels occur in it")
    if len(shape) > 1 and values.min() == values.max():
        raise _corrupt(path, f"every pixel in it is {values.min()}")
    return values


def _corrupt(path: Path, found: str) -> CorruptDataError:
    return CorruptDataError(f"{path} is damaged: {found}. `make data` puts a whole one in its place.")
