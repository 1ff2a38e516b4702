"""The prior over maps: it sums to one, looks only backwards, and draws what it says."""

import itertools
import math

import pytest
import torch
from torch import nn

from vae_helpers import fit
from vae_helpers.models.quantised.code_prior import CodePrior, MaskedConv2d


def every_map(size, shape):
    return torch.tensor(list(itertools.product(range(size), repeat=math.prod(shape)))).view(-1, *shape)


def rough(prior):
    """Weights of a size that makes a difference."""
    with torch.no_grad():
        for p in prior.parameters():
            p.copy_(0.7 * torch.randn_like(p))
    return prior.double()


@pytest.mark.parametrize(("size", "shape"), [(3, (2, 3)), (2, (3, 3)), (5, (1, 4)), (4, (5, 1)), (7, (1, 1))])
@pytest.mark.parametrize("condition", [None, "map", "label"])
def test_the_probabilities_of_all_maps_sum_to_one(size, shape, condition):
    prior = rough(CodePrior(size, shape, condition_size=4 if condition else 0, channels=16))
    maps = every_map(size, shape)
    told = {
        None: None, "map": torch.randint(4, (1, *shape)).expand(len(maps), -1, -1),
        "label": torch.full((len(maps),), 2),
    }[condition]  # fmt: skip
    total = prior.log_prob(maps, told).logsumexp(0).item()
    assert total == pytest.approx(0.0, abs=1e-10)


@pytest.mark.parametrize("blocks", [0, 1, 3])
def test_no_logit_looks_at_its_own_code_or_later_ones(blocks):
    """By the Jacobian with respect to the embedded codes, on a map that is not square."""
    prior = rough(CodePrior(3, (4, 6), channels=16, blocks=blocks))
    embedded = torch.randn(1, 4, 4, 6, dtype=torch.float64)
    prior.embedding = nn.Identity()
    prior.embedding.forward = lambda codes: inputs.movedim(1, -1)

    def logits(given):
        nonlocal inputs
        inputs = given
        return prior._logits(torch.zeros(1, 4, 6, dtype=torch.long), 0.0).sum(-1).flatten()

    inputs = embedded
    slopes = torch.autograd.functional.jacobian(logits, embedded).abs().sum((1, 2)).flatten(1)  # [24, 24]
    assert slopes.triu().max() == 0  # itself, and later
    assert (slopes.diagonal(-1).reshape(-1)[[i for i in range(23) if (i + 1) % 6]] > 0).all()  # its left neighbour


def test_without_mask_a_it_would_see_what_it_predicts():
    layer = MaskedConv2d(1, 1, kernel_size=5, mask="B")
    x = torch.randn(1, 1, 3, 4, requires_grad=True)
    layer(x)[0, 0, 1, 2].backward()
    assert x.grad[0, 0, 1, 2] != 0 and x.grad[0, 0, 1, 3] == 0 and x.grad[0, 0, 2].abs().sum() == 0


@pytest.mark.parametrize("mask", ["A", "B"])
@pytest.mark.parametrize("size", [1, 3, 5])
def test_masks_by_place(mask, size):
    got, middle = MaskedConv2d(2, 3, size, mask).mask, size // 2
    for row, column in itertools.product(range(size), repeat=2):
        before = row < middle or (row == middle and column < middle)
        assert got[row, column] == (before or (mask == "B" and row == column == middle))


def test_samples_come_as_often_as_it_says():
    prior, n = rough(CodePrior(3, (2, 2), channels=16)), 20_000
    maps = every_map(3, (2, 2))
    chances = prior.log_prob(maps).exp()
    place = torch.tensor([27, 9, 3, 1])
    counts = torch.bincount((prior.sample(n).flatten(1) * place).sum(1), minlength=81) / n
    error = (chances * (1 - chances) / n).sqrt()
    assert ((counts - chances).abs() < 5 * error + 1e-9).all() and chances.max() > 3 * chances.median()


def test_temperature_divides_the_logits_of_every_place():
    prior, n = rough(CodePrior(3, (1, 1), channels=16)), 20_000
    expected = torch.softmax(prior.logits(torch.zeros(1, 1, 1, dtype=torch.long))[0, 0, 0] / 0.5, -1)
    counts = torch.bincount(prior.sample(n, temperature=0.5).flatten(), minlength=3) / n
    assert ((counts - expected).abs() < 5 * (expected * (1 - expected) / n).sqrt() + 1e-9).all()
    with pytest.raises(ValueError, match="must be positive, got 0"):
        prior.sample(2, temperature=0)


def test_samples_follow_their_condition():
    """Each place copies the symbol that it is told."""
    prior = CodePrior(4, (2, 2), condition_size=4, channels=16).double()
    with torch.no_grad():
        for p in prior.parameters():
            p.zero_()
        prior.condition.weight.copy_(torch.eye(4))
        prior.around.weight[:4, :, 1, 1] = 50 * torch.eye(4)
        prior.last.weight[:, :4, 0, 0] = torch.eye(4)
    told = torch.randint(4, (5, 2, 2))
    assert torch.equal(prior.sample(5, condition=told), told)
    assert torch.equal(prior.sample(5, condition=told[:, :1, :1]), told[:, :1, :1].expand(5, 2, 2))
    assert torch.equal(prior.sample(5, condition=told[:, 0, 0]), told[:, :1, :1].expand(5, 2, 2))


def test_it_learns_a_markov_chain_to_its_entropy():
    """A row of 12 symbols, each the one before with probability 0.9: the entropy is known."""
    n, stay = 4000, 0.9
    codes = torch.randint(3, (n, 1, 12))
    for i in range(1, 12):
        keep = torch.rand(n) < stay
        codes[:, 0, i] = torch.where(keep, codes[:, 0, i - 1], (codes[:, 0, i - 1] + torch.randint(1, 3, (n,))) % 3)
    entropy = math.log(3) - 11 * (stay * math.log(stay) + (1 - stay) * math.log((1 - stay) / 2))
    prior = CodePrior(3, (1, 12), channels=16)
    fit(prior, codes[:3000].float(), CodePrior.log_prob, epochs=4, batch_size=50, lr=1e-2, progress=False, device="cpu")
    with torch.no_grad():
        held_out = -prior.log_prob(codes[3000:])
    error = held_out.std().item() / 1000**0.5
    assert entropy - 4 * error < held_out.mean().item() < entropy + 0.15 + 4 * error


def test_what_does_not_fit_is_named():
    with pytest.raises(ValueError, match=r"maps \[B, 2, 3\], got \[5, 3, 2\]"):
        CodePrior(3, (2, 3)).log_prob(torch.zeros(5, 3, 2, dtype=torch.long))
    with pytest.raises(ValueError, match="has no condition"):
        CodePrior(3, (2, 3)).log_prob(torch.zeros(5, 2, 3, dtype=torch.long), torch.zeros(5))
    with pytest.raises(ValueError, match="has a condition"):
        CodePrior(3, (2, 3), condition_size=2).log_prob(torch.zeros(5, 2, 3, dtype=torch.long))
    with pytest.raises(ValueError, match="'A' or 'B'"):
        MaskedConv2d(1, 1, 3, "C")
