"""Checkers for the further exercise of notebook 05: bits per dimension."""

import math
from collections.abc import Callable

import torch

from .checking import checker, compare


@checker("05.d")
def bits_per_dimension(answer: Callable) -> str:
    """answer(log_density, D, levels): nats `[B]` of dequantised x in [0, 1] -> bits per dimension `[B]`."""
    for nats, pixels, levels in (
        ([310.0, -25.0, 0.0], 784, 256), ([-4.0, 7.5], 12, 16), ([9000.0, -40000.0], 3072, 65536), ([2.0], 2, 4)
    ):  # fmt: skip
        log_density = torch.tensor(nats)
        log_levels, bit = math.log(levels), math.log(2)
        log_mass = log_density - pixels * log_levels
        truth = -log_mass / (pixels * bit)
        wrong = [
            (-log_mass / pixels, "This is in nats per dimension. 1 bit is log 2 nats."),
            (-log_density / (pixels * bit),
             "The levels are missing: by this, a uniform density would get 0 bits. The mass on a level is density / "
             "levels, per pixel."),
            ((log_levels - log_density) / (pixels * bit),
             "log(levels) is subtracted once. Every pixel has that many levels: D times."),
            ((log_levels - log_density) / bit,
             "D is missing twice: every pixel has that many levels, and the bits are per dimension."),
            ((-log_density - pixels * log_levels) / (pixels * bit),
             "log(levels) has the wrong sign: the mass on a level is the density divided by the levels."),
            ((log_density + pixels * log_levels) / (pixels * bit),
             "log_density has the wrong sign: what has a higher density must cost fewer bits."),
            (-truth, "The sign is wrong: bits are what it costs, -log2 of a probability."),
            (truth * pixels, "Not per dimension: divide by D."),
            (-log_mass, "These are nats of the whole image. Bits are wanted, and for one dimension."),
            (truth * bit**2, "Multiplied by log 2 where it should be divided: there are more bits than nats."),
            (truth.mean(), "One number for the batch; return one per image."),
            (truth.sum(), "One number for the batch, the sum; return one per image."),
            (truth + (math.log(256) - log_levels) / bit, "256 levels were assumed. Use `levels`."),
            (truth + (math.log(levels - 1) - log_levels) / bit,
             "The steps are 1 / levels here, not 1 / (levels - 1): after dequantisation every level has a width."),
            (truth * pixels / 784, "D is 784 where you divide, the notebook's. Use the one that you are given."),
            ((784 * log_levels - log_density) / (784 * bit),
             "D is 784 here, the notebook's. Use the one that you are given, in both places."),
            ((784 * log_levels - log_density) / (pixels * bit),
             "D is 784 before log(levels), the notebook's. Use the one that you are given."),
            ((pixels * log_levels / bit - log_density.log2()) / pixels,
             "log_density is a logarithm already, and may be negative: torch.log2 of it is no bits. Nats become bits "
             "by a division by log 2."),
            (log_levels / bit - log_density.log2(),
             "log_density is a logarithm already, and may be negative: torch.log2 of it is no bits. Nats become bits "
             "by a division by log 2."),
            (-log_density.log2() / pixels,
             "log_density is a logarithm already: torch.log2 of it is no bits; and the levels are missing."),
            ((pixels * log_levels / bit - log_density) / (pixels * bit),
             "log(levels) is in bits already, and was divided by log 2 once more."),
            (log_levels / bit - log_density / pixels,
             "log_density is in nats still: divide it by log 2 as well, before it meets log2(levels)."),
        ]
        compare(answer(log_density, pixels, levels), truth, wrong, name="bits")
    return "A uniform density gets log2(levels), and every bit below is knowledge."
