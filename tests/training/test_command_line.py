"""The command line: trains, stores, goes on, and says what came out."""

import os
import subprocess
import sys

import pytest
import torch

from vae_helpers import Images
from vae_helpers.training import __main__ as command_line


@pytest.fixture
def few_images(monkeypatch):
    torch.manual_seed(0)
    images, labels = torch.rand(60, 1, 28, 28).round(), torch.zeros(60, dtype=torch.long)
    few = {"train": images, "train_labels": labels, "test": images[:20], "test_labels": labels[:20]}
    monkeypatch.setattr(command_line, "load_images", lambda name: Images(**few, name="few"))
    monkeypatch.setenv("VAE_DEVICE", "cpu")
    monkeypatch.delenv("LOCAL_RANK", raising=False)


SMALL = "--hidden 8 6 --latent-dim 2 --batch-size 20".split()


def test_it_trains_and_reports(few_images, capsys):
    command_line.main([*SMALL, "--epochs", "2", "--k", "3", "--binarize", "--nll", "10"])
    printed = capsys.readouterr().out
    assert "2 epochs in" in printed and "validation value -" in printed
    assert "test -log p(x): " in printed and "1,000 images, 10 samples each" in printed


def test_a_run_goes_on_from_its_checkpoint(few_images, tmp_path, capsys):
    file = str(tmp_path / "run.pt")
    command_line.main([*SMALL, "--epochs", "3", "--checkpoint", file])
    first = capsys.readouterr().out
    command_line.main([*SMALL, "--epochs", "3", "--checkpoint", file])
    assert "already complete, nothing trained" in capsys.readouterr().out.replace(first, "")
    stored = torch.load(file, weights_only=True)
    assert len(stored["history"]["train"]) == 3
    for other, words in (
        (["--epochs", "4"], "epochs = 3"),
        (["--k", "5"], "elbo there and .*iwae_bound"),
        (["--seed", "1"], "seed = 0 there and 1 here"),
    ):
        with pytest.raises(ValueError, match=words):
            command_line.main([*SMALL, "--epochs", "3", "--checkpoint", file, *other])


def test_help_and_errors(capsys):
    for arguments, words in ((["--help"], "torchrun"), (["--epochs", "many"], "invalid int")):
        with pytest.raises(SystemExit):
            command_line.main(arguments)
        captured = capsys.readouterr()
        assert words in captured.out + captured.err


def test_ctrl_c_ends_with_status_130(tmp_path):
    """As a shell expects, and one line instead of a traceback."""
    code = (
        "import runpy, signal, sys, torch\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # background jobs are born deaf to Ctrl-C
        "import vae_helpers.training.loop as loop\n"
        "import vae_helpers.data.images as images\n"
        "x = torch.rand(60, 1, 28, 28).round()\n"
        "few = images.Images(x, x, torch.zeros(60), torch.zeros(60), 'few')\n"
        "images.load_images = lambda name: few\n"
        "loop.Hooks.before_update = lambda self, model: signal.raise_signal(signal.SIGINT)\n"
        "import vae_helpers.training.long_run as long_run\n"
        "long_run.LongRun.before_update = loop.Hooks.before_update\n"
        "sys.argv = ['training', '--hidden', '8']\n"
        "runpy.run_module('vae_helpers.training', run_name='__main__')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, "VAE_DEVICE": "cpu"}
    )
    assert done.returncode == 130
    assert "stopped by Ctrl-C" in done.stderr and "Traceback" not in done.stderr
