"""Fetch MNIST and Fashion-MNIST: `make data`, or `python -m vae_helpers.data.download mnist`.

A file is received into memory, held against torchvision's checksum, unpacked, and given its name
on disk only when it is whole: whatever interrupts, nothing half-written is there to be trusted.
"""

import argparse
import errno
import gzip
import hashlib
import os
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

from ..files import write_atomically
from .raw_files import FOLDERS, RAW_FILES, CorruptDataError, raw_file, raw_folder, read_raw_file


class DownloadError(OSError):
    """A data set could not be fetched or stored; the message says why and what to do next."""


def download(
    name: str, timeout: float = 600.0, mirror: str | None = None, report: Callable[[str], object] = lambda line: None
) -> Path:
    """Fetch what is missing or damaged of a data set.

    Args:
        name: "mnist" or "fashion_mnist".
        timeout: seconds for everything together, a name server that never answers included.
        mirror: the address of a folder with the four .gz files, tried before torchvision's own.
        report: called with a line for each file.

    Returns:
        The folder of its raw files.

    Raises:
        ValueError: for an unknown name.
        DownloadError: if something could not be fetched or stored.

    Example:
        >>> download("strokes")
        Traceback (most recent call last):
        ValueError: 'strokes' cannot be downloaded; there are 'mnist', 'fashion_mnist'
    """
    if name not in FOLDERS:
        raise ValueError(f"{name!r} cannot be downloaded; there are {', '.join(map(repr, FOLDERS))}")
    folder = raw_folder(name)
    wanted = [file for file in RAW_FILES if not _is_whole(raw_file(name, file))]
    if not wanted:
        return folder
    mirrors, checksums = _addresses(name)
    if mirror:
        mirrors = [mirror.rstrip("/") + "/", *mirrors]
    deadline = time.monotonic() + timeout
    for number, file in enumerate(wanted, start=1):
        report(f"fetching {name}, file {number} of {len(wanted)}: {file}.gz")
        try:
            content = _fetch([f"{mirror}{file}.gz" for mirror in mirrors], checksums[f"{file}.gz"], deadline)
        except OSError as error:
            raise DownloadError(f"{name} could not be fetched: {error}\n{_advice(name, folder)}") from error
        try:
            folder.mkdir(parents=True, exist_ok=True)
            write_atomically(folder / file, lambda temporary, content=content: temporary.write_bytes(content))
        except OSError as error:
            raise DownloadError(
                f"{name} could not be stored in {folder}: {error.strerror}. "
                f"{'Make room there, or choose' if error.errno == errno.ENOSPC else 'Choose'} another folder: "
                "VAE_DATA_DIR=/some/folder make data"
            ) from error
    return folder


def _addresses(name: str) -> tuple[list[str], dict[str, str]]:
    """torchvision's mirrors of `name`, and the md5 of each .gz file."""
    import torchvision.datasets  # slow: only where something is to be fetched

    dataset = getattr(torchvision.datasets, FOLDERS[name])
    return list(dataset.mirrors), dict(dataset.resources)


def _is_whole(path: Path) -> bool:
    try:
        read_raw_file(path)
    except (OSError, CorruptDataError):
        return False
    return True


def _fetch(urls: list[str], md5: str, deadline: float) -> bytes:
    """The unpacked content of the first of `urls` that has the checksum; else OSError.

    Each has an equal share of the time that is left, so that one which stalls does not use it all.
    """
    problems = []
    for number, url in enumerate(urls):
        left = deadline - time.monotonic()
        try:
            packed = _get(url, time.monotonic() + left / (len(urls) - number))
            if hashlib.md5(packed, usedforsecurity=False).hexdigest() == md5:
                return gzip.decompress(packed)
            problems.append(f"{url}: not the file that was expected (its checksum differs)")
        except TimeoutError:
            problems.append(f"{url}: no complete answer in time")
        except OSError as error:
            problems.append(f"{url}: {error}")
    raise OSError("; ".join(problems))


def _get(url: str, deadline: float) -> bytes:
    """Receive `url` into memory; TimeoutError at the deadline, OSError for any other failure.

    A thread does it, because the look-up of a host name has no time-out of its own. A late one
    is left to itself: it has only memory to write to, and does not keep the program alive.
    """
    results: list[bytes | Exception] = []

    def receive() -> None:
        chunks = []
        try:
            with urllib.request.urlopen(url, timeout=max(deadline - time.monotonic(), 0.001)) as response:
                while time.monotonic() < deadline and (chunk := response.read(1 << 16)):
                    chunks.append(chunk)
                if getattr(response, "length", None):  # bytes that were announced and did not come
                    raise OSError(f"the connection broke {response.length:,} bytes before the end")
            results.append(b"".join(chunks))
        except Exception as error:  # told to the thread that waits
            results.append(error)

    thread = threading.Thread(target=receive, daemon=True)
    thread.start()
    thread.join(max(deadline - time.monotonic(), 0))
    result = results[0] if results else TimeoutError()
    if time.monotonic() >= deadline or isinstance(result, TimeoutError):
        raise TimeoutError
    if isinstance(result, Exception):
        raise OSError(str(result)) from result
    return result


def _advice(name: str, folder: Path) -> str:
    return f"""What to do next, any of these:
  - behind a proxy: set https_proxy and http_proxy, and try again;
  - with a copy near you: python -m vae_helpers.data.download {name} --mirror http://host/folder (or file:///folder);
  - by hand: put {", ".join(RAW_FILES)}, unpacked with gunzip, into {folder};
  - nothing: load_images("strokes") draws digits, and needs no download."""


def main(arguments: list[str] | None = None) -> int:
    """The command line.

    Args:
        arguments: by default those of the process.

    Returns:
        The exit status.
    """
    parser = argparse.ArgumentParser(prog="python -m vae_helpers.data.download", description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="+", choices=list(FOLDERS), metavar="name", help=" or ".join(FOLDERS))
    parser.add_argument("--timeout", type=float, default=600.0, help="seconds for each data set (600)")
    parser.add_argument("--mirror", help="address of a folder with the .gz files, tried first")
    parser.add_argument("--try", action="store_true", dest="attempt", help="a failure is one line, not an error")
    options = parser.parse_args(arguments)
    for name in options.names:
        try:
            folder = download(name, options.timeout, options.mirror, report=print)
        except DownloadError as error:
            if not options.attempt:
                print(error, file=sys.stderr)
                return 1
            print(f"{name} could not be fetched: the drawn digits will be used. `make data` tries again and says why.")
        else:
            print(f"{name} is in {os.path.relpath(folder)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
