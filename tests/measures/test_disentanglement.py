"""Scores on representations whose right score is known."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2

from vae_helpers import dci, factor_vae_score, mig, mutual_information, sap
from vae_helpers.measures.disentanglement.arrays import entropy


def grid(*sizes):
    """Every combination of classes, once each: `[N, F]`."""
    return torch.cartesian_prod(*(torch.arange(size) for size in sizes))


CLASSES = grid(12, 12, 8)  # [1152, 3]
PERFECT = torch.cat([CLASSES.double() - 4, torch.zeros(len(CLASSES), 2).double()], 1)  # two dead codes
EQUAL = grid(12, 12, 12)


def turned(codes, first, second):
    """The codes with two of them, brought to the same spread, turned by 45 degrees."""
    codes = (codes - codes.mean(0)) / codes.std(0).clamp(min=1e-9)
    a, b = codes[:, first].clone(), codes[:, second].clone()
    codes[:, first], codes[:, second] = (a + b) / math.sqrt(2), (a - b) / math.sqrt(2)
    return codes


def scores(codes, classes):
    d = dci(codes, classes)
    return {
        "mig": mig(codes, classes).mean(),
        "sap": sap(codes, classes).mean(),
        "disentanglement": d.disentanglement,
        "completeness": d.completeness,
        "informativeness": d.informativeness.mean(),
        "factor_vae": factor_vae_score(codes, classes),
    }


def test_one_code_for_each_factor_is_perfect():
    for name, score in scores(PERFECT, CLASSES).items():
        # MIG is right to float32; the ridge of DCI takes up to a fiftieth of a step's weight.
        assert score.item() == pytest.approx(1, abs=1e-3 if "ness" in name or "ment" in name else 1e-6), name


@settings(max_examples=8)
@given(st.permutations(range(5)), st.lists(st.sampled_from([-3.0, -0.5, 0.2, 7.0]), min_size=5, max_size=5))
def test_order_sign_and_scale_of_the_codes_play_no_part(order, scales):
    noisy = PERFECT + 0.8 * torch.randn(PERFECT.shape, generator=torch.Generator().manual_seed(0)).double()
    changed = (noisy * torch.tensor(scales))[:, order]
    for name, value in scores(noisy, CLASSES).items():
        if name == "factor_vae":  # a dead code's threshold is on the scale of the codes
            continue
        # A sign moves the edges of the shares by a rank, where ties (none here) or rounding meet.
        assert scores(changed, CLASSES)[name].item() == pytest.approx(value.item(), abs=0.02), name


def test_turned_by_45_degrees_both_codes_tell_as_much_of_both_factors():
    codes = turned(EQUAL.double(), 0, 1)
    gaps = mig(codes, EQUAL)
    # Sums of two classes are often equal, and equal codes share a bin: a few images change sides.
    torch.testing.assert_close(gaps[:2], torch.zeros(2).double(), atol=0.02, rtol=0)
    torch.testing.assert_close(gaps[2], torch.tensor(1.0).double())
    torch.testing.assert_close(sap(codes, EQUAL), torch.tensor([0, 0, 1.0]).double(), atol=1e-9, rtol=0)
    d = dci(codes, EQUAL)
    # Two codes share two factors equally: H = log 2 of log 3; the third is perfect.
    expected = 1 / 3 + (2 / 3) * (1 - math.log(2) / math.log(3))
    assert d.disentanglement.item() == pytest.approx(expected, abs=0.03)
    assert d.completeness.item() == pytest.approx(expected, abs=0.03)
    assert (d.informativeness > 0.97).all() and d.informativeness.shape == (3,)
    # The vote for a third of the draws is right, and for the other two thirds a toss of a coin.
    assert factor_vae_score(codes, EQUAL, votes=4000).item() == pytest.approx(2 / 3, abs=0.06)


def test_noise_tells_nothing():
    noise = torch.randn(len(EQUAL), 4).double()
    found = scores(noise, EQUAL)
    for name in ("mig", "sap", "informativeness"):
        assert found[name].abs().item() < 0.1, name
    # Chance is 1 / 3; the majority vote of 400 is scored on 400 others.
    assert found["factor_vae"].item() == pytest.approx(1 / 3, abs=0.1)


def test_a_factor_told_twice_closes_the_gaps_but_stays_disentangled():
    twice = torch.cat([PERFECT[:, :3], PERFECT[:, :3]], 1)
    found = scores(twice, CLASSES)
    assert found["mig"].item() == pytest.approx(0, abs=1e-9) and found["sap"].item() == pytest.approx(0, abs=1e-9)
    assert found["disentanglement"].item() > 0.98
    assert found["completeness"].item() == pytest.approx(1 - math.log(2) / math.log(6), abs=0.02)
    assert found["factor_vae"].item() == 1


def test_a_code_of_two_factors_is_complete_but_not_disentangled():
    """One code carries factors 0 and 1 in equal parts, two others nothing."""
    classes = grid(12, 12)
    codes = torch.stack([classes.sum(1).double(), torch.zeros(144).double(), torch.zeros(144).double()], 1)
    d = dci(codes, classes)
    assert d.disentanglement.item() == pytest.approx(0, abs=0.01) and d.completeness.item() > 0.98


def test_information_in_closed_form():
    """A code that is the class with probability 1 - e and else any other class."""
    classes = torch.arange(4).repeat_interleave(60_000)[:, None]
    e = 0.3
    other = (classes[:, 0] + torch.randint(1, 4, (len(classes),))) % 4
    code = torch.where(torch.rand(len(classes)) < e, other, classes[:, 0]).double()[:, None]
    exact = math.log(4) + (1 - e) * math.log(1 - e) + e * math.log(e / 3)
    # The standard error of log-ratios over 240,000 draws is below 0.002.
    torch.testing.assert_close(mutual_information(code, classes), torch.tensor([[exact]]).double(), atol=0.01, rtol=0)
    torch.testing.assert_close(mutual_information(classes.double(), classes)[0, 0].item(), math.log(4))


def test_the_bias_of_the_information_is_that_of_the_chi_squared_law():
    classes, bins = grid(5, 60)[:, :1], 7
    got = torch.cat([mutual_information(torch.randn(300, 50).double(), classes, bins) for _ in range(4)])
    law = chi2((bins - 1) * (5 - 1))  # of 2 N I, for independent code and factor
    error = law.std() / (2 * 300) / math.sqrt(len(got))
    # The law holds for large N; with 300 images in 35 cells it is a few percent off.
    assert abs(got.mean().item() - law.mean() / (2 * 300)) < 5 * error + 0.05 * law.mean() / (2 * 300)
    assert (got > -1e-12).all()


def test_mig_divides_by_the_entropy_of_the_factor():
    """A code that is the class with probability 1 - e, else another, beside a code of noise."""
    classes = torch.arange(4).repeat_interleave(20_000)[:, None]
    e = 0.3
    other = (classes[:, 0] + torch.randint(1, 4, (len(classes),))) % 4
    code = torch.where(torch.rand(len(classes)) < e, other, classes[:, 0]).double()
    codes = torch.stack([code, torch.randn(len(code)).double()], 1)
    exact = math.log(4) + (1 - e) * math.log(1 - e) + e * math.log(e / 3)
    # The noise's share of I is 57 / 160,000; the standard error of the code's is below 0.004.
    torch.testing.assert_close(mig(codes, classes), torch.tensor([exact / math.log(4)]).double(), atol=0.015, rtol=0)


def test_sap_is_a_gap_of_squared_correlations():
    classes = torch.arange(50).repeat(400)[:, None]
    v = (classes[:, 0].double() - 24.5) / classes.double().std()
    noise = torch.randn(2, len(v)).double()
    codes = torch.stack([0.6 * v + 0.8 * noise[0], noise[1]], 1)
    # The correlations are 0.6 and 0, with standard errors below 0.008; their difference would be 0.6.
    assert sap(codes, classes).item() == pytest.approx(0.36, abs=0.04)


def test_informativeness_is_measured_on_images_that_were_not_fitted():
    """On the fitted half, 80 weights would explain most of 100 images of noise."""
    classes = torch.stack([torch.randint(5, (200,)), torch.randint(5, (200,))], 1)
    assert (dci(torch.randn(200, 4).double(), classes).informativeness < 0).all()


def test_the_factor_vae_score_leaves_dead_codes_out():
    """A code that hardly moves would be the stillest in every vote."""
    codes = PERFECT.clone()
    codes[:, 3] = 1e-6 * torch.randn(len(codes)).double()
    assert factor_vae_score(codes, CLASSES).item() == 1
    assert factor_vae_score(0 * codes, CLASSES).item() == pytest.approx(1 / 3)
    unnormalised = PERFECT * torch.tensor([1, 100, 10, 1, 1])  # the variance counts relative to the code's own
    assert factor_vae_score(unnormalised, CLASSES).item() == 1


def test_entropy():
    assert entropy(torch.tensor([0.5, 0.5, 0.0])).item() == pytest.approx(math.log(2))


@pytest.mark.parametrize("score", [mutual_information, mig, sap, dci, factor_vae_score])
@pytest.mark.parametrize(
    ("codes", "classes", "error", "message"),
    [
        (PERFECT, CLASSES[:-1], ValueError, "of the same N images"),
        (PERFECT[:, 0], CLASSES, ValueError, "codes must be"),
        (CLASSES, PERFECT, TypeError, "the order is codes, classes"),
        (PERFECT * math.nan, CLASSES, ValueError, "infinite or missing"),
        (PERFECT, CLASSES * torch.tensor([1, 0, 1]), ValueError, "factor 1 has the same class"),
    ],
)
def test_what_cannot_be_scored(score, codes, classes, error, message):
    with pytest.raises(error, match=message):
        score(codes, classes)


@pytest.mark.parametrize("score", [mig, sap, dci])
def test_one_code_leaves_no_gap(score):
    with pytest.raises(ValueError, match="at least two codes"):
        score(PERFECT[:, :1], CLASSES)


def test_codes_that_tell_nothing_score_nothing():
    """Not even NaN: no importance is shared out."""
    score = dci(torch.zeros(1000, 4), torch.randint(0, 5, (1000, 2)))
    assert score.disentanglement == 0 and score.completeness == 0


@pytest.mark.parametrize(("classes", "expected"), [(2, 1.0), (20, 1.0), (3, 0.944), (32, 0.77)])
def test_what_bins_of_equal_count_do_to_a_perfect_code(classes, expected):
    """As the docstring of `mig` says: a bin that two classes share tells less of them."""
    v = torch.arange(classes * 4000) % classes
    codes = torch.stack([v + 0.01 * torch.randn(len(v)), torch.randn(len(v))], 1)
    # the second code's chance information, (bins - 1) (classes - 1) / (2 N H), is below 0.002
    assert mig(codes, v[:, None]).item() == pytest.approx(expected, abs=0.01)
