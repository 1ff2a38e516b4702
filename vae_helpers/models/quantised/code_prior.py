"""A prior over maps of codes: each given those above it and to its left, by masked convolutions."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, cross_entropy, interpolate, pad


class MaskedConv2d(nn.Conv2d):
    """A convolution that looks only at what was read before: rows above, and places to the left in its own row.

    Van den Oord et al. (2016), section 3.1: mask A leaves the middle out, mask B keeps it. The first layer needs A,
    or it would be shown what it has to predict; the layers behind it need B, as their middle holds no more than
    that.

    Args:
        inputs: channels.
        outputs: channels.
        kernel_size: an odd number.
        mask: "A" or "B".

    Raises:
        ValueError: for another mask, and an even size.

    Example:
        >>> MaskedConv2d(1, 1, kernel_size=3, mask="A").mask
        tensor([[1., 1., 1.],
                [1., 0., 0.],
                [0., 0., 0.]])
    """

    def __init__(self, inputs: int, outputs: int, kernel_size: int, mask: str):
        if mask not in ("A", "B") or kernel_size % 2 == 0:
            raise ValueError(f"mask must be 'A' or 'B', and the size odd, got {mask!r} and {kernel_size}")
        super().__init__(inputs, outputs, kernel_size)
        before = torch.zeros(kernel_size**2)
        before[: kernel_size**2 // 2 + (mask == "B")] = 1.0
        self.register_buffer("mask", before.view(kernel_size, kernel_size), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        around, rows = self.kernel_size[0] // 2, self.kernel_size[0] // 2 + 1
        kernel = (self.weight * self.mask)[:, :, :rows]  # the rows below are all zero
        return conv2d(pad(x, (around, around, around, 0)), kernel, self.bias)


class CodePrior(nn.Module):
    """P(codes) of maps of symbols, as a product over places in reading order (van den Oord et al., 2016).

        log P(c) = sum_i log P(c_i | c_1 ... c_(i-1))

    A 5 x 5 masked convolution of embedded codes, what the place itself says (digits stand in the middle), and
    residual blocks of 3 x 3. With a condition, such as the codes of a coarser map or a label for each map, every
    place is also told the symbols there.

    Args:
        size: how many codes there are, K.
        shape: (H, W) of a map.
        condition_size: how many symbols a condition has; 0 for a prior without.
        channels: the width.
        blocks: residual blocks.

    Example:
        >>> prior = CodePrior(64, (7, 7))
        >>> codes = prior.sample(3)
        >>> codes.shape, prior.log_prob(codes).shape
        (torch.Size([3, 7, 7]), torch.Size([3]))
    """

    def __init__(self, size: int, shape: Sequence[int], condition_size: int = 0, channels: int = 64, blocks: int = 1):
        super().__init__()
        self.size, self.shape = size, tuple(shape)
        self.embedding = nn.Embedding(size, channels // 4)
        self.first = MaskedConv2d(channels // 4, channels, kernel_size=5, mask="A")
        self.place = nn.Parameter(torch.zeros(channels, *self.shape))
        self.condition = None
        if condition_size:
            self.condition = nn.Embedding(condition_size, channels // 4)
            self.around = nn.Conv2d(channels // 4, channels, kernel_size=3, padding=1)
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.ReLU(),
                MaskedConv2d(channels, channels // 2, kernel_size=3, mask="B"),
                nn.ReLU(),
                nn.Conv2d(channels // 2, channels, kernel_size=1),
            )
            for _ in range(blocks)
        )
        self.last = nn.Conv2d(channels, size, kernel_size=1)

    def logits(self, codes: Tensor, condition: Tensor | None = None) -> Tensor:
        """log P(c_i | those before) + constant for every symbol: `[B, H, W]` -> `[B, H, W, K]`."""
        return self._logits(codes, self._told(condition, len(codes)))

    def log_prob(self, codes: Tensor, condition: Tensor | None = None) -> Tensor:
        """log P(codes) of whole maps.

        Also an objective for `fit`, which passes floats: `fit(prior, codes.float(), CodePrior.log_prob)`.

        Args:
            codes: `[B, H, W]`, whole numbers in [0, K).
            condition: symbols `[B]` or `[B, h, w]`, with h and w divisors of H and W; as the prior was built.

        Returns:
            `[B]`, in nats.

        Raises:
            ValueError: for maps of another shape, or a condition too many or too few.
        """
        if codes.shape[1:] != self.shape:
            raise ValueError(f"codes must be maps [B, {self.shape[0]}, {self.shape[1]}], got {list(codes.shape)}")
        logits = self.logits(codes, condition).movedim(-1, 1)
        return -cross_entropy(logits, codes.long(), reduction="none").flatten(1).sum(1)

    @torch.no_grad()
    def sample(self, n: int, temperature: float = 1.0, condition: Tensor | None = None) -> Tensor:
        """Maps drawn place by place: `[n, H, W]`.

        Args:
            n: how many.
            temperature: divides the logits: below 1 the frequent symbols become more frequent, and the maps are no
                samples of P any more.
            condition: symbols `[n]` or `[n, h, w]`.

        Returns:
            `[n, H, W]`, whole numbers.

        Raises:
            ValueError: for a temperature that is not positive.
        """
        if not temperature > 0:
            raise ValueError(f"temperature must be positive, got {temperature}")
        codes = torch.zeros(n, *self.shape, dtype=torch.long, device=self.place.device)
        told = self._told(condition, n)
        for row in range(self.shape[0]):
            for column in range(self.shape[1]):
                rows = slice(row + 1)  # what is below plays no part
                logits = self._logits(codes[:, rows], told if isinstance(told, float) else told[:, :, rows])
                chances = torch.softmax(logits[:, row, column] / temperature, dim=-1)
                codes[:, row, column] = torch.multinomial(chances, 1)[:, 0]
        return codes

    def _told(self, condition: Tensor | None, n: int) -> Tensor | float:
        """What the condition adds to the first layer, `[B, channels, H, W]`; 0 without."""
        if (condition is None) != (self.condition is None):
            raise ValueError(f"this prior has {'no' if self.condition is None else 'a'} condition: see condition_size")
        if condition is None:
            return 0.0
        symbols = condition.long().reshape(n, *([1, 1] if condition.ndim == 1 else condition.shape[1:]))
        embedded = interpolate(self.condition(symbols).movedim(-1, 1), size=self.shape)  # repeats each
        return self.around(embedded)

    def _logits(self, codes: Tensor, told: Tensor | float) -> Tensor:
        h = self.first(self.embedding(codes.long()).movedim(-1, 1)) + self.place[:, : codes.shape[1]] + told
        for block in self.blocks:
            h = h + block(h)
        return self.last(torch.relu(h)).movedim(1, -1)
