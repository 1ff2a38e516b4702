"""The device is chosen in one place, and seeds repeat everything."""

import random
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from vae_helpers import device, pick_device, seed_everything
from vae_helpers.device import autocast, fast_bfloat16, flush_denormals, reuse_memory, spare_busy_cores


def test_the_environment_overrides(monkeypatch):
    monkeypatch.setenv("VAE_DEVICE", "cpu")
    assert pick_device() == torch.device("cpu")


def test_an_argument_overrides_the_environment(monkeypatch):
    monkeypatch.setenv("VAE_DEVICE", "no such thing")
    assert pick_device("cpu") == torch.device("cpu")


@pytest.mark.parametrize("accelerator", [None, torch.device("cuda")])
def test_otherwise_the_accelerator_or_the_cpu(monkeypatch, accelerator):
    monkeypatch.delenv("VAE_DEVICE", raising=False)
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda check_available: accelerator)
    assert pick_device() == (accelerator or torch.device("cpu"))


def test_unknown_and_absent_devices(monkeypatch):
    monkeypatch.setenv("VAE_DEVICE", "gpu9")
    with pytest.raises(ValueError, match="unknown device 'gpu9'.*unset VAE_DEVICE"):
        pick_device()
    absent = "mps" if torch.cuda.is_available() else "cuda"
    with pytest.raises(RuntimeError, match=f"'{absent}' is not available"):
        pick_device(absent)


def test_seeds_repeat_everything():
    def draw():
        return random.random(), np.random.rand(), torch.rand(1).item()

    seed_everything(3)
    first = draw()
    seed_everything(3)
    assert draw() == first
    seed_everything(4)
    assert draw() != first


def test_autocast_only_where_asked():
    a = torch.rand(3, 3)
    with autocast(torch.device("cpu"), enabled=True):
        assert (a @ a).dtype == torch.bfloat16
    with autocast(torch.device("cpu"), enabled=False):
        assert (a @ a).dtype == torch.float32


@pytest.mark.parametrize(
    ("capabilities", "fast"),
    [
        ({"architecture": "x86_64", "amx_bf16": True, "avx512_bf16": True}, True),  # Intel, since Sapphire Rapids
        ({"architecture": "x86_64", "amx_bf16": False, "avx512_bf16": True}, True),  # AMD, since Zen 4
        ({"architecture": "x86_64", "avx512_f": True, "amx_tile": True, "avx512_bf16": False}, False),
        ({"architecture": "x86_64", "avx2": True}, False),
        ({"architecture": "aarch64", "neon": True, "bf16": True}, True),  # AWS Graviton 3
        ({"architecture": "aarch64", "neon": True, "bf16": False}, False),
    ],
)
def test_which_processors_multiply_bfloat16(monkeypatch, capabilities, fast):
    cpu = torch.device("cpu")
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: True)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)
    assert fast_bfloat16(cpu) is fast
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    assert not fast_bfloat16(cpu)  # without oneDNN nothing uses what the processor can do


def test_an_older_torch_that_does_not_say_counts_as_without(monkeypatch):
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert not fast_bfloat16(torch.device("cpu"))


@pytest.mark.parametrize("kind", ["cuda", "xpu"])
@pytest.mark.parametrize("supported", [True, False])
def test_accelerators_are_asked_without_emulation(monkeypatch, kind, supported):
    told = []
    fake = SimpleNamespace(is_bf16_supported=lambda including_emulation: told.append(including_emulation) or supported)
    monkeypatch.setattr(torch, "get_device_module", lambda device: fake)
    assert fast_bfloat16(torch.device(kind)) is supported and told == [False]
    assert not fast_bfloat16(torch.device("mps"))


def test_glibc_is_told_once_to_keep_freed_memory(monkeypatch):
    """Numbers as in malloc.h: M_TRIM_THRESHOLD -1, M_MMAP_THRESHOLD -3. What it is worth, the benchmark measures."""
    told = []
    libc = SimpleNamespace(mallopt=lambda *args: told.append(args))
    monkeypatch.setattr(device.ctypes, "CDLL", lambda name: libc)
    reuse_memory.cache_clear()
    reuse_memory()
    reuse_memory()
    assert told == [(-1, 512 * 2**20), (-3, 32 * 2**20)]
    monkeypatch.setattr(device.ctypes, "CDLL", lambda name: SimpleNamespace())  # not glibc
    reuse_memory.cache_clear()
    reuse_memory()


@pytest.mark.parametrize("before", [False, True])
def test_denormals_are_0_inside_on_all_threads_and_as_before_outside(before):
    tiny = torch.full((10**6,), 1e-39)  # of so many each thread takes a part
    if not torch.set_flush_denormal(before):
        pytest.skip("this processor cannot")
    try:
        with pytest.raises(ZeroDivisionError), flush_denormals():
            assert not (tiny * 1).any()
            raise ZeroDivisionError
        assert (tiny * 1).any().item() is not before and (tiny * 1).all().item() is not before
    finally:
        torch.set_flush_denormal(False)


@pytest.fixture
def threads(monkeypatch, tmp_path):
    """Four cores; returns a function from the number of running programs to the threads that torch is told to use."""
    told = []
    for name in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(device.os, "cpu_count", lambda: 4)
    monkeypatch.setattr(device, "_all_threads", lambda: 4)
    monkeypatch.setattr(device, "LOAD", tmp_path / "loadavg")
    monkeypatch.setattr(torch, "set_num_threads", told.append)
    own = tmp_path / "task"
    for number, state in enumerate("RSS"):  # one thread of ours runs, two sleep
        (own / str(number)).mkdir(parents=True)
        (own / str(number) / "stat").write_text(f"{number} (a) name) {state} 1 2 3\n")

    def with_running(n):
        device.LOAD.write_text(f"0.52 0.58 0.59 {n}/389 2345\n")
        monkeypatch.setattr(device, "OWN_THREADS", own)
        told.clear()
        device._look_around.cache_clear()  # as if a second had passed
        spare_busy_cores()
        return told

    return with_running


def test_busy_cores_are_left_to_others(threads, monkeypatch):
    assert threads(1) == [4]  # this one alone
    assert threads(2) == [3] and threads(4) == [1] and threads(40) == [1]
    (device.OWN_THREADS / "1" / "stat").write_text("1 (a) name) R 1 2 3\n")  # our own, spinning, is no other
    assert threads(3) == [3]
    monkeypatch.setattr(device.time, "monotonic", lambda: 7.0)
    assert threads(4) == [2]
    spare_busy_cores()
    assert device._look_around.cache_info().hits == 1  # not again in the same second


@pytest.mark.parametrize("name", ["GOMP_SPINCOUNT", "OMP_WAIT_POLICY", "OMP_NUM_THREADS"])
def test_who_has_told_openmp_what_to_do_is_left_alone(threads, monkeypatch, name):
    monkeypatch.setenv(name, "1")
    assert threads(4) == []


def test_elsewhere_than_on_linux_nothing_is_done(threads, monkeypatch, tmp_path):
    monkeypatch.setattr(device, "LOAD", tmp_path / "nothing")
    spare_busy_cores()
