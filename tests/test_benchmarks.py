"""The benchmarks' own sums, and that docs/pages/speed.md shows what was measured."""

import json
import sys
from pathlib import Path

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from tests.benchmarks import course, floors, libraries, measuring, peers, training
from vae_helpers import ais_log_weights, elbo, fit_sweep
from vae_helpers.measures.ais import PILOTS

ROOT = Path(__file__).parents[1]
PEERS = {"loader loop": peers.loader_loop, "plain loop": peers.plain_loop, **libraries.INSTALLED}


class Counter(TorchDispatchMode):
    """Counts what torch says that its products cost. (FlopCounterMode would do, but for its hooks on modules.)"""

    total = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        if function.overloadpacket in flop_registry:
            self.total += flop_registry[function.overloadpacket](*args, out_val=result)
        return result


def flops(function):
    with Counter() as counter:
        function()
    return counter.total


@pytest.mark.parametrize("benchmark", [course, training])
def test_the_page_on_speed_shows_what_was_measured(benchmark):
    page, report = training.SPEED.read_text(), json.loads(benchmark.STORED.read_text())
    name = benchmark.STORED.stem
    assert training.with_table(page, name, benchmark.table(report)) == page, "run the benchmark again"


def test_the_readme_shows_the_main_figures():
    readme, report = training.README.read_text(), json.loads(training.STORED.read_text())
    assert training.with_table(readme, "training", training.short_table(report)) == readme, "run the benchmark again"


def test_the_page_shows_what_lower_precision_changes():
    page, latest = training.SPEED.read_text(), json.loads(training.STORED.read_text())["runs"][-1]["found"]
    assert training.with_table(page, "precision", training.precision_table(latest)) == page
    assert training.precision_table(latest).count("±") >= 4


def test_every_notebook_is_measured():
    report = json.loads(course.STORED.read_text())
    assert list(report["notebooks"]) == sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb"))


def test_products_are_those_of_a_training_step():
    """Counted by torch: the floor multiplies what a step of the model multiplies, no more and no less."""
    model, x = measuring.vae(), torch.rand(16, 1, 28, 28, device=measuring.DEVICE)
    floor = flops(floors.floor_of(model, 16))
    assert floor == flops(lambda: elbo(model, x).value.sum().backward())
    layers = floors.linear_layers(model.decoder)
    forward = floors.products(layers, [16] * 2, first_input=False, backward=False)
    assert flops(forward) == flops(lambda: model.decoder(torch.randn(16, 20, device=measuring.DEVICE)))
    assert flops(floors.floor_of(model, 16, models=3)) == 3 * floor


def test_products_are_those_of_a_sweep_and_of_ais():
    models = [measuring.vae(4, 8) for _ in range(3)]
    options = dict(epochs=1, batch_size=16, progress=False)
    x = torch.rand(16, 1, 28, 28, device=measuring.DEVICE)
    looked = flops(lambda: models[0].check_data(x))  # `fit` does, beforehand
    swept = flops(lambda: fit_sweep(models, x, **options)) - looked
    assert swept == flops(floors.floor_of(models[0], 16, models=3))

    chains, steps, leapfrog, layers = 5, 2, 3, floors.linear_layers(models[0].decoder)
    counted = 0
    for rows in (PILOTS * 16, chains * 16):
        forward = floors.products(layers, [rows] * 2, first_input=True, backward=False)
        both = floors.products(layers, [rows] * 2, first_input=True, backward=True, weights=False)
        counted += steps * flops(forward) + steps * (1 + leapfrog) * flops(both)
    assert counted == flops(lambda: ais_log_weights(models[0].eval(), x, chains, steps, leapfrog))


def test_the_loops_are_of_the_same_model_and_loss():
    """Same number of parameters, and -ELBO of the same weights as the package has it."""
    torch.manual_seed(0)
    theirs, ours = peers.TutorialVAE(), measuring.vae().cpu()
    encoder, decoder = ours.encoder.net, ours.decoder.net
    with torch.no_grad():
        for mine, others in (
            (encoder[0], [theirs.hidden]), (encoder[2], [theirs.mu, theirs.log_var]),
            (decoder[0], [theirs.decoder[0]]), (decoder[2], [theirs.decoder[2]]),
        ):  # fmt: skip
            mine.weight.copy_(torch.cat([layer.weight for layer in others]))
            mine.bias.copy_(torch.cat([layer.bias for layer in others]))
    assert sum(p.numel() for p in theirs.parameters()) == sum(p.numel() for p in ours.parameters())
    x = torch.rand(50, 1, 28, 28)
    torch.manual_seed(1)
    bce, kl = theirs.losses(x.flatten(1))
    torch.manual_seed(1)
    terms = elbo(ours, x)
    torch.testing.assert_close(torch.stack([-bce, kl]), torch.stack([terms.reconstruction.sum(), terms.kl.sum()]))


