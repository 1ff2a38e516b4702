"""Train the course's VAE from the command line: for long runs, for a GPU, for several of them.

    python -m vae_helpers.train --epochs 100 --checkpoint build/vae.pt
    torchrun --nproc-per-node=2 -m vae_helpers.train --epochs 100

Started again with the same arguments, a run with a checkpoint goes on where it was. The batch size is
that of all processes together: their number changes the time, not the result (but for the noise).
"""

import argparse
from contextlib import nullcontext, redirect_stdout
from functools import partial

from .datasets import load_images
from .distributed import joined
from .evaluation import importance_nll
from .likelihoods import Bernoulli
from .models import VAE
from .networks import MLPDecoder, MLPEncoder
from .objectives import elbo, iwae_bound
from .training import fit


def main(arguments: list[str] | None = None) -> None:
    """Train; print the objective on test images and, if asked for, their negative log-likelihood (nats)."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--data", help="mnist, fashion_mnist or strokes; by default MNIST if it is on disk, else strokes")
    add("--latent-dim", type=int, default=20, metavar="L")
    add("--hidden", type=int, nargs="+", default=[400], help="sizes of the encoder's hidden layers")
    add("--k", type=int, default=1, help="importance samples of the training objective; 1: the ELBO")
    add("--epochs", type=int, default=5)
    add("--batch-size", type=int, default=128)
    add("--lr", type=float, default=5e-3)
    add("--seed", type=int, default=0)
    add("--nll", type=int, metavar="K", help="also estimate the NLL of 1,000 test images by K samples")
    add("--checkpoint", metavar="FILE", help="store the run here, and go on from it if it is there")
    for name in ("binarize", "autocast", "compile"):
        add(f"--{name}", action="store_true", help="as in fit()")
    args = parser.parse_args(arguments)

    with joined(args.seed) as world, redirect_stdout(None) if world.rank else nullcontext():
        data = load_images(args.data)
        networks = (
            MLPEncoder(args.latent_dim, hidden=args.hidden),
            MLPDecoder(args.latent_dim, hidden=args.hidden[::-1]),
        )
        model = VAE(*networks, Bernoulli(), args.latent_dim)
        fit(
            model,
            data.train,
            partial(iwae_bound, k=args.k) if args.k > 1 else elbo,
            args.epochs,
            validation=data.test,
            **{name: getattr(args, name) for name in ("batch_size", "lr", "checkpoint")},
            **{name: getattr(args, name) for name in ("binarize", "autocast", "compile")},
        )
        if args.nll and world.rank == 0:
            nll = importance_nll(model, data.test[:1000], args.nll)
            print(f"test -log p(x): {nll:.2f} nats (1,000 images, {args.nll:,} samples each)")


if __name__ == "__main__":
    main()
