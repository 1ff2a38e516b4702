"""Checkers for notebook 09."""

from collections.abc import Callable

import torch
from torch import Tensor

from .checking import Mistake, checker, compare, same, unpack


@checker("09.a")
def auroc(answer: Callable) -> str:
    """answer(normal, odd): scores `[N]`, `[M]` -> the share of pairs in which the odd one is higher, ties half."""
    cases = [(torch.tensor([1.0, 3.0, 4.0]), torch.tensor([2.0, 4.0])),
             (torch.tensor([2.0, 4.0, 4.0]), torch.tensor([1.0, 2.0]))]  # fmt: skip
    for seed, (n, m) in enumerate(((7, 5), (40, 60), (60, 40))):
        rng = torch.Generator().manual_seed(seed)
        draw = lambda size: torch.randint(0, 12, (size,), generator=rng).float()  # noqa: E731, B023
        cases.append((draw(n), draw(m) + 3 * (1 - seed)))
    for normal, odd in cases:
        compare(got := answer(normal, odd), _pairs(normal, odd), _wrong_shares(normal, odd))
    if not isinstance(got, Tensor):
        raise Mistake("The number is right. But return it as a tensor, without float or .item().")
    for normal, odd in cases:  # far from 0, and close together or far apart
        for scale, shift in ((1e-3, 1000.0), (1e4, -1e6)):
            got = answer(normal.double() * scale + shift, odd.double() * scale + shift)
            if not same(got, _pairs(normal, odd)):
                raise Mistake("Right for scores of moderate size. But only their order counts, however far apart.")
    if not same(answer(torch.ones(1), torch.ones(1)), torch.tensor(0.5)):
        raise Mistake("Right for many scores. One normal and one odd image with the same score are a tie: 0.5.")
    return "Half means that the score knows nothing, and below half that it is wrong about what is odd."


def _pairs(normal: Tensor, odd: Tensor) -> Tensor:
    """The share, pair by pair."""
    wins = [1.0 if b > a else 0.5 if b == a else 0.0 for a in normal.tolist() for b in odd.tolist()]
    return torch.tensor(sum(wins) / len(wins))


def _wrong_shares(normal: Tensor, odd: Tensor) -> list[tuple[Tensor, str]]:
    truth = _pairs(normal, odd)
    strict = (odd[:, None] > normal).float()
    ties = (odd[:, None] == normal).float()
    return [
        (1 - truth, "This is the share of pairs in which the *normal* image scores higher: turned around."),
        (strict.mean(), "Ties count 0 here; they should count half."),
        ((strict + ties).mean(), "Ties count 1 here (>= for >); they should count half."),
        (2 * truth - 1, "This is twice the share, minus 1 (Gini's coefficient)."),
        (torch.maximum(truth, 1 - truth),
         "This is never below 0.5: nobody sees any more that a score takes odd images for normal."),
        ((strict + 0.5 * ties).sum(), "This counts the pairs; divide by how many there are, N times M."),
        ((strict + 0.5 * ties).sum() / len(normal), "It is divided by N alone; there are N times M pairs."),
        ((strict + 0.5 * ties).sum() / len(odd), "It is divided by M alone; there are N times M pairs."),
        ((strict + 0.5 * ties).mean(0), "One share for each normal image: average them, too."),
        ((strict + 0.5 * ties).mean(1), "One share for each odd image: average them, too."),
        (strict + 0.5 * ties, "These are all pairs, one by one: their mean is wanted."),
        (odd.mean() - normal.mean(), "This is the difference of the mean scores. Count pairs."),
        ((odd > normal.mean()).float().mean(), "This is the share of odd images above the mean of the normal ones."),
        ((odd > normal.max()).float().mean(), "This is the share of odd images above *all* normal ones."),
    ]  # fmt: skip


