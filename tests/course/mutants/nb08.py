"""Classic mistakes in the exercises of notebook 08, and what the checker must say to each."""

import math

import torch
import torch.nn.functional as F


def angle(a, b):
    return torch.acos(F.cosine_similarity(a, b, dim=1).clamp(-1, 1))[:, None]


def arc(a, b, t, w):
    """The formula, with a small angle mended."""
    on_the_arc = (((1 - t) * w).sin() * a + (t * w).sin() * b) / w.sin()
    return torch.where(w.sin().abs() < 1e-4, (1 - t) * a + t * b, on_the_arc)


def unit(v):
    return v / v.norm(dim=1, keepdim=True)


def line(a, b, t):
    return (1 - t) * a + t * b


def centred(x):
    return x - x.mean(0)


def fit(factors, codes):
    return torch.linalg.lstsq(factors, codes).solution


def ones(factors):
    return torch.cat([torch.ones(len(factors), 1), factors], 1)


def means(codes, factors):
    split = [f > f.mean() for f in factors.T]
    return torch.stack([codes[s].mean(0) - codes[~s].mean(0) for s in split])


def one_by_one(codes, factors):
    return torch.cat([fit(centred(f[:, None]), centred(codes)) for f in factors.T])


def covariances(codes, factors):
    return centred(factors).T @ centred(codes) / len(codes)


def right_directions(codes, factors):
    return fit(centred(factors), centred(codes))


def centroids(z, labels):
    return torch.stack([z[labels == c].mean(0) for c in range(int(labels.max()) + 1)])


def classify(scale, p=2.0, middle=None):
    """An answer to 08.c with another scale, distance or centroid."""

    def answer(codes, labels, new):
        s = scale(codes, new)
        if middle is None:
            c = centroids(codes, labels)
        else:
            c = torch.stack([middle(codes[labels == k]) for k in range(int(labels.max()) + 1)])
        return torch.cdist(new / s, c / s, p=p).argmin(1)

    return answer


def by_themselves(codes, labels, new):
    z, x = (centred(v) / v.std(0, correction=min(1, len(v) - 1)) for v in (codes, new))
    return torch.cdist(x, centroids(z, labels)).argmin(1)


def one_neighbour(codes, labels, new):
    return labels[torch.cdist(new / codes.std(0), codes / codes.std(0)).argmin(1)]


def distances(codes, labels, new):
    return torch.cdist(new / codes.std(0), centroids(codes, labels) / codes.std(0))


def parts(bounds, log_prior, logits):
    """Joint, q and log q."""
    return bounds + log_prior, logits.softmax(1), logits.log_softmax(1)


def u(f):
    """A mutant of 08.d from joint, q, log q, and the arguments."""
    return lambda bounds, log_prior, logits: f(*parts(bounds, log_prior, logits), bounds, log_prior, logits)


