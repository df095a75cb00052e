"""Arrays that a program hands to a model, held to its inputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from torch import Tensor

from modelspec.engine.data import Wanted
from modelspec.engine.data.cells import numbers, strings
from modelspec.engine.data.feed import as_dtype, fits
from modelspec.engine.data.wanted import BadCell
from modelspec.language.shapes import show
from modelspec.source.diagnostics import Report
from modelspec.source.suggest import did_you_mean


def tensors(inputs: Mapping[str, Any], wanted: list[Wanted]) -> dict[str, Tensor]:
    """The inputs as tensors (samples, ...) of the declared dtypes. Raises `Rejected` with all that
    does not fit.
    """
    handed: Any = inputs
    if not isinstance(handed, Mapping):
        names = ", ".join(f"`{want.name}`" for want in wanted)
        raise TypeError(f"inputs are a dict with {names}, and this is {type(handed)}")
    report = Report()
    found: dict[str, Tensor] = {}
    for want in wanted:
        if want.name not in inputs:
            near = did_you_mean(want.name, list(inputs))
            report.error(
                "missing-column",
                f"the model has an input `{want.name}`",
                notes="given: " + (", ".join(f"`{name}`" for name in inputs) or "nothing"),
                help=near or (),
            )
            continue
        value = tensor(inputs[want.name], want, report)
        if value is not None:
            found[want.name] = value
    same_counts(found, report)
    same_sizes(found, wanted, report)
    report.raise_if_errors()
    return found


def tensor(given: Any, want: Wanted, report: Report) -> Any:
    """One input (texts as an array), or None after reporting."""
    shape = f"(samples, {', '.join(show([dim])[1:-1] for dim in want.shape)})"
    rule = f"the input `{want.name}` is {shape.replace(', )', ')')} {want.dtype}"
    try:
        array = strings(as_array(given)) if want.dtype == "string" else numbers(np.asarray(given))
    except BadCell as bad:
        report.error(bad.code, rule, notes=f"sample {bad.position}: {bad.fact}")
        return None
    except (ValueError, TypeError, OverflowError):
        noun = "texts" if want.dtype == "string" else "numbers"
        report.error("ragged-row", rule, notes=f"this is no array of {noun} of one shape")
        return None
    if array.dtype.kind not in ("O" if want.dtype == "string" else "biuf"):
        report.error("bad-cell", rule, notes=f"this holds {array.dtype}")
        return None
    if array.ndim == 0 or not fits(array.shape[1:], want.shape):
        report.error("wrong-shape", rule, notes=f"this is {show(array.shape)}",
                     help=a_sample_alone(array.shape, want))  # fmt: skip
        return None
    try:
        return as_dtype(array, want)
    except BadCell as bad:
        report.error(bad.code, rule, notes=f"sample {bad.position}: {bad.fact}")
        return None


def as_array(texts: Any) -> Any:
    """Texts, in lists or in an array, as an array."""
    return texts if isinstance(texts, np.ndarray) else np.array(texts, object)


def a_sample_alone(shape: tuple[int, ...], want: Wanted) -> str:
    if fits(shape, want.shape):
        return "a single sample is handed over as an array of one: `array[None]`"
    return ""


def same_counts(found: Mapping[str, Tensor], report: Report) -> None:
    counts = {name: len(value) for name, value in found.items()}
    if len(set(counts.values())) > 1:
        facts = ", ".join(f"`{name}` has {count}" for name, count in counts.items())
        report.error("wrong-samples", "all inputs have as many samples", notes=facts)


def same_sizes(found: Mapping[str, Tensor], wanted: list[Wanted], report: Report) -> None:
    """A dimension that has a name is of one size."""
    seen: dict[str, tuple[str, int]] = {}
    for want in wanted:
        if want.name not in found:
            continue
        for dim, size in zip(want.shape, found[want.name].shape[1:], strict=True):
            if not isinstance(dim, str):
                continue
            first, known = seen.setdefault(dim, (want.name, size))
            if known != size:
                report.error(
                    "wrong-shape",
                    f"the dimension `{dim}` is the same size everywhere",
                    notes=f"it is {known} in `{first}` and {size} in `{want.name}`",
                )
