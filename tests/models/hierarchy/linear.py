"""z_2 -> z_1 -> x, all linear and Gaussian: log p(x), every conditional and every covariance in closed form.

z_2 ~ N(0, I), z_1 | z_2 ~ N(A z_2 + a, diag(s^2)), x | z_1 ~ N(W z_1 + b, sigma^2 I); D = 5, L_1 = 3, L_2 = 2.
W has orthogonal columns and A fits them, so that the true posteriors of a descent are diagonal.
"""

import math

import torch
from torch import nn
from torch.distributions import MultivariateNormal

from tests.conftest import LinearDecoder
from vae_helpers import Gaussian, HierarchicalVAE, Ladder, LayerPrior, Residual
from vae_helpers.models.hierarchy.inference import TopDownPosterior

SIGMA, SIZES = 0.7, [3, 2]
S = torch.tensor([0.5, 0.9, 0.7], dtype=torch.float64)  # of z_1 given z_2


class Truth:
    """The parameters, and what follows from them."""

    def __init__(self, straight=False):
        double = {"dtype": torch.float64}
        self.W = torch.linalg.qr(torch.randn(5, 3, **double))[0] * torch.tensor([2.0, 1.0, 0.5], **double)
        self.a, self.b = torch.randn(3, **double), torch.randn(5, **double)
        self.v_1 = SIGMA**2 / self.W.square().sum(0)  # variance of the message about z_1
        M = S.square() + self.v_1  # of the message about A z_2 + a
        if straight:  # A A^T diagonal, so that a climb is diagonal, too
            self.A = torch.tensor([[1.2, 0.0], [0.0, -0.8], [0.0, 0.0]], **double)
        else:
            self.A = M.sqrt()[:, None] * torch.linalg.qr(torch.randn(3, 2, **double))[0] * torch.tensor([1.5, 0.6])
        self.P_2 = (self.A.T / M) @ self.A  # precision of the message about z_2, diagonal
        assert self.P_2[0, 1].abs() < 1e-12
        self.M = M
        # the joint of z = [z_1, z_2], and of x
        upper = self.A @ self.A.T + S.square().diag()
        self.z = MultivariateNormal(
            torch.cat([self.a, torch.zeros(2, **double)]),
            torch.cat([torch.cat([upper, self.A], 1), torch.cat([self.A.T, torch.eye(2, **double)], 1)]),
        )
        noise = SIGMA**2 * torch.eye(5, **double)
        self.x = MultivariateNormal(self.W @ self.a + self.b, self.W @ upper @ self.W.T + noise)

    def posterior(self, x):
        """p(z|x), of both layers."""
        W = torch.cat([self.W, torch.zeros(5, 2, dtype=torch.float64)], 1)
        precision = self.z.precision_matrix + W.T @ W / SIGMA**2
        covariance = torch.linalg.inv(precision)
        shift = self.z.precision_matrix @ self.z.mean + (x - self.b) @ W / SIGMA**2
        return MultivariateNormal(shift @ covariance, (covariance + covariance.T) / 2)

    def messages(self, x):
        """What x says about z_1 and about z_2: mean and variance of each."""
        m_1 = (x - self.b) @ self.W / self.W.square().sum(0)
        m_2 = (m_1 - self.a) @ (self.A / self.M[:, None]) / self.P_2.diagonal()
        return (m_1, self.v_1.expand_as(m_1)), (m_2, 1 / self.P_2.diagonal().expand_as(m_2))

    def prior(self):
        """The `LayerPrior` of these parameters."""
        prior = LayerPrior(SIZES, nn.Linear).double()
        with torch.no_grad():
            prior.nets[0].weight.copy_(torch.cat([self.A, torch.zeros_like(self.A)]))
            prior.nets[0].bias.copy_(torch.cat([self.a, 2 * S.log()]))
        return prior

    def model(self, kind, straight=False):
        """A `HierarchicalVAE` with these parameters, and an encoder made by `kind(prior, truth)`."""
        prior = self.prior()
        model = HierarchicalVAE(kind(prior, self), prior, LinearDecoder(self.W, self.b), Gaussian(SIGMA)).double()
        model.likelihood.log_var.fill_(2 * math.log(SIGMA))  # in float64
        return model


class ExactLadder(Ladder):
    """A ladder whose messages are the true ones; `spoil` changes (mean, variance) of layer t."""

    def __init__(self, prior, truth):
        super().__init__(prior, (5,))
        self.truth = truth

    def spoil(self, t, mean, variance):
        return mean, variance

    def forward(self, x):
        pairs = [self.spoil(t, *pair) for t, pair in enumerate(self.truth.messages(x))]
        return TopDownPosterior(self, [torch.cat([mean, variance.log()], -1) for mean, variance in pairs])


class ExactResidual(Residual):
    """The residual encoder whose linear heads are set to the truth."""

    def __init__(self, prior, truth):
        super().__init__(prior, (5,), nn.Linear, features=5)
        self.double()
        share = S.square() / truth.M  # how far q's mean goes from the prior's to the message's
        back = truth.W.T / truth.W.square().sum(0)[:, None]  # x - b -> m_1
        precision = truth.P_2.diagonal()
        with torch.no_grad():
            for head in self.heads:
                head.weight.zero_()
            self.heads[0].weight[:3] = share[:, None] * torch.cat([back, -truth.A], 1)
            self.heads[0].bias.copy_(torch.cat([share * (-back @ truth.b - truth.a), (truth.v_1 / truth.M).log()]))
            to_m_2 = (truth.A / truth.M[:, None]).T
            self.heads[1].weight[:2] = to_m_2 @ back / (1 + precision)[:, None]
            offset = to_m_2 @ (-back @ truth.b - truth.a) / (1 + precision)
            self.heads[1].bias.copy_(torch.cat([offset, -(1 + precision).log()]))

    def forward(self, x):
        return TopDownPosterior(self, [x, x])