MUTANTS = {
    "08.a": [
        (lambda a, b, t: arc(b, a, t, angle(a, b)), "The ends have changed places"),
        (line, "This is the straight line. Half way"),
        (lambda a, b, t: unit(line(a, b, t)), "scaled to length 1. Codes"),
        (lambda a, b, t: unit(line(a, b, t)) * a.norm(dim=1, keepdim=True), "scaled to the length of a"),
        (
            lambda a, b, t: unit(line(a, b, t)) * line(a.norm(dim=1, keepdim=True), b.norm(dim=1, keepdim=True), t),
            "with its length mended",
        ),
        (lambda a, b, t: arc(a, b, t, torch.acos((a * b).sum(1, keepdim=True))), "that is no cosine"),
        (lambda a, b, t: arc(unit(a), unit(b), t, angle(a, b)), "The ends are scaled to length 1"),
        (lambda a, b, t: arc(a, b, t, angle(a, b).cos()), "as if it were the angle"),
        (lambda a, b, t: ((1 - t) * angle(a, b)).sin() * a + (t * angle(a, b)).sin() * b, "not divided by the sine"),
        (lambda a, b, t: ((1 - t) * angle(a, b)).cos() * a + (t * angle(a, b)).cos() * b, "These are cosines"),
        (lambda a, b, t: arc(a, b, t, angle(a, b).mean()), "All pairs share one angle"),
        (lambda a, b, t: arc(a, a, t, angle(a, b)), "b plays no part"),
        (
            lambda a, b, t: (((1 - t) * angle(a, b)).sin() * a + (t * angle(a, b)).sin() * b) / angle(a, b).sin(),
            "but not a number if both are the same",
        ),
        (lambda a, b, t: arc(a, b, t, angle(a, b)) + 1, "is right, for"),
    ],
    "08.b": [
        (lambda z, f: fit(f, z), "There is no constant"),
        (lambda z, f: fit(f, centred(z)), "The codes are centred and the factors are not"),
        (one_by_one, "One factor at a time"),
        (means, "These are differences of means"),
        (lambda z, f: fit(centred(z), centred(f)).T, "This regresses the factors on the codes. Wanted"),
        (lambda z, f: torch.linalg.pinv(fit(centred(z), centred(f))), "and inverts the result"),
        (lambda z, f: fit(ones(f), z), "The row of the constant is still there"),
        (lambda z, f: fit(ones(f), z)[:-1], "not that of the constant"),
        (covariances, "These are covariances"),
        (lambda z, f: unit(right_directions(z, f)), "scaled to length 1"),
        (lambda z, f: right_directions(z, f) * f.std(0)[:, None], "per standard deviation"),
        (lambda z, f: -right_directions(z, f), "The sign is wrong"),
        (lambda z, f: right_directions(z, f).T, "This is the transpose"),
        (lambda z, f: right_directions(z, f) + 1, "is right, for"),
    ],
    "08.c": [
        (classify(lambda z, x: torch.cat([z, x]).std(0)), "The scale comes from all codes together"),
        (classify(lambda z, x: x.std(0) if len(x) > 1 else z.std(0)), "The scale is that of the new codes"),
        (by_themselves, "standardised by their own mean and spread"),
        (classify(lambda z, x: torch.ones(z.shape[1])), "Nothing is scaled, or all dimensions by one number"),
        (classify(lambda z, x: z.var(0)), "divided by the variance"),
        (classify(lambda z, x: 1 / z.std(0)), "multiplied by the standard deviation"),
        (classify(lambda z, x: z.std()), "Nothing is scaled, or all dimensions by one number"),
        (lambda z, y, x: distances(z, y, x).argmax(1), "the farthest centroid"),
        (one_neighbour, "the nearest code, 1-NN"),
        (classify(lambda z, x: z.std(0), middle=lambda rows: rows.sum(0)), "are added up"),
        (classify(lambda z, x: z.std(0), middle=lambda rows: rows.median(0).values), "is a median here"),
        (classify(lambda z, x: z.std(0), p=1.0), "sum of absolute differences"),
        (lambda z, y, x: distances(z, y, x).min(1).values, "These are distances"),
        (
            lambda z, y, x: distances(z, y, x).argmin(1) if len(x) > 1 else torch.zeros(1).long() - 1,
            "changes when the others are taken away",
        ),
    ],
    "08.d": [
        (u(lambda joint, q, log_q, *_: (q * (joint + log_q)).sum(1)), "entropy of q(y|x) is subtracted"),
        (u(lambda joint, q, log_q, *_: (q * joint).sum(1)), "entropy of q(y|x) is missing"),
        (u(lambda joint, q, log_q, bounds, *_: (q * (bounds - log_q)).sum(1)), "log p(y) is missing"),
        (
            u(lambda joint, q, log_q, bounds, prior, _: (q * (bounds - prior - log_q)).sum(1)),
            "log p(y) is subtracted",
        ),
        (u(lambda joint, *_: joint.logsumexp(1)), "q(y|x) plays no part"),
        (u(lambda joint, q, log_q, *_: joint.mean(1) - (q * log_q).sum(1)), "averaged evenly"),
        (
            u(lambda joint, q, *_: joint.gather(1, q.argmax(1, keepdim=True))[:, 0]),
            "Only the likeliest class counts",
        ),
        (u(lambda joint, q, log_q, *_: (joint - log_q).sum(1)), "The weights q(y|x) are missing"),
        (u(lambda joint, q, log_q, b, p, raw: (raw.exp() * (joint - raw)).sum(1)), "taken for log q(y|x). They"),
        (u(lambda joint, q, log_q, b, p, raw: (q * (joint - raw)).sum(1)), "inside the bracket"),
        (
            u(lambda joint, q, log_q, b, p, raw: (raw.softmax(0) * (joint - raw.log_softmax(0))).sum(1)),
            "normalised over the images",
        ),
        (u(lambda joint, q, log_q, *_: -(q * (joint - log_q)).sum(1)), "This is the loss"),
        (u(lambda joint, q, log_q, *_: (q * (joint - log_q)).mean(1)), "a mean over classes"),
        (u(lambda joint, q, log_q, *_: (q * (joint - log_q / math.log(2))).sum(1)), "in bits"),
        (u(lambda joint, q, *_: (q * (joint - q.log())).sum(1)), "where q(y|x) is sure"),
        (u(lambda joint, q, log_q, *_: (q * (joint - log_q)).sum(1) + 1), "is right, for"),
    ],
}
