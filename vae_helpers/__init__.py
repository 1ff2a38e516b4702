"""The small package behind the course on variational autoencoders."""

from .annealing import annealed_log_weights
from .claims import ClaimFailed, claim
from .datasets import Images, load_images
from .device import pick_device, reuse_memory, seed_everything
from .evaluation import (
    active_units,
    effective_sample_size,
    evaluate,
    importance_log_prob,
    importance_nll,
    kl_per_dimension,
)
from .exercises import check
from .likelihoods import Bernoulli, ContinuousBernoulli, Gaussian
from .models import VAE, start_at_mean
from .networks import ConvDecoder, ConvEncoder, MLPDecoder, MLPEncoder
from .objectives import ELBO, dreg_bound, elbo, free_bits, iwae_bound, log_weights, stl_bound
from .plotting import show, use_style
from .ppca import PPCA
from .together import fit_together
from .training import History, NonFiniteLoss, fit

reuse_memory()

__all__ = [
    "ELBO",
    "PPCA",
    "VAE",
    "Bernoulli",
    "ClaimFailed",
    "ContinuousBernoulli",
    "ConvDecoder",
    "ConvEncoder",
    "Gaussian",
    "History",
    "Images",
    "MLPDecoder",
    "MLPEncoder",
    "NonFiniteLoss",
    "active_units",
    "annealed_log_weights",
    "check",
    "claim",
    "dreg_bound",
    "effective_sample_size",
    "elbo",
    "evaluate",
    "fit",
    "fit_together",
    "free_bits",
    "importance_log_prob",
    "importance_nll",
    "iwae_bound",
    "kl_per_dimension",
    "load_images",
    "log_weights",
    "pick_device",
    "seed_everything",
    "show",
    "start_at_mean",
    "stl_bound",
    "use_style",
]
