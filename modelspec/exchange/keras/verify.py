"""Proof of an import: Keras and the run on the same random inputs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from modelspec.exchange.keras.faults import rejected
from modelspec.exchange.keras.hdf5 import Array
from modelspec.language.dtypes import is_float
from modelspec.model.graph import Graph, Program

TOLERANCE = 1e-4
SAMPLES, OPEN_SIZE, PADDED = 2, 16, 0.25


class Compared(NamedTuple):
    """One output on both sides: the largest difference, relative to Keras's largest value."""

    name: str
    difference: float
    tolerance: float = TOLERANCE

    @property
    def fails(self) -> bool:
        return not self.difference <= self.tolerance


def verify(path: str, folder: str, description: str | None = None) -> list[Compared]:
    """Each output of the model at `path` and of the run that it was imported to.

    Runs Keras's own code, never code in the archive. Raises Rejected where Keras is not there.
    """
    return beside(loaded(path, description), folder)


def beside(model: Any, folder: str) -> list[Compared]:
    """Each output of a model of Keras's and of a run, both in full precision: where layers compute
    in half of it, each rounds in its own way.
    """
    from modelspec.engine import run as runs
    from modelspec.exchange.export import NARROW

    run = runs.load(folder)
    tolerance = max(NARROW.get(one, TOLERANCE) for one in dtypes(run.graph.program))
    if run.cast is not None:
        run.cast, model = None, precise(model)
    inputs = dict(drawn(run.graph))
    theirs = predicted(model, inputs)
    ours = run.predict(inputs)
    return [
        Compared(name, apart(mine, other), tolerance)
        for (name, mine), other in zip(ours.items(), theirs, strict=True)
    ]


def dtypes(program: Program) -> Iterator[str]:
    """What the layers of a graph say they compute in."""
    yield "float32"
    for step in program.steps:
        yield step.definition.dtype or "float32"
        if step.body is not None:
            yield from dtypes(step.body)


def loaded(path: str, description: str | None) -> Any:
    """The model as Keras itself reads it."""
    os.environ.setdefault("KERAS_BACKEND", "torch")
    try:
        import keras
    except ImportError:
        raise rejected(
            "needs-extra", "`--verify` runs the model in Keras too", help="pip install keras"
        ) from None
    if path.endswith(".json"):
        raise rejected(
            "not-keras", "a JSON file has no weights to verify", notes=path,
            help="verify the .keras or .h5 file, or weights with `--spec model.json`",
        )  # fmt: skip
    if description is not None:
        with open(description, encoding="utf-8") as stream:
            model = keras.models.model_from_json(stream.read(), custom_objects=applications())
        model.load_weights(path)
        return model
    try:
        return keras.saving.load_model(path, custom_objects=applications(), compile=False)
    except Exception as error:  # of any kind: it is Keras that fails
        raise rejected(
            "not-keras", "`--verify` runs what Keras itself can load",
            notes=f"{path}: {str(error).splitlines()[0][:200]}",
            help="the import is done; leave `--verify` out",
        ) from None  # fmt: skip


def precise(model: Any) -> Any:
    """A model whose layers compute in float32, with the same weights."""
    import keras

    written = keras.saving.serialize_keras_object(model)
    made = keras.saving.deserialize_keras_object(unmixed(written), custom_objects=applications())
    made.set_weights(model.get_weights())
    return made


def unmixed(written: Any) -> Any:
    """What Keras writes of a model, without policies of mixed precision."""
    if isinstance(written, dict):
        return {key: unmixed(value) for key, value in written.items()}
    if isinstance(written, list | tuple):
        return type(written)(map(unmixed, written))
    return "float32" if written in ("mixed_float16", "mixed_bfloat16") else written


def applications() -> dict[str, Any]:
    """The layers of Keras's own reference applications that are not among its layers."""
    from keras.src.applications import convnext, inception_resnet_v2

    return {
        "LayerScale": convnext.LayerScale,
        "StochasticDepth": convnext.StochasticDepth,
        "CustomScaleLayer": inception_resnet_v2.CustomScaleLayer,
    }


def drawn(graph: Graph) -> Iterator[tuple[str, Array]]:
    """Random samples for each input; integers stay below what they are looked up in, and a part of
    them is 0: among the words of a large table there would be none by chance.
    """
    from modelspec.engine import wanted

    generator = np.random.default_rng(0)
    sizes: dict[Any, int] = {}
    samples = SAMPLES if graph.stateful is None else graph.batch_size
    for one in wanted.inputs(graph):
        dims = [d if isinstance(d, int) else sizes.setdefault(d, OPEN_SIZE) for d in one.shape]
        shape = (samples, *dims)
        kind = "float32" if one.dtype == "bfloat16" else one.dtype
        if is_float(kind) and one.below is None:
            yield one.name, generator.normal(size=shape).astype(kind)
        else:
            found = generator.integers(0, max(one.high, 1), shape)
            behind = found[..., 1:]
            behind[generator.random(behind.shape) < PADDED] = 0  # which a table may mask
            yield one.name, found.astype(kind)


def predicted(model: Any, inputs: dict[str, Array]) -> list[Array]:
    """Keras's outputs, in the order of the model's description."""
    struct = getattr(model, "_inputs_struct", None)
    values = list(inputs.values())
    alone = len(values) == 1 and not isinstance(struct, list | tuple)
    given: Any = values[0] if alone else values
    if isinstance(struct, dict):
        given = dict(zip(struct, values, strict=True))
    made = model(given, training=False)
    import keras

    listed = as_described(getattr(model, "_outputs_struct", None), made)
    return [keras.ops.convert_to_numpy(one) for one in listed]


def as_described(struct: Any, made: Any) -> Iterator[Any]:
    """The tensors of a model's outputs in the order of `struct`: Keras returns mappings sorted."""
    if isinstance(made, dict):
        for key in struct if isinstance(struct, dict) else made:
            yield from as_described(struct[key] if isinstance(struct, dict) else None, made[key])
    elif isinstance(made, list | tuple):
        wanted = struct if isinstance(struct, list | tuple) else [None] * len(made)
        for inner, one in zip(wanted, made, strict=True):
            yield from as_described(inner, one)
    else:
        yield made


def apart(mine: Array, other: Array) -> float:
    """The largest difference, relative to the largest of Keras's values."""
    if mine.shape != other.shape:
        return float("inf")
    if not mine.size:
        return 0.0
    a, b = mine.astype("float64"), other.astype("float64")
    if not (np.isfinite(a) == np.isfinite(b)).all():
        return float("inf")
    largest = float(np.abs(b).max())
    return float(np.abs(a - b).max()) / (largest or 1.0)
