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
from .raw_files import FOLDERS, RAW_FILES, CorruptDataError, data_dir_words, missing_files, raw_file, read_raw_file
from .strokes import draw_strokes

KNOWN = (*FOLDERS, "strokes")
STROKES = 60_000, 10_000  # as many as MNIST has


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
        if name == "strokes":
            given = os.environ.get("VAE_DATA_DIR")
            searched = f"in VAE_DATA_DIR={given}" if given else "on disk"
            why += f"; MNIST is not {searched}, `make data` fetches it"
    if name == "strokes":
        images, source = _strokes(), why
    else:
        images, source = _read(name), f"from {data_dir_words()}"
    print(f"Data: {name}, {len(images.train):,} + {len(images.test):,} images ({source})")
    return images


def _read(name: str) -> Images:
    """Read a data set, every file checked."""
    if missing := missing_files(name):
        raise FileNotFoundError(
            f"{name} is not on disk: {missing[0]} is missing. Fetch it with `make data`, or set "
            f"VAE_DATA_DIR to the folder that holds {FOLDERS[name]}/raw, or draw digits instead: "
            'load_images("strokes").'
        )
    train, train_labels, test, test_labels = (read_raw_file(raw_file(name, file)) for file in RAW_FILES)
    return Images(_grey(train[:, None]), _grey(test[:, None]), train_labels.long(), test_labels.long(), name)


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
    if (len(train[0]), len(test[0])) != STROKES:
        raise CorruptDataError(f"{len(train[0])} + {len(test[0])} strokes, and {STROKES} were expected")
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
