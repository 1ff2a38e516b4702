"""Classic mistakes in the exercises of notebook 09, and what the checker must say to each."""

import torch


def pairs(normal, odd, tie=0.5):
    """All pairs of 09.a, `[M, N]`."""
    return (odd[:, None] > normal).double() + tie * (odd[:, None] == normal).double()


def gaussian(mean, cov, A, tau, y, noise=lambda tau, n: tau**2 * torch.eye(n).double(), centre=True, prior=True,
             sign=1.0, left=lambda cov, term: cov - term):  # fmt: skip
    """The right answer to 09.b, with switches for what may go wrong."""
    gain = cov @ A.T @ torch.linalg.pinv(A @ cov @ A.T + noise(tau, len(A)))
    rest = y - mean @ A.T if centre else y
    return (mean if prior else 0) + sign * rest @ gain.T, left(cov, gain @ A @ cov)


def with_gain(gain):
    """09.b with another gain; gain(cov, A, of_y)."""

    def answer(mean, cov, A, tau, y):
        of_y = A @ cov @ A.T + tau**2 * torch.eye(len(A)).double()
        return mean + (y - mean @ A.T) @ gain(cov, A, of_y).T, gaussian(mean, cov, A, tau, y)[1]

    return answer


def second(change):
    """09.b with a covariance that was changed; change(cov, A, tau, y, left)."""

    def answer(mean, cov, A, tau, y):
        expected, left = gaussian(mean, cov, A, tau, y)
        return expected, change(cov, A, tau, y, left)

    return answer


def by_precision(mean, cov, A, tau, y):
    """09.b through precisions: right, but for tau = 0."""
    left = torch.linalg.inv(torch.linalg.inv(cov) + A.T @ A / tau**2)
    return (torch.linalg.inv(cov) @ mean + y @ A / tau**2) @ left, left


