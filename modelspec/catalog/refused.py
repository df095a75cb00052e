"""Names of Keras's that are no words of the language, and what to use in their place."""

from __future__ import annotations

from typing import NamedTuple


class Refused(NamedTuple):
    """Why there is no such word, and what to write."""

    reason: str
    use: str


_CODE = "a spec runs no code"
_OWN = 'a class of your own: {type: python, class: "package.module:Class"} and `--trust-code`'
_FRAMEWORK = "it wraps a model of another framework"
_TORCH = "`import` reads Keras models; for torch there is {type: torch.nn.Name, ...}"

#: group -> Keras's name -> why not
REFUSED: dict[str, dict[str, Refused]] = {
    "layers": {
        "Lambda": Refused(_CODE, "layers such as {type: ops.Mean, axis: 1}, or " + _OWN),
        "Layer": Refused("it is what layers are made from", _OWN),
        "Wrapper": Refused("it is what wrappers are made from", _OWN),
        "JaxLayer": Refused(_FRAMEWORK, _TORCH),
        "FlaxLayer": Refused(_FRAMEWORK, _TORCH),
        "TFSMLayer": Refused(_FRAMEWORK, _TORCH),
        "TorchModuleWrapper": Refused(
            "torch's modules need no wrapper", "{type: torch.nn.Name, ...}, or " + _OWN
        ),
        "Input": Refused("inputs are declared", "`inputs: {name: [shape]}` at the top"),
        "InputLayer": Refused("inputs are declared", "`inputs: {name: [shape]}` at the top"),
        "InputSpec": Refused(
            "a layer knows what it takes", "an input's shape stands in `inputs: {name: [shape]}`"
        ),
        "Sequential": Refused(
            "a graph is a layer as it is", "{layers: [...]} in the place of `type`"
        ),
        "Model": Refused("a graph is a layer as it is", "{inputs: ..., layers: ...}, or `file:`"),
        "MaxNumBoundingBoxes": Refused(
            "boxes are not among a spec's tensors",
            "pad them to one number when the data is written",
        ),
    },
}


def refused(group: str, name: str) -> Refused | None:
    """Why Keras's word of that name is none here; None for a name that Keras has not either."""
    return REFUSED.get(group, {}).get(name)
