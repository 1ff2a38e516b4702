"""The device is chosen in one place, and seeds repeat everything."""

import ctypes
import random
import resource

import numpy as np
import pytest
import torch

from vae_helpers import pick_device, seed_everything
from vae_helpers.device import autocast, reuse_memory


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


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="not glibc")
def test_freed_memory_is_used_again():
    """The second time round no page is fetched from the system: there were some 5,000 of 4 KB."""

    def faults():
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        for _ in range(3):
            torch.ones(5_000_000)
        return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

    reuse_memory()
    faults()
    assert faults() < 1000
