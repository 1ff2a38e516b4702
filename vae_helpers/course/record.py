"""What the reader has solved, noted in a file of the reader's own: `check` writes it, `progress` shows it.

Nothing is noted unless it is asked for: by VAE_PROGRESS=path, or by a file `progress.json` beside the notebook
(`make progress` makes one). It holds exercises, tries, times and hashes, and nothing about the person.
"""

import contextlib
import hashlib
import inspect
import json
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from ..files import write_atomically

try:
    import fcntl
except ImportError:  # not on Windows: there, of two kernels that write at once, one may be forgotten
    fcntl = None

NAME = "progress.json"
FIELDS = "passed", "tries", "when", "tried", "accepted"


def place() -> Path | None:
    """The file in which to note what is solved, or None.

    Example:
        >>> os.environ["VAE_PROGRESS"] = ""
        >>> place() is None
        True
        >>> del os.environ["VAE_PROGRESS"]
    """
    named = os.environ.get("VAE_PROGRESS")
    if named is not None:
        return Path(named).expanduser().absolute() if named else None
    return Path(NAME).absolute() if Path(NAME).exists() else None


def read(path: Path) -> dict[str, dict]:
    """What is noted, by exercise: whether it is solved, how many tries, when, and hashes of the functions' texts.

    Args:
        path: the file; none is as good as an empty one.

    Raises:
        ValueError: if it is no such file.

    Example:
        >>> read(Path("no such file"))
        {}
    """
    if not path.exists():
        return {}
    try:
        noted = json.loads(path.read_text(encoding="utf-8"))["exercises"]
        return {id: {key: entry[key] for key in FIELDS} for id, entry in noted.items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ValueError(f"{path} holds no progress. Move it away, and a new one will be made.") from None


def write(path: Path, noted: dict[str, dict]) -> None:
    """Write what is noted, whole or not at all.

    Args:
        path: the file; its folder is made if it is not there.
        noted: as `read` gives it.

    Raises:
        OSError: if the file cannot be written.

    Example:
        >>> write(Path("build/doctest-progress.json"), {})
        >>> read(Path("build/doctest-progress.json"))
        {}
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"exercises": dict(sorted(noted.items()))}, indent=1) + "\n"
    write_atomically(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def note(id: str, answer: Callable, passed: bool) -> str:
    """Note one try, if the reader wants that.

    The same text tried again counts once, and an exercise that was solved stays solved.

    Args:
        id: "NN.letter".
        answer: the reader's function.
        passed: whether it is right.

    Returns:
        A line for the reader if the file cannot be used; empty otherwise. Nothing here stops a notebook.

    Example:
        >>> note("04.a", print, True)
        ''
    """
    path = place()
    if path is None:
        return ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _alone(path.parent):
            noted = read(path)
            source = _digest(answer)
            old = noted.get(id, dict(zip(FIELDS, (False, 0, "", "", ""), strict=True)))
            if source and source == old["tried"] and passed <= old["passed"]:
                return ""
            when = datetime.now(UTC).isoformat(timespec="seconds")
            accepted = source if passed else old["accepted"]
            new = old["passed"] or passed, old["tries"] + 1, when, source, accepted
            noted[id] = dict(zip(FIELDS, new, strict=True))
            write(path, noted)
    except (OSError, ValueError) as error:
        return f"(Not noted in your progress: {error})"
    return ""


def _digest(answer: Callable) -> str:
    """The hash of a function's text; empty where there is no text."""
    try:
        return hashlib.sha256(inspect.getsource(answer).strip().encode()).hexdigest()
    except (OSError, TypeError):
        return ""


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One process at a time, where the file system can do that: two notebooks may be open."""
    if fcntl is None:
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # some network file systems cannot
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
