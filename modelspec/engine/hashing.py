"""Hashes of texts and integers, as TensorFlow's string ops make them.

FarmHash64 (Google, 2014: `farmhashna::Hash64`, which is also its Fingerprint64), SipHash-2-4
(Aumasson and Bernstein, 2012), and the way in which `tf.sparse.cross_hashed` chains them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

MASK = (1 << 64) - 1
K0, K1, K2 = 0xC3A5C85C97CB3127, 0xB492B66FBE98F273, 0x9AE16A3B2F90404F
CROSS_MULTIPLIER, CROSS_KEY = 0xC6A4A7935BD1E995, 0xDECAFCAFFE
#: Bins of tokens that were hashed before are remembered, for this many of them.
REMEMBERED = 1 << 16

Pair = tuple[int, int]


def rotated(value: int, shift: int) -> int:
    """Rotated right."""
    return ((value >> shift) | (value << (64 - shift))) & MASK


def mixed(value: int) -> int:
    return value ^ (value >> 47)


def word(data: bytes, at: int, size: int = 8) -> int:
    return int.from_bytes(data[at : at + size], "little")


def hash16(u: int, v: int, multiplier: int) -> int:
    """128 bits to 64."""
    a = mixed((u ^ v) * multiplier & MASK)
    b = mixed((v ^ a) * multiplier & MASK)
    return b * multiplier & MASK


def farmhash64(data: bytes) -> int:
    """The 64-bit fingerprint of some bytes."""
    if len(data) <= 16:
        return up_to_16(data)
    if len(data) <= 32:
        return up_to_32(data)
    return up_to_64(data) if len(data) <= 64 else longer(data)


def up_to_16(data: bytes) -> int:
    n = len(data)
    multiplier = (K2 + n * 2) & MASK
    if n >= 8:
        a, b = (word(data, 0) + K2) & MASK, word(data, n - 8)
        c = (rotated(b, 37) * multiplier + a) & MASK
        d = (rotated(a, 25) + b) * multiplier & MASK
        return hash16(c, d, multiplier)
    if n >= 4:
        return hash16(n + (word(data, 0, 4) << 3), word(data, n - 4, 4), multiplier)
    if n:
        y, z = data[0] + (data[n >> 1] << 8), n + (data[n - 1] << 2)
        return mixed(((y * K2) ^ (z * K0)) & MASK) * K2 & MASK
    return K2


def ends(data: bytes, first: int) -> tuple[int, int, int, int]:
    """What the hashes of 17 to 64 bytes begin with: a, y, z and their multiplier."""
    n = len(data)
    multiplier = (K2 + n * 2) & MASK
    a, b = word(data, 0) * first & MASK, word(data, 8)
    c, d = word(data, n - 8) * multiplier & MASK, word(data, n - 16) * K2 & MASK
    y = (rotated((a + b) & MASK, 43) + rotated(c, 30) + d) & MASK
    z = (a + rotated((b + K2) & MASK, 18) + c) & MASK
    return a, y, z, multiplier


def up_to_32(data: bytes) -> int:
    _, y, z, multiplier = ends(data, K1)
    return hash16(y, z, multiplier)


def up_to_64(data: bytes) -> int:
    n = len(data)
    a, y, z, multiplier = ends(data, K2)
    z = hash16(y, z, multiplier)
    e, f = word(data, 16) * multiplier & MASK, word(data, 24)
    g = (y + word(data, n - 32)) * multiplier & MASK
    h = (z + word(data, n - 24)) * multiplier & MASK
    u = (rotated((e + f) & MASK, 43) + rotated(g, 30) + h) & MASK
    v = (e + rotated((f + a) & MASK, 18) + g) & MASK
    return hash16(u, v, multiplier)


def weak32(data: bytes, at: int, a: int, b: int) -> Pair:
    """32 bytes into a state of two words."""
    w, x, y, z = (word(data, at + step) for step in (0, 8, 16, 24))
    a = (a + w) & MASK
    b = rotated((b + a + z) & MASK, 21)
    c = a
    a = (a + x + y) & MASK
    return (a + z) & MASK, (b + rotated(a, 44) + c) & MASK


def longer(data: bytes) -> int:
    n, seed = len(data), 81
    y = (seed * K1 + 113) & MASK
    z = mixed((y * K2 + 113) & MASK) * K2 & MASK
    x = (seed * K2 + word(data, 0)) & MASK
    v: Pair = (0, 0)
    w: Pair = (0, 0)
    for at in range(0, (n - 1) // 64 * 64, 64):
        x, y, z, v, w = turned(data, at, x, y, z, v, w, (K1, 1))
    last = (n - 1) & 63
    multiplier = (K1 + ((z & 0xFF) << 1)) & MASK
    w = (w[0] + last) & MASK, w[1]
    v = (v[0] + w[0]) & MASK, v[1]
    w = (w[0] + v[0]) & MASK, w[1]
    x, y, z, v, w = turned(data, n - 64, x, y, z, v, w, (multiplier, 9))
    u = (hash16(v[0], w[0], multiplier) + mixed(y) * K0 + z) & MASK
    return hash16(u, (hash16(v[1], w[1], multiplier) + x) & MASK, multiplier)


def turned(
    data: bytes, at: int, x: int, y: int, z: int, v: Pair, w: Pair, by: Pair
) -> tuple[int, int, int, Pair, Pair]:
    """64 bytes into the state."""
    multiplier, times = by
    x = rotated((x + y + v[0] + word(data, at + 8)) & MASK, 37) * multiplier & MASK
    y = rotated((y + v[1] + word(data, at + 48)) & MASK, 42) * multiplier & MASK
    x ^= w[1] * times & MASK
    y = (y + v[0] * times + word(data, at + 40)) & MASK
    z = rotated((z + w[0]) & MASK, 33) * multiplier & MASK
    v = weak32(data, at, v[1] * multiplier & MASK, (x + w[0]) & MASK)
    w = weak32(data, at + 32, (z + w[1]) & MASK, (y + word(data, at + 16)) & MASK)
    return z, y, x, v, w


def siphash64(data: bytes, key: Pair) -> int:
    """SipHash-2-4 under a key of two 64-bit words."""
    state = [
        key[0] ^ 0x736F6D6570736575, key[1] ^ 0x646F72616E646F6D,
        key[0] ^ 0x6C7967656E657261, key[1] ^ 0x7465646279746573,
    ]  # fmt: skip
    padded = data + bytes(-(len(data) + 1) % 8) + bytes([len(data) & 0xFF])
    for at in range(0, len(padded), 8):
        m = word(padded, at)
        state[3] ^= m
        sip_round(state)
        sip_round(state)
        state[0] ^= m
    state[2] ^= 0xFF
    for _ in range(4):
        sip_round(state)
    return state[0] ^ state[1] ^ state[2] ^ state[3]


def sip_round(v: list[int]) -> None:
    v[0] = (v[0] + v[1]) & MASK
    v[1] = rotated(v[1], 51) ^ v[0]
    v[0] = rotated(v[0], 32)
    v[2] = (v[2] + v[3]) & MASK
    v[3] = rotated(v[3], 48) ^ v[2]
    v[0] = (v[0] + v[3]) & MASK
    v[3] = rotated(v[3], 43) ^ v[0]
    v[2] = (v[2] + v[1]) & MASK
    v[1] = rotated(v[1], 47) ^ v[2]
    v[2] = rotated(v[2], 32)


class Hash:
    """Texts and integers (as their digits) to bins; under `salt` by SipHash."""

    def __init__(self, bins: int, salt: int | list[int] | None) -> None:
        self.bins = bins
        halves = [salt, salt] if isinstance(salt, int) else salt
        self.of: Callable[[bytes], int] = farmhash64
        if halves is not None:
            key = halves[0] & MASK, halves[1] & MASK
            self.of = lambda data: siphash64(data, key)
        self.known: dict[Any, int] = {}

    def __call__(self, tokens: Iterable[Any]) -> list[int]:
        return [self.bin(token) for token in tokens]

    def bin(self, token: Any) -> int:
        found = self.known.get(token)
        if found is None:
            found = self.of(str(token).encode("utf-8", "surrogatepass")) % self.bins
            if len(self.known) < REMEMBERED:
                self.known[token] = found
        return found


def crossed(columns: list[NDArray[Any]], bins: int) -> NDArray[np.int64]:
    """The bin of each row of several flat columns together."""
    rows = zip(*(fingerprints(column) for column in columns), strict=True)
    return np.array([chain(row) % bins for row in rows], np.int64)


def fingerprints(column: NDArray[Any]) -> list[int]:
    """Texts by their hash, integers as they are."""
    if column.dtype.kind == "O":
        return [farmhash64(text.encode("utf-8", "surrogatepass")) for text in column.tolist()]
    return [int(number) & MASK for number in column.tolist()]


def chain(parts: Iterable[int]) -> int:
    hashed = CROSS_KEY
    for part in parts:
        hashed ^= CROSS_MULTIPLIER
        hashed ^= mixed(part * CROSS_MULTIPLIER & MASK) * CROSS_MULTIPLIER & MASK
        hashed = mixed(hashed * CROSS_MULTIPLIER & MASK) * CROSS_MULTIPLIER & MASK
        hashed = mixed(hashed)
    return hashed
