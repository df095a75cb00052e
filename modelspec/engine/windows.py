"""Windows for spectra, by their names in `scipy.signal.windows`; computed in double precision."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

#: Weights of cosines of 0, 1, 2, ... turns over the window, with alternating signs.
COSINES = {
    "hann": (0.5, 0.5),
    "hamming": (0.54, 0.46),
    "blackman": (0.42, 0.50, 0.08),
    "nuttall": (0.3635819, 0.4891775, 0.1365995, 0.0106411),
    "blackmanharris": (0.35875, 0.48829, 0.14128, 0.01168),
    "flattop": (0.21557895, 0.41663158, 0.277263158, 0.083578947, 0.006947368),
}


def window(kind: str | list[float], length: int, *, periodic: bool = False) -> Tensor:
    """The window's values, `(length,)`; a periodic one is the next longer one without its end."""
    if isinstance(kind, list):
        return torch.tensor(kind, dtype=torch.float64)
    if length == 1:
        return torch.ones(1, dtype=torch.float64)
    whole = length + 1 if periodic else length
    n = torch.arange(whole, dtype=torch.float64)
    if kind in COSINES:
        turns = 2 * math.pi * n / (whole - 1)
        terms = (a * (-1) ** k * torch.cos(k * turns) for k, a in enumerate(COSINES[kind]))
        values = torch.stack(list(terms)).sum(0)
    else:
        values = SHAPES[kind](2 * n / (whole - 1) - 1, whole)
    return values[:length]


def triang(x: Tensor, size: int) -> Tensor:
    """A triangle that is not 0 at its ends."""
    return 1 - x.abs() * (size - 1) / (size + size % 2)


def barthann(x: Tensor, size: int) -> Tensor:
    return 0.62 - 0.24 * x.abs() + 0.38 * torch.cos(math.pi * x)


def bohman(x: Tensor, size: int) -> Tensor:
    far = x.abs()
    values = (1 - far) * torch.cos(math.pi * far) + torch.sin(math.pi * far) / math.pi
    values[0] = values[-1] = 0
    return values


def parzen(x: Tensor, size: int) -> Tensor:
    far = x.abs() * (size - 1) / size
    return torch.where(far <= 0.5, 1 - 6 * far**2 * (1 - far), 2 * (1 - far) ** 3)


def tukey(x: Tensor, size: int) -> Tensor:
    """Flat in its middle half, cosines on both sides."""
    return torch.where(x.abs() <= 0.5, 1, 0.5 * (1 + torch.cos(2 * math.pi * (x.abs() - 0.5))))


def taylor(x: Tensor, size: int) -> Tensor:
    """Four side lobes of equal height, 30 decibels down."""
    lobes, loudness = range(1, 4), math.acosh(10 ** (30 / 20)) / math.pi
    spread = 16 / (loudness**2 + 3.5**2)
    total = torch.ones_like(x)
    middle = 1.0
    for m in lobes:
        above = math.prod(1 - m**2 / spread / (loudness**2 + (k - 0.5) ** 2) for k in lobes)
        below = 2 * math.prod(1 - m**2 / k**2 for k in lobes if k != m)
        share = -((-1) ** m) * above / below
        total += 2 * share * torch.cos(math.pi * m * x * (size - 1) / size)
        middle += 2 * share
    return total / middle


Shape = Callable[[Tensor, int], Tensor]
#: Functions of the place in the window, from -1 to 1, and of its size.
SHAPES: dict[str, Shape] = {
    "bartlett": lambda x, size: 1 - x.abs(),
    "boxcar": lambda x, size: torch.ones_like(x),
    "cosine": lambda x, size: torch.cos(math.pi / 2 * x * (size - 1) / size),
    "exponential": lambda x, size: torch.exp(-x.abs() * (size - 1) / 2),
    "lanczos": lambda x, size: torch.sinc(x),
    "triang": triang,
    "barthann": barthann,
    "bohman": bohman,
    "parzen": parzen,
    "tukey": tukey,
    "taylor": taylor,
}
