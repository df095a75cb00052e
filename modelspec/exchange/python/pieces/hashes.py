"""Bins of integers by the hashes of their digits, as TensorFlow's string operations make them."""

from __future__ import annotations

import torch
from torch import Tensor

from modelspec.engine.hashing import Pair, chain, siphash64, up_to_16, up_to_32


def farm_bins(x: Tensor, bins: int) -> Tensor:
    """The bin of each integer, by FarmHash64."""
    texts = [str(value).encode() for value in x.flatten().tolist()]
    found = [(up_to_16(text) if len(text) <= 16 else up_to_32(text)) % bins for text in texts]
    return torch.tensor(found, device=x.device).reshape(x.shape)


def sip_bins(x: Tensor, bins: int, key: Pair) -> Tensor:
    """The bin of each integer, by SipHash-2-4 under a key."""
    texts = [str(value).encode() for value in x.flatten().tolist()]
    found = [siphash64(text, key) % bins for text in texts]
    return torch.tensor(found, device=x.device).reshape(x.shape)


def crossed_bins(columns: list[Tensor], bins: int) -> Tensor:
    """One bin for the integers of several tensors of one shape, element by element."""
    rows = zip(*(column.flatten().tolist() for column in columns), strict=True)
    found = [chain(row) % bins for row in rows]
    return torch.tensor(found, device=columns[0].device).reshape(columns[0].shape)
