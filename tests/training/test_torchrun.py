"""torchrun: two processes train what one process trains with the same batches."""

import json
import os
import subprocess
import sys
from pathlib import Path

import torch

from tests.training.test_loop import QUIET, patterns, small_vae
from vae_helpers import ELBO, LongRun, elbo, fit, seed_everything
from vae_helpers.files import ROOT
from vae_helpers.models.latent_distributions import kl_to_prior
from vae_helpers.training.torchrun import Processes, torchrun_processes

RUN = "import sys; from tests.training.test_torchrun import train; train(sys.argv[1])"


def without_noise(model, x):
    q = model.posterior(x)
    reconstruction, kl = model.decode(q.mean).log_prob(x), kl_to_prior(q, model.prior, q.mean)
    return ELBO(reconstruction - kl, reconstruction, kl)


def train(folder):
    """Train on 333 images in batches of 50: uneven parts, and a last batch of 33; report as a file."""
    seed_everything(0)
    images, report = patterns(333), {}
    with torchrun_processes(seed=0) as processes:
        for name, objective in (("exact", without_noise), ("noisy", elbo)):
            seed_everything(processes.rank)  # the first weights, and the order of the images, are those of rank 0
            model, seen = small_vae(), []
            first = processes.gather(model.encoder.net[0].weight.sum().item())
            assert len(set(first)) == processes.size, "every process draws weights of its own"

            def watched(model, x, objective=objective, seen=seen):
                seen.append(len(x))
                return objective(model, x)

            history = fit(model, images, watched, epochs=8, batch_size=50, long_run=LongRun(), **QUIET)
            parameters = [p.tolist() for p in model.parameters()]
            report[name] = {"steps": history.steps["value"], "seen": seen[:7], "parameters": parameters}
        Path(folder, f"{processes.size}-{processes.rank}.json").write_text(json.dumps(report))


def torchrun(folder, processes):
    (folder / "run.py").write_text(RUN)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    found = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    environment = os.environ | {"PYTHONPATH": found, "VAE_DEVICE": "cpu", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*command, str(folder / "run.py"), str(folder)],
        **{"cwd": ROOT, "env": environment, "timeout": 900, "check": False},
        **{"capture_output": True, "text": True},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return [json.loads((folder / f"{processes}-{rank}.json").read_text()) for rank in range(processes)]


def test_two_processes_train_what_one_does(tmp_path):
    (one,), (a, b) = torchrun(tmp_path, 1), torchrun(tmp_path, 2)
    for name in ("exact", "noisy"):
        assert one[name]["seen"] == [50] * 6 + [33]
        assert a[name]["seen"] == [25] * 6 + [17] and b[name]["seen"] == [25] * 6 + [16]
        assert a[name]["parameters"] == b[name]["parameters"] and a[name]["steps"] == b[name]["steps"]
    difference = {name: torch.tensor(a[name]["steps"]) - torch.tensor(one[name]["steps"]) for name in one}
    # The same sums in another order: rounding of float32 (1e-7 of some 8 nats), growing over 56 steps.
    assert difference["exact"].abs().max() < 1e-3
    # Other samples of z: an image's loss has a standard deviation of about 2 nats, so an epoch's mean of
    # 333 images differs by 0.15; five times that.
    assert 0 < difference["noisy"].unflatten(0, (8, 7)).mean(1).abs().max() < 0.75


def test_the_parts_of_a_batch_have_the_gradient_of_its_mean():
    values = torch.randn(7, requires_grad=True)
    (whole,) = torch.autograd.grad(Processes().mean(values, 7), values)
    shares = [Processes(rank, 3) for rank in range(3)]
    parts = [torch.autograd.grad(w.mean(values[w.rank :: 3], 7), values)[0] for w in shares]
    torch.testing.assert_close(torch.stack(parts).mean(0), whole)  # DDP averages over the processes
    empty = Processes(1, 3).mean(values[:0], 7)
    assert empty.item() == 0


def test_alone_without_torchrun(monkeypatch):
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    with torchrun_processes(seed=3) as processes:
        assert processes == Processes(0, 1) and torch.initial_seed() == 3
        assert processes.gather("x") == ["x"] and torch.equal(processes.total(torch.ones(2)), torch.ones(2))
        assert torch.equal(processes.same(torch.arange(5)), torch.arange(5)) and not processes.any(False)
