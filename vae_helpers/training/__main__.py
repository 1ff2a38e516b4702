"""Train the course's VAE from the command line: for long runs, for a GPU, for several of them.

    python -m vae_helpers.training --epochs 100 --checkpoint build/vae.pt
    torchrun --nproc-per-node=2 -m vae_helpers.training --epochs 100

Started again with the same arguments, a run with a checkpoint goes on where it was. The batch size is
that of all processes together: their number changes the time, not the result (but for the noise).
"""

import argparse
import sys
from contextlib import nullcontext, redirect_stdout
from functools import partial

from ..data.images import load_images
from ..measures.marginal_likelihood import importance_nll
from ..models.likelihoods import Bernoulli
from ..models.networks import MLPDecoder, MLPEncoder
from ..models.vae import VAE
from ..objectives.elbo import elbo
from ..objectives.importance import iwae_bound
from .long_run import LongRun
from .loop import fit
from .torchrun import torchrun_processes


def main(arguments: list[str] | None = None) -> None:
    """Train; print the objective on test images and, if asked for, their negative log-likelihood (nats).

    Args:
        arguments: by default those of the process.
    """
    formatter = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("python -m vae_helpers.training", description=__doc__, formatter_class=formatter)
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
    add("--binarize", action="store_true", help="as in fit()")
    for name in ("autocast", "compile"):
        add(f"--{name}", action="store_true", help="as in LongRun")
    args = parser.parse_args(arguments)

    with torchrun_processes(args.seed) as processes, redirect_stdout(None) if processes.rank else nullcontext():
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
            batch_size=args.batch_size,
            lr=args.lr,
            binarize=args.binarize,
            long_run=LongRun(args.checkpoint, args.compile, args.autocast, seed=args.seed),
        )
        if args.nll and processes.rank == 0:
            nll = importance_nll(model, data.test[:1000], args.nll)
            print(f"test -log p(x): {nll:.2f} nats (1,000 images, {args.nll:,} samples each)")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt as interrupt:
        print(f"\n{interrupt}", file=sys.stderr)
        sys.exit(130)  # as a shell expects of a command that Ctrl-C ended
