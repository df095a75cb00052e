"""Raw values as numbers and categories, as PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from modelspec.catalog.layers import categories, lookup, preprocessing, text
from modelspec.engine.layers.preprocessing import EPSILON, along
from modelspec.exchange.python.calls import Out, Site, Unwritten, cast

ON_TEXTS = "begin the exported model after this layer: the vocabulary stands in the run's learnt/"


def rescaling(p: preprocessing.Rescaling, site: Site) -> Out:
    numbers = [p.scale, p.offset]
    listed = any(isinstance(one, list) for one in numbers)
    text, layout = (site.x(), "spec") if listed else site.either()
    text = cast(text, site.compute) if site.is_whole() else text
    scale, offset = (
        site.buffer(name, dtyped(site, one)) if isinstance(one, list) else one
        for name, one in zip(("scale", "offset"), numbers, strict=True)
    )
    made = f"{text} * {scale}"
    if offset:
        made += f" + {offset}" if str(offset)[0] != "-" else f" - {str(offset)[1:]}"
    return Out(made, layout)


def dtyped(site: Site, values: Any) -> torch.Tensor:
    """Numbers in the dtype that the layer computes in."""
    return torch.tensor(values, dtype=getattr(torch, site.compute))


def normalization(p: preprocessing.Normalization, site: Site) -> Out:
    mean = site.weights["mean"] if p.adapts else torch.as_tensor(p.mean)
    variance = site.weights["variance"] if p.adapts else torch.as_tensor(p.variance)
    like = torch.empty([d if isinstance(d, int) else 1 for d in (1, *site.shape())], device="meta")
    shaped = [along(p, like, one).to(getattr(torch, site.compute)) for one in (mean, variance)]
    names = ("mean", "stddev")
    known = (shaped[0], shaped[1].sqrt().clamp(min=EPSILON))
    middle, spread = (
        site.buffer(name, compact(value)) for name, value in zip(names, known, strict=True)
    )
    x = site.floats()
    return Out(f"{x} * {spread} + {middle}" if p.invert else f"({x} - {middle}) / {spread}")


def compact(value: torch.Tensor) -> torch.Tensor:
    """Without the leading axes of size 1, which broadcasting adds."""
    while value.ndim and value.shape[0] == 1:
        value = value[0]
    return value


# -- categories ---------------------------------------------------------------------------


def encoded(site: Site, index: str, mode: str, depth: int, weights: str | None = None) -> str:
    """Integers, an expression without brackets, in an output mode."""
    shape = site.values()[0].shape if isinstance(site.inputs[0], list) else site.shape()
    if mode == "one_hot":
        squeezed = f"{index}.squeeze(-1)" if shape and shape[-1] == 1 else index
        places = f"torch.arange({depth}, device={index}.device)"
        return cast(f"({squeezed}[..., None] == {places})", site.compute)
    more = "" if weights is None else f", {weights}"
    made = f"{site.piece('counted')}({index}, {depth}{more})"
    made = f"({made} > 0)" if mode == "multi_hot" else made
    is_done = mode != "multi_hot" and site.compute == "float32"
    return made if is_done else cast(made, site.compute)


def in_mode(site: Site, index: str, mode: str, depth: int) -> Out:
    if mode == "int":
        return Out(index, mask=None)
    return Out(encoded(site, site.let(index, wish=f"{site.name}_index"), mode, depth), mask=None)


def category_encoding(p: categories.CategoryEncoding, site: Site) -> Out:
    given = site.given(1)
    weights = None if given is None else cast(site.read(given), "float32")
    return Out(encoded(site, site.x(), p.output_mode, p.num_tokens, weights), mask=None)


def discretization(p: categories.Discretization, site: Site) -> Out:
    edges = site.weights["boundaries"] if p.adapts else torch.tensor(p.bin_boundaries)
    x = site.floats()
    if site.compute in ("float16", "bfloat16"):
        raise Unwritten(f"it computes in {site.compute}")
    boundaries = site.buffer("boundaries", edges.to(getattr(torch, site.compute)))
    index = f"torch.bucketize({x}, {boundaries}, right=True, out_int32=True)"
    return in_mode(site, index, p.output_mode, p.depth)


def hashing(p: categories.Hashing, site: Site) -> Out:
    texts(site)
    reserved = int(p.mask_value is not None and p.num_bins > 1)
    x, bins = site.x(), p.num_bins - reserved
    index = hashed(site, x, bins, p.salt)
    if reserved:
        index = f"torch.where({x} == {p.mask_value}, 0, {index} + 1)"
    return in_mode(site, index, p.output_mode, p.num_bins)


def hashed_crossing(p: categories.HashedCrossing, site: Site) -> Out:
    texts(site)
    columns = ", ".join(site.read(value) for value in site.values())
    index = f"{site.piece('crossed_bins')}([{columns}], {p.num_bins})"
    return in_mode(site, index, p.output_mode, p.num_bins)


def texts(site: Site) -> None:
    """Refuse a layer that is called on texts."""
    values = site.values() if isinstance(site.inputs[0], list) else [site.value()]
    if any(value.known.dtype == "string" for value in values):
        raise Unwritten("it is called on texts", ON_TEXTS)


# -- vocabularies -------------------------------------------------------------------------


def integer_lookup(p: lookup.IntegerLookup, site: Site) -> Out:
    vocabulary = site.file.vocabularies.get(site.step.definition.path)
    if vocabulary is None:
        raise Unwritten("it has no vocabulary yet", "train the model, then export its run")
    x = site.x()
    if p.invert:
        listed = {place: token for token, place in vocabulary.places_of.items()}
        if p.mask_token is not None:
            listed[0] = p.mask_token
        return Out(f"{table(site, listed)}({x}, {p.oov_token})", mask=None)
    index = f"{table(site, vocabulary.places_of)}({x}, {unknown(p, site, x)})"
    if p.output_mode != "tf_idf":
        return in_mode(site, index, p.output_mode, p.depth or 0)
    rarity = site.buffer("rarity", torch.from_numpy(vocabulary.rarity))
    made = encoded(site, site.let(index, wish=f"{site.name}_index"), "count", p.width())
    return Out(f"{made} * {rarity}", mask=None)


def unknown(p: lookup.IntegerLookup, site: Site, x: str) -> str:
    """The place of integers that are not in the vocabulary."""
    if not p.num_oov_indices:
        raise Unwritten("an integer that it does not know is an error", "it needs a place for "
                        "unknown integers, `num_oov_indices: 1`, from the training on")  # fmt: skip
    if p.num_oov_indices == 1:
        return str(p.oov_start)
    if p.oov_method == "floormod":
        rest = f"{x}.remainder({p.num_oov_indices})"
    else:
        rest = hashed(site, x, p.num_oov_indices, p.salt)
    return f"{p.oov_start} + {rest}" if p.oov_start else rest


def hashed(site: Site, x: str, bins: int, salt: Any) -> str:
    """The bins of integers by a hash."""
    if salt is None:
        return f"{site.piece('farm_bins')}({x}, {bins})"
    halves = (salt, salt) if isinstance(salt, int) else tuple(salt)
    return f"{site.piece('sip_bins')}({x}, {bins}, {halves})"


def table(site: Site, places: dict[Any, int]) -> str:
    """A module that maps integers to integers."""
    pairs = sorted(places.items())
    tokens, homes = (torch.tensor(column, dtype=torch.int64) for column in zip(*pairs, strict=True))
    state = {"tokens": tokens, "places": homes}
    return site.module(f"{site.piece('IntegerTable')}({len(pairs)})", state)


def on_texts(p: Any, site: Site) -> Out:
    what = "gives texts" if getattr(p, "invert", False) else "is called on texts"
    raise Unwritten(f"it {what}", ON_TEXTS)


GENERATORS: dict[type, Callable[[Any, Site], Any]] = {
    preprocessing.Rescaling: rescaling,
    preprocessing.Normalization: normalization,
    categories.CategoryEncoding: category_encoding,
    categories.Discretization: discretization,
    categories.Hashing: hashing,
    categories.HashedCrossing: hashed_crossing,
    lookup.IntegerLookup: integer_lookup,
    lookup.StringLookup: on_texts,
    text.TextVectorization: on_texts,
}
