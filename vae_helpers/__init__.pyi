"""What editors see: the names of `__init__.py`, where they live (a test holds the two together)."""

from .course.checkup import checkup as checkup
from .course.claims import ClaimFailed as ClaimFailed, claim as claim, verify as verify
from .course.exercises import check as check
from .course.figures import (
    BLUE as BLUE,
    GREEN as GREEN,
    ORANGE as ORANGE,
    PURPLE as PURPLE,
    RED as RED,
    explore as explore,
    image_grid as image_grid,
    plot_history as plot_history,
    show as show,
    use_style as use_style,
)
from .training.callbacks import EarlyStopping as EarlyStopping
from .training.checkpoint import load_weights as load_weights
from .training.history import History as History
from .training.lbfgs import maximise as maximise
from .training.long_run import LongRun as LongRun
from .training.loop import NonFiniteLoss as NonFiniteLoss, TrainingInterrupted as TrainingInterrupted, fit as fit
from .training.sweep import fit_sweep as fit_sweep
from .measures.ais import (
    Annealed as Annealed,
    ais_log_weights as ais_log_weights,
    hmc_step as hmc_step,
    temperatures as temperatures,
)
from .measures.disentanglement.dci import dci as dci
from .measures.disentanglement.factor_vae import factor_vae_score as factor_vae_score
from .measures.disentanglement.mig import mig as mig, mutual_information as mutual_information
from .measures.disentanglement.sap import sap as sap
from .measures.latent_use import (
    active_units as active_units,
    kl_per_dimension as kl_per_dimension,
    posterior_parameters as posterior_parameters,
)
from .measures.marginal_likelihood import (
    effective_sample_size as effective_sample_size,
    evaluate as evaluate,
    importance_log_prob as importance_log_prob,
    importance_nll as importance_nll,
)
from .measures.rate_terms import rate_terms as rate_terms
from .objectives.codes import code_bound as code_bound, vq_objective as vq_objective
from .objectives.elbo import ELBO as ELBO, elbo as elbo, free_bits as free_bits
from .objectives.importance import (
    dreg_bound as dreg_bound,
    iwae_bound as iwae_bound,
    log_weights as log_weights,
    stl_bound as stl_bound,
)
from .objectives.layers import (
    balanced_elbo as balanced_elbo,
    layer_elbo as layer_elbo,
    layer_free_bits as layer_free_bits,
    layer_kls as layer_kls,
)
from .objectives.total_correlation import (
    beta_tc as beta_tc,
    log_aggregate as log_aggregate,
    stratified_log_weights as stratified_log_weights,
)
from .models.densities import (
    bernoulli_log_prob as bernoulli_log_prob,
    gaussian_log_prob as gaussian_log_prob,
    kl_to_standard_normal as kl_to_standard_normal,
)
from .models.flows.affine import Affine as Affine
from .models.flows.autoregressive import AffineAutoregressive as AffineAutoregressive
from .models.flows.coupling import AffineCoupling as AffineCoupling
from .models.flows.distribution import Flow as Flow
from .models.flows.linear import LinearAutoregressive as LinearAutoregressive
from .models.flows.modules import (
    ContextEncoder as ContextEncoder,
    FlowPosterior as FlowPosterior,
    FlowPrior as FlowPrior,
)
from .models.flows.permutation import Permutation as Permutation
from .models.flows.transform import Chain as Chain, Inverse as Inverse, Transform as Transform
from .models.hierarchy.inference import (
    BottomUp as BottomUp,
    Ladder as Ladder,
    Residual as Residual,
    precision_weighted as precision_weighted,
)
from .models.hierarchy.model import HierarchicalVAE as HierarchicalVAE
from .models.hierarchy.networks import BatchNorm as BatchNorm, LayerPrior as LayerPrior, layer_mlp as layer_mlp
from .models.likelihoods import (
    Bernoulli as Bernoulli,
    ContinuousBernoulli as ContinuousBernoulli,
    Gaussian as Gaussian,
    Likelihood as Likelihood,
)
from .models.networks import (
    ConvDecoder as ConvDecoder,
    ConvEncoder as ConvEncoder,
    MLPDecoder as MLPDecoder,
    MLPEncoder as MLPEncoder,
    mlp as mlp,
)
from .models.ppca import PPCA as PPCA
from .models.quantised.code_prior import CodePrior as CodePrior, MaskedConv2d as MaskedConv2d
from .models.quantised.codebook import Codebook as Codebook
from .models.quantised.finite_scalars import FiniteScalars as FiniteScalars
from .models.quantised.gradients import rotate as rotate, straight_through as straight_through
from .models.quantised.networks import MapDecoder as MapDecoder, MapEncoder as MapEncoder
from .models.quantised.vqvae import VQVAE as VQVAE
from .models.vae import VAE as VAE, start_at_mean as start_at_mean
from .data.images import Images as Images, load_images as load_images
from .data.sprites import draw_sprites as draw_sprites, sprites as sprites
from .data.strokes import draw_strokes as draw_strokes
from .contexts import evaluating as evaluating, fitting as fitting, unchecked_distributions as unchecked_distributions
from .device import pick_device as pick_device, seed_everything as seed_everything