@checker("09.b")
def restore(answer: Callable) -> str:
    """answer(mean, cov, A, tau, y) -> E[x|y] `[B, D]`, Cov[x|y] `[D, D]` for y = A x + tau noise."""
    rng = torch.Generator().manual_seed(0)
    draw = lambda *shape: torch.randn(*shape, generator=rng, dtype=torch.float64)  # noqa: E731
    one = torch.ones(1, 1).double()
    cases = [(torch.tensor([1.0]).double(), 2 * one, 3 * one, 0.5, 2 * one)]
    for D, M, B, tau in ((2, 1, 1, 0.5), (4, 3, 5, 0.3), (5, 2, 3, 2.0), (3, 3, 4, 1.5)):
        root = draw(D, D)
        cases.append((draw(D), root @ root.T / D + 0.2 * torch.eye(D).double(), draw(M, D), tau, 2 * draw(B, M)))
    got = [unpack(answer(*case), "mean, covariance") for case in cases]
    for case, (mean, _) in zip(cases, got, strict=True):
        compare(mean, _by_precision(*case)[0], _wrong_means(*case), name="the mean")
    for case, (_, cov) in zip(cases, got, strict=True):
        compare(cov, _by_precision(*case)[1], _wrong_covariances(*case), name="the covariance")
    for seen, cov in ((0, [[1.0, 0.8], [0.8, 1.0]]), (1, [[4.0, 1.0], [1.0, 2.0]])):  # without noise
        cov, mean = torch.tensor(cov).double(), torch.tensor([0.5, -1.0]).double()
        A, y = torch.eye(2).double()[seen : seen + 1], torch.tensor([[2.0], [-3.0]]).double()
        other = 1 - seen
        truth = torch.zeros(2, 2).double()
        truth[:, seen], slope = y[:, 0], cov[0, 1] / cov[seen, seen]
        truth[:, other] = mean[other] + slope * (y[:, 0] - mean[seen])
        left = torch.zeros(2, 2).double()
        left[other, other] = cov[other, other] - slope * cov[0, 1]
        pairs = zip(unpack(answer(mean, cov, A, 0.0, y), "mean, covariance"), (truth, left), strict=True)
        if not all(same(a, b) for a, b in pairs):
            raise Mistake("Right with noise, but not for tau = 0, where pixels are seen exactly: divide by no tau.")
    return "The same function hides, shrinks and denoises: only A and tau differ."


def _by_precision(mean: Tensor, cov: Tensor, A: Tensor, tau: float, y: Tensor) -> tuple[Tensor, Tensor]:
    """The same in another way: precisions add."""
    left = torch.linalg.inv(torch.linalg.inv(cov) + A.T @ A / tau**2)
    return (torch.linalg.inv(cov) @ mean + y @ A / tau**2) @ left, left


def _wrong_means(mean: Tensor, cov: Tensor, A: Tensor, tau: float, y: Tensor) -> list[tuple[Tensor, str]]:
    eye = torch.eye(len(A)).double()
    seen, gain = A @ cov @ A.T, lambda S: cov @ A.T @ torch.linalg.inv(S)
    right = gain(seen + tau**2 * eye)
    rest, truth = y - mean @ A.T, _by_precision(mean, cov, A, tau, y)[0]
    return [
        (rest @ right.T, "E[x] is not added: this is only the correction."),
        (mean + y @ right.T, "y is taken as it is; subtract what was expected of it, A mean."),
        (y @ right.T, "y is taken as it is and E[x] not added: that is right only where the mean is 0."),
        (mean - rest @ right.T, "The correction has the wrong sign."),
        (mean + rest @ gain(seen + tau * eye).T, "The noise has the variance tau^2, not tau."),
        (mean + rest @ torch.linalg.pinv(seen).T @ (A @ cov), "The noise is forgotten in Cov(y, y)."),
        (mean + rest @ gain(seen + tau**2).T, "tau^2 is added to every entry of Cov(y, y), not to its diagonal alone."),
        (mean + rest @ (A @ cov), "Cov(y, y)^-1 is missing."),
        (mean + rest @ torch.linalg.inv(seen + tau**2 * eye) @ A, "In Cov(x, y) = cov A^T the factor cov is missing."),
        (mean + rest @ ((seen + tau**2 * eye) @ A @ cov), "It is the inverse of Cov(y, y) that is wanted."),
        (mean + rest @ ((1 / (seen + tau**2 * eye)) @ A @ cov), "1 / matrix takes the reciprocal of every entry."),
        (mean + rest @ gain(seen - tau**2 * eye).T, "The noise's variance is added, not subtracted."),
        (mean.expand_as(truth), "This is E[x], as if nothing had been seen."),
        (truth.mean(0), "One row for each image is wanted: this is their mean."),
    ]  # fmt: skip


