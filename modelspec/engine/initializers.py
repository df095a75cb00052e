"""The catalogue's initializers: tensors from a shape and a seed, with Keras's distributions."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from modelspec.catalog import initializers as words
from modelspec.engine import windows
from modelspec.language.word import Word

#: Standard deviation of a standard normal distribution cut at two standard deviations.
CUT_STDDEV = 0.87962566103423978


def initial(word: Word, shape: tuple[int, ...], dtype: torch.dtype, seed: int) -> Tensor:
    """A weight's first value, the same for the same seed; a `seed` of the word's own wins.

    Random values are drawn in float32 (float64 for such a weight) and then rounded to `dtype`.
    """
    own = getattr(word, "seed", None)
    generator = torch.Generator().manual_seed(seed if own is None else own)
    wide = torch.float64 if dtype == torch.float64 else torch.float32
    return INITIALIZERS[type(word)](word, Draws(shape, wide, generator)).to(dtype)


class Draws:
    """What random initializers draw from: one shape, one element type, one generator."""

    __slots__ = ("dtype", "generator", "shape")

    def __init__(
        self, shape: tuple[int, ...], dtype: torch.dtype, generator: torch.Generator
    ) -> None:
        self.shape, self.dtype, self.generator = shape, dtype, generator

    def full(self, value: float) -> Tensor:
        return torch.full(self.shape, value, dtype=self.dtype)

    def uniform(self, low: float, high: float) -> Tensor:
        empty = torch.empty(self.shape, dtype=self.dtype)
        return empty.uniform_(low, high, generator=self.generator)

    def normal(self, mean: float, stddev: float) -> Tensor:
        empty = torch.empty(self.shape, dtype=self.dtype)
        return empty.normal_(mean, stddev, generator=self.generator)

    def truncated(self, mean: float, stddev: float) -> Tensor:
        """Normal, without what is over two standard deviations away (by inverting the integral)."""
        edge = math.erf(math.sqrt(2.0))
        inside = 2.0 * (1.0 - 1e-7)
        drawn = self.uniform(-edge, edge).erfinv_().mul_(math.sqrt(2.0))
        return drawn.clamp_(-inside, inside).mul_(stddev).add_(mean)


def fans(
    shape: tuple[int, ...], inputs: list[int] | None, outputs: list[int] | None
) -> tuple[int, int]:
    """How many inputs and outputs meet in one element of a weight, by Keras's rule.

    `inputs` and `outputs` name the axes where both are given; else the last two axes are inputs
    and outputs, and those before them (a convolution's window) count for both.
    """
    if inputs is not None and outputs is not None:
        return math.prod(shape[a] for a in inputs), math.prod(shape[a] for a in outputs)
    if len(shape) < 2:
        return (shape[0], shape[0]) if shape else (1, 1)
    window = math.prod(shape[:-2])
    return shape[-2] * window, shape[-1] * window


def scaled(word: words.VarianceScaling, draws: Draws) -> Tensor:
    fan_in, fan_out = fans(draws.shape, word.input_axes, word.output_axes)
    count = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[word.mode]
    variance = word.scale / max(1.0, count)
    if word.distribution == "uniform":
        limit = math.sqrt(3.0 * variance)
        return draws.uniform(-limit, limit)
    if word.distribution == "untruncated_normal":
        return draws.normal(0.0, math.sqrt(variance))
    return draws.truncated(0.0, math.sqrt(variance) / CUT_STDDEV)


def orthogonal(word: words.Orthogonal, draws: Draws) -> Tensor:
    shape, columns = draws.shape, draws.shape[-1]
    rows = math.prod(shape[:-1])
    tall = (max(rows, columns), min(rows, columns))
    q, r = torch.linalg.qr(Draws(tall, draws.dtype, draws.generator).normal(0.0, 1.0))
    q *= torch.sign(torch.diagonal(r))  # so that every orthogonal matrix is equally likely
    matrix: Tensor = q.T if rows < columns else q
    # In memory as a file has it: a run that is resumed takes the same of torch's kernels.
    return (word.gain * matrix.reshape(shape)).contiguous()


def unit_forget_bias(word: words.UnitForgetBias, draws: Draws) -> Tensor:
    units = draws.shape[0] // 4
    inner = INITIALIZERS[type(word.inner)]
    first, rest = (
        inner(word.inner, Draws((width,), draws.dtype, draws.generator))
        for width in (units, 2 * units)
    )
    return torch.cat((first, torch.ones_like(first), rest))


def stft(word: words.STFT, draws: Draws) -> Tensor:
    length, _, bands = draws.shape
    turns = torch.arange(length, dtype=torch.float64)[:, None] * torch.arange(bands)  # (time, band)
    angle = turns * (-math.pi / (bands - 1))
    waves = torch.cos(angle) if word.side == "real" else torch.sin(angle)
    kind: Any = word.window  # may be None
    if kind is not None:
        values = windows.window(kind, length, periodic=word.periodic)
        share = {"density": values.norm(), "spectrum": values.abs().sum(), None: 1.0}[word.scaling]
        waves = waves * (values / share)[:, None]
    return waves[:, None, :].to(draws.dtype)


INITIALIZERS: dict[type[Word], Callable[[Any, Draws], Tensor]] = {
    words.Zeros: lambda word, draws: draws.full(0.0),
    words.Ones: lambda word, draws: draws.full(1.0),
    words.Constant: lambda word, draws: draws.full(word.value),
    words.Identity: lambda word, draws: word.gain * torch.eye(*draws.shape, dtype=draws.dtype),
    words.Orthogonal: orthogonal,
    words.RandomNormal: lambda word, draws: draws.normal(word.mean, word.stddev),
    words.RandomUniform: lambda word, draws: draws.uniform(word.minval, word.maxval),
    words.TruncatedNormal: lambda word, draws: draws.truncated(word.mean, word.stddev),
    words.VarianceScaling: scaled,
    words.GlorotNormal: scaled,
    words.GlorotUniform: scaled,
    words.HeNormal: scaled,
    words.HeUniform: scaled,
    words.LecunNormal: scaled,
    words.LecunUniform: scaled,
    words.STFT: stft,
    words.UnitForgetBias: unit_forget_bias,
}
