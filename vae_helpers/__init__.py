"""The small package behind the course on variational autoencoders: six rooms, and the names that notebooks use.

course       what makes a notebook a lesson: claims, exercises, checkup, figures
training     fit and what surrounds it
measures     what a trained model is worth
objectives   what is maximised
models       p and q: densities, likelihoods, networks, the VAE
data         images, read or drawn

A name is loaded when it is first used, so that importing the package costs next to nothing.
"""

from importlib import import_module

_HOMES = {
    "course.checkup": "checkup",
    "course.claims": "ClaimFailed claim verify",
    "course.exercises": "check",
    "course.figures": "BLUE GREEN ORANGE PURPLE RED explore image_grid plot_history show use_style",
    "training.callbacks": "EarlyStopping",
    "training.checkpoint": "load_weights",
    "training.history": "History",
    "training.lbfgs": "maximise",
    "training.long_run": "LongRun",
    "training.loop": "NonFiniteLoss TrainingInterrupted fit",
    "training.sweep": "fit_sweep",
    "measures.ais": "Annealed ais_log_weights hmc_step temperatures",
    "measures.disentanglement.dci": "dci",
    "measures.disentanglement.factor_vae": "factor_vae_score",
    "measures.disentanglement.mig": "mig mutual_information",
    "measures.disentanglement.sap": "sap",
    "measures.latent_use": "active_units kl_per_dimension posterior_parameters",
    "measures.marginal_likelihood": "effective_sample_size evaluate importance_log_prob importance_nll",
    "measures.rate_terms": "rate_terms",
    "objectives.codes": "code_bound vq_objective",
    "objectives.elbo": "ELBO elbo free_bits",
    "objectives.importance": "dreg_bound iwae_bound log_weights stl_bound",
    "objectives.layers": "balanced_elbo layer_elbo layer_free_bits layer_kls",
    "objectives.total_correlation": "beta_tc log_aggregate stratified_log_weights",
    "models.densities": "bernoulli_log_prob gaussian_log_prob kl_to_standard_normal",
    "models.flows.affine": "Affine",
    "models.flows.autoregressive": "AffineAutoregressive",
    "models.flows.coupling": "AffineCoupling",
    "models.flows.distribution": "Flow",
    "models.flows.linear": "LinearAutoregressive",
    "models.flows.modules": "ContextEncoder FlowPosterior FlowPrior",
    "models.flows.permutation": "Permutation",
    "models.flows.transform": "Chain Inverse Transform",
    "models.hierarchy.inference": "BottomUp Ladder Residual precision_weighted",
    "models.hierarchy.model": "HierarchicalVAE",
    "models.hierarchy.networks": "BatchNorm LayerPrior layer_mlp",
    "models.likelihoods": "Bernoulli ContinuousBernoulli Gaussian Likelihood",
    "models.networks": "ConvDecoder ConvEncoder MLPDecoder MLPEncoder mlp",
    "models.ppca": "PPCA",
    "models.quantised.code_prior": "CodePrior MaskedConv2d",
    "models.quantised.codebook": "Codebook",
    "models.quantised.finite_scalars": "FiniteScalars",
    "models.quantised.gradients": "rotate straight_through",
    "models.quantised.networks": "MapDecoder MapEncoder",
    "models.quantised.vqvae": "VQVAE",
    "models.vae": "VAE start_at_mean",
    "data.images": "Images load_images",
    "data.sprites": "draw_sprites sprites",
    "data.strokes": "draw_strokes",
    "contexts": "evaluating fitting unchecked_distributions",
    "device": "pick_device seed_everything",
}
_HOME = {name: home for home, names in _HOMES.items() for name in names.split()}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> object:
    """Load a name from its home; PEP 562."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = found = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