def popped(formula, boundary=lambda rest, end: rest >= end):
    """09.c with another result; formula(symbol, f, c, rest, n, state)."""

    def answer(state, freqs):
        rest, symbol, c = state % sum(freqs), 0, 0
        while boundary(rest, c + freqs[symbol]):
            c, symbol = c + freqs[symbol], symbol + 1
        return formula(symbol, freqs[symbol], c, rest, state // sum(freqs), state)

    return answer


right = popped(lambda s, f, c, rest, n, state: (s, f * n + rest - c))


def rounded(state, freqs):
    """09.c with / in place of //: right as long as a float has enough digits."""
    symbol, before = right(state, freqs)
    try:
        return symbol, int(float(before))
    except OverflowError:
        return symbol, 0


def by_last_start(state, freqs):
    """09.c: the symbol that begins at or before the rest, the first such among those of no frequency."""
    starts = [sum(freqs[:i]) for i in range(len(freqs))]
    rest = state % sum(freqs)
    symbol = starts.index(max(c for c in starts if c <= rest))
    return symbol, freqs[symbol] * (state // sum(freqs)) + rest - starts[symbol]


def before(popped, pushed):
    """09.d: what the images before have gained."""
    return torch.cumsum(pushed - popped, 0) - (pushed - popped)


MUTANTS = {
    "09.a": [
        (lambda a, b: 1 - pairs(a, b).mean(), "turned around"),
        (lambda a, b: pairs(b, a).mean(), "turned around"),
        (lambda a, b: pairs(a, b, 0).mean(), "Ties count 0"),
        (lambda a, b: pairs(a, b, 1).mean(), "Ties count 1"),
        (lambda a, b: (odd_minus(a, b) >= 0).double().mean(), "Ties count 1"),
        (lambda a, b: 2 * pairs(a, b).mean() - 1, "Gini"),
        (lambda a, b: torch.maximum(pairs(a, b).mean(), 1 - pairs(a, b).mean()), "never below 0.5"),
        (lambda a, b: pairs(a, b).sum(), "counts the pairs"),
        (lambda a, b: pairs(a, b).sum() / len(a), "divided by N alone"),
        (lambda a, b: pairs(a, b).sum() / len(b), "divided by M alone"),
        (lambda a, b: pairs(a, b).mean(0), "for each normal image"),
        (lambda a, b: pairs(a, b).mean(1), "for each odd image"),
        (lambda a, b: pairs(a, b), "one by one"),
        (lambda a, b: b.mean() - a.mean(), "difference of the mean scores"),
        (lambda a, b: (b > a.mean()).float().mean(), "above the mean"),
        (lambda a, b: (b > a.max()).float().mean(), "above *all* normal"),
        (lambda a, b: torch.sigmoid(1e3 * odd_minus(a, b)).mean(), "only their order counts"),
        (lambda a, b: pairs(a, b).mean() ** 2, "is right, for"),
        (lambda a, b: pairs(a, b).mean().item(), "as a tensor"),
    ],
    "09.b": [
        (lambda *a: gaussian(*a, prior=False), "this is only the correction"),
        (lambda *a: gaussian(*a, centre=False), "y is taken as it is; subtract"),
        (lambda *a: gaussian(*a, centre=False, prior=False), "only where the mean is 0"),
        (lambda *a: gaussian(*a, sign=-1.0), "The correction has the wrong sign"),
        (lambda *a: gaussian(*a, noise=lambda t, n: t * torch.eye(n).double()), "not tau."),
        (lambda *a: gaussian(*a, noise=lambda t, n: 0 * torch.eye(n).double()), "forgotten in Cov(y, y)"),
        (lambda *a: gaussian(*a, noise=lambda t, n: t**2), "not to its diagonal alone"),
        (lambda *a: gaussian(*a, noise=lambda t, n: -(t**2) * torch.eye(n).double()), "added, not subtracted"),
        (with_gain(lambda cov, A, of_y: cov @ A.T), "Cov(y, y)^-1 is missing"),
        (with_gain(lambda cov, A, of_y: A.T @ torch.linalg.inv(of_y)), "the factor cov is missing"),
        (with_gain(lambda cov, A, of_y: cov @ A.T @ of_y), "the inverse of Cov(y, y)"),
        (with_gain(lambda cov, A, of_y: cov @ A.T @ (1 / of_y)), "the reciprocal of every entry"),
        (with_gain(lambda cov, A, of_y: 0 * cov @ A.T), "as if nothing had been seen"),
        (lambda *a: (gaussian(*a)[0].mean(0), gaussian(*a)[1]), "One row for each image"),
        (lambda *a: gaussian(*a, left=lambda cov, term: cov), "before anything was seen"),
        (lambda *a: gaussian(*a, left=lambda cov, term: cov + term), "less certain"),
        (lambda *a: gaussian(*a, left=lambda cov, term: term), "what was *gained*"),
        (second(lambda cov, A, tau, y, left: left.diag()), "These are the variances"),
        (second(lambda cov, A, tau, y, left: left.diag().sqrt()), "standard deviations"),
        (second(lambda cov, A, tau, y, left: torch.diag(left.diag())), "beside the diagonal"),
        (second(lambda cov, A, tau, y, left: torch.linalg.pinv(left)), "the precision"),
        (second(lambda cov, A, tau, y, left: A @ left @ A.T), "covariance of A x"),
        (second(lambda cov, A, tau, y, left: left.expand(len(y), -1, -1)), "does not depend on y"),
        (second(lambda cov, A, tau, y, left: cov - cov @ A.T @ torch.linalg.pinv(A @ cov @ A.T) @ A @ cov),
         "In the covariance the noise is forgotten"),
        (second(lambda cov, A, tau, y, left: left + tau**2 * torch.eye(len(cov)).double()), "the noise of a new y"),
        (by_precision, "not for tau = 0"),
        (lambda *a: gaussian(*a, noise=lambda t, n: (t**2 + 1e-2) * torch.eye(n).double()), "is right, for"),
    ],
    "09.c": [
        (lambda s, f: right(s, f)[::-1], "exchanged"),
        (popped(lambda s, f, c, rest, n, state: (s, f * n + rest)), "c is not subtracted"),
        (popped(lambda s, f, c, rest, n, state: (s, f * n + rest + c)), "c is added"),
        (popped(lambda s, f, c, rest, n, state: (s, f * n)), "The rest is lost"),
        (popped(lambda s, f, c, rest, n, state: (s, n)), "not multiplied by the symbol's f"),
        (popped(lambda s, f, c, rest, n, state: (s, f * n - c)), "is missing in the new state"),
        (popped(lambda s, f, c, rest, n, state: (s, n + rest - c)), "f, the symbol's frequency"),
        (popped(lambda s, f, c, rest, n, state: (rest, f * n + rest - c)), "which symbol owns it"),
        (popped(lambda s, f, c, rest, n, state: (s, state)), "The state is not changed"),
        (popped(lambda s, f, c, rest, n, state: (s, f * n + rest - c), lambda rest, end: rest > end),
         "At a boundary"),
        (popped(lambda s, f, c, rest, n, state: (s, float(f * n + rest - c))), "not whole"),
        (rounded, "hundreds of digits"),
        (by_last_start, "the frequency 0 owns no number"),
        (popped(lambda s, f, c, rest, n, state: (s, torch.tensor(f * n + rest - c))), "whole numbers of Python's"),
        (popped(lambda s, f, c, rest, n, state: (s, f * n + rest - c + 1)), "Do it by hand"),
    ],
    "09.d": [
        (lambda a, b: a[0], "what the first image needs"),
        (lambda a, b: a.max(), "the largest pop"),
        (lambda a, b: a.sum(), "lends every image its bits anew"),
        (lambda a, b: torch.cumsum(a - b, 0).max(), "pops *before* it pushes"),
        (lambda a, b: torch.cumsum(a - b, 0).max().clamp(min=0), "pops *before* it pushes"),
        (lambda a, b: (a - b).sum(), "with its sign turned"),
        (lambda a, b: (b - a).sum(), "the net size of the file"),
        (lambda a, b: (a - b).max(), "each image alone"),
        (lambda a, b: a - before(a, b), "what each image asks for"),
        (lambda a, b: (before(a, b) - a).min(), "The sign is wrong"),
        (lambda a, b: (a - before(a, b)).min(), "not the one that asks least"),
        (lambda a, b: (a - before(a, b))[-1], "what the last image asks for"),
        (lambda a, b: a.mean(), "the average pop"),
        (lambda a, b: (a - torch.cumsum(b, 0) + b).max(), "is gone by then"),
        (lambda a, b: (a - before(a, b)).max() + 1, "is right, for"),
    ],
}


def odd_minus(normal, odd):
    """Differences of all pairs, `[M, N]`."""
    return odd[:, None] - normal
