"""Sound as pictures of its frequencies over time."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from modelspec.catalog.layers.audio import MelSpectrogram, STFTSpectrogram
from modelspec.engine.lowering import lowers
from modelspec.engine.spatial import same

EPSILON = 1e-7
#: The mel scale (O'Shaughnessy 1987, as in the HTK book): q * log(1 + hertz / break).
MEL_Q, MEL_BREAK = 1127.0, 700.0


@lowers(MelSpectrogram)
def mel_spectrogram(p: MelSpectrogram, w: Any, x: Tensor) -> Tensor:
    signal = x if x.dtype == torch.float64 else x.float()  # (batch, samples)
    found = torch.stft(
        signal, p.fft_length, p.sequence_stride, p.length, window(p, signal),
        center=True, return_complex=True,
    )  # fmt: skip
    loud = (found.real.square() + found.imag.square()).sqrt() ** p.mag_exp
    bands = bands_of(p.num_mel_bins, loud.shape[1], p.sampling_rate, p.min_freq, p.highest)
    mel = torch.tensordot(loud.transpose(1, 2), bands.to(loud), 1)  # (batch, time, bands)
    mel = decibels(p, mel) if p.power_to_db else mel
    return mel.transpose(1, 2).to(x.dtype)  # (batch, bands, time)


def window(p: MelSpectrogram, x: Tensor) -> Tensor:
    if p.window is None:
        return torch.ones(p.length, dtype=x.dtype, device=x.device)
    if isinstance(p.window, list):
        return x.new_tensor(p.window)
    make = torch.hann_window if p.window == "hann" else torch.hamming_window
    return make(p.length, periodic=True, dtype=x.dtype, device=x.device)  # (length,)


def decibels(p: MelSpectrogram, power: Tensor) -> Tensor:
    reference = power.new_tensor(abs(p.ref_power)).clamp(min=p.min_power)
    found = 10 * power.clamp(min=p.min_power).log10() - 10 * reference.log10()
    return found.maximum(found.max() - p.top_db)


@lru_cache(maxsize=8)
def bands_of(bands: int, bins: int, rate: int, low: float, high: float) -> Tensor:
    """How much each bin of a transform adds to each band: triangles on the mel scale, in float32.

    The first bin, which has no frequency, adds to none.
    """
    hertz = torch.linspace(0.0, rate / 2.0, bins)[1:, None]  # (bins - 1, 1)
    first, last = mel(torch.tensor([low, high])).tolist()
    edges = torch.linspace(first, last, bands + 2)
    below, centre, above = edges[:-2], edges[1:-1], edges[2:]  # (bands,)
    rising = (mel(hertz) - below) / (centre - below)
    falling = (above - mel(hertz)) / (above - centre)
    triangles = rising.minimum(falling).clamp(min=0)
    return F.pad(triangles, (0, 0, 1, 0))  # (bins, bands)


def mel(hertz: Tensor) -> Tensor:
    return MEL_Q * (1.0 + hertz / MEL_BREAK).log()


@lowers(STFTSpectrogram)
def stft_spectrogram(p: STFTSpectrogram, w: Any, x: Tensor) -> Tensor:
    signal = x if p.data_format == "channels_first" else x.transpose(1, 2)
    if p.mode == "real":
        return arranged(p, slid(p, signal, w.real_kernel))
    if p.mode == "imag":
        return arranged(p, slid(p, signal, w.imag_kernel))
    real, imag = slid(p, signal, w.real_kernel), slid(p, signal, w.imag_kernel)
    if p.mode == "angle":
        return arranged(p, torch.atan2(imag, real))
    if p.mode == "stft":
        return arranged(p, torch.cat([real, imag], dim=2))
    power = real.square() + imag.square()
    if p.mode == "psd":  # all but the ends stand for the mirrored frequencies too
        return arranged(p, power + F.pad(power[:, :, 1:-1], (0, 0, 1, 1)))
    magnitude = arranged(p, power.clamp(min=EPSILON).sqrt())
    return magnitude if p.mode == "magnitude" else magnitude.clamp(min=EPSILON).log()


def slid(p: STFTSpectrogram, x: Tensor, kernel: Tensor) -> Tensor:
    """(batch, channels, time) -> (batch, channels, frequencies, steps): each channel alone."""
    batch, channels, time = x.shape
    if p.padding == "same":
        x = F.pad(x, same(time, p.frame_length, p.step))
    flat = x.reshape(batch * channels, 1, x.shape[2])
    made = F.conv1d(flat, kernel.to(x.dtype).permute(2, 1, 0), stride=p.step)
    return made.reshape(batch, channels, *made.shape[1:])


def arranged(p: STFTSpectrogram, y: Tensor) -> Tensor:
    """The axes as `data_format` and `expand_dims` want them."""
    first = p.data_format == "channels_first"
    if p.expand_dims:
        return y.transpose(2, 3) if first else y.permute(0, 3, 2, 1)
    wide = y.flatten(1, 2)  # (batch, channels * frequencies, steps)
    return wide if first else wide.transpose(1, 2)
