"""checkup() says what is missing and how to mend it."""

import shutil
from importlib.metadata import PackageNotFoundError
from types import SimpleNamespace

import pytest

from vae_helpers.course import checkup
from vae_helpers.data.raw_files import RAW_FILES


def lines(capsys):
    return capsys.readouterr().out.splitlines()


@pytest.fixture(autouse=True)
def healthy(monkeypatch, tmp_path):
    """A machine without MNIST but otherwise in order."""
    monkeypatch.setenv("VAE_DATA_DIR", str(tmp_path / "not" / "yet" / "made"))
    monkeypatch.setenv("VAE_DEVICE", "cpu")
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=50e9))


def test_a_machine_in_order(capsys):
    assert checkup.checkup() is True
    out = lines(capsys)
    assert not any(line.startswith("!") for line in out)
    assert {line.split()[1] for line in out if line.startswith("✓")} == {
        "Python", "torch", "torchvision", "ipywidgets", "device", "disk", "data",
    }  # fmt: skip
    assert any("drawn digits (strokes) stand in" in line for line in out)


def only_problem(capsys, what):
    assert checkup.checkup() is False
    out = lines(capsys)
    marked = [i for i, line in enumerate(out) if line.startswith("!")]
    assert len(marked) == 1 and out[marked[0]].split()[1] == what
    return out[marked[0]] + out[marked[0] + 1]


def test_little_space(capsys, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=0.2e9))
    assert "VAE_DATA_DIR to another disk" in only_problem(capsys, "disk")


def test_a_device_that_is_not_there(capsys, monkeypatch):
    monkeypatch.setenv("VAE_DEVICE", "gpu9")
    assert "VAE_DEVICE=cpu" in only_problem(capsys, "device")


def test_a_kernel_without_the_packages(capsys, monkeypatch):
    def version(package):
        if package == "ipywidgets":
            raise PackageNotFoundError(package)
        return "99.0"

    monkeypatch.setattr(checkup, "version", version)
    assert "Wrong kernel" in only_problem(capsys, "ipywidgets")


def test_other_versions_are_named_but_no_problem(capsys, monkeypatch):
    monkeypatch.setattr(checkup, "version", lambda package: "99.0")
    assert checkup.checkup() is True
    assert "99.0 (stored outputs are from" in capsys.readouterr().out


def test_damaged_data(capsys, monkeypatch, tmp_path):
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for file in RAW_FILES:
        (raw / file).write_bytes(b"not an image")
    monkeypatch.setenv("VAE_DATA_DIR", str(tmp_path))
    text = only_problem(capsys, "data")
    assert "damaged" in text and str(raw) in text and "make data" in text
