"""What is stored of the published table: the page shows it, and the stored weights have the number that they claim."""

from dataclasses import replace

import pytest
import torch

from tests.benchmarks import burda2016, burda2016_table
from tests.benchmarks.burda2016 import Row
from vae_helpers import active_units, elbo, load_images, load_weights, seed_everything
from vae_helpers.data.raw_files import missing_files


@pytest.fixture(scope="module")
def best():
    return min(burda2016.results(), key=lambda found: found["nll"])


@pytest.fixture(scope="module")
def model(best):
    model = burda2016.build(best["layers"])
    load_weights(model, burda2016.WEIGHTS)
    return model


def test_page_readme_and_notebook_show_what_was_measured():
    for path, text in burda2016_table.pages().items():
        assert path.read_text(encoding="utf-8") == text, "python -m tests.benchmarks.burda2016_table"


def test_results_are_those_of_the_rows():
    rows = {row.name: row for row in burda2016.ROWS}
    for found in burda2016.results():
        row = rows[found["name"]]
        assert burda2016.is_of(found, row, found["seed"]) and found["published"] == row.published
        assert len(found["bound while training"]) == row.epochs
        assert not row.start or any(found["seed"] == r["seed"] for r in burda2016.results() if r["name"] == row.start)
        assert 0 < found["nll"] < -found["elbo"], "the bound with 5,000 samples is the tighter one"


def test_another_recipe_is_another_run():
    row = burda2016.named("VAE, k = 50")
    found = {"recipe": row.recipe, "seed": 0}
    assert burda2016.is_of(found, row, 0)
    changes = [{"cycles": cycles} for cycles in ([(20, 3e-3)], [(500, 3e-4)], [(20, 3e-4), (20, 3e-4)])]
    for change in (*changes, {"batch_size": 20}, {"start": "IWAE, k = 5"}):
        assert not burda2016.is_of(found, replace(row, **change), 0)
    assert not burda2016.is_of(found, row, 1)
    assert burda2016.named("VAE, k = 1").recipe in row.recipe, "and so is one that begins with other weights"


def test_models_are_those_of_the_paper():
    """Every layer of weights, by its size."""
    sizes = [tuple(p.shape) for p in burda2016.build(layers=2).parameters() if p.ndim == 2]
    down = [(100, 50), (100, 100), (200, 100)]  # z_2 -> z_1
    up = [(200, 784), (200, 200), (200, 200), (100, 100), (100, 100), (100, 100)]  # x -> z_1 -> z_2
    assert sorted(sizes) == sorted([*up, *down, (200, 100), (200, 200), (784, 200)])
    one = [tuple(p.shape) for p in burda2016.build(layers=1).parameters() if p.ndim == 2]
    assert one == [(200, 784), (200, 200), (100, 200), (200, 50), (200, 200), (784, 200)]


def test_the_mean_elbo_is_the_elbo():
    """With many samples, the mean of log-weights is what `elbo` has in closed form, and so are its gradients."""
    torch.manual_seed(0)
    model, x = burda2016.build(layers=1), torch.rand(3, 1, 28, 28).round()
    weight = model.encoder.net[-1].weight  # what the score of q would reach

    def values_and_gradients(objective, n):
        found = []
        for _ in range(n):
            values = objective(model, x)
            (gradient,) = torch.autograd.grad(values.sum(), weight)
            found.append(torch.cat([values.detach(), gradient[[3, 70]].flatten()]))
        return torch.stack(found)

    many = values_and_gradients(lambda *batch: burda2016.mean_elbo(*batch, k=50), 20)
    closed = values_and_gradients(lambda *batch: elbo(*batch).value, 400)
    error = (many.var(0) / len(many) + closed.var(0) / len(closed)).sqrt()
    assert ((many.mean(0) - closed.mean(0)).abs() < 5 * error).all()


def test_a_row_trains_goes_on_and_is_measured(tmp_path, monkeypatch):
    monkeypatch.setattr(burda2016, "CHECKPOINTS", tmp_path)
    monkeypatch.setattr(burda2016, "STORED", tmp_path / "results.json")
    monkeypatch.setattr(burda2016, "WEIGHTS", tmp_path / "results.pt")
    monkeypatch.setattr(burda2016, "SAMPLES", 20)
    monkeypatch.setattr(burda2016, "ROWS", [Row(layers, "IWAE", 2, 1.0, "1", [(1, 1e-3)]) for layers in (1, 2)])
    images, x = torch.rand(300, 1, 28, 28), torch.rand(20, 1, 28, 28).round()
    for layers in (1, 2):
        start = burda2016.ROWS[layers - 1].name
        row = Row(layers, "IWAE", 3, 1.0, "1", [(2, 1e-3), (1, 1e-4)], start)
        first, again = (burda2016.run(row, 0, images, x) for _ in range(2))
        if layers == 1:
            assert first["active"] == str(int(active_units(burda2016.train(row, 0, images)[0], x).sum()))
        same = {"nll", "elbo", "seconds to measure"}  # samples of their own
        assert {k: v for k, v in first.items() if k not in same} == {k: v for k, v in again.items() if k not in same}
    assert (tmp_path / "results.pt").exists()


def test_the_weights_are_small(model, best):
    assert burda2016.WEIGHTS.stat().st_size < 5e6
    assert len(best["active"].split("+")) == best["layers"]


@pytest.mark.mnist
@pytest.mark.skipif(bool(missing_files("mnist")), reason="MNIST is not on disk (make data)")
def test_the_weights_have_the_stored_number(model, best):
    """On 500 test images with 1,000 samples, within what ten stored repetitions say of chance."""
    x = burda2016.test_images(load_images("mnist").test)
    stored = torch.tensor(best["first 500, k = 1000"], dtype=torch.float64)
    assert best["first 500"] < stored.min(), "5,000 samples are tighter"
    seed_everything(0)
    error = stored.std() * (1 + 1 / len(stored)) ** 0.5
    assert abs(burda2016.quick_nll(model, x) - stored.mean()) < 4.8 * error  # Student's t with 9 degrees: 1 in 1,000
