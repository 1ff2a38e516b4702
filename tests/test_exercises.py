"""Every checker accepts its solution, and rejects each classic mistake with its own message."""

import math

import nbformat
import pytest
import torch
import torch.nn.functional as F
from torch.distributions import Bernoulli, Binomial

from vae_helpers import check
from vae_helpers.datasets import ROOT
from vae_helpers.exercises import Mistake, checking
from vae_helpers.exercises.checking import CHECKERS, compare

KL = lambda mu, log_var: 0.5 * (mu**2 + log_var.exp() - 1 - log_var).sum(-1)  # noqa: E731
BCE = lambda x, logits: F.binary_cross_entropy_with_logits(logits, x, reduction="none")  # noqa: E731


def nll(log_w, exponentials=False):
    """The right answer to 04.c; with plain exponentials, only where they can be represented."""
    if exponentials:
        return -log_w.exp().mean(0).log().mean()
    return -(log_w.logsumexp(0) - math.log(len(log_w))).mean()


MUTANTS = {
    "00.a": [
        (lambda x, p: Bernoulli(p).log_prob(x).mean(-1), "mean over tosses"),
        (lambda x, p: Bernoulli(p).log_prob(x).sum(-1) / math.log(2), "in bits"),
        (lambda x, p: Bernoulli(p).log_prob(x).exp().prod(-1), "the probability, not its logarithm"),
        (lambda x, p: Bernoulli(1 - p).log_prob(x).sum(-1), "exchanged"),
        (lambda x, p: -Bernoulli(p).log_prob(x).sum(-1), "sign is wrong"),
        (lambda x, p: (x * math.log(p)).sum(-1), "Only the ones"),
        (lambda x, p: Bernoulli(p).log_prob(x).sum(), "sums over everything"),
        (lambda x, p: Bernoulli(p).log_prob(x), "one number per toss"),
        (lambda x, p: Binomial(x.shape[1], torch.tensor(p)).log_prob(x.sum(-1)), "in any order"),
        (lambda x, p: Bernoulli(p).log_prob(x).sum(0), "The shape is [7], expected [3]"),
    ],
    "04.a": [
        (lambda mu, log_var, eps: mu + log_var.exp() * eps, "scaled by the variance"),
        (lambda mu, log_var, eps: mu + log_var * eps, "the logarithm itself"),
        (lambda mu, log_var, eps: mu + eps, "unit scale"),
        (lambda mu, log_var, eps: mu + (-0.5 * log_var).exp() * eps, "divided by sigma"),
        (lambda mu, log_var, eps: mu, "no noise"),
        (lambda mu, log_var, eps: mu + log_var.sqrt() * eps, "square root of log_var"),
        (lambda mu, log_var, eps: mu + (0.5 * log_var).exp() * torch.randn_like(mu), "The noise is given"),
        (lambda mu, log_var, eps: (mu + (0.5 * log_var).exp() * eps).detach(), "no gradient reaches"),
        (lambda mu, log_var, eps: mu.detach() + (0.5 * log_var).exp() * eps, "no gradient reaches"),
    ],
    "04.b": [
        (lambda x, lo, mu, lv: -BCE(x, lo).mean(-1) - KL(mu, lv), "a mean over pixels"),
        (lambda x, lo, mu, lv: -BCE(x, lo).mean(-1) - KL(mu, lv) / mu.shape[1], "Both terms are means"),
        (lambda x, lo, mu, lv: -BCE(x, lo).sum(-1) - KL(mu, lv) / mu.shape[1], "mean over latent"),
        (lambda x, lo, mu, lv: -BCE(x, lo).sum(-1) + KL(mu, lv), "The KL is added"),
        (lambda x, lo, mu, lv: BCE(x, lo).sum(-1) + KL(mu, lv), "This is the loss"),
        (lambda x, lo, mu, lv: (-BCE(x, lo).sum(-1) - KL(mu, lv)).mean(), "one number for the batch"),
        (lambda x, lo, mu, lv: -BCE(x, lo).sum(-1) - KL(mu, 2 * lv), "read as log sigma"),
        (
            lambda x, lo, mu, lv: -BCE(x, lo).sum(-1) - 0.5 * (lv + (1 + mu**2) / lv.exp() - 1).sum(-1),
            "the wrong way round",
        ),
        (lambda x, lo, mu, lv: -BCE(x, lo).sum(-1) - 2 * KL(mu, lv), "off by a factor"),
        (lambda x, lo, mu, lv: -BCE(x, lo).mean() - KL(mu, lv), "mean over everything"),
        (lambda x, lo, mu, lv: (BCE(x, lo).sum(-1) + KL(mu, lv)).mean(), "one number for the batch. Return"),
        (
            lambda x, lo, mu, lv: -BCE(x, lo).sum(-1) - 0.5 * (mu**2 + (2 * lv).exp() - lv - 1).sum(-1),
            "one reading of log_var",
        ),
        (lambda x, lo, mu, lv: -BCE(x, lo).sum(-1), "The KL is missing"),
        (lambda x, lo, mu, lv: (x * lo.sigmoid().log()).sum(-1) - KL(mu, lv), "Only the pixels that are 1"),
        (lambda x, lo, mu, lv: -BCE(x, lo).sum(-1) - KL(mu, lv) + 1, "is right. Try it on numbers"),
        (
            lambda x, lo, mu, lv: (
                (x * lo.sigmoid().log() + (1 - x) * (1 - lo.sigmoid()).log()).sum(-1) - KL(mu, lv)
            ),
            "but not for 200",
        ),
    ],
    "04.c": [
        (lambda log_w: -log_w.mean(), "mean of the log-weights"),
        (lambda log_w: -log_w.logsumexp(0).mean(), "not yet a mean"),
        (lambda log_w: -(log_w.logsumexp(0) / len(log_w)).mean(), "divides the logarithm"),
        (lambda log_w: -(log_w.logsumexp(1) - math.log(log_w.shape[1])).mean(), "wrong dimension"),
        (lambda log_w: (log_w.logsumexp(0) - math.log(len(log_w))).mean(), "sign is wrong"),
        (lambda log_w: -(log_w.flatten().logsumexp(0) - math.log(log_w.numel())), "a p(x) of its own"),
        (lambda log_w: -(log_w.logsumexp(0) - math.log(len(log_w))), "Not averaged over images"),
        (lambda log_w: -(log_w.logsumexp(0) - math.log(len(log_w))).sum(), "A sum over images"),
        (lambda log_w: -log_w.max(0).values.mean(), "best of the K samples"),
        (lambda log_w: nll(log_w.clamp(min=-150)), "is right. Try it on numbers"),
        (lambda log_w: nll(log_w - log_w.max(), exponentials=True) - log_w.max(), "the weights are tiny"),
        (lambda log_w: -log_w.double().exp().mean(0).log().mean(), "the weights are tiny"),
    ],
    "04.d": [
        (lambda x: Bernoulli(x).entropy().mean(-1), "mean over pixels"),
        (lambda x: Bernoulli(x).entropy().sum(-1) / math.log(2), "in bits"),
        (lambda x: -(x * x.log()).sum(-1), "Half of it is missing"),
        (lambda x: -Bernoulli(x).entropy().sum(-1), "sign is wrong"),
        (lambda x: Bernoulli(x).entropy(), "One number per pixel"),
        (lambda x: torch.zeros(len(x)), "black-and-white images only"),
        (lambda x: -(x * x.log() + (1 - x) * (1 - x).log()).nan_to_num(nan=-1.0).sum(-1), "is right. Try"),
        (lambda x: Bernoulli(x).entropy().sum(-1, keepdim=True), "The numbers are right; the shape is"),
        (lambda x: torch.full((len(x),), x.shape[1] * math.log(2)), "1/2 everywhere"),
        (lambda x: -(x * x.log() + (1 - x) * (1 - x).log()).sum(-1), "0 * log(0)"),
        (lambda x: -(x * x.round().log() + (1 - x) * (1 - x.round()).log()).sum(-1), "infinitely wrong"),
    ],
}


