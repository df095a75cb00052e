"""Trees that could be specs: the language's own words, in places that are often right."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from modelspec.catalog.index import INDEX
from modelspec.catalog.words import names
from modelspec.model.definitions import CALL_KEYS, KINDS, OWN_KEYS
from modelspec.model.resolve import TOP
from modelspec.model.sections import OUTPUT_KEYS

Tree = st.SearchStrategy[Any]

#: Layers that are common, and each argument of theirs.
LAYERS = ["Dense", "Conv2D", "LSTM", "Embedding", "Concatenate", "Add", "Flatten", "Dropout",
          "TimeDistributed", "Bidirectional", "MultiHeadAttention", "Reshape", "b",
          "RNN"]  # fmt: skip
ARGUMENTS = ["units", "filters", "kernel_size", "strides", "padding", "activation", "axis", "rate",
             "input_dim", "output_dim", "target_shape", "layer", "num_heads", "key_dim", "cell",
             "return_sequences", "kernel_initializer", "shape", "n"]  # fmt: skip
NAMES = ["a", "b", "c", "x", "y", "a@0", "a@1", "c.a", "c.0", "a.", "@", "x.y.z"]
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 70),
    st.integers(),
    st.floats(),
    st.sampled_from(NAMES),
    st.sampled_from(
        ["same", "relu", "softmax", "${n}", "${n * 2}", "${n", "a${n}b", "mse", "adam"]
    ),
    st.text(max_size=8),
)
WORD = st.sampled_from([name for group in INDEX for name in names(group)])


@st.composite
def one_of_these(draw: st.DrawFn, name: str) -> Any:
    """What stands below under that name: strategies that hold each other write themselves long."""
    return draw(globals()[name])


def mapping(keys: list[str], values: Tree, most: int = 4) -> Tree:
    return st.dictionaries(
        st.one_of(st.sampled_from(keys), st.text(max_size=4)), values, max_size=most
    )


_ANYTHING = st.recursive(
    st.one_of(SCALARS, WORD),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        mapping(["type", "from", "n", "layers", "shape", *ARGUMENTS], inner),
    ),
    max_leaves=8,
)
ANYTHING = one_of_these("_ANYTHING")
SHAPE = st.lists(st.one_of(st.integers(0, 40), st.none(), st.sampled_from(["t", "u"])), max_size=4)
FROM = st.one_of(
    st.sampled_from(NAMES),
    st.lists(st.sampled_from(NAMES), max_size=3),
    mapping(["x", "query"], ANYTHING),
)


def entries(inner: Tree) -> Tree:
    """A layer entry, around entries and graphs that it may hold."""
    return st.fixed_dictionaries(
        {},
        optional={
            "type": st.one_of(st.sampled_from(LAYERS), WORD),
            "from": FROM,
            "use": st.sampled_from(NAMES),
            "repeat": st.integers(-1, 3),
            "layer": inner,
            "layers": inner,
            "file": st.sampled_from(["mlp.yaml", "../x", "", "vqa.yaml"]),
            **dict.fromkeys(("units", "filters", "kernel_size", "axis", "n", "name"), SCALARS),
            **dict.fromkeys((*OWN_KEYS, *CALL_KEYS[1:], *KINDS[3:4]), ANYTHING),
        },
    )


_ENTRY = st.recursive(entries(ANYTHING), entries, max_leaves=3)
ENTRY = one_of_these("_ENTRY")
_LISTED = st.one_of(
    st.lists(ENTRY, max_size=4),
    st.dictionaries(st.sampled_from(NAMES[:5]), ENTRY, max_size=4),
    ANYTHING,
)
LISTED = one_of_these("_LISTED")
GRAPH: dict[str, Tree] = {
    "inputs": st.one_of(
        st.dictionaries(st.sampled_from(NAMES[:5]), st.one_of(SHAPE, ANYTHING), max_size=3),
        st.just({"x": [4]}),
    ),
    "shared": LISTED,
    "layers": LISTED,
    "outputs": st.one_of(
        st.dictionaries(st.sampled_from(NAMES), mapping(list(OUTPUT_KEYS), ANYTHING), max_size=2),
        ANYTHING,
    ),
}  # fmt: skip
BLOCK = st.fixed_dictionaries({}, optional={**GRAPH, "params": mapping(["n"], ANYTHING)})
REST = {
    **dict.fromkeys(TOP, ANYTHING),
    **GRAPH,
    "params": mapping(["n", "m"], ANYTHING),
    "blocks": st.dictionaries(st.sampled_from(["b", "c", "Dense"]), BLOCK, max_size=2),
}
SPEC = st.fixed_dictionaries(
    {"layers": LISTED, "inputs": GRAPH["inputs"]},
    optional={key: value for key, value in REST.items() if key not in ("layers", "inputs")},
)
