"""Callbacks for `fit`: called after every epoch; one that returns True ends training."""

from copy import deepcopy

from torch import nn

from .history import History


class EarlyStopping:
    """Ends training when the validation images stop gaining, and keeps the weights of the best epoch.

    With a one-cycle learning rate the best epoch is nearly always the last: use it with `one_cycle=False`.

    Args:
        patience: epochs without a new best before training ends.

    Example:
        >>> from vae_helpers import VAE, Bernoulli, MLPDecoder, MLPEncoder, fit
        >>> model, x = VAE(MLPEncoder(2), MLPDecoder(2), Bernoulli(), latent_dim=2), torch.rand(60, 1, 28, 28)
        >>> best = EarlyStopping(patience=2)
        >>> history = fit(model, x[:50], epochs=3, validation=x[50:], callbacks=[best], one_cycle=False, progress=False)
        >>> best.restore(model)
    """

    def __init__(self, patience: int = 3):
        self.patience, self.epoch, self.value, self.weights = patience, 0, float("-inf"), None

    def __call__(self, model: nn.Module, history: History) -> bool:
        """True after `patience` epochs without a new best. Raises ValueError without validation images."""
        if not history.validation:
            raise ValueError("early stopping looks at validation images: pass validation=... to fit()")
        epoch, value = len(history.validation), history.validation[-1]["value"]
        if value > self.value:
            self.epoch, self.value, self.weights = epoch, value, deepcopy(model.state_dict())
        return epoch - self.epoch >= self.patience

    def restore(self, model: nn.Module) -> None:
        """Put the best weights back."""
        model.load_state_dict(self.weights)
