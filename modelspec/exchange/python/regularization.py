"""Noise as PyTorch: nothing in inference."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from modelspec.catalog.layers import regularization
from modelspec.exchange.python.calls import Out, Site
from modelspec.exchange.python.spatial import each, native


def dropout(p: Any, site: Site) -> Out:
    kind = "AlphaDropout" if isinstance(p, regularization.AlphaDropout) else "Dropout"
    if p.noise_shape is not None:
        made = f"{site.piece(f'Shared{kind}')}({p.rate}, {tuple(p.noise_shape)})"
        return Out(f"{site.module(made)}({site.x()})")
    text, layout = site.either()
    return Out(f"{site.module(f'nn.{kind}({p.rate})')}({text})", layout)


def spatial_dropout(p: regularization.SpatialDropout, site: Site) -> Out:
    module = site.module(f"nn.Dropout{p.rank}d({p.rate})")
    return Out(f"{module}({site.x(layout=native(p))})", native(p))


def gaussian(p: Any, site: Site) -> Out:
    amount = p.stddev if isinstance(p, regularization.GaussianNoise) else p.rate
    module = site.module(f"{site.piece(type(p).__name__)}({amount})")
    text, layout = site.either()
    return Out(f"{module}({text})", layout)


def unchanged(p: Any, site: Site) -> Out:
    text, layout = site.either()
    return Out(text, layout)


GENERATORS: dict[type, Callable[[Any, Site], Out]] = {
    **dict.fromkeys(each(regularization, "SpatialDropout#D"), spatial_dropout),
    regularization.Dropout: dropout, regularization.AlphaDropout: dropout,
    regularization.GaussianNoise: gaussian, regularization.GaussianDropout: gaussian,
    regularization.ActivityRegularization: unchanged,
}  # fmt: skip
