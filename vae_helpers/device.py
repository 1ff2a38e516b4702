"""Where the tensors live: one device, one seed, one precision."""

import ctypes
import operator
import os
import random
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache, lru_cache
from itertools import chain
from pathlib import Path

import numpy as np
import torch
from torch import nn

LOAD, OWN_THREADS = Path("/proc/loadavg"), Path("/proc/self/task")


def pick_device(name: str | None = None) -> torch.device:
    """The device to compute on: `name`, else $VAE_DEVICE, else the accelerator, else the CPU.

    Args:
        name: "cpu", "cuda", "cuda:1", "mps" or "xpu"; by default what `torch.accelerator` finds.

    Raises:
        ValueError: for a name that torch does not know.
        RuntimeError: for a device that is absent.

    Example:
        >>> pick_device("cpu")
        device(type='cpu')
    """
    name = name or os.environ.get("VAE_DEVICE")
    if not name:
        return torch.accelerator.current_accelerator(check_available=True) or torch.device("cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ValueError(
            f"unknown device {name!r}: expected 'cpu', 'cuda', 'cuda:1', 'mps' or 'xpu'. "
            "Pass another name or unset VAE_DEVICE."
        ) from error
    try:
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise RuntimeError(
            f"device {name!r} is not available on this machine ({str(error).splitlines()[0]}). "
            "Pass device='cpu', or unset VAE_DEVICE to take the best that is there."
        ) from error
    return device


def device_of(model: nn.Module) -> torch.device:
    """The device that a model's parameters (or, without any, its buffers) are on.

    Args:
        model: any module with a parameter or a buffer.

    Example:
        >>> device_of(nn.Linear(2, 3))
        device(type='cpu')
    """
    return next(chain(model.parameters(), model.buffers())).device


@cache
def reuse_memory() -> None:
    """Let glibc keep up to 512 MB of freed memory for the next tensors; elsewhere do nothing.

    By default it hands a tensor of some MB back to the system as soon as it is freed, and gets it again
    page by page, each one filled with zeros: a third of the time of an importance-sampled log-likelihood.
    Training and evaluation call it when they start; importing the package changes nothing.

    Example:
        >>> reuse_memory()
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if os.name == "posix" else None
    if mallopt is not None:
        trim_threshold, mmap_threshold = -1, -3  # names and numbers: man 3 mallopt
        mallopt(trim_threshold, 512 * 2**20)
        mallopt(mmap_threshold, 32 * 2**20)  # the largest that glibc takes


@contextmanager
def flush_denormals() -> Iterator[None]:
    """Inside, a CPU takes numbers below the smallest normal one, 1e-38 in float32, for 0.

    Intel's processors are a hundred times slower with them, and a weight of IWAE that is 90 nats below the largest is
    one: with 50 samples a training step is three times as fast without. `fit` opens this context.

    Example:
        >>> with flush_denormals():
        ...     torch.tensor([1e-39]) * 1
        tensor([0.])
    """
    before = (torch.tensor([1e-39]) * 1).item() == 0  # torch sets it, and does not say what it is
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(before)


def spare_busy_cores() -> None:
    """Leave the cores that other programs use to them, by fewer threads; on an idle machine do nothing.

    OpenMP's threads spin while they wait for each other: with one busy program beside them, training is several to
    50 times slower. `make` and conda set GOMP_SPINCOUNT, which helps without any change of the results' last digits.
    This is for kernels that were started in another way. `fit` calls it at the start of every epoch, and once a second
    it looks (for five milliseconds).

    Example:
        >>> spare_busy_cores()
    """
    told = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY", "OMP_NUM_THREADS")
    if any(os.environ.get(name) for name in told) or not LOAD.exists():  # only Linux has it
        return
    _look_around(int(time.monotonic()))


@lru_cache(maxsize=1)
def _look_around(second: int) -> None:
    """Set the number of threads to that of the cores which nobody else uses; nothing more within the same second."""
    others = []
    for _ in range(5):
        running = int(LOAD.read_text().split()[3].split("/")[0])  # threads of all programs, our own among them
        others.append(running - sum(_runs(thread) for thread in OWN_THREADS.iterdir()))
        time.sleep(0.001)
    others = max(0, sorted(others)[2])
    torch.set_num_threads(max(1, min(_all_threads(), (os.cpu_count() or 1) - others)))


def _runs(thread: Path) -> bool:
    """Whether a thread is running (its name, in brackets, may hold anything; the state follows)."""
    try:
        return (thread / "stat").read_text().rpartition(")")[2].split()[0] == "R"
    except OSError:  # it has ended
        return False


@cache
def _all_threads() -> int:
    """How many threads torch took by itself."""
    return torch.get_num_threads()


def seed_everything(seed: int) -> None:
    """Seed Python, NumPy and torch (on every device), so that a notebook repeats itself.

    Args:
        seed: any whole number.

    Example:
        >>> seed_everything(3); first = torch.rand(2)
        >>> seed_everything(3); torch.equal(first, torch.rand(2))
        True
    """
    seed = operator.index(seed)  # a number of NumPy's, too
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def fast_bfloat16(device: torch.device) -> bool:
    """Whether matrices of bfloat16 are multiplied in hardware, where they take half of a float32's time and less.

    On a CPU that is AMX or AVX-512 BF16 of Intel and AMD, or BF16 of ARM, by way of oneDNN. Without them bfloat16 is
    slower than float32. An older torch, which does not say what a CPU can do, counts as without.

    Args:
        device: where they would be multiplied.

    Example:
        >>> fast_bfloat16(torch.device("meta"))
        False
    """
    if device.type in ("cuda", "xpu"):
        return torch.get_device_module(device).is_bf16_supported(including_emulation=False)
    if device.type != "cpu" or not torch.backends.mkldnn.is_available():
        return False
    can = getattr(torch.cpu, "get_capabilities", dict)()
    return any(can.get(name, False) for name in ("amx_bf16", "avx512_bf16", "bf16"))


def autocast(device: torch.device, enabled: bool) -> AbstractContextManager:
    """A context in which matrix products of float32 run in bfloat16; those of float64 stay as they are.

    Args:
        device: where they run.
        enabled: if False, the context does nothing.

    Example:
        >>> a = torch.eye(2)
        >>> with autocast(a.device, enabled=True):
        ...     (a @ a).dtype, (a.double() @ a.double()).dtype
        (torch.bfloat16, torch.float64)
    """
    return torch.autocast(device.type, dtype=torch.bfloat16) if enabled else nullcontext()
