"""The command line: trains, stores, goes on, and says what came out."""

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
    assert capsys.readouterr().out == first
    stored = torch.load(file, weights_only=True)
    assert len(stored["history"]["train"]) == 3
    with pytest.raises(ValueError, match="epochs = 3"):
        command_line.main([*SMALL, "--epochs", "4", "--checkpoint", file])


def test_help_and_errors(capsys):
    for arguments, words in ((["--help"], "torchrun"), (["--epochs", "many"], "invalid int")):
        with pytest.raises(SystemExit):
            command_line.main(arguments)
        captured = capsys.readouterr()
        assert words in captured.out + captured.err
