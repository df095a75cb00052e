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
_TORCH = "`modelspec import` for Keras models, {type: torch.nn.Name, ...} for torch's"

_EVENTS = "a loop in Python: `for event in modelspec.train(spec): ...`"
_BASE = "it is what others are made from"


def _base(group: str) -> Refused:
    return Refused(_BASE, f"one of the {group} themselves: `modelspec layers --group {group}`")


def _across(einsum: str) -> Refused:
    return Refused(
        "of two batches it meets each sample with every other",
        "{type: ops.Einsum, subscripts: " + einsum + "}, or the layer Dot",
    )


def _loss(name: str) -> Refused:
    return Refused("it is a loss", f"`loss: {name}`; the history has its value")


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
            "a layer knows what it takes", "`inputs: {name: [shape]}` for an input's shape"
        ),
        "Sequential": Refused(
            "a graph is a layer as it is", "{layers: [...]} in the place of `type`"
        ),
        "Model": Refused("a graph is a layer as it is", "{inputs: ..., layers: ...}, or `file:`"),
        "ops.Dot": _across('"bij,bjk->bik"'),
        "ops.dot": _across('"bij,bjk->bik"'),
        "ops.Outer": _across('"bi,bj->bij"'),
        "ops.outer": _across('"bi,bj->bij"'),
        "MaxNumBoundingBoxes": Refused(
            "boxes are not among a spec's tensors",
            "data that is written with one number of boxes",
        ),
    },
    "losses": {"Loss": _base("losses")},
    "metrics": {
        "Metric": _base("metrics"),
        "MeanMetricWrapper": Refused(_CODE, "a metric that is there, such as `LogCoshError`"),
        "huber": _loss("huber"),
        "binary_focal_crossentropy": _loss("binary_focal_crossentropy"),
        "categorical_focal_crossentropy": _loss("categorical_focal_crossentropy"),
    },
    "optimizers": {
        "Optimizer": _base("optimizers"),
        "OptimizerMap": Refused("one optimizer moves all weights", "`trainable: false` on layers"),
        "MultiOptimizer": Refused(
            "one optimizer moves all weights", "`trainable: false` on layers"
        ),
        "LossScaleOptimizer": Refused(
            "the precision brings it along",
            "`precision: float16` in `train`, or the optimizer's `loss_scale_factor`",
        ),
    },
    "schedules": {"LearningRateSchedule": _base("schedules")},
    "initializers": {"Initializer": _base("initializers")},
    "regularizers": {"Regularizer": _base("regularizers")},
    "constraints": {"Constraint": _base("constraints")},
    "callbacks": {
        "Callback": Refused(_BASE, _EVENTS),
        "CallbackList": Refused("`callbacks` is a list as it is", "`callbacks: [...]`"),
        "History": Refused("every run keeps it", "`history.jsonl` in the run's folder"),
        "LambdaCallback": Refused(_CODE, _EVENTS),
        "OrbaxCheckpoint": Refused(
            "checkpoints are of one format", "`ModelCheckpoint`; every run keeps its last anyway"
        ),
        "ProgbarLogger": Refused(
            "progress is the command line's", "`modelspec train`, which shows it on stderr"
        ),
        "RemoteMonitor": Refused(
            "a spec opens no connections",
            "`history.jsonl`, or " + _EVENTS,
        ),
        "TensorBoard": Refused(
            "a run's history is plain data", "`history.jsonl` in the run's folder, or `CSVLogger`"
        ),
    },
}


def refused(group: str, name: str) -> Refused | None:
    """Why Keras's word of that name is none here; None for a name that Keras has not either."""
    return REFUSED.get(group, {}).get(name)
