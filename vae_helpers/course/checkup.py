"""Is this machine ready for the course? Says so in words, and how to mend what is not."""

import os
import platform
import re
import shutil
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

import torch

from ..data.raw_files import (
    RAW_FILES,
    CorruptDataError,
    data_dir,
    data_dir_words,
    missing_files,
    raw_file,
    read_raw_file,
)
from ..device import pick_device
from ..files import ROOT

GIGABYTE = 1e9
DISK_NEEDED = 1.0  # gigabytes: MNIST, Fashion-MNIST, drawn digits, checkpoints


class Finding(NamedTuple):
    """One thing that was looked at. `remedy` is empty where nothing needs mending."""

    what: str
    found: str
    remedy: str = ""


def checkup() -> bool:
    """Print one line for everything that the course needs.

    Returns:
        Whether nothing needs mending.

    Example:
        >>> checkup() in (True, False)  # doctest: +ELLIPSIS
        ✓ Python ...
    """
    findings = [_python(), *_packages(), _device(), _disk(), _data()]
    for what, found, remedy in findings:
        print(f"{'!' if remedy else '✓'} {what:<12} {found}")
        if remedy:
            print(f"  {'':<12} {remedy}")
    ready = not any(finding.remedy for finding in findings)
    print("\nEverything is ready." if ready else "\nThe course runs, but see the lines marked with !")
    return ready


def _python() -> Finding:
    inside = Path(sys.prefix).resolve() == (ROOT / ".venv").resolve()
    where = "the course's own environment" if inside else "an environment of your own"
    return Finding("Python", f"{platform.python_version()} in {where}")


def _packages() -> list[Finding]:
    """torch, torchvision and the widgets, held against the versions that the course was tested with."""
    pins = ROOT / "constraints.txt"
    tested = dict(re.findall(r"^([\w-]+)==(\S+)", pins.read_text(), re.MULTILINE)) if pins.exists() else {}
    findings = []
    for package in ("torch", "torchvision", "ipywidgets"):
        try:
            found = version(package)
        except PackageNotFoundError:
            remedy = "Wrong kernel? Start JupyterLab with `make lab`, or choose its kernel (Kernel > Change)."
            findings.append(Finding(package, "is not installed", remedy))
            continue
        same = found.split("+")[0] == tested.get(package, found)
        note = "" if same else f" (stored outputs are from {tested[package]}; last digits may differ)"
        findings.append(Finding(package, found + note))
    return findings


def _device() -> Finding:
    """The device that `pick_device` chooses, after a computation and a gradient on it."""
    try:
        device = pick_device()
        x = torch.ones(64, 64, device=device, requires_grad=True)
        (x @ x).sum().backward()
        if not torch.isfinite(x.grad).all():
            raise RuntimeError("a gradient on it is not finite")
    except (ValueError, RuntimeError) as error:
        return Finding("device", str(error), "Set VAE_DEVICE=cpu before you start JupyterLab.")
    threads = f"{torch.get_num_threads()} threads on {os.cpu_count()} cores"
    if device.type == "cpu":
        return Finding("device", f"{device}, {threads}")
    name = getattr(torch.get_device_module(device), "get_device_name", None)  # MPS has none
    return Finding("device", f"{device}, {name(device)}" if name else str(device))


def _disk() -> Finding:
    folder = next(path for path in (data_dir(), *data_dir().parents) if path.exists())
    free = shutil.disk_usage(folder).free / GIGABYTE
    found = f"{free:.0f} GB free for data"
    if free >= DISK_NEEDED:
        return Finding("disk", found)
    remedy = f"About {DISK_NEEDED:.0f} GB is wanted: free some, or set VAE_DATA_DIR to another disk."
    return Finding("disk", found, remedy)


def _data() -> Finding:
    if missing_files("mnist"):
        return Finding("data", "drawn digits (strokes) stand in: MNIST is not on disk; `make data` fetches it")
    try:
        for file in RAW_FILES:
            read_raw_file(raw_file("mnist", file))
    except CorruptDataError as error:
        return Finding("data", "MNIST is on disk but damaged", str(error))
    return Finding("data", f"MNIST, in {data_dir_words()}")