def cells(tag):
    """(notebook, source) of every code cell with this tag, all notebooks."""
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        for cell in nbformat.read(path, as_version=4).cells:
            if tag in cell.metadata.get("tags", []):
                yield path.stem, cell.source


def test_every_exercise_has_its_mutants():
    assert set(MUTANTS) == set(CHECKERS)
    assert all(len(mutants) >= 4 for mutants in MUTANTS.values())


@pytest.mark.parametrize(
    ("id", "mutant", "message"),
    [(id, mutant, message) for id, mutants in MUTANTS.items() for mutant, message in mutants],
    ids=[f"{id}-{message}" for id, mutants in MUTANTS.items() for _, message in mutants],
)
def test_mutants_are_rejected_by_name(id, mutant, message, capsys):
    check(id, mutant)
    line = capsys.readouterr().out
    assert line.startswith(f"✗ {id} not yet. ") and message in line
    with pytest.raises(AssertionError, match=f"✗ {id}"):
        check(id, mutant, must_pass=True)


@pytest.mark.parametrize("id", sorted(CHECKERS))
def test_every_mistake_has_a_message_of_its_own(id, capsys):
    for mutant, _ in MUTANTS[id]:
        check(id, mutant)
    lines = capsys.readouterr().out.splitlines()
    assert len(set(lines)) >= len({message for _, message in MUTANTS[id]})


