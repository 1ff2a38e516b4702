"""Checkpoints: a run that was killed goes on to the same bits; a file of another run is refused."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from vae_helpers import VAE, Bernoulli, Gaussian, LongRun, MLPDecoder, MLPEncoder, elbo, fit, seed_everything
from vae_helpers.files import ROOT

RUN = """
import sys, time
import torch
from tests.training.test_checkpoint import run
path, last = sys.argv[1], int(sys.argv[2])

def wait(model, history):
    if len(history.train) == last:  # this epoch's checkpoint is not written yet: the test kills us here
        print(last, flush=True)
        time.sleep(1000)

run(path, callbacks=[wait])
"""


def run(path, seed=0, epochs=6, likelihood=None, **options):
    """A run that uses everything which has a state: noise, schedule, optimizer, validation, binarization."""
    seed_everything(seed)
    shape = (1, 4, 6)
    images = torch.rand(70, *shape, generator=torch.Generator().manual_seed(0))
    model = VAE(MLPEncoder(3, shape, (16,)), MLPDecoder(3, shape, (16,)), likelihood or Bernoulli(), 3)
    options = {"batch_size": 16, "binarize": likelihood is None, "validation": images[:20]} | options
    long_run = LongRun(path, clip_norm=options.pop("clip_norm", None))
    history = fit(model, images, elbo, epochs, long_run=long_run, device="cpu", progress=False, **options)
    return model, history


def same(a, b):
    weights = zip(a.state_dict().values(), b.state_dict().values(), strict=True)
    return all(torch.equal(x, y) for x, y in weights)


def stop_after(epochs):
    """A callback that ends training after so many epochs, as Ctrl-C does in the next one."""

    def callback(model, history):
        if len(history.train) > epochs:
            raise KeyboardInterrupt

    return callback


def timeless(history):
    return history.train, history.validation, history.steps


@pytest.mark.parametrize(
    "options",
    [{}, {"one_cycle": False}, {"clip_norm": 0.5}, {"likelihood": "optimal"}, {"likelihood": "learned"}],
)
def test_a_run_that_stopped_goes_on_to_the_same_bits(tmp_path, options):
    def start(path, **more):
        kind = options.get("likelihood")
        likelihood = Gaussian(kind) if kind else None
        return run(path, **{**options, "likelihood": likelihood}, **more)

    whole, history = start(None)
    _, stopped = start(tmp_path / "run.pt", callbacks=[stop_after(2)])
    assert stopped.interrupted and len(stopped.train) == 3
    seed = 99 if "likelihood" in options else 0  # weights and random numbers come from the file
    resumed, went_on = start(tmp_path / "run.pt", seed=seed)
    assert same(whole, resumed)
    assert timeless(history) == timeless(went_on) and not went_on.interrupted
    assert len(went_on.seconds) == 6


def test_a_killed_process_goes_on_to_the_same_bits(tmp_path):
    path = tmp_path / "run.pt"
    command = [sys.executable, "-c", RUN, str(path)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen([*command, "1"], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "1\n"
        process.send_signal(signal.SIGKILL)
    assert not path.exists()  # killed before its first checkpoint
    with subprocess.Popen([*command, "4"], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "4\n"
        process.send_signal(signal.SIGKILL)
    assert [file.name for file in tmp_path.iterdir()] == ["run.pt"]
    stored = torch.load(path, weights_only=True)
    assert len(stored["history"]["train"]) == 3  # the fourth epoch was lost
    subprocess.run([*command, "0"], cwd=ROOT, env=environment, check=True, timeout=300)
    subprocess.run([*command[:-1], str(tmp_path / "whole.pt"), "0"], cwd=ROOT, env=environment, check=True)
    resumed, whole = (torch.load(p, weights_only=True) for p in (path, tmp_path / "whole.pt"))
    for name, value in whole["parts"]["model"].items():
        assert torch.equal(resumed["parts"]["model"][name], value)
    assert torch.equal(resumed["random"][0][0], whole["random"][0][0])


def test_a_finished_run_is_not_run_again_and_its_history_is_returned(tmp_path):
    first, history = run(tmp_path / "run.pt", epochs=2)
    again, same_history = run(tmp_path / "run.pt", epochs=2, callbacks=[stop_after(-1)])
    assert same(first, again) and same_history == history


def test_a_run_that_a_callback_ended_is_not_taken_up_again(tmp_path):
    first, history = run(tmp_path / "run.pt", callbacks=[lambda model, history: len(history.train) == 2])
    again, same_history = run(tmp_path / "run.pt")
    assert history.stopped and len(history.train) == 2
    assert same(first, again) and same_history == history


def test_nothing_is_stored_of_an_epoch_that_failed(tmp_path):
    def explode(model, history):
        if len(history.train) == 2:
            raise RuntimeError("disk on fire")

    with pytest.raises(RuntimeError, match="fire"):
        run(tmp_path / "run.pt", callbacks=[explode])
    assert len(torch.load(tmp_path / "run.pt", weights_only=True)["history"]["train"]) == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"epochs": 4}, "epochs = 2, and this one has 4"),
        ({"lr": 1e-3}, "lr = 0.005"),
        ({"clip_norm": 1.0}, "clip_norm"),
    ],
)
def test_a_checkpoint_of_other_settings_is_refused(tmp_path, change, words):
    run(tmp_path / "run.pt", epochs=2)
    with pytest.raises(ValueError, match=words):
        run(tmp_path / "run.pt", **{"epochs": 2, **change})


def test_a_checkpoint_of_another_model_is_refused(tmp_path):
    run(tmp_path / "run.pt", epochs=2)
    with pytest.raises(ValueError, match="another model"):
        run(tmp_path / "run.pt", epochs=2, likelihood=Gaussian("learned"), binarize=True)


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04"])
def test_a_file_that_is_no_checkpoint_is_refused_and_kept(tmp_path, content):
    path = tmp_path / "notes.txt"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="no checkpoint"):
        run(path)
    assert path.read_bytes() == content


def test_code_in_a_checkpoint_is_not_executed(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "pwned",))

    torch.save({"settings": {}, "bomb": Bomb()}, tmp_path / "run.pt")
    with pytest.raises(ValueError, match="no checkpoint"):
        run(tmp_path / "run.pt")
    assert not (tmp_path / "pwned").exists()


def test_a_missing_folder_is_noticed_before_training(tmp_path):
    with pytest.raises(FileNotFoundError, match="no folder"):
        run(tmp_path / "missing" / "run.pt")