@pytest.mark.parametrize("peer", PEERS.values(), ids=PEERS)
def test_a_peer_says_what_each_epoch_took_and_learns(peer):
    images, labels = torch.rand(300, 1, 28, 28).round(), torch.zeros(300, dtype=torch.long)
    network, train = peer(images, labels)
    before = peers.test_loss(network, images)
    taken = [*train(2), *train(1)]
    assert len(taken) == 3 and min(taken) > 0 and peers.test_loss(network, images) < before


def test_the_loader_loop_reads_the_images():
    images, labels = torch.rand(9, 1, 28, 28).round(), torch.zeros(9, dtype=torch.long)
    x, _ = peers.AsFiles(images, labels)[7]
    assert torch.equal(x, images[7])


def test_a_library_that_is_missing_is_left_out_and_said_so():
    told = libraries.versions()
    assert set(told) == set(libraries.PACKAGES)
    assert {name for name, version in told.items() if version != "not installed"} == set(libraries.INSTALLED)


def test_ratios_are_paired():
    found = measuring.ratios([2.0, 40.0, 6.0], [1.0, 10.0, 2.0])
    assert found["median"] == 3 and found["n"] == 3 and found["low"] <= 3 <= found["high"]


@pytest.mark.parametrize("value", [1.3, {"median": 1.3}])
def test_targets(value):
    assert training.met("step: fit / floor", value)
    assert not training.met("time to quality: Pyro / fit", value)


def test_a_run_of_another_day_stands_beside_the_first(monkeypatch):
    report = {"runs": []}
    first = training.current(report)
    first["found"]["step: fit / floor"] = 1.3
    assert training.current(report) is first and len(report["runs"]) == 1
    monkeypatch.setattr(training, "machine", lambda: first["machine"] | {"date": "2031-01-01"})
    second = training.current(report)
    second["found"]["step: fit / floor"] = 1.4
    for run in report["runs"]:
        run["data"] = "mnist"
    header, _, row = training.table(report).splitlines()[:3]
    assert header == f"| | 2031-01-01 | {first['machine']['date']} | wanted | met |"
    assert row == "| step: fit / floor | 1.40 | 1.30 | at most 1.35 | **no** |"


def test_a_section_is_stored_with_what_it_was_measured_on(monkeypatch, tmp_path, capsys):
    """In a file of its own; the page is written only from the one beside it. The exit code tells a missed target."""
    page, found = training.SPEED.read_text(), {"step: fit / floor": {"median": 1.4, "low": 1.3, "high": 1.5}}

    def section_of(name):
        return {"machine": training.machine(), "data": name, "found": found}

    monkeypatch.setattr(training, "in_a_process", lambda module, section, options: section_of(section))
    monkeypatch.setattr(sys, "argv", ["training", "steps", "--store", str(tmp_path / "a.json")])
    assert training.main() == 3
    assert "1.40 (1.30 to 1.50)   <= 1.35: MISSED" in capsys.readouterr().out
    (run,) = json.loads((tmp_path / "a.json").read_text())["runs"]
    assert run["found"] == found and run["data"] == "steps" and run["load"] >= 0
    assert run["machine"]["torch"] == torch.__version__ and training.SPEED.read_text() == page


def test_some_sections_on_a_day_without_a_run_are_no_run(monkeypatch, tmp_path):
    """They would leave the page and the README with dashes."""
    old, stored = {"runs": [{"machine": training.machine() | {"date": "2001-01-01"}, "found": {}}]}, tmp_path / "a.json"
    stored.write_text(json.dumps(old))
    pages = training.SPEED.read_text(), training.README.read_text()
    found = {"machine": training.machine(), "data": "mnist", "found": {"step: fit / floor": 1.3}}
    monkeypatch.setattr(training, "in_a_process", lambda *args: found)
    monkeypatch.setattr(training, "STORED", stored)
    monkeypatch.setattr(training, "ROOT", tmp_path)
    monkeypatch.setattr(sys, "argv", ["training", "steps", "--store", str(stored)])
    (tmp_path / "build").mkdir()
    assert training.main() == 0
    assert json.loads(stored.read_text()) == old
    (run,) = json.loads((tmp_path / "build" / "training.json").read_text())["runs"]
    assert run["found"] == found["found"]
    assert (training.SPEED.read_text(), training.README.read_text()) == pages