def _wrong_covariances(mean: Tensor, cov: Tensor, A: Tensor, tau: float, y: Tensor) -> list[tuple[Tensor, str]]:
    left = _by_precision(mean, cov, A, tau, y)[1]
    return [
        (cov, "This is the covariance before anything was seen."),
        (2 * cov - left, "The term is added: seeing something cannot make x less certain. Subtract it."),
        (cov - left, "This is what was *gained* by seeing y; subtract it from cov."),
        (left.diag(), "These are the variances; the whole matrix is wanted."),
        (left.diag().sqrt(), "These are standard deviations; the covariance matrix is wanted."),
        (torch.diag(left.diag()), "The covariances beside the diagonal are missing."),
        (torch.linalg.inv(left), "This is its inverse, the precision."),
        (A @ left @ A.T, "This is the covariance of A x; that of x is wanted."),
        (cov - cov @ A.T @ torch.linalg.pinv(A @ cov @ A.T) @ A @ cov,
         "The mean is right. In the covariance the noise is forgotten."),
        (left + tau**2 * torch.eye(len(cov)).double(), "tau^2 is added: that would be the noise of a new y."),
        (left.expand(len(y), -1, -1), "One covariance for each image: it does not depend on y, return it once."),
    ]  # fmt: skip


@checker("09.c")
def pop(answer: Callable) -> str:
    """answer(state, freqs): whole number, tuple of whole numbers -> (symbol, state before)."""
    laws = ((3, 1), (1, 3), (2, 3, 4), (1, 5, 1, 9), (7,))
    cases = [(s, f) for f in laws for s in (10, 13, 43, 12, 97, 1000)]
    found = [(case, unpack(answer(*case), "symbol, state")) for case in cases]
    for _, got in found:
        for value in got:
            if isinstance(value, Tensor) or isinstance(value, bool) or not isinstance(value, (int, float)):
                raise Mistake(f"It returned a {type(value).__name__} among its two; return whole numbers of Python's.")
    wrong = [(case, got) for case, got in found if tuple(got) != _popped(*case)]
    for mistake, message in _WRONG_POPS:
        if wrong and all(tuple(got) == mistake(*case) for case, got in found):
            raise Mistake(message)
    if wrong:
        case, got = wrong[0]
        raise Mistake(f"pop{case} is {tuple(got)}, and {_popped(*case)} is right. Do it by hand, then push it again.")
    if any(isinstance(value, float) for _, got in found for value in got):
        raise Mistake("The numbers are right, but not whole: / makes floats, which have 16 digits. Use //.")
    for state, freqs in ((3 * 10**40 + 1, (3, 1)), (7 * 10**60 + 5, (2, 3, 4)), (4**1000 + 3, (1, 2, 1))):
        if tuple(answer(state, freqs)) != _popped(state, freqs):
            raise Mistake("Right for small states. But a state may have hundreds of digits: use // and %, no floats.")
    for state in (0, 2, 3, 4, 17):
        if tuple(answer(state, (0, 3, 0, 0, 2))) != _popped(state, (0, 3, 0, 0, 2)):
            raise Mistake("Right where all symbols occur. A symbol with the frequency 0 owns no number.")
    return "A stack in one whole number: what was pushed last comes out first."


def _popped(state: int, freqs: tuple) -> tuple[int, int]:
    """By trying out: the one symbol and state that `push` takes here."""
    total, owner = sum(freqs), [symbol for symbol, f in enumerate(freqs) for _ in range(f)]
    symbol = owner[state % total]
    first = owner.index(symbol)
    return symbol, state // total * freqs[symbol] + state % total - first