@pytest.mark.parametrize("id", sorted(CHECKERS))
def test_the_untouched_stub_is_not_attempted(id, capsys):
    def stub(*args):
        raise NotImplementedError

    check(id, stub)
    assert capsys.readouterr().out == f"○ {id} not attempted yet\n"
    with pytest.raises(AssertionError, match="not attempted"):
        check(id, stub, must_pass=True)


@pytest.mark.parametrize("id", sorted(CHECKERS))
@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda *args: None, "returned None"),
        (lambda *args: 3.0, "returned a float"),
        (lambda *args: args[0].no_such_method(), "your function stopped: AttributeError"),
        (lambda: None, "your function stopped: TypeError"),
        (lambda *args: torch.full((2, 9), 1.0), "The shape is"),
    ],
)
def test_answers_that_are_no_answers(id, answer, message, capsys):
    check(id, answer)
    assert message in capsys.readouterr().out


def test_solutions_of_the_notebooks_are_accepted(capsys):
    solved = 0
    for _, source in cells("solution"):
        exec(source, {"torch": torch, "math": math, "F": F, "check": check})
        solved += source.count("must_pass=True")
    out = capsys.readouterr().out
    assert solved == out.count("✓") == len(CHECKERS)


def test_answers_may_change_their_arguments(capsys):
    def in_place(mu, log_var, eps):
        eps *= torch.exp(0.5 * log_var)
        return mu + eps

    def shift(log_w):
        largest = log_w.max(0).values
        log_w -= largest
        return -(largest + log_w.exp().mean(0).log()).mean()

    check("04.a", in_place, must_pass=True)
    check("04.c", shift, must_pass=True)


def test_an_error_of_torchs_is_not_taken_for_an_untouched_stub(capsys):
    def unimplemented(*args):
        raise NotImplementedError("No KL(p || q) is implemented")

    check("04.b", unimplemented)
    assert "your function stopped: NotImplementedError: No KL" in capsys.readouterr().out


def test_what_cannot_be_checked():
    with pytest.raises(ValueError, match="unknown exercise '99.z'; there are 00.a, "):
        check("99.z", lambda: None)
    with pytest.raises(TypeError, match="pass the function itself"):
        check("04.a", torch.zeros(3))
    with pytest.raises(ValueError, match="has a checker already"):
        checking.checker("04.a")(lambda answer: "")


def test_compare_prefers_the_truth_to_a_mistake_of_the_same_value():
    compare(torch.ones(2), torch.ones(2), {"wrong": torch.ones(2)})
    with pytest.raises(Mistake, match="infinite or not a number"):
        compare(torch.full((2,), math.nan), torch.ones(2), {})
