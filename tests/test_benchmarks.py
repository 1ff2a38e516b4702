"""The benchmarks' own sums, and that docs/pages/speed.md shows what was measured."""

import json
from pathlib import Path

import pytest
import torch

from tests.benchmarks import course, training

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("benchmark", [course, training])
def test_the_page_on_speed_shows_what_was_measured(benchmark):
    page, report = training.SPEED.read_text(), json.loads(benchmark.STORED.read_text())
    name = benchmark.STORED.stem
    assert training.with_table(page, name, benchmark.table(report)) == page, "run the benchmark again"


def test_every_notebook_is_measured():
    report = json.loads(course.STORED.read_text())
    assert list(report["notebooks"]) == sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb"))


def test_products_are_those_of_a_training_step():
    """Counted by torch: the floor multiplies what a step of the model multiplies, no more and no less."""
    from torch.utils.flop_counter import FlopCounterMode

    def flops(function):
        with FlopCounterMode(display=False) as counter:
            function()
        return counter.get_total_flops()

    model, x = training.vae(), torch.rand(16, 1, 28, 28, device=training.DEVICE)
    floor = flops(training.floor_of(model, 16))
    assert floor == flops(lambda: training.elbo(model, x).value.sum().backward())
    layers = training.linear_layers(model.decoder)
    forward = training.products(layers, [16] * 2, first_input=False, backward=False)
    assert flops(forward) == flops(lambda: model.decoder(torch.randn(16, 20, device=training.DEVICE)))


def test_the_tutorial_loop_is_the_same_model_and_loss():
    """Same number of parameters, and -ELBO of the same weights as the package has it."""
    torch.manual_seed(0)
    theirs, ours = training.TutorialVAE(), training.vae().cpu()
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
    terms = training.elbo(ours, x)
    torch.testing.assert_close(torch.stack([-bce, kl]), torch.stack([terms.reconstruction.sum(), terms.kl.sum()]))


def test_a_tutorial_epoch_sees_every_image_and_learns():
    images, labels = torch.rand(300, 1, 28, 28).round(), torch.zeros(300, dtype=torch.long)
    model, epoch = training.tutorial(images, labels)
    before = training.tutorial_loss(model, images)
    assert epoch() > 0 and training.tutorial_loss(model, images) < before
    x, _ = training.AsFiles(images, labels)[7]
    assert torch.equal(x, images[7])


def test_ratios_are_paired():
    found = training.ratios([2.0, 40.0, 6.0], [1.0, 10.0, 2.0])
    assert found["median"] == 3 and found["n"] == 3 and found["low"] <= 3 <= found["high"]


@pytest.mark.parametrize("value", [1.7, {"median": 1.7}])
def test_targets(value):
    assert training.met("step: fit / floor", value)
    assert not training.met("epoch: baseline / fit, batches of 300", value)
