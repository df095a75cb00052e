"""Random draws that depend on the seed, the step and the layer alone."""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor


def seed_of(*parts: object) -> int:
    """A 63-bit seed from any values, the same on every machine and in every process."""
    text = "\x1f".join(str(part) for part in parts).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big") >> 1


class Random:
    """Draws for one call of one layer."""

    __slots__ = ("device", "generator")

    def __init__(self, seed: int, device: torch.device | str = "cpu") -> None:
        self.device = device
        self.generator = torch.Generator(device=device).manual_seed(seed)

    def uniform(self, shape: tuple[int, ...], low: float = 0.0, high: float = 1.0) -> Tensor:
        drawn = torch.rand(shape, generator=self.generator, device=self.device)
        return drawn if (low, high) == (0.0, 1.0) else drawn * (high - low) + low

    def normal(self, shape: tuple[int, ...], mean: float = 0.0, stddev: float = 1.0) -> Tensor:
        drawn = torch.randn(shape, generator=self.generator, device=self.device)
        return drawn if (mean, stddev) == (0.0, 1.0) else drawn * stddev + mean

    def bernoulli(self, shape: tuple[int, ...], probability: float) -> Tensor:
        """Booleans, true with this probability."""
        return torch.rand(shape, generator=self.generator, device=self.device) < probability

    def integers(self, shape: tuple[int, ...], low: int, high: int) -> Tensor:
        return torch.randint(low, high, shape, generator=self.generator, device=self.device)


class Draws:
    """Where the layers of one pass get their draws: a function of its seed."""

    __slots__ = ("seed",)

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def within(self, call: int) -> Draws:
        """Those of one call of a graph inside a layer."""
        return Draws(seed_of(self.seed, call))

    def of(self, layer: str, count: int, device: torch.device | str) -> Random:
        """Those of one call of a layer."""
        return Random(seed_of(self.seed, layer, count), device)
