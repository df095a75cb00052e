"""Sound as pictures of its frequencies over time, as PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from modelspec.catalog.layers import audio
from modelspec.engine.layers.audio import EPSILON, bands_of, window
from modelspec.exchange.python.calls import Out, Site, Unwritten, arguments
from modelspec.exchange.python.spatial import same_edges


def mel_spectrogram(p: audio.MelSpectrogram, site: Site) -> Out:
    if site.compute in ("float16", "bfloat16"):
        raise Unwritten(f"it computes in {site.compute}")
    like = torch.zeros((), dtype=getattr(torch, site.compute))
    framed = site.buffer("window", window(p, like))
    bins = p.fft_length // 2 + 1
    bands = bands_of(p.num_mel_bins, bins, p.sampling_rate, p.min_freq, p.highest)
    table = site.buffer("bands", bands.to(like))  # (bins, bands)
    given = arguments(site.floats(), p.fft_length, p.sequence_stride, p.length, framed,
                      return_complex=True)  # fmt: skip
    waves = site.let(f"torch.stft({given})", f"(batch, {bins}, time)", f"{site.name}_waves")
    power = f"({waves}.real.square() + {waves}.imag.square()).sqrt() ** {p.mag_exp}"
    loud = site.let(power, f"(batch, {bins}, time)", f"{site.name}_power")
    mel = f"torch.tensordot({loud}.transpose(1, 2), {table}, 1)"
    if p.power_to_db:
        mel = f"{site.piece('decibels')}({mel}, {p.ref_power}, {p.min_power}, {p.top_db})"
    return Out(f"{mel}.transpose(1, 2)", mask=None)


def stft_spectrogram(p: audio.STFTSpectrogram, site: Site) -> Out:
    first = p.data_format == "channels_first"
    x = site.floats() if first else f"{site.floats()}.transpose(1, 2)"
    time = site.shape()[1 if first else 0]
    if p.padding == "same":
        x = same_edges(site, x, time, p.frame_length, p.step)
    x = site.let(f"{x}.flatten(0, 1)[:, None]", "(batch * channels, 1, time)")
    channels = site.shape()[0 if first else 1]
    if not isinstance(channels, int):
        raise Unwritten("how many channels it has is not known")
    parts = {"real": ["real"], "imag": ["imag"]}.get(p.mode, ["real", "imag"])
    waves = [slid(p, site, x, part, channels) for part in parts]
    return Out(arranged(p, site, in_mode(p, site, waves)), mask=None)


def slid(p: audio.STFTSpectrogram, site: Site, x: str, part: str, channels: int) -> str:
    """The waves of one part: (batch, channels, frequencies, steps)."""
    kernel = site.buffer(part, site.weights[f"{part}_kernel"].permute(2, 1, 0))
    made = f"F.conv1d({x}, {kernel}, stride={p.step}).unflatten(0, (-1, {channels}))"
    return site.let(made, "(batch, channels, frequencies, steps)", f"{site.name}_{part}")


def in_mode(p: audio.STFTSpectrogram, site: Site, waves: list[str]) -> str:
    if p.mode in ("real", "imag"):
        return waves[0]
    real, imag = waves
    if p.mode == "angle":
        return f"torch.atan2({imag}, {real})"
    if p.mode == "stft":
        return f"torch.cat([{real}, {imag}], dim=2)"
    power = site.let(f"{real}.square() + {imag}.square()", "", f"{site.name}_power")
    if p.mode == "psd":  # all but the ends stand for the mirrored frequencies too
        return f"({power} + F.pad({power}[:, :, 1:-1], (0, 0, 1, 1)))"
    magnitude = f"{power}.clamp(min={EPSILON}).sqrt()"
    return magnitude if p.mode == "magnitude" else f"{magnitude}.clamp(min={EPSILON}).log()"


def arranged(p: audio.STFTSpectrogram, site: Site, y: str) -> str:
    """The axes as `data_format` and `expand_dims` want them."""
    first = p.data_format == "channels_first"
    if p.expand_dims:
        return f"{y}.transpose(2, 3)" if first else f"{y}.permute(0, 3, 2, 1)"
    return f"{y}.flatten(1, 2)" if first else f"{y}.flatten(1, 2).transpose(1, 2)"


GENERATORS: dict[type, Callable[[Any, Site], Any]] = {
    audio.MelSpectrogram: mel_spectrogram,
    audio.STFTSpectrogram: stft_spectrogram,
}
