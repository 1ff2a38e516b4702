"""Probabilistic PCA: the latent-variable model in which every question has an exact answer."""

import torch
from torch import Tensor
from torch.distributions import Independent, MultivariateNormal, Normal


class PPCA:
    """z ~ N(0, I), x|z ~ N(W z + b, sigma^2 I), with the names of `VAE` (Tipping and Bishop, 1999).

    Logarithms are in nats, gradients reach all three parameters.

    Args:
        W: `[D, L]`.
        b: `[D]`.
        sigma: a positive number or a tensor `[]`.

    Raises:
        ValueError: for shapes that do not fit.

    Example:
        >>> model = PPCA(torch.ones(3, 2), torch.zeros(3), sigma=1.0)
        >>> model.marginal().covariance_matrix[0]  # W W^T + sigma^2 I
        tensor([3., 2., 2.])
    """

    def __init__(self, W: Tensor, b: Tensor, sigma: Tensor | float):
        if W.ndim != 2 or b.shape != W.shape[:1] or b.dtype != W.dtype:
            raise ValueError(
                f"W must be [D, L] and b [D], of one dtype, got {list(W.shape)} {W.dtype} and {list(b.shape)} {b.dtype}"
            )
        self.W, self.b, self.sigma = W, b, torch.as_tensor(sigma, dtype=W.dtype)
        if self.sigma.ndim or not 0 < self.sigma < torch.inf:
            raise ValueError(f"sigma must be one positive number, got {sigma}")

    @property
    def prior(self) -> Independent:
        """p(z) = N(0, I): event `[L]`."""
        return Independent(Normal(self.W.new_zeros(self.W.shape[1]), 1.0), 1)

    def decode(self, z: Tensor) -> Independent:
        """p(x|z) = N(W z + b, sigma^2 I) for z `[..., L]`: batch `[...]`, event `[D]`."""
        return Independent(Normal(z @ self.W.T + self.b, self.sigma), 1)

    def marginal(self) -> MultivariateNormal:
        """p(x) = N(b, W W^T + sigma^2 I): event `[D]`. Bishop (2006), eqs. 12.35 and 12.36."""
        noise = self.sigma**2 * torch.eye(len(self.b), dtype=self.W.dtype)
        return MultivariateNormal(self.b, self.W @ self.W.T + noise)

    def posterior(self, x: Tensor) -> MultivariateNormal:
        """p(z|x) for x `[B, D]`: batch `[B]`, event `[L]`. Bishop (2006), eq. 12.42.

        The covariance does not depend on x. Its inverse is I + W^T W / sigma^2.
        Raises ValueError for another shape of x.
        """
        if x.ndim != 2 or x.shape[1] != len(self.b):
            raise ValueError(f"x must be [B, {len(self.b)}], got {list(x.shape)}")
        precision = torch.eye(self.W.shape[1], dtype=self.W.dtype) + self.W.T @ self.W / self.sigma**2
        covariance = torch.cholesky_inverse(torch.linalg.cholesky(precision))
        mean = (x - self.b) @ self.W @ covariance / self.sigma**2
        return MultivariateNormal(mean, covariance.expand(len(x), -1, -1))

    def sample(self, n: int) -> Tensor:
        """n data points, z ~ p(z) and then x ~ p(x|z): `[n, D]`, without gradient."""
        return self.decode(self.prior.sample((n,))).sample()

    @classmethod
    def maximum_likelihood(cls, x: Tensor, latent_dim: int) -> "PPCA":
        """The parameters that maximise log p(x). Bishop (2006), eqs. 12.45 and 12.46.

        W is determined up to a rotation of z; here its columns are orthogonal, largest first.

        Args:
            x: `[N, D]`.
            latent_dim: L.

        Raises:
            ValueError: unless 1 <= latent_dim < D and the data leave a variance for sigma.
        """
        if not 1 <= latent_dim < x.shape[1]:
            raise ValueError(f"latent_dim must be at least 1 and below D = {x.shape[1]}, got {latent_dim}")
        b = x.mean(0)
        eigenvalues, eigenvectors = torch.linalg.eigh((x - b).T @ (x - b) / len(x))  # ascending
        variance = eigenvalues[:-latent_dim].mean()
        rounding = len(eigenvalues) * torch.finfo(x.dtype).eps * eigenvalues[-1]
        if not variance > rounding:
            raise ValueError(
                f"{len(x)} points leave no noise behind {latent_dim} components, so the likelihood has no "
                "maximum. Use more data or a smaller latent_dim."
            )
        top = eigenvalues[-latent_dim:].flip(0), eigenvectors[:, -latent_dim:].flip(1)
        return cls(top[1] * (top[0] - variance).sqrt(), b, variance.sqrt())