def _with(formula: Callable) -> Callable:
    """From a formula in the right symbol, its f and c, the rest and the quotient."""

    def mistake(state: int, freqs: tuple) -> tuple:
        symbol = _popped(state, freqs)[0]
        return formula(symbol, freqs[symbol], sum(freqs[:symbol]), state % sum(freqs), state // sum(freqs))

    return mistake


def _late(state: int, freqs: tuple) -> tuple:
    """The symbol by > for >=: the first number of each goes to the symbol before."""
    rest, symbol, c = state % sum(freqs), 0, 0
    while rest > c + freqs[symbol]:
        c, symbol = c + freqs[symbol], symbol + 1
    return symbol, freqs[symbol] * (state // sum(freqs)) + rest - c


_WRONG_POPS = [
    (lambda state, freqs: _popped(state, freqs)[::-1], "The two are exchanged: return symbol, state."),
    (_with(lambda symbol, f, c, rest, n: (symbol, f * n + rest)),
     "c is not subtracted: within the symbol's own numbers the rest counts from its first."),
    (_with(lambda symbol, f, c, rest, n: (symbol, f * n + rest + c)), "c is added; push added it, so take it off."),
    (_with(lambda symbol, f, c, rest, n: (symbol, f * n)), "The rest is lost: push added c + state % f."),
    (_with(lambda symbol, f, c, rest, n: (symbol, n)), "The state is divided, but not multiplied by the symbol's f."),
    (_with(lambda symbol, f, c, rest, n: (symbol, f * n - c)), "The rest, state % total, is missing in the new state."),
    (_with(lambda symbol, f, c, rest, n: (symbol, n + rest - c)), "f, the symbol's frequency, is missing."),
    (_with(lambda symbol, f, c, rest, n: (rest, f * n + rest - c)),
     "The new state is right, but the first value is the rest itself: which symbol owns it?"),
    (_late, "At a boundary it takes the wrong symbol: the number c itself belongs to the symbol that begins there."),
    (lambda state, freqs: (_popped(state, freqs)[0], state), "The state is not changed: what was pushed must go."),
]  # fmt: skip


@checker("09.d")
def initial_bits(answer: Callable) -> str:
    """answer(popped, pushed): bits `[N]` each -> the least that must be on the stack at the start."""
    cases = [(torch.tensor([120.0, 130.0]), torch.tensor([270.0, 280.0])),
             (torch.tensor([5.0]), torch.tensor([2.0])),
             (torch.tensor([5.0, 30.0, 4.0]), torch.tensor([9.0, 31.0, 6.0])),
             (torch.tensor([10.0, 9.0, 20.0, 1.0]), torch.tensor([2.0, 12.0, 15.0, 30.0]))]  # fmt: skip
    for seed, n in enumerate((6, 9, 20)):
        rng = torch.Generator().manual_seed(seed)
        popped = 100 * torch.rand(n, generator=rng)
        cases.append((popped, popped + 60 * torch.rand(n, generator=rng) - 20 * seed))
    cases = [(popped, pushed.clamp(min=0)) for popped, pushed in cases]
    late = "Each image pops *before* it pushes: its own pushed bits cannot pay for its own pop."
    for popped, pushed in cases:
        before = (gained := torch.cumsum(pushed - popped, 0)) - (pushed - popped)
        compare(answer(popped, pushed), _least(popped, pushed), [
            (popped[0], "This is what the first image needs. Can a later one need more than is there by then?"),
            (popped.max(), "This is the largest pop; but what the images before have pushed is there by then."),
            (popped.sum(), "This lends every image its bits anew: what the images before pushed is there as well."),
            ((-gained).max(), late),
            ((-gained).clamp(min=0).max(), late),
            (-gained[-1], "This is the change until the end, with its sign turned; the lowest point counts."),
            (gained[-1], "This is the net size of the file; the lowest point on the way counts."),
            ((popped - pushed).max(), "This looks at each image alone: what did those before it leave?"),
            (popped - before, "This is what each image asks for; the one that asks most decides."),
            (-(popped - before).max(), "The sign is wrong: so many bits must be *there*."),
            ((popped - before).min(), "The image that asks most decides, not the one that asks least."),
            ((popped - before)[-1], "This is what the last image asks for; the one that asks most decides."),
            (popped.mean(), "This is the average pop; no pop may find too little."),
            ((popped - torch.cumsum(pushed, 0) + pushed).max(), "What the images before *popped* is gone by then."),
        ])  # fmt: skip
    return "In the file, and paid back only at the very end."


def _least(popped: Tensor, pushed: Tensor) -> Tensor:
    """Step by step: borrow more whenever a pop finds too little."""
    there = borrowed = 0.0
    for out, back in zip(popped.tolist(), pushed.tolist(), strict=True):
        more = max(0.0, out - there)
        borrowed, there = borrowed + more, there + more - out + back
    return torch.tensor(borrowed)
