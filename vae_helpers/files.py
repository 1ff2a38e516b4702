"""The repository's root, and files that are whole or not there."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
"""The repository: notebooks, data and constraints lie below it."""


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Make a file, and give it its name only once it is whole.

    Safe against interruption, a full disk, and other processes that write the same file.

    Args:
        path: the file.
        write: a function of a temporary path, which makes the file there.

    Raises:
        OSError: if the folder cannot be written to; whatever `write` raises. The old file is then intact.

    Example:
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_atomically(Path(folder, "note"), lambda temporary: temporary.write_text("whole"))
        ...     Path(folder, "note").read_text()
        'whole'
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    os.close(handle)
    temporary = Path(name)
    try:
        write(temporary)
        temporary.chmod(0o644)  # mkstemp's files are for their owner alone
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
