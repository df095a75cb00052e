"""What torch and older Kerases call the words and arguments of the language: for suggestions."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from modelspec.source.suggest import did_you_mean, nearest
from modelspec.source.tree import Scalar

if TYPE_CHECKING:
    from collections.abc import Iterable

    from modelspec.source.tree import Entry


#: A name as it stands in Python: with the module before it, or the brackets of a call behind.
CALLED = re.compile(r"(?:[\w.]*\.)?(?P<name>\w+)(?:\((?P<given>[^()]*)\)?)?")


#: What stands before a comma that was meant as part of a value.
COMMA = re.compile(r"(?P<name>[\w.]+): *(?P<first>[^\s,{}\[\]]+) *, *$")


def _numbered(theirs: str, ours: str) -> dict[str, tuple[str, ...]]:
    """`MaxPool?d`, `MaxPooling?D` for one, two and three dimensions."""
    return {theirs.replace("?", n): (ours.replace("?", n),) for n in "123"}


_ACTIVATIONS = (
    "Sigmoid", "Tanh", "GELU", "SiLU", "Swish", "Mish", "Softplus", "Hardtanh", "SELU",
    "LogSoftmax", "Softsign", "ThresholdedReLU", "ReLU6",
)  # fmt: skip

#: group -> their name -> ours, the likelier first
TYPES: dict[str, dict[str, tuple[str, ...]]] = {
    "layers": {
        "Linear": ("Dense",),
        "LazyLinear": ("Dense",),
        "FullyConnected": ("Dense",),
        "FC": ("Dense",),
        "Bilinear": ("Dot",),
        **_numbered("MaxPool?d", "MaxPooling?D"),
        **_numbered("AvgPool?d", "AveragePooling?D"),
        **_numbered("AdaptiveAvgPool?d", "AdaptiveAveragePooling?D"),
        **_numbered("AdaptiveMaxPool?d", "AdaptiveMaxPooling?D"),
        **_numbered("ConvTranspose?d", "Conv?DTranspose"),
        **_numbered("Deconvolution?D", "Conv?DTranspose"),
        **_numbered("Deconv?D", "Conv?DTranspose"),
        **_numbered("BatchNorm?d", "BatchNormalization"),
        **_numbered("LazyBatchNorm?d", "BatchNormalization"),
        "SyncBatchNorm": ("BatchNormalization",),
        "BatchNorm": ("BatchNormalization",),
        "LayerNorm": ("LayerNormalization",),
        "GroupNorm": ("GroupNormalization",),
        **_numbered("InstanceNorm?d", "GroupNormalization"),
        "RMSNorm": ("RMSNormalization",),
        **_numbered("Dropout?d", "SpatialDropout?D"),
        "FeatureAlphaDropout": ("AlphaDropout",),
        "Upsample": ("UpSampling2D",),
        "UpsamplingNearest2d": ("UpSampling2D",),
        "UpsamplingBilinear2d": ("UpSampling2D",),
        **_numbered("ZeroPad?d", "ZeroPadding?D"),
        "MultiheadAttention": ("MultiHeadAttention",),
        "Merge": ("Concatenate", "Add"),
        "Concat": ("Concatenate",),
        "Cat": ("Concatenate",),
        "Stack": ("Concatenate",),
        "Sum": ("Add",),
        "Unflatten": ("Reshape",),
        "View": ("Reshape",),
        "CuDNNLSTM": ("LSTM",),
        "CuDNNGRU": ("GRU",),
        "RNNCell": ("SimpleRNNCell",),
        "Highway": ("Dense",),
        "MaxoutDense": ("Dense",),
        "TimeDistributedDense": ("TimeDistributed", "Dense"),
        "AtrousConvolution1D": ("Conv1D",),
        "AtrousConvolution2D": ("Conv2D",),
        **dict.fromkeys(
            (
                "Sigmoid",
                "Tanh",
                "GELU",
                "SiLU",
                "Swish",
                "Mish",
                "Softplus",
                "Hardtanh",
                "SELU",
                "LogSoftmax",
                "Softsign",
                "ThresholdedReLU",
                "ReLU6",
            ),
            ("Activation",),
        ),
    },
    "losses": {
        "CrossEntropyLoss": ("SparseCategoricalCrossentropy", "CategoricalCrossentropy"),
        "CrossEntropy": ("SparseCategoricalCrossentropy", "CategoricalCrossentropy"),
        "cross_entropy": ("sparse_categorical_crossentropy", "categorical_crossentropy"),
        "NLLLoss": ("SparseCategoricalCrossentropy",),
        "BCELoss": ("BinaryCrossentropy",),
        "BCEWithLogitsLoss": ("BinaryCrossentropy",),
        "MSELoss": ("MeanSquaredError",),
        "L1Loss": ("MeanAbsoluteError",),
        "SmoothL1Loss": ("Huber",),
        "HuberLoss": ("Huber",),
        "KLDivLoss": ("KLDivergence",),
        "PoissonNLLLoss": ("Poisson",),
        "CTCLoss": ("CTC",),
        "HingeEmbeddingLoss": ("Hinge",),
        "CosineEmbeddingLoss": ("CosineSimilarity",),
        "FocalLoss": ("BinaryFocalCrossentropy", "CategoricalFocalCrossentropy"),
        "DiceLoss": ("Dice",),
    },
    "optimizers": {"NAdam": ("Nadam",), "Momentum": ("SGD",), "LAMB": ("Lamb",)},
    "schedules": {
        "ExponentialLR": ("ExponentialDecay",),
        "StepLR": ("ExponentialDecay", "PiecewiseConstantDecay"),
        "MultiStepLR": ("PiecewiseConstantDecay",),
        "CosineAnnealingLR": ("CosineDecay",),
        "CosineAnnealingWarmRestarts": ("CosineDecayRestarts",),
        "PolynomialLR": ("PolynomialDecay",),
        "LinearLR": ("PolynomialDecay", "Warmup"),
    },
    "initializers": {
        "xavier_uniform": ("glorot_uniform",),
        "xavier_normal": ("glorot_normal",),
        "xavier": ("glorot_uniform", "glorot_normal"),
        "kaiming_uniform": ("he_uniform",),
        "kaiming_normal": ("he_normal",),
        "trunc_normal": ("truncated_normal",),
    },
    "activations": {
        "identity": ("linear",),
        "none": ("linear",),
        "logistic": ("sigmoid",),
    },
    "callbacks": {"LRScheduler": ("LearningRateScheduler",), "Checkpoint": ("ModelCheckpoint",)},
}

#: their argument or key -> those of ours that it may mean; the place decides which there are
ARGUMENTS: dict[str, tuple[str, ...]] = {
    "out_features": ("units",),
    "output_dim": ("units",),
    "hidden_size": ("units",),
    "hidden_units": ("units",),
    "nb_units": ("units",),
    "num_units": ("units",),
    "size": ("units", "pool_size", "kernel_size"),
    "nb_filter": ("filters",),
    "num_filters": ("filters",),
    "out_channels": ("filters",),
    "channels": ("filters",),
    "filter_length": ("kernel_size",),
    "filter_size": ("kernel_size",),
    "kernel": ("kernel_size",),
    "nb_row": ("kernel_size",),
    "nb_col": ("kernel_size",),
    "pool_length": ("pool_size",),
    "subsample": ("strides",),
    "subsample_length": ("strides",),
    "stride": ("strides",),
    "border_mode": ("padding",),
    "dim_ordering": ("data_format",),
    "dilation": ("dilation_rate",),
    "atrous_rate": ("dilation_rate",),
    "init": ("kernel_initializer",),
    "inner_init": ("recurrent_initializer",),
    "W_regularizer": ("kernel_regularizer",),
    "b_regularizer": ("bias_regularizer",),
    "W_constraint": ("kernel_constraint",),
    "b_constraint": ("bias_constraint",),
    "bias": ("use_bias",),
    "inner_activation": ("recurrent_activation",),
    "nonlinearity": ("activation",),
    "act": ("activation",),
    "p": ("rate",),
    "dropout_rate": ("dropout", "rate"),
    "dropout_W": ("dropout",),
    "dropout_U": ("recurrent_dropout",),
    "sigma": ("stddev",),
    "num_embeddings": ("input_dim",),
    "vocab_size": ("input_dim", "max_tokens"),
    "embedding_dim": ("output_dim",),
    "eps": ("epsilon",),
    "nhead": ("num_heads",),
    "heads": ("num_heads",),
    "concat_axis": ("axis",),
    "dim": ("axis",),
    "mode": ("padding", "merge_mode"),
    "lr": ("learning_rate",),
    "decay": ("weight_decay",),
    "betas": ("beta_1", "beta_2"),
    "nb_epoch": ("epochs",),
    "num_epochs": ("epochs",),
    "batch": ("batch_size",),
    "nb_batch": ("batch_size",),
    "wieght": ("loss_weight",),
    "weight": ("loss_weight",),
    "loss_weights": ("loss_weight",),
    "metric": ("metrics",),
    "objective": ("loss",),
    "input": ("from", "inputs"),
    "input_shape": ("shape",),
}

#: what others call the sections of a spec
SECTIONS: dict[str, tuple[str, ...]] = {
    "model": ("layers",),
    "network": ("layers",),
    "architecture": ("layers",),
    "modules": ("layers",),
    "parameters": ("params",),
    "hyperparameters": ("params",),
    "constants": ("params",),
    "variables": ("params",),
    "targets": ("outputs",),
    "dataset": ("data",),
    "fit": ("train",),
    "compile": ("train",),
}

#: what needs no argument here, and why
NEEDLESS: dict[str, str] = {
    name: f"leave `{name}` out: the shape of the input says it"
    for name in ("in_features", "in_channels", "input_size", "num_features", "input_dim")
} | {
    "input_shape": "leave it out: shapes stand in `inputs: {name: [shape]}` at the top",
    "batch_input_shape": "leave it out: shapes stand in `inputs: {name: [shape]}` at the top",
    "device": "leave it out: `modelspec train --device` chooses",
    "inplace": "leave it out: there is nothing to choose",
    "batch_first": "leave it out: the batch is always first",
    "weights": "`weights: FILE` stands on graphs; a first value is an initializer",
}


def word_meant(group: str, name: str, known: Iterable[str]) -> tuple[str, ...]:
    """A help line for an unknown type: what others call so, else the nearest of the known."""
    if name in ("None", "none", "nil"):
        return ("write null, or leave it out",)
    called = CALLED.fullmatch(name)
    if called is None or called["name"] == name:
        ours = TYPES.get(group, {}).get(name)
        return _or(ours) if ours else did_you_mean(name, known)
    known = list(known)
    return _or(TYPES.get(group, {}).get(called["name"], ())) or written_out(called, known)


def written_out(called: re.Match[str], known: list[str]) -> tuple[str, ...]:
    """A help line for a call as Python has it: `Dense(units=64)` is {type: Dense, units: 64}."""
    name = called["name"]
    near = (
        name if name in known else next(iter(nearest(name, [*known, *map(str.lower, known)])), "")
    )
    given = [part.split("=", 1) for part in (called["given"] or "").split(",") if "=" in part]
    if not near or not given:
        return _or([near] if near else [])
    listed = ", ".join(f"{key.strip()}: {value.strip()}" for key, value in given)
    return (f"write {{type: {near}, {listed}}}",)


def argument_meant(name: str, known: Iterable[str]) -> tuple[str, ...]:
    """A help line for an unknown argument or key, the same way."""
    known = list(known)
    ours = _theirs(name, known)
    if ours:
        return _or(ours)
    return did_you_mean(name, known) or ((NEEDLESS[name],) if name in NEEDLESS else ())


def comma_meant(entry: Entry) -> tuple[str, ...]:
    """A help line for a key that is the rest of a list, `from: a, b`, or of a number, `0,001`."""
    key, value = entry.key, entry.value
    if not isinstance(value, Scalar) or value.text or value.quoted:
        return ()
    before = COMMA.search(key.span.source.lines[key.span.line - 1][: key.span.column - 1])
    if before is None:
        return ()
    name, first = before["name"], before["first"]
    if key.text.isdigit() and first.isdigit():
        return (f"a decimal point is a point: write `{name}: {first}.{key.text}`",)
    return (f"a list stands in brackets: write `{name}: [{first}, {key.text}]`",)


def key_meant(name: str, known: Iterable[str]) -> list[str]:
    """The keys that an unknown one may stand for, the likeliest first."""
    known = list(known)
    return _theirs(name, known) or nearest(name, known)


def _theirs(name: str, known: list[str]) -> list[str]:
    ours = (*ARGUMENTS.get(name, ()), *SECTIONS.get(name, ()))
    return [one for one in ours if one in known]


def _or(names: Iterable[str]) -> tuple[str, ...]:
    if not names:
        return ()
    return (f"did you mean {' or '.join(f'`{name}`' for name in names)}?",)
