"""What a tensor ends in: the layer whose activation made its values."""

from __future__ import annotations

from typing import Any

from modelspec.model.graph import Program, Step, Tensor

#: Layers that hand values on as they are, in another shape at most.
MOVING = ("Flatten", "Reshape", "Permute", "RepeatVector", "Identity")
#: Layers that are an activation -> the activation; what normalizes ends in none.
LAYERS = {
    "Softmax": "Softmax", "ReLU": "Relu", "LeakyReLU": "LeakyRelu", "ELU": "Elu",
    "BatchNormalization": "Linear", "LayerNormalization": "Linear",
    "GroupNormalization": "Linear",
}  # fmt: skip


def kind(step: Step) -> str:
    """The name of a step's layer."""
    return type(step.layer).__name__


def activation(step: Step) -> Any:
    """The activation word that a step ends in, if its layer has one."""
    return step.layer.__dict__.get("activation")


def named(step: Step) -> str | None:
    """The class name of the activation that a step ends in, `Linear` where it surely has none;
    None where its layer has none to speak of.
    """
    if kind(step) in LAYERS:
        along = step.layer.__dict__.get("axis", -1) if kind(step) == "Softmax" else -1
        return LAYERS[kind(step)] if along == -1 else None
    if "activation" not in type(step.layer).arguments or not hasattr(
        type(step.layer), "activation"
    ):
        return None
    word = activation(step)
    return "Linear" if word is None else type(word).__name__


def ending(program: Program, id: int) -> tuple[Step, Tensor] | None:
    """The step that computed a tensor's values, and what it gave: through layers that only move
    values, and into what is run on each time step. None for an input.
    """
    while (at := program.tensors[id].step) is not None:
        step = program.steps[at]
        if kind(step) in MOVING or (kind(step) == "Activation" and named(step) == "Linear"):
            id = step.reads()[0]
        elif kind(step) == "TimeDistributed" and step.body is not None:
            program, id = step.body, list(step.body.outputs.values())[step.outputs.index(id)]
        else:
            return step, program.tensors[id]
    return None


def last_activation(program: Program, tensor: Tensor) -> str | None:
    """The class name of the activation that a tensor ends in, as `named` says it."""
    found = ending(program, tensor.id)
    if found is None:
        return None
    word, (*_, last) = named(found[0]), found[1].shape or (None,)
    # A softmax that was reshaped sums to one no longer along the last axis.
    moved = word == "Softmax" and last != (tensor.shape or (None,))[-1]
    return None if moved else word
