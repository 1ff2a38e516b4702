"""Checkpoints: a run that was killed goes on to the same bits; a file of another run is refused."""

import errno
import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from vae_helpers import (
    VAE,
    Bernoulli,
    Gaussian,
    LongRun,
    MLPDecoder,
    MLPEncoder,
    TrainingInterrupted,
    elbo,
    fit,
    free_bits,
    load_weights,
    seed_everything,
)
from vae_helpers.files import ROOT
from vae_helpers.training import checkpoint
from vae_helpers.training.identity import describe, fingerprint
from vae_helpers.training.torchrun import Processes

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


def run(path, seed=0, epochs=6, likelihood=None, hidden=(16,), **options):
    """A run that uses everything which has a state: noise, schedule, optimizer, validation, binarization."""
    seed_everything(seed)
    shape = (1, 4, 6)
    images = torch.rand(70, *shape, generator=torch.Generator().manual_seed(0))
    model = VAE(MLPEncoder(3, shape, hidden), MLPDecoder(3, shape, hidden), likelihood or Bernoulli(), 3)
    options = {"batch_size": 16, "binarize": likelihood is None, "validation": images[:20]} | options
    long_run = LongRun(path, clip_norm=options.pop("clip_norm", None), seed=options.pop("stored_seed", None))
    options = {"images": images, "objective": elbo, "epochs": epochs} | options
    try:
        history = fit(model, **options, long_run=long_run, device="cpu", progress=False)
    except TrainingInterrupted:
        history = model.history
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


def warm(t):
    return t


def priced(model, x, beta=2.0):
    return elbo(model, x, beta)


def closing_over(beta):
    return lambda model, x: elbo(model, x, beta)


IMAGES = torch.rand(70, 1, 4, 6, generator=torch.Generator().manual_seed(5))


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        ({}, {"epochs": 4}, "epochs = 2 there and 4 here"),
        ({}, {"lr": 1e-3}, "lr = 0.005 there and 0.001 here"),
        ({}, {"batch_size": 10}, "batch_size = 16"),
        ({}, {"binarize": False}, "binarize = True"),
        ({}, {"clip_norm": 1.0}, "clip_norm = None"),
        ({}, {"stored_seed": 3}, "seed = None there and 3 here"),
        ({}, {"objective": partial(elbo, beta=8.0)}, r"objective = \S+\.elbo there and \S+\.elbo\(beta=8.0\) here"),
        ({"objective": partial(elbo, beta=1.0)}, {"objective": partial(elbo, beta=8.0)}, r"elbo\(beta=1.0\) there"),
        ({"objective": closing_over(1.0)}, {"objective": closing_over(8.0)}, "objective = .*closing_over"),
        ({"objective": lambda m, x: elbo(m, x)}, {"objective": lambda m, x: elbo(m, x, 8.0)}, "objective = .*lambda"),
        ({}, {"objective": partial(free_bits, threshold=0.1)}, "free_bits"),
        ({}, {"schedules": {"beta": warm}}, r"schedules = {} there and {'beta': \[0.0, 0.25"),
        (
            {"schedules": {"beta": warm}},
            {"schedules": {"beta": lambda t: t * t}},
            r"0.25, 0.5.*0.0625, 0.25",
        ),
        ({}, {"images": IMAGES}, r"images = float32 \[70, 1, 4, 6\] \w+ there and float32 \[70, 1, 4, 6\] \w+ here"),
        ({}, {"validation": IMAGES[:20]}, "validation = "),
        ({}, {"validation": None}, "validation = .* there and None here"),
        (
            {},
            {"likelihood": Gaussian("learned"), "binarize": True},
            r"another model: '\(likelihood\): Bernoulli",
        ),
        ({}, {"hidden": (12,)}, "another model: .*16.* there and .*12.* here"),
        (
            {"likelihood": Gaussian(0.5)},
            {"likelihood": Gaussian(0.6)},
            r"Gaussian\(sigma=0.5\)' there and '\(likelihood\): Gaussian\(sigma=0.6\)' here",
        ),
    ],
)
def test_a_checkpoint_of_another_run_is_refused_naming_what_differs(tmp_path, first, second, words):
    path = tmp_path / "run.pt"
    run(path, **{"epochs": 2, **first})
    before = path.read_bytes()
    with pytest.raises(ValueError, match=f"is another run: .*{words}"):
        run(path, **{"epochs": 2, **first, **second})
    assert path.read_bytes() == before


def test_where_a_run_goes_on_is_said(tmp_path, capsys):
    run(tmp_path / "run.pt", epochs=3)
    assert capsys.readouterr().out == ""
    _, history = run(tmp_path / "run.pt", epochs=3)
    assert "run.pt: already complete, nothing trained (3 of 3 epochs stored)" in capsys.readouterr().out
    run(tmp_path / "half.pt", callbacks=[stop_after(2)])
    run(tmp_path / "half.pt")
    assert "half.pt: continues at epoch 3 (2 of 6 epochs stored)" in capsys.readouterr().out


def test_numbers_of_numpy_and_torch_are_numbers(tmp_path):
    options = {"epochs": np.int64(2), "batch_size": np.int64(8), "lr": np.logspace(-4, -2, 3)[1], "seed": np.int64(1)}
    first, history = run(tmp_path / "run.pt", **options)
    again, same_history = run(tmp_path / "run.pt", epochs=2, batch_size=8, lr=1e-3, seed=1)
    assert same(first, again) and history == same_history


def test_a_trained_model_is_loaded_for_use_and_trained_further(tmp_path, capsys):
    first, _ = run(tmp_path / "run.pt", epochs=2)
    seed_everything(5)
    again, _ = run(None, epochs=1)
    again.train()
    load_weights(again, tmp_path / "run.pt")
    assert same(first, again) and not again.training
    history = fit(again, IMAGES, epochs=1, long_run=LongRun(tmp_path / "more.pt"), progress=False, device="cpu")
    assert len(history.train) == 1 and not same(first, again)
    torch.save(first.state_dict(), tmp_path / "weights.pt")
    load_weights(again, tmp_path / "weights.pt")
    assert same(first, again)


@pytest.mark.parametrize(
    ("content", "error", "words"),
    [
        (None, FileNotFoundError, "there is no file"),
        (b"not weights", ValueError, "holds no weights"),
        ({"x": torch.zeros(2)}, ValueError, "weights of another model"),
    ],
)
def test_what_holds_no_weights_for_a_model(tmp_path, content, error, words):
    path = tmp_path / "weights.pt"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content:
        torch.save(content, path)
    model, _ = run(None, epochs=1)
    with pytest.raises(error, match=words):
        load_weights(model, path)


def test_an_optimal_sigma_is_not_loaded_into_a_fixed_one():
    trained, _ = run(None, epochs=1, likelihood=Gaussian("optimal"))
    with pytest.raises(RuntimeError, match="log_var"):
        Gaussian(1.0).load_state_dict(trained.likelihood.state_dict())


def test_a_full_disk_is_said_and_training_goes_on(tmp_path, monkeypatch, capsys):
    path = tmp_path / "run.pt"
    _, whole = run(None, epochs=3)
    run(path, epochs=3, callbacks=[stop_after(1)])
    before = path.read_bytes()

    def full(path, write):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(checkpoint, "write_atomically", full)
    _, history = run(path, epochs=3)
    assert timeless(history) == timeless(whole)
    out = capsys.readouterr().out
    assert out.count("could not be stored") == 2 and "epoch 3 could not be stored in" in out and "No space left" in out
    assert path.read_bytes() == before and [file.name for file in tmp_path.iterdir()] == ["run.pt"]


@pytest.mark.parametrize("missing", ["parts", "random", "history", "model"])
def test_a_checkpoint_with_parts_missing(tmp_path, missing):
    path = tmp_path / "run.pt"
    run(path, epochs=2)
    state = torch.load(path, weights_only=True)
    (state["parts"] if missing == "model" else state).pop(missing)
    torch.save(state, path)
    with pytest.raises(ValueError, match=f"it has no .*{missing}"):
        run(path, epochs=2)


def test_any_name_will_do(tmp_path):
    for name in ("run", ".run", "run.tar.gz", "a name with spaces"):
        run(tmp_path / name, epochs=1)
        assert (tmp_path / name).is_file()


def test_places_that_cannot_be_written_to_are_noticed_before_training(tmp_path, monkeypatch):
    with pytest.raises(IsADirectoryError, match="is a folder"):
        run(tmp_path)

    def refuse(dir):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(checkpoint.tempfile, "TemporaryFile", refuse)
    with pytest.raises(PermissionError, match="Read-only file system.*hoose another folder"):
        run(tmp_path / "run.pt")


@pytest.mark.parametrize(("stored_on", "resumed_on"), [("cpu", "cuda"), ("cuda", "cpu")])
def test_a_run_goes_on_on_another_kind_of_device(tmp_path, capsys, stored_on, resumed_on):
    """Its random numbers cannot be the same there, and that is said. (The tensors stay on the CPU here.)"""
    states = [[torch.get_rng_state()] + ([torch.ones(16, dtype=torch.uint8)] if stored_on == "cuda" else [])]
    stored = checkpoint.Checkpoint(None, {}, {}, torch.device(resumed_on), Processes())
    stored._restore_random_numbers(states)
    assert "it goes on with other random numbers" in capsys.readouterr().out


def test_functions_are_known_by_what_they_do():
    def recursive(n):
        return n and recursive(n - 1)

    assert describe(recursive) == describe(recursive)
    assert describe(closing_over(1.0)) == describe(closing_over(1.0)) != describe(closing_over(1.5))
    assert describe(priced).startswith("tests.") or describe(priced).startswith("test_")
    assert describe(partial(elbo, beta=torch.tensor(2.0))) != describe(partial(elbo, beta=torch.tensor(3.0)))
    assert fingerprint(torch.zeros(3, dtype=torch.bfloat16)) != fingerprint(torch.zeros(3))


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

    torch.save({"identity": {}, "bomb": Bomb()}, tmp_path / "run.pt")
    with pytest.raises(ValueError, match="no checkpoint"):
        run(tmp_path / "run.pt")
    assert not (tmp_path / "pwned").exists()


def test_a_missing_folder_is_noticed_before_training(tmp_path):
    with pytest.raises(FileNotFoundError, match="no folder"):
        run(tmp_path / "missing" / "run.pt")
